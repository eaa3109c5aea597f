"""reg, the mean over the data of |grad h|^2: what label noise makes small among the networks without error."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor
from torch.func import grad, vmap

from numerics.problem import Model, Problem
from numerics.traced import Traced


def reg(problem: Problem, theta: Tensor) -> Tensor:
    """Return the mean over the data of |grad h|^2 of each replica, ``[R]``, for parameters ``[P, R]``."""
    return _gradients(problem.model)(theta, problem.inputs).square().sum(-1).mean(-1)


@lru_cache(maxsize=64)
def _gradients(model: Model) -> Traced:
    return Traced(vmap(vmap(grad(model), in_dims=(None, 0)), in_dims=(-1, None)))
