"""The models of the built-in claims, written from primitives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from numerics.problem import Model


def tanh_network(num_inputs: int, width: int) -> Model:
    """Return h(theta, x) = sum_i c_i tanh(w_i . x + b_i); theta holds W ``[width, num_inputs]``, b, c, flat."""
    return _two_layers(num_inputs, width, torch.tanh)


def relu_network(num_inputs: int, width: int) -> Model:
    """Return the same with max(0, .) for tanh; at its kink the derivative is 0."""
    return _two_layers(num_inputs, width, torch.relu)


def logistic_network(num_inputs: int, width: int) -> Model:
    """Return the same with 1 / (1 + exp(-u)) for tanh."""
    return _two_layers(num_inputs, width, torch.sigmoid)


def linear_network(num_inputs: int, width: int) -> Model:
    """Return the same with the identity for tanh."""
    return _two_layers(num_inputs, width, torch.Tensor.clone)


def _two_layers(num_inputs: int, width: int, activation: Callable[[Tensor], Tensor]) -> Model:
    hidden = pre_activations(num_inputs, width)

    def model(theta: Tensor, x: Tensor) -> Tensor:
        return (theta[width * (num_inputs + 1) :] * activation(hidden(theta, x))).sum()

    return model


def pre_activations(num_inputs: int, width: int) -> Model:
    """Return the function (theta, x) -> w_i . x + b_i, ``[width]``, for parameters that begin with W and b, flat."""

    def hidden(theta: Tensor, x: Tensor) -> Tensor:
        weights, rest = theta[: width * num_inputs].reshape(width, num_inputs), theta[width * num_inputs :]
        return (weights * x).sum(-1) + rest[:width]

    return hidden


def with_linear_unit(model: Model, num_inputs: int) -> Model:
    """Return the model plus v . x + b; theta holds the model's parameters, then v ``[num_inputs]`` and b."""

    def sum_of_both(theta: Tensor, x: Tensor) -> Tensor:
        inner, outer, bias = theta[: -num_inputs - 1], theta[-num_inputs - 1 : -1], theta[-1]
        return model(inner, x) + (outer * x).sum() + bias

    return sum_of_both


def partly_trained(model: Model, theta: Tensor, trained: slice) -> Model:
    """Return the model as a function of ``theta[trained]`` alone; all other parameters stay as they are in theta.

    Raises:
        ValueError: If the slice has a step.
    """
    if trained.step not in (None, 1):
        raise ValueError(f"trained must be a slice without a step, got {trained}")
    first, last, _ = trained.indices(len(theta))
    before, after = theta[:first], theta[last:]

    def part(parameters: Tensor, x: Tensor) -> Tensor:
        device, dtype = parameters.device, parameters.dtype
        return model(torch.cat([before.to(device, dtype), parameters, after.to(device, dtype)]), x)

    return part


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


def diagonal_network(theta: Tensor, x: Tensor) -> Tensor:
    """Return sum_j theta_j^2 x_j: linear in x, with coefficients >= 0."""
    return (theta * theta * x).sum()


def signed_diagonal_network(theta: Tensor, x: Tensor) -> Tensor:
    """Return sum_j (w_+j^2 - w_-j^2) x_j; theta holds w_+ and w_-."""
    positive, negative = theta[: len(x)], theta[len(x) :]
    return ((positive * positive - negative * negative) * x).sum()


def linear_model(theta: Tensor, x: Tensor) -> Tensor:
    """Return theta . x."""
    return (theta * x).sum()


def product_model(theta: Tensor, x: Tensor) -> Tensor:
    """Return theta_0 theta_1 x: the smallest model with a curved zero-loss manifold."""
    return theta[0] * theta[1] * x


__all__ = [
    "diagonal_network",
    "linear_model",
    "linear_network",
    "logistic_network",
    "matrix_sensing",
    "partly_trained",
    "pre_activations",
    "product_model",
    "quadratic_network",
    "relu_network",
    "signed_diagonal_network",
    "tanh_network",
    "with_linear_unit",
]
