"""Rounding of binary numbers: the unit in the last place, and steps that keep fewer digits than double precision has.

An `UpdateRule` takes these as its ``step``: in double precision, D is such that theta + D has few digits. So rounding
by itself can be looked at, at any number of digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

DOUBLE_BITS, SINGLE_BITS, HALF_BITS = 53, 24, 11
"""Binary digits of the three precisions, the leading one counted."""


def unit_in_last_place(values: Tensor, num_bits: int) -> Tensor:
    """Return the distance of neighbouring numbers of so many binary digits, at values that are not 0."""
    exponents = torch.frexp(values).exponent
    return torch.ldexp(torch.ones_like(values), exponents - num_bits)


@dataclass(frozen=True)
class ToNearest:
    """A gradient step whose result is rounded to the nearest number of ``num_bits`` binary digits."""

    num_bits: int

    def __call__(self, gradient: Callable[[Tensor], Tensor], theta: Tensor, lr) -> Tensor:
        """Return what the step adds to theta."""
        moved = theta - lr * gradient(theta)
        far = moved * 2.0 ** (DOUBLE_BITS - self.num_bits)  # exact; in the sum there is no room for the last digits
        return (moved + far) - far - theta


@dataclass(frozen=True)
class Downwards:
    """A gradient step whose result, of size below 2, is rounded down to a multiple of 2^-``num_bits``."""

    num_bits: int

    def __call__(self, gradient: Callable[[Tensor], Tensor], theta: Tensor, lr) -> Tensor:
        """Return what the step adds to theta."""
        below = theta - lr * gradient(theta) - 0.5 * 2.0**-self.num_bits  # half a unit less, to the nearest multiple
        far = 1.5 * 2.0 ** (DOUBLE_BITS - 1 - self.num_bits)
        return (below + far) - far - theta
