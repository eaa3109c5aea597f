"""The drift that theory derived, as a torch function on the zero-loss manifold."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from numerics.derivative_guard import require_correct_derivatives
from numerics.problem import Problem
from numerics.slow_flow import slow_flow
from numerics.zero_loss_manifold import normal_space, require_zero_loss
from theory.drift import Drift
from theory.second_moments import S
from verify.lowering.expression import lower
from verify.lowering.rule import RuleChoice
from verify.lowering.stability import require_stable
from verify.lowering.stationary_covariance import covariance_matrix

RK4_STEPS = 2
"""A window moves theta by so little that this is within 1e-6 of the drift, for every claim's largest learning rate."""


def drift_field(derived: Drift, choice: RuleChoice, problem: Problem, lr: float) -> Callable[[Tensor], Tensor]:
    """Return theta -> drift per step, ``[P] -> [P]``, with the derived stationary covariance at each theta."""
    values = choice.values(problem, lr)

    def field(theta: Tensor) -> Tensor:
        covariance = covariance_matrix(derived.covariance, problem, theta, values)
        return lower(derived.drift, problem, theta, indices="i", values=values, tensors={S: covariance})

    return field


def mean_drift(
    derived: Drift, choice: RuleChoice, problem: Problem, theta: Tensor, lr: float, num_steps: int, *, discard: int = 0
) -> Tensor:
    """Return the derived drift averaged along the slow flow from theta*, ``[P]``, tangent at theta*.

    The average is over ``num_steps`` steps after the first ``discard``.

    Raises:
        ValueError: If autograd gets the model's derivatives wrong, theta* has training error, or the learning rate is
            above the limit of stability.
    """
    require_stable(derived.rule, problem, theta, choice.values(problem, lr))
    return window_mean(problem, drift_field(derived, choice, problem, lr), theta, num_steps, discard=discard)


def window_mean(
    problem: Problem, field: Callable[[Tensor], Tensor], theta: Tensor, num_steps: int, *, discard: int = 0
) -> Tensor:
    """Return a drift averaged along its own slow flow from theta*, ``[P]``, tangent at theta*.

    Args:
        problem: Model and data.
        field: theta -> drift per step, ``[P] -> [P]``.
        theta: theta*.
        num_steps: Steps that the average is over.
        discard: Steps that pass before.

    Raises:
        ValueError: If autograd gets the model's derivatives wrong, or theta* has training error.
    """
    require_correct_derivatives(problem, theta)
    require_zero_loss(problem, theta)
    begin = slow_flow(problem, field, theta, discard, num_steps=RK4_STEPS) if discard else theta
    end = slow_flow(problem, field, begin, num_steps, num_steps=RK4_STEPS)
    displacement = normal_space(problem, theta).tangent_part(end - begin)
    return torch.as_tensor(displacement / num_steps)
