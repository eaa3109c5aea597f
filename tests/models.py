"""Random problems with a point of zero training error: three models of different depth, P and N."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from numerics.models import quadratic_network, tanh_network
from numerics.problem import Model, Problem


class Place(NamedTuple):
    """A problem and a theta that fits it to the last bit: the labels are its predictions."""

    problem: Problem
    theta: Tensor


def interpolated(model: Model, inputs: Tensor, theta: Tensor) -> Place:
    """Return the problem whose labels are the model's predictions at theta."""
    zeros = torch.zeros(len(inputs), dtype=theta.dtype)
    return Place(Problem(model, inputs, Problem(model, inputs, zeros).predictions(theta)), theta)


def normal(seed: int, *shape: int) -> Tensor:
    """Return a standard normal tensor in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def deep_softplus(theta: Tensor, x: Tensor) -> Tensor:
    """Return c . s(V s(W x)) with s = log(1 + exp) and W, V ``[2, 2]``, from primitives."""
    first = torch.log1p(torch.exp(theta[:4].reshape(2, 2) @ x))
    second = torch.log1p(torch.exp(theta[4:8].reshape(2, 2) @ first))
    return theta[8:10] @ second


@cache
def tanh_place() -> Place:
    """P = 12, N = 3."""
    return interpolated(tanh_network(2, 3), normal(1, 3, 2), normal(2, 12))


@cache
def quadratic_place() -> Place:
    """P = 8, N = 4."""
    return interpolated(quadratic_network(3, 2), normal(3, 4, 3), 0.5 * normal(4, 8))


@cache
def softplus_place() -> Place:
    """P = 10, N = 2."""
    return interpolated(deep_softplus, normal(5, 2, 2), normal(6, 10))


PLACES: dict[str, Callable[[], Place]] = {"tanh": tanh_place, "quadratic": quadratic_place, "softplus": softplus_place}


@cache
def wide_place() -> Place:
    """P = 30,998, N = 20: too many parameters for any matrix of them."""
    return interpolated(tanh_network(20, 1409), normal(11, 20, 20), 0.1 * normal(12, 1409 * 22))
