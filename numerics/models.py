"""The models of the built-in claims, written from primitives."""

from __future__ import annotations

import torch
from torch import Tensor

from numerics.problem import Model


def tanh_network(num_inputs: int, width: int) -> Model:
    """Return h(theta, x) = sum_i c_i tanh(w_i . x + b_i); theta holds W ``[width, num_inputs]``, b, c, flat."""

    def model(theta: Tensor, x: Tensor) -> Tensor:
        weights, rest = theta[: width * num_inputs].reshape(width, num_inputs), theta[width * num_inputs :]
        hidden = torch.tanh((weights * x).sum(-1) + rest[:width])
        return (rest[width:] * hidden).sum()

    return model


def quadratic_network(num_inputs: int, width: int) -> Model:
    """Return h(theta, x) = sum_i c_i (w_i . x)^2; theta holds W ``[width, num_inputs]`` and c, flat."""

    def model(theta: Tensor, x: Tensor) -> Tensor:
        weights = theta[: width * num_inputs].reshape(width, num_inputs)
        return (theta[width * num_inputs :] * (weights * x).sum(-1) ** 2).sum()

    return model


def matrix_sensing(dimension: int) -> Model:
    """Return h(U, A) = <A, U U^T>; theta holds U ``[dimension, dimension]``, flat."""

    def model(theta: Tensor, a: Tensor) -> Tensor:
        u = theta.reshape(dimension, dimension)
        return (a * (u @ u.T)).sum()

    return model


def linear_model(theta: Tensor, x: Tensor) -> Tensor:
    """Return theta . x."""
    return (theta * x).sum()


def product_model(theta: Tensor, x: Tensor) -> Tensor:
    """Return theta_0 theta_1 x: the smallest model with a curved zero-loss manifold."""
    return theta[0] * theta[1] * x


__all__ = ["linear_model", "matrix_sensing", "product_model", "quadratic_network", "tanh_network"]
