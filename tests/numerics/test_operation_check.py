from __future__ import annotations

import torch
from torch import Tensor

from numerics.operation_check import culprit, handwritten_derivatives
from tests.models import normal
from tests.numerics.wrong_derivatives import DoubledByHand

THETA, X = normal(0, 4), normal(1, 4)


def test_a_cut_derivative_is_found_among_right_ones():
    found = culprit(lambda theta, x: torch.tanh((torch.sin(theta) * x).detach() * theta).sum(), THETA, X, "wrong")
    assert found is not None
    name, failure = found
    assert (name, failure.order) == ("detach", 1)


def test_a_kink_is_found_where_theta_reaches_it_only():
    def model(theta: Tensor, x: Tensor) -> Tensor:
        return (torch.relu(0 * x) * theta).sum() + torch.abs(theta - THETA).sum()

    found = culprit(model, THETA, X, "not smooth")
    assert found is not None
    assert found[0] == "abs"


def test_the_first_operation_that_is_not_finite_is_found():
    found = culprit(lambda theta, x: (torch.sqrt(theta - THETA) * torch.log(-x * x)).sum(), THETA, X, "not finite")
    assert found is not None
    name, failure = found
    assert (name, failure.order) == ("sqrt", 1)


def test_only_failures_of_the_same_kind_count():
    assert culprit(lambda theta, x: (theta - THETA).abs() @ x, THETA, X, "wrong") is None


def test_operations_in_place_and_without_numbers_are_passed_over():
    def model(theta: Tensor, x: Tensor) -> Tensor:
        scaled = theta * x
        scaled.add_(1.0)
        return torch.where(scaled > 0, scaled, scaled.detach()).sum()

    found = culprit(model, THETA, X, "wrong")
    assert found is not None
    assert found[0] == "detach"


def test_outputs_that_the_model_does_not_use_are_left_alone():
    # The index of the largest entry has no derivative; the value has.
    assert culprit(lambda theta, x: (theta * x).max(0).values, THETA, X, "wrong") is None


def test_handwritten_derivatives_are_named():
    model = lambda theta, x: DoubledByHand.apply(theta) @ x + theta.sum()  # noqa: E731
    assert handwritten_derivatives(model, THETA, X) == ["DoubledByHand"]
    assert handwritten_derivatives(lambda theta, x: theta @ x, THETA, X) == []
