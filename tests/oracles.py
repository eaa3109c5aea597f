"""What the agreement tests compare with: gradient steps from torch.func, averaged by enumerating one batch.

Nothing here knows theory: a batch is every choice of the data and every choice of signs for the noise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations, product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, hessian, jacrev, jvp, vmap

from numerics.problem import Problem

Loss = Callable[[Tensor], Tensor]


class Batches(NamedTuple):
    """All batches, equally likely: the data they hold ``[K, B]`` and their label noise ``[K, B]``."""

    draws: Tensor
    noise: Tensor


def all_batches(
    num_data: int, batch_size: int | None, sharing: str, std: float, *, replacement: bool = True
) -> Batches:
    """Return every batch with noise of +-std; ``batch_size`` None stands for the full batch."""
    size = batch_size or num_data
    drawn = product(range(num_data), repeat=size) if replacement else permutations(range(num_data), size)
    choices = [tuple(range(num_data))] if batch_size is None else list(drawn)
    signs = list(product([-std, std], repeat=size)) if sharing == "independent" else [(-std,) * size, (std,) * size]
    pairs = list(product(choices, signs))
    return Batches(torch.tensor([p[0] for p in pairs]), torch.tensor([p[1] for p in pairs], dtype=torch.float64))


def increments(problem: Problem, batches: Batches, lr: float, loss: Loss, theta: Tensor) -> Tensor:
    """Return -lr times the gradient of every batch's mean loss, ``[K, P]``."""

    def batch_loss(at: Tensor, draws: Tensor, noise: Tensor) -> Tensor:
        predictions = vmap(problem.model, in_dims=(None, 0))(at, problem.inputs[draws])
        return loss(predictions - problem.labels[draws] - noise).mean()

    return -lr * vmap(grad(batch_loss), in_dims=(None, 0, 0))(theta, *batches)


def taylor_terms(function: Callable[[Tensor], Tensor], theta: Tensor, x: Tensor, order: int) -> list[Tensor]:
    """Return the terms of order 0, 1, ... in s of function(theta + s x) at s = 1, by nested forward derivatives."""

    def derivative(inner: Callable[[Tensor], Tensor], s: Tensor) -> Tensor:
        return jvp(inner, (s,), (torch.ones_like(s),))[1]

    def along(s: Tensor) -> Tensor:
        return function(theta + s * x)

    terms, factorial, current = [], 1, along
    for k in range(order + 1):
        factorial *= max(k, 1)
        terms.append(current(torch.zeros((), dtype=theta.dtype)) / factorial)
        current = partial(derivative, current)
    return terms


def gradients(problem: Problem, theta: Tensor) -> Tensor:
    """Return grad h(x_i, theta), ``[N, P]``."""
    return vmap(grad(problem.model), in_dims=(None, 0))(theta, problem.inputs)


def regulariser(problem: Problem, theta: Tensor) -> Tensor:
    """Return (1/n) sum_i |grad h(x_i, theta)|^2."""
    return gradients(problem, theta).square().sum() / problem.num_data


def tangent(problem: Problem, theta: Tensor) -> Tensor:
    """Return I - J^+ J for the Jacobian J of the predictions, ``[P, P]``."""
    jacobian = gradients(problem, theta)
    return torch.eye(len(theta), dtype=theta.dtype) - torch.linalg.pinv(jacobian) @ jacobian


class Momentum(NamedTuple):
    """v' = beta v + D, theta' = theta + of_velocity v' + of_step D."""

    beta: float
    of_velocity: float
    of_step: float


def fixed_point(problem: Problem, theta: Tensor, batches: Batches, lr: float, loss: Loss = torch.square) -> Tensor:
    """Return S = E[A S A^T] + E[b b^T], where one batch's linearised step without noise is A and its kick b."""
    return state_fixed_point(problem, theta, batches, lr, Momentum(0, 0, 1), loss)[: len(theta), : len(theta)]


def state_fixed_point(
    problem: Problem, theta: Tensor, batches: Batches, lr: float, momentum: Momentum, loss: Loss = torch.square
) -> Tensor:
    """Return the same for the state of displacement and velocity, ``[2P, 2P]``."""
    basis = _range(problem, theta)
    steps, kicks = linear_steps(problem, theta, batches, lr, momentum, loss)
    propagator = torch.stack([torch.kron(a, a) for a in steps]).mean(0)
    both = torch.block_diag(basis, basis)
    return _solved(torch.eye(len(propagator), dtype=theta.dtype) - propagator, kicks, both)


def linear_steps(
    problem: Problem, theta: Tensor, batches: Batches, lr: float, momentum: Momentum, loss: Loss = torch.square
) -> tuple[Tensor, Tensor]:
    """Return each batch's linear step of the state on the range of Gamma ``[K, 2r, 2r]`` and its kick ``[K, 2r]``."""
    quiet = Batches(batches.draws, torch.zeros_like(batches.noise))
    basis = _range(problem, theta)
    slopes = basis.T @ jacrev(partial(increments, problem, quiet, lr, loss))(theta) @ basis
    kicks = increments(problem, batches, lr, loss, theta) @ basis
    identity = torch.eye(basis.shape[1], dtype=theta.dtype)
    beta, of_velocity, of_step = momentum
    worth = of_velocity + of_step
    steps = [
        torch.cat(
            [
                torch.cat([identity + worth * slope, of_velocity * beta * identity], 1),
                torch.cat([slope, beta * identity], 1),
            ]
        )
        for slope in slopes
    ]
    return torch.stack(steps), torch.cat([worth * kicks, kicks], 1)


def lyapunov(problem: Problem, theta: Tensor, batches: Batches, lr: float, loss: Loss = torch.square) -> Tensor:
    """Return the S that solves lr (H S + S H) = E[b b^T], where H is the Hessian of the noise-averaged loss."""

    def mean_loss(at: Tensor) -> Tensor:
        predictions = vmap(problem.model, in_dims=(None, 0))(at, problem.inputs)
        return loss((predictions - problem.labels)[batches.draws] - batches.noise).mean()

    basis = _range(problem, theta)
    curvature = lr * (basis.T @ hessian(mean_loss)(theta) @ basis)
    identity = torch.eye(len(curvature), dtype=theta.dtype)
    kicks = increments(problem, batches, lr, loss, theta) @ basis
    return _solved(torch.kron(curvature, identity) + torch.kron(identity, curvature), kicks, basis)


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """Return |actual - expected| / |expected|, infinite where nothing was expected."""
    scale = float(expected.norm())
    return float((actual - expected).norm()) / scale if scale > 0 else float("inf")


def _range(problem: Problem, theta: Tensor) -> Tensor:
    return torch.linalg.qr(gradients(problem, theta).T).Q


def _solved(operator: Tensor, kicks: Tensor, basis: Tensor) -> Tensor:
    source = torch.einsum("kp,kq->pq", kicks, kicks) / len(kicks)
    return basis @ torch.linalg.solve(operator, source.flatten()).reshape(source.shape) @ basis.T
