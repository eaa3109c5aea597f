from __future__ import annotations

import pytest
import torch

from numerics.derivative_check import first_failure
from numerics.models import linear_model
from tests.models import normal
from tests.numerics.wrong_derivatives import wrong_at

THETA, INPUTS = normal(0, 6), normal(1, 3, 6)


def test_right_derivatives_of_every_order_are_confirmed(place):
    assert first_failure(place.problem.model, place.theta, place.problem.inputs) is None


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_size_of_the_parameters_does_not_matter(size):
    for model in (linear_model, lambda theta, x: torch.sin(theta / size) @ x, lambda theta, x: theta**3 @ x):
        assert first_failure(model, size * THETA, INPUTS) is None


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_first_wrong_order_is_found_with_its_size(order):
    wrong = wrong_at(order)
    found = first_failure(lambda theta, x: wrong(theta) @ x, THETA, INPUTS)
    assert found is not None
    assert (found.kind, found.order, found.point) == ("wrong", order, 0)
    assert found.autograd == pytest.approx(1.1 * found.expected, rel=1e-6)
    assert found.difference == pytest.approx(0.1 * found.expected, rel=1e-6)


def test_a_fourth_derivative_is_not_looked_at():
    wrong = wrong_at(4)
    assert first_failure(lambda theta, x: wrong(theta) @ x, THETA, INPUTS) is None


def test_an_error_of_a_billionth_part_of_the_model_is_found():
    wrong = wrong_at(3)
    small = 1e-6
    model = lambda theta, x: torch.sin(theta) @ x + small * (wrong(theta) @ x)  # noqa: E731
    found = first_failure(model, THETA, INPUTS)
    assert found is not None
    assert (found.kind, found.order) == ("wrong", 3)


def test_the_data_point_is_named():
    wrong = wrong_at(2)
    inputs = INPUTS * torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64)
    found = first_failure(lambda theta, x: torch.sin(theta).sum() + wrong(theta) @ x, THETA, inputs)
    assert found is not None
    assert found.point == 2


KINKS = {
    "relu": (lambda away, x: torch.relu(away) @ x, 1),
    "abs": (lambda away, x: away.abs() @ x, 2),
    "relu squared": (lambda away, x: torch.relu(away) ** 2 @ x, 2),
    "relu cubed": (lambda away, x: torch.relu(away) ** 3 @ x, 3),
    "max of equals": (lambda away, x: away.max() * x.sum(), 1),
}


@pytest.mark.parametrize("name", KINKS)
def test_a_kink_at_theta_is_told_apart_from_a_wrong_derivative(name):
    kink, order = KINKS[name]
    found = first_failure(lambda theta, x: torch.sin(theta) @ x + kink(theta - THETA, x), THETA, INPUTS)
    assert found is not None
    assert found.kind == "not smooth"
    assert found.order in (order - 1, order)  # below a kink the differences converge, but no faster than the steps


def test_a_kink_away_from_theta_is_no_obstacle():
    model = lambda theta, x: torch.relu(theta + 1e-3) @ x  # noqa: E731
    assert (THETA + 1e-3).abs().min() > 1e-3
    assert first_failure(model, THETA, INPUTS) is None


def test_what_is_not_finite_is_named_with_its_order():
    value = first_failure(lambda theta, x: torch.log(-(theta**2)) @ x, THETA, INPUTS)
    slope = first_failure(lambda theta, x: (theta - THETA).square().sum().sqrt() + theta @ x, THETA, INPUTS)
    assert value is not None
    assert slope is not None
    assert (value.kind, value.order) == ("not finite", 0)
    assert (slope.kind, slope.order) == ("not finite", 1)
