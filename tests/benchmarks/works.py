"""The works: problems, rules and ensemble sizes that every implementation is timed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from numerics.matrix_sensing import planted
from numerics.models import relu_network, tanh_network
from numerics.problem import Model, Problem
from numerics.update_rule import UpdateRule
from verify import places

TANH = 25
"""Arithmetic instructions of one tanh: the exponential series, its scaling and one division."""


@dataclass(frozen=True)
class Work:
    """A simulation: R replicas that start at theta, in float64 with signs as label noise.

    Attributes:
        name: Short name.
        title: What it is, for a reader.
        family: Which closed form of the model a peer takes: tanh, diagonal, quadratic, sensing, relu.
        problem: Model and data.
        theta: Start, ``[P]``.
        rule: The update: full or iid batches.
        num_replicas: R.
        num_operations: Arithmetic instructions of one replica's step, a multiplication with addition counted once.
    """

    name: str
    title: str
    family: str
    problem: Problem
    theta: Tensor
    rule: UpdateRule
    num_replicas: int
    num_operations: int

    @property
    def batch(self) -> int:
        """B, the labels of one step."""
        return self.rule.batch_size or self.problem.num_data


def diagonal_network(theta: Tensor, x: Tensor) -> Tensor:
    """Return <theta * theta, x>."""
    return (theta * theta * x).sum()


@cache
def quadratic_network(num_inputs: int, width: int) -> Model:
    """Return sum_i c_i (w_i . x)^2, written as matrix products."""

    def model(theta: Tensor, x: Tensor) -> Tensor:
        weights = theta[: width * num_inputs].reshape(width, num_inputs)
        return theta[width * num_inputs :] @ (weights @ x) ** 2

    return model


def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _fitted(model: Model, inputs: Tensor, theta: Tensor) -> Problem:
    """Return the problem whose labels are the model's predictions at theta."""
    return places.interpolated(model, inputs, theta)[0]


def tanh(num_replicas: int = 2048, width: int = 8, num_data: int = 3) -> Work:
    """A tanh network on inputs in the plane, all data in each step."""
    if (width, num_data) == (8, 3):
        problem, theta = places.tanh()
    else:
        theta = _normal(1, 4 * width) / width**0.5
        problem = _fitted(tanh_network(2, width), _normal(2, num_data, 2), theta)
    # each unit at each point: 2 in, tanh, 1 out, its derivative, 2 for the slope, 4 for the parameters
    count = num_data * (width * (2 + TANH + 1 + 1 + 2 + 4) + 3) + 4 * width
    title = f"tanh network, P = {4 * width}, N = {num_data}, R = {num_replicas}"
    return Work("a", title, "tanh", problem, theta, UpdateRule(0.01, 0.5), num_replicas, count)


def diagonal(num_replicas: int) -> Work:
    """A diagonal network, one data point a step."""
    theta, inputs = torch.full((100,), 0.3, dtype=torch.float64), _normal(3, 40, 100)
    title = f"diagonal network, d = 100, n = 40, single samples, R = {num_replicas}"
    # each parameter: square, sum, and theta + (slope * x) * theta
    return Work(
        f"b{num_replicas}",
        title,
        "diagonal",
        _fitted(diagonal_network, inputs, theta),
        theta,
        UpdateRule(1e-3, 0.5, "iid", 1),
        num_replicas,
        4 * 100,
    )


def quadratic(num_replicas: int) -> Work:
    """A quadratic network, all data in each step."""
    width, dimension, num_data = 100, 30, 200
    theta, inputs = 0.1 * _normal(4, width * (dimension + 1)), _normal(5, num_data, dimension)
    title = f"quadratic network, d = {dimension}, n = {num_data}, m = {width}, R = {num_replicas}"
    count = num_data * width * (2 * dimension + 5)
    problem = _fitted(quadratic_network(dimension, width), inputs, theta)
    return Work(f"c{num_replicas}", title, "quadratic", problem, theta, UpdateRule(1e-3, 0.5), num_replicas, count)


def sensing() -> Work:
    """Matrix sensing at the size of Blanc et al. (COLT 2020), Figure 1, in batches of 100."""
    dimension, batch = 100, 100
    sensed = planted(dimension, 5, 2500, seed=0).problem
    theta = torch.eye(dimension, dtype=torch.float64).flatten()
    rule = UpdateRule(5e-3, 0.1**0.5, "iid", batch)
    count = 2 * dimension**3 + batch * dimension * (dimension + 1)
    title = "matrix sensing, d = 100, N = 2500, B = 100, R = 1"
    return Work("d", title, "sensing", sensed, theta, rule, 1, count)


def relu() -> Work:
    """A ReLU network on 12 points of a line, all of them in each step."""
    width, num_data, num_replicas = 100, 12, 16
    inputs = torch.linspace(-1, 1, num_data, dtype=torch.float64)[:, None]
    theta = 0.3 * _normal(6, 3 * width)
    # each unit at each point: 1 in, kink, 1 out, slope and its mask, 3 for the parameters
    count = num_data * (width * 8 + 3) + 3 * width
    title = f"1-D ReLU network, {num_data} points, width {width}, R = {num_replicas}"
    problem = _fitted(relu_network(1, width), inputs, theta)
    return Work("e", title, "relu", problem, theta, UpdateRule(1e-3, 0.5), num_replicas, count)


WORKS: dict[str, Callable[[], Work]] = {
    "a": tanh,
    "b256": lambda: diagonal(256),
    "b4096": lambda: diagonal(4096),
    "c1": lambda: quadratic(1),
    "c16": lambda: quadratic(16),
    "d": cache(sensing),
    "e": relu,
}


def placed(work: Work, device: str, dtype: torch.dtype) -> Work:
    """Return the same work on another device, in another precision."""
    problem = work.problem
    inputs, labels, theta = (part.to(device, dtype) for part in (problem.inputs, problem.labels, work.theta))
    return replace(work, problem=Problem(problem.model, inputs, labels), theta=theta)


def smaller(work: Work, num_replicas: int) -> Work:
    """Return the same work with fewer replicas."""
    return replace(work, num_replicas=min(work.num_replicas, num_replicas))
