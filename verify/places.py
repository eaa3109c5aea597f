"""The built-in problems, each with a point theta* of zero training error.

The seeds are chosen so that Gamma is well conditioned: where its smallest eigenvalue is hundreds of times below its
largest, a learning rate small enough for the asymptotics needs hours. The labels are the model's own predictions at
theta*, so that theta* has no error to the last bit; where data are rounded, theta* is looked for anew.
"""

from __future__ import annotations

from functools import cache

import sympy as sp
import torch
from torch import Tensor

from numerics.models import (
    linear_model,
    matrix_sensing,
    partly_trained,
    quadratic_network,
    relu_network,
    tanh_network,
)
from numerics.problem import Model, Problem
from numerics.zero_loss_manifold import minimum_along, retract
from theory.regulariser import reg_gradient
from verify.lowering.expression import lower


def interpolated(model: Model, inputs: Tensor, theta: Tensor) -> tuple[Problem, Tensor]:
    """Return the problem whose labels are the model's predictions at theta, and theta."""
    unlabelled = Problem(model, inputs, torch.zeros(len(inputs), dtype=theta.dtype))
    return Problem(model, inputs, unlabelled.predictions(theta)), theta


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def tanh() -> tuple[Problem, Tensor]:
    """A tanh network with P = 32, N = 3; eigenvalues of Gamma 5.2, 2.3, 1.4."""
    generator = torch.Generator().manual_seed(0)
    inputs = _normal(generator, 3, 2)
    return interpolated(tanh_network(2, 8), inputs, 0.8 * _normal(generator, 32))


def single_tanh() -> tuple[Problem, Tensor]:
    """`tanh` with data that single precision holds, and the point without error beside its own, in double."""
    return held_by(torch.float32, *tanh())


def held_by(dtype: torch.dtype, problem: Problem, theta: Tensor) -> tuple[Problem, Tensor]:
    """Return the problem in double precision with its data rounded to another one, and its theta* beside theta."""
    rounded = problem.to(dtype=dtype).to(dtype=torch.float64)
    return rounded, retract(rounded, theta)


THREE_UNITS = tanh_network(2, 3)
"""One model for the small tanh networks, P = 12: a process compiles it once."""


def _three_units(seed: int, num_data: int, scale: float = 0.8) -> tuple[Problem, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = _normal(generator, num_data, 2)
    return interpolated(THREE_UNITS, inputs, scale * _normal(generator, 12))


def small_tanh() -> tuple[Problem, Tensor]:
    """A tanh network with P = 12, N = 2 and a strong drift; eigenvalues of Gamma 1.72, 1.31."""
    return _three_units(223, 2)


def steady_tanh() -> tuple[Problem, Tensor]:
    """The same network where |P grad reg| = 1.83 hardly changes along the descent; eigenvalues of Gamma 2.52, .97.

    Near an inflection of reg, so that powers of the descent's length show early.
    """
    return _three_units(3454, 2)


def spread_tanh() -> tuple[Problem, Tensor]:
    """The same network, N = 4, with a weak drift; eigenvalues of Gamma .957, .282, .076, .0075: a spread of 127."""
    return _three_units(2, 4, scale=1.0)


def quadratic() -> tuple[Problem, Tensor]:
    """A quadratic network with P = 20, N = 4; eigenvalues of Gamma 8.5, 3.3, 2.0, 1.2."""
    generator = torch.Generator().manual_seed(147)
    inputs = _normal(generator, 4, 3)
    return interpolated(quadratic_network(3, 5), inputs, 0.6 * _normal(generator, 20))


def sensing() -> tuple[Problem, Tensor]:
    """Matrix sensing with d = 6 (P = 36), N = 8; eigenvalues of Gamma 27.5 to 2.7."""
    generator = torch.Generator().manual_seed(3)
    inputs = _normal(generator, 8, 6, 6)
    start = torch.eye(6, dtype=torch.float64) + 0.3 * _normal(generator, 6, 6)
    return interpolated(matrix_sensing(6), inputs, start.flatten())


def small_quadratic() -> tuple[Problem, Tensor]:
    """A quadratic network with P = 12, N = 4 at a strongly repellent point."""
    generator = torch.Generator().manual_seed(7)
    inputs = _normal(generator, 4, 3)
    return interpolated(quadratic_network(3, 3), inputs, 0.8 * _normal(generator, 12))


def two_units() -> tuple[Problem, Tensor]:
    """A quadratic network with P = 6, N = 2; eigenvalues of Gamma 55.8, 14.9.

    Chosen for unlike drifts: under one noise shared by both points it points 42 degrees away from the descent on
    |E_a grad h_a|^2 and 29 degrees away from the descent on reg.
    """
    generator = torch.Generator().manual_seed(600)
    inputs = _normal(generator, 2, 2)
    return interpolated(quadratic_network(2, 2), inputs, 0.8 * _normal(generator, 6))


@cache
def non_repellent() -> tuple[Problem, Tensor]:
    """The same network where reg has no gradient along the manifold: three different units, none of them dead."""
    return _minimum(*small_quadratic(), lr=0.03)


@cache
def non_repellent_tanh() -> tuple[Problem, Tensor]:
    """The network and data of `steady_tanh` at a minimum of reg on the manifold; eigenvalues of Gamma .98, .74."""
    return _minimum(*steady_tanh(), lr=0.25)


def _minimum(problem: Problem, theta: Tensor, lr: float) -> tuple[Problem, Tensor]:
    """Return the problem and a point of its manifold, downhill from theta, where reg has no gradient along it."""

    def gradient(at: Tensor) -> Tensor:
        return lower(reg_gradient(), problem, at, indices="j")

    return problem, minimum_along(problem, gradient, theta, lr=lr, tolerance=1e-9, max_steps=2000)


def linear() -> tuple[Problem, Tensor]:
    """A model linear in theta, P = 6, N = 4; eigenvalues of Gamma 2.6, 1.5, .73, .58."""
    generator = torch.Generator().manual_seed(9)
    features = _normal(generator, 4, 6)
    return interpolated(linear_model, features, _normal(generator, 6))


RATIONAL_GRADIENTS = sp.Matrix([[1, 2], [sp.Rational(1, 2), -1], [0, sp.Rational(1, 3)]])
"""Three gradients in two dimensions, no two of them orthogonal, as exact numbers."""


def rational() -> tuple[Problem, Tensor]:
    """The model linear in theta that has these gradients."""
    features = torch.tensor([[float(v) for v in row] for row in RATIONAL_GRADIENTS.tolist()], dtype=torch.float64)
    return interpolated(linear_model, features, torch.ones(2, dtype=torch.float64))


RELU_FIRST_LAYER = slice(0, 18)
"""Weights and biases of the units of `relu`; the output weights follow them."""


def relu() -> tuple[Problem, Tensor]:
    """A ReLU network, all layers trained, with P = 24, N = 3; eigenvalues of Gamma 71, 46, 9.2."""
    generator = torch.Generator().manual_seed(1274)
    inputs = _normal(generator, 3, 2)
    theta = _normal(generator, 24)
    scale = torch.full_like(theta, 0.7)
    scale[RELU_FIRST_LAYER] = 2.0
    return interpolated(relu_network(2, 6), inputs, scale * theta)


def relu_first_layer() -> tuple[Problem, Tensor]:
    """The same network at the same point, only the first layer trained, far from every kink; 3.2, 1.5, .7."""
    return _part_of_relu(RELU_FIRST_LAYER)


def relu_output_layer() -> tuple[Problem, Tensor]:
    """The same network at the same point, only the output layer trained; 69, 43, 8.4."""
    return _part_of_relu(slice(RELU_FIRST_LAYER.stop, None))


def _part_of_relu(trained: slice) -> tuple[Problem, Tensor]:
    problem, theta = relu()
    return interpolated(partly_trained(problem.model, theta, trained), problem.inputs, theta[trained])


KINK_UNIT_BIAS = 2
"""Where theta of `kink` holds the bias of the unit that is at its kink at the first data point."""


def kink(distance: float = 0.0) -> tuple[Problem, Tensor]:
    """A ReLU network with the first layer trained (P = 4, N = 2) whose first unit has a kink at the first point.

    Both units are on at the second point, and the second is off at the first.

    Args:
        distance: How far below 0 the first unit's pre-activation lies at the first point.
    """
    outer = torch.tensor([0.25, 0.1], dtype=torch.float64)
    theta = torch.tensor([3.0, 3.0, -3.0 - distance, -9.0], dtype=torch.float64)
    model = partly_trained(relu_network(1, 2), torch.cat([theta, outer]), slice(0, 4))
    inputs = torch.tensor([[1.0], [5.0]], dtype=torch.float64)
    return interpolated(model, inputs, theta)


def beside_the_kink() -> tuple[Problem, Tensor]:
    """The same network, the first unit's pre-activation 6 below 0 at the first point."""
    return kink(6.0)
