"""The problem whose squared error contains reg, the mean over the data of |grad h|^2."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.func import grad

from numerics.problem import Model, Problem


def penalised(problem: Problem, multiplier: float) -> Problem:
    """Return the problem, all labels 0, whose mean squared error is that of ``problem`` plus ``multiplier`` reg.

    Its model is ((h - y)^2 + multiplier |grad h|^2)^(1/2), whose inputs hold x, y and the multiplier: one kernel
    serves all multipliers.

    Raises:
        ValueError: If the inputs are no vectors or the multiplier is not positive: at zero error the root of (h - y)^2
            alone has no derivative.
    """
    if problem.inputs.ndim != 2:
        raise ValueError(f"inputs must be vectors, [N, D], got {list(problem.inputs.shape)}; flatten them")
    if not multiplier > 0:
        raise ValueError(f"multiplier must be positive, got {multiplier}; without it take the problem itself")
    rest = torch.stack([problem.labels, torch.full_like(problem.labels, multiplier)], dim=1)
    return Problem(_root(problem.model), torch.cat([problem.inputs, rest], dim=1), torch.zeros_like(problem.labels))


@cache
def _root(model: Model) -> Model:
    def root(theta: Tensor, extended: Tensor) -> Tensor:
        x, label, multiplier = extended[:-2], extended[-2], extended[-1]
        error = model(theta, x) - label
        return (error.square() + multiplier * grad(model)(theta, x).square().sum()).sqrt()

    return root
