"""Deep linear networks on matrix measurements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from numerics.problem import Model


def layers(theta: Tensor, widths: Sequence[int]) -> list[Tensor]:
    """Return W_1, ..., W_L, each ``[d_l, d_{l-1}]``, of flat parameters; ``widths`` are d_0, ..., d_L."""
    shapes = [(after, before) for before, after in pairwise(widths)]
    parts = theta.split([rows * columns for rows, columns in shapes])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def product(theta: Tensor, widths: Sequence[int]) -> Tensor:
    """Return W_L ... W_1, ``[d_L, d_0]``."""
    first, *rest = layers(theta, widths)
    for layer in rest:
        first = layer @ first
    return first


def deep_linear_network(widths: Sequence[int]) -> Model:
    """Return h(theta, A) = <A, W_L ... W_1>; theta holds W_1, ..., W_L, flat."""

    def model(theta: Tensor, a: Tensor) -> Tensor:
        return (a * product(theta, widths)).sum()

    return model


def unit_measurements(rows: int, columns: int) -> Tensor:
    """Return the rows * columns unit matrices times (rows * columns)^(1/2): their mean covariance is the identity."""
    size = rows * columns
    return size**0.5 * torch.eye(size, dtype=torch.float64).reshape(size, rows, columns)
