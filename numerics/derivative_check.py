"""Whether autograd's derivatives of a model, up to the third, are right at a point.

Some operations have wrong higher derivatives and raise no error, torch's layer_norm for example (pytorch issues 175754,
176234). So each order is compared with finite differences of the order below, which has passed already: along random
directions, for every data point, in the nesting of reverse and forward mode that derivatives are computed in elsewhere.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from numerics.directional_derivative import gradient_along
from numerics.finite_difference import finite_difference
from numerics.problem import Model

ORDERS = 3
Kind = Literal["wrong", "not smooth", "not finite"]


class Failure(NamedTuple):
    """A derivative that the finite differences do not confirm.

    Attributes:
        kind: ``wrong``; ``not smooth``: the finite differences do not converge, or not to one value from both sides;
            ``not finite``.
        order: The order of the derivative; 0 for the model itself.
        point: The data point.
        autograd: Norm of autograd's derivative.
        expected: Norm of the finite difference.
        difference: Norm of their difference.
    """

    kind: Kind
    order: int
    point: int
    autograd: float
    expected: float
    difference: float


def first_failure(model: Model, theta: Tensor, inputs: Tensor) -> Failure | None:
    """Return the first derivative, by order, that is not confirmed; None if all are.

    Args:
        model: h(theta, x).
        theta: Parameters, ``[P]``, float64.
        inputs: One x for each data point, ``[N, ...]``.
    """
    values = vmap(model, in_dims=(None, 0))(theta, inputs)
    if not values.isfinite().all():
        point = int((~values.isfinite()).nonzero()[0])
        return Failure("not finite", 0, point, float(values[point]), float(values[point]), 0.0)
    directions = _directions(theta)
    for order in range(1, ORDERS + 1):
        along = directions[: order - 1]
        actual = _derivatives(model, theta, inputs, along)
        if order == 1:  # a number, the gradient along a direction
            below, direction = model, directions[0]
            actual = actual @ directions[:1].T
        else:
            below, direction = gradient_along(model, list(along[:-1])), along[-1]
        expected, error, has_converged, is_smooth = finite_difference(below, theta, direction, inputs)
        expected = expected.reshape(actual.shape)
        gap, is_finite = (actual - expected).norm(dim=1), actual.isfinite().all(1)
        confirmed = is_finite & has_converged & (gap <= error)
        if not confirmed.all():
            point = int((~confirmed).nonzero()[0])
            is_settled = bool(has_converged[point] & is_smooth[point])
            kind = "not finite" if not is_finite[point] else "wrong" if is_settled else "not smooth"
            found, wanted = float(actual[point].norm()), float(expected[point].norm())
            return Failure(kind, order, point, found, wanted, float(gap[point]))
    return None


def _derivatives(model: Model, theta: Tensor, inputs: Tensor, directions: Tensor) -> Tensor:
    """Return `gradient_along` for each data point, ``[N, P]``; the directions are a batch axis, as in a lowering."""

    def for_all_points(several: Tensor) -> Tensor:
        return vmap(gradient_along(model, list(several)), in_dims=(None, 0))(theta, inputs)

    return vmap(for_all_points)(directions[None])[0]


def _directions(theta: Tensor) -> Tensor:
    """Return random directions ``[ORDERS, P]`` whose entries are as large as those of theta."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(ORDERS, len(theta), dtype=theta.dtype, generator=generator).to(theta.device)
    return directions * theta.square().mean().sqrt() if theta.any() else directions
