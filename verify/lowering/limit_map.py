"""The mean change of the limit map that theory derived, as numbers at a point of the zero-loss manifold."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from numerics.limit_jet import limit_hessian, limit_jet
from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space
from theory.limit_map import MEAN, PHI_2, PHI_3, PHI_4, limit_map_change
from theory.rule import SMALL_LR
from theory.second_moments import S
from theory.stationary_covariance import stationary_covariance
from verify.lowering.expression import lower
from verify.lowering.moment_equations import Values
from verify.lowering.rule import RuleChoice
from verify.lowering.stationary_covariance import covariance_matrix


class MeanChange(NamedTuple):
    """Mean change of u . Phi in one step: its terms of second and of third order in the learning rate."""

    second: float
    third: float


def mean_change(choice: RuleChoice, problem: Problem, theta: Tensor, direction: Tensor, lr: float) -> MeanChange:
    """Return the derived mean change of the limit map along the tangent part u of a direction ``[P]``.

    Raises:
        ValueError: If theta has training error, or the derivation does not cover the rule.
    """
    values = choice.values(problem, lr)
    derived = limit_map_change(choice.symbolic)
    covariance = covariance_matrix(stationary_covariance(choice.symbolic, SMALL_LR), problem, theta, values)
    jet = limit_jet(problem, theta, direction)
    given = {
        S: covariance,
        MEAN: mean_displacement(choice, problem, theta, covariance.dense, values),
        PHI_2: jet.second,
        PHI_3: jet.third,
        PHI_4: jet.fourth,
    }
    second, third = (lower(e, problem, theta, values=values, tensors=given) for e in (derived.second, derived.third))
    return MeanChange(float(second), float(third))


def mean_displacement(
    choice: RuleChoice, problem: Problem, theta: Tensor, covariance: Tensor, values: Values
) -> Tensor:
    """Return E[theta_t - Phi(theta_t)] to first order in the learning rate, ``[P]``, given its covariance."""
    balance = limit_map_change(choice.symbolic).balance
    space = normal_space(problem, theta)

    def change(mean: Tensor) -> Tensor:
        """Return what the normal part of a mean ``[rank]`` changes by in one step."""
        given = {S: covariance, MEAN: space.basis @ mean}
        return space.basis.T @ lower(balance, problem, theta, indices="j", values=values, tensors=given)

    zero = torch.zeros_like(space.eigenvalues)
    units = torch.eye(len(zero), dtype=zero.dtype, device=zero.device)
    pull = torch.stack([change(unit) - change(zero) for unit in units], 1)
    normal = space.basis @ torch.linalg.solve(pull, -change(zero))
    return normal - torch.einsum("ijk,jk->i", limit_hessian(problem, theta), covariance) / 2
