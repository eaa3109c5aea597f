import math

import pytest
import torch

from numerics.models import (
    diagonal_network,
    linear_model,
    linear_network,
    logistic_network,
    matrix_sensing,
    partly_trained,
    pre_activations,
    product_model,
    quadratic_network,
    relu_network,
    signed_diagonal_network,
    tanh_network,
)
from tests.models import normal


def test_tanh_network_sums_its_units():
    theta, x = normal(0, 2 * 3 + 3 + 3), normal(1, 2)
    weights, biases, outer = theta[:6].reshape(3, 2).tolist(), theta[6:9].tolist(), theta[9:].tolist()
    expected = sum(
        c * math.tanh(sum(w * v for w, v in zip(row, x.tolist(), strict=True)) + b)
        for row, b, c in zip(weights, biases, outer, strict=True)
    )
    assert float(tanh_network(2, 3)(theta, x)) == pytest.approx(expected, rel=1e-14)


def test_the_other_networks_differ_from_it_by_their_activation_only():
    theta, x = normal(0, 2 * 3 + 3 + 3), normal(1, 2)
    hidden = pre_activations(2, 3)(theta, x)
    torch.testing.assert_close(logistic_network(2, 3)(theta, x), theta[9:] @ (1 / (1 + torch.exp(-hidden))))
    torch.testing.assert_close(linear_network(2, 3)(theta, x), theta[9:] @ hidden)


def test_diagonal_networks_are_linear_in_the_input():
    theta, x = normal(2, 6), normal(3, 3)
    positive, negative = theta[:3].square(), theta[3:].square()
    torch.testing.assert_close(diagonal_network(theta[:3], x), positive @ x)
    torch.testing.assert_close(signed_diagonal_network(theta, x), (positive - negative) @ x)


def test_quadratic_network_is_a_quadratic_form():
    theta, x = normal(0, 3 * 2 + 2), normal(1, 3)
    weights, outer = theta[:6].reshape(2, 3), theta[6:]
    form = weights.T @ torch.diag(outer) @ weights
    torch.testing.assert_close(quadratic_network(3, 2)(theta, x), x @ form @ x)


def test_matrix_sensing_is_blind_to_rotations_of_its_factor():
    u, a = normal(0, 4, 4), normal(1, 4, 4)
    rotation = torch.linalg.qr(normal(2, 4, 4)).Q
    model = matrix_sensing(4)
    torch.testing.assert_close(model(u.flatten(), a), torch.trace(a.T @ u @ u.T))
    torch.testing.assert_close(model((u @ rotation).flatten(), a), model(u.flatten(), a))


def test_linear_and_product_model_are_what_they_say():
    assert float(linear_model(torch.tensor([2.0, 3.0]), torch.tensor([5.0, 7.0]))) == 31
    assert float(product_model(torch.tensor([2.0, 3.0]), torch.tensor(5.0))) == 30


def test_relu_network_sums_its_units_and_is_flat_at_their_kinks():
    theta, x = normal(0, 2 * 3 + 3 + 3), normal(1, 2)
    hidden = theta[:6].reshape(3, 2) @ x + theta[6:9]
    model = relu_network(2, 3)
    torch.testing.assert_close(model(theta, x), theta[9:] @ hidden.clamp(min=0))
    torch.testing.assert_close(pre_activations(2, 3)(theta, x), hidden)
    at_kink = theta.index_fill(0, torch.arange(9), 0.0)
    assert not torch.func.grad(model)(at_kink, x).any()


def test_a_partly_trained_network_is_the_network_with_the_rest_as_it_was():
    theta, other, x = normal(0, 12), normal(1, 12), normal(2, 2)
    model = relu_network(2, 3)
    for trained in (slice(0, 9), slice(9, None), slice(3, 6), slice(None)):
        mixed = theta.clone()
        mixed[trained] = other[trained]
        torch.testing.assert_close(partly_trained(model, theta, trained)(other[trained], x), model(mixed, x))


def test_trained_parameters_that_are_not_contiguous_are_refused():
    with pytest.raises(ValueError, match="trained must be a slice without a step"):
        partly_trained(relu_network(2, 3), normal(0, 12), slice(0, 12, 2))


def test_the_rest_of_a_partly_trained_network_is_of_the_trained_parameters_precision():
    theta, x = normal(0, 12), normal(1, 2)
    part = partly_trained(relu_network(2, 3), theta, slice(0, 9))
    assert part(theta[:9].float(), x.float()).dtype == torch.float32
