"""reg, the mean over the data of |grad h|^2: what label noise makes small among the networks without error."""

from __future__ import annotations

from torch import Tensor
from torch.func import grad, vmap

from numerics.problem import Problem


def reg(problem: Problem, theta: Tensor) -> Tensor:
    """Return the mean over the data of |grad h|^2 of each replica, ``[R]``, for parameters ``[P, R]``."""
    gradients = vmap(vmap(grad(problem.model), in_dims=(None, 0)), in_dims=(-1, None))(theta, problem.inputs)
    return gradients.square().sum(-1).mean(-1)
