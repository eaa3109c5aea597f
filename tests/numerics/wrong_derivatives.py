"""Operations whose derivatives are wrong on purpose, whatever the version of torch."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import torch
from torch import Tensor


def wrong_at(order: int) -> Callable[[Tensor], Tensor]:
    """Return x -> x^4 with a derivative of the given order that is 1.1 times what it should be.

    The second term is 0 wherever it is evaluated, and the constant makes autograd take that for a zero of this order.
    """
    return lambda x: x**4 + 0.1 * comb(4, order) * (x - x.detach()) ** order * x ** (4 - order)


class DoubledByHand(torch.autograd.Function):
    """x -> x with the derivative 2."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x.clone()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):  # noqa: ARG004
        return 2 * gradient

    @staticmethod
    def jvp(ctx, tangent):  # noqa: ARG004
        return 2 * tangent
