"""Derivatives of a model along vectors: the one nesting of reverse and forward mode that is used for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.func import grad, jvp

from numerics.problem import Model

Gradient = Callable[[Tensor, Tensor], Tensor]
"""(theta, x) -> ``[P]``."""


def gradient_along(model: Model, directions: Sequence[Tensor]) -> Gradient:
    """Return the gradient of the model's derivative along k directions, its order k + 1: forward over reverse.

    Reverse over forward and forward over forward fail for more models: they are wrong for torch's layer_norm at order
    2 already, and normalisation by a clamped norm raises.
    """
    derivative: Gradient = grad(model)
    for direction in directions:
        derivative = _along(derivative, direction)
    return derivative


def _along(function: Gradient, direction: Tensor) -> Gradient:
    return lambda theta, x: jvp(lambda at: function(at, x), (theta,), (direction,))[1]
