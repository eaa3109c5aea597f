from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.func import grad, jvp
from torch.nn import functional

from numerics import derivative_guard
from numerics.derivative_guard import require_correct_derivatives
from numerics.models import linear_model
from numerics.problem import Model, Problem
from tests.models import Place, interpolated, normal, tanh_place
from tests.numerics.wrong_derivatives import DoubledByHand, wrong_at

THETA, INPUTS = normal(0, 12), normal(1, 3, 4)


def place_of(model: Model, theta: Tensor = THETA, inputs: Tensor = INPUTS) -> Place:
    return Place(Problem(model, inputs, torch.zeros(len(inputs), dtype=inputs.dtype)), theta)


def normalised(normalise):
    return lambda theta, x: (normalise(torch.sin(theta[:4]) * x) * theta[4:8]).sum()


def by_hand(z: Tensor) -> Tensor:
    return (z - z.mean()) / (z.var(unbiased=False) + 1e-5).sqrt()


def layer_norm(z: Tensor) -> Tensor:
    return functional.layer_norm(z, (4,))


def batch_norm(z: Tensor) -> Tensor:
    return functional.batch_norm(z[:, None], None, None, training=True)[:, 0]


def third_derivative(function, z: Tensor, direction: Tensor, outer: Tensor) -> Tensor:
    """Return the derivative along a direction, twice, of the gradient of (outer . f)^2, by torch.func."""

    def along(inner):
        return lambda at: jvp(inner, (at,), (direction,))[1]

    return along(along(grad(lambda at: (outer @ function(at)) ** 2)))(z)


def test_every_place_passes(place):
    require_correct_derivatives(*place)


@pytest.mark.parametrize(("operation", "name"), [(layer_norm, "native_layer_norm"), (batch_norm, "native_batch_norm")])
def test_a_normalisation_is_rejected_with_its_name_while_torch_has_it_wrong(operation, name):
    from_primitives = place_of(normalised(by_hand))
    require_correct_derivatives(*from_primitives)
    z, direction, outer = normal(2, 4), normal(3, 4), normal(4, 4)
    expected = third_derivative(by_hand, z, direction, outer)
    error = float((third_derivative(operation, z, direction, outer) - expected).norm() / expected.norm())
    if error < 1e-3:  # a version of torch without the error: the guard has to agree
        require_correct_derivatives(*place_of(normalised(operation)))
        return
    with pytest.raises(ValueError, match=rf"derivative of order 3 .* wrong .* the operation {name} is wrong by itself"):
        require_correct_derivatives(*place_of(normalised(operation)))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_wrong_derivative_is_rejected_with_order_size_and_operation(order):
    wrong = wrong_at(order)
    message = (
        rf"order {order} of the model is wrong by 0\.091 at data point 0 .* the operation detach is wrong by itself"
    )
    with pytest.raises(ValueError, match=message):
        require_correct_derivatives(*place_of(lambda theta, x: wrong(theta[:4]) @ x))


def test_a_wrong_derivative_written_by_hand_is_named():
    with pytest.raises(ValueError, match=r"order 1 of the model is wrong by 0\.5 .* written by hand in DoubledByHand"):
        require_correct_derivatives(*place_of(lambda theta, x: DoubledByHand.apply(theta[:4]) @ x))


def test_a_model_in_single_precision_is_checked_in_double():
    single = place_of(lambda theta, x: torch.tanh(theta[:4] * x).sum(), THETA.float(), INPUTS.float())
    require_correct_derivatives(*single)
    wrong = wrong_at(3)
    with pytest.raises(ValueError, match="order 3"):
        require_correct_derivatives(*place_of(lambda theta, x: wrong(theta[:4]) @ x, THETA.float(), INPUTS.float()))


def test_inputs_that_are_whole_numbers_stay_so():
    numbers = torch.tensor([[0, 1], [2, 3]])
    place = Place(Problem(lambda theta, x: theta[x].square().sum(), numbers, torch.zeros(2)), THETA)
    require_correct_derivatives(*place)


def test_a_constant_in_single_precision_is_explained():
    weights = torch.ones(4, 4)
    model = lambda theta, x: (weights @ (theta[:4] * x)).sum()  # noqa: E731
    with pytest.raises(ValueError, match=r"cannot be differentiated 3 times in float64.*make its constants of theta's"):
        require_correct_derivatives(*place_of(model, THETA.float(), INPUTS.float()))


def test_a_kink_is_named():
    theta = torch.cat([torch.zeros(1, dtype=torch.float64), THETA[1:]])
    message = r"model is not smooth at data point 0: no derivative of order 1 .* the operation relu has a kink or jump"
    with pytest.raises(ValueError, match=message):
        require_correct_derivatives(*place_of(lambda theta, x: torch.relu(theta[:4] * x).sum(), theta))


@pytest.mark.parametrize(
    ("model", "what", "name"),
    [
        (lambda theta, x: torch.log(-(theta[:4] ** 2)) @ x, "value", "log"),
        (lambda theta, x: (theta - THETA).square().sum().sqrt() + theta[:4] @ x, "derivative of order 1", "sqrt"),
    ],
)
def test_what_is_not_finite_is_named(model, what, name):
    message = rf"model has a {what} that is not finite at data point 0; the operation {name} is the first to have one"
    with pytest.raises(ValueError, match=message):
        require_correct_derivatives(*place_of(model))


def test_the_check_is_made_once_for_a_theta_that_does_not_change(monkeypatch):
    checked = []
    monkeypatch.setattr(derivative_guard, "first_failure", lambda *args: checked.append(args))
    problem, theta = tanh_place()
    theta = theta.clone()
    for _ in range(3):
        require_correct_derivatives(problem, theta)
    assert len(checked) == 1
    theta[0] += 1
    require_correct_derivatives(problem, theta)
    assert len(checked) == 2


def test_thirty_thousand_parameters_are_no_obstacle():
    inputs = normal(5, 5, 30_000)
    require_correct_derivatives(*interpolated(linear_model, inputs, normal(6, 30_000)))
