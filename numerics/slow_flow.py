"""Motion along the zero-loss manifold: under a given drift, or down the regulariser from many starts at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.func import grad, vmap

from numerics.problem import Problem
from numerics.traced import Traced
from numerics.zero_loss_manifold import retract


def slow_flow(
    problem: Problem, drift: Callable[[Tensor], Tensor], theta: Tensor, time: float, *, num_steps: int = 8
) -> Tensor:
    """Return theta(time), where theta' = drift(theta) on the manifold, by classical RK4 with retraction.

    Args:
        problem: Model and data.
        drift: The mean motion per gradient step, tangent to the manifold: ``[P] -> [P]``.
        theta: A point of zero training error, ``[P]``.
        time: Length of the flow in gradient steps.
        num_steps: Number of RK4 steps; the error is O(num_steps^-4).

    Raises:
        ValueError: If ``num_steps`` is less than 1, or the retraction does not converge.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    dt = time / num_steps
    for _ in range(num_steps):
        k1 = drift(theta)
        k2 = drift(retract(problem, theta + dt / 2 * k1))
        k3 = drift(retract(problem, theta + dt / 2 * k2))
        k4 = drift(retract(problem, theta + dt * k3))
        theta = retract(problem, theta + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return theta


def slow_path(
    problem: Problem,
    drift: Callable[[Tensor], Tensor],
    theta: Tensor,
    times: Sequence[float],
    *,
    num_steps: int = 2,
) -> Tensor:
    """Return what `slow_flow` comes through from theta(0) = ``theta`` on, ``[times, P]``.

    Args:
        problem: Model and data.
        drift: The mean motion per unit of time, tangent to the manifold: ``[P] -> [P]``.
        theta: A point of zero training error, ``[P]``.
        times: Increasing times, at least one.
        num_steps: Number of RK4 steps from one time to the next.
    """
    path = []
    for before, after in pairwise([0.0, *times]):
        theta = slow_flow(problem, drift, theta, after - before, num_steps=num_steps)
        path.append(theta)
    return torch.stack(path)


def descent(problem: Problem) -> Callable[[Tensor], Tensor]:
    """Return the function theta -> -P grad reg for many theta at once, ``[R, P] -> [R, P]``, P at each theta.

    reg is the mean of |grad h|^2 over the data, whose gradients have to be linearly independent. A unit of time is
    1 / (lr^2 noise_std^2 / B) gradient steps.
    """

    def regulariser(theta: Tensor) -> tuple[Tensor, Tensor]:
        jacobian = vmap(grad(problem.model), in_dims=(None, 0))(theta, problem.inputs)
        return jacobian.square().sum() / problem.num_data, jacobian

    def along(theta: Tensor) -> Tensor:
        pull, jacobian = grad(regulariser, has_aux=True)(theta)
        return jacobian.T @ torch.linalg.solve(jacobian @ jacobian.T, jacobian @ pull) - pull

    return Traced(vmap(along))
