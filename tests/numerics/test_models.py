import math

import pytest
import torch

from numerics.models import linear_model, matrix_sensing, product_model, quadratic_network, tanh_network
from tests.models import normal


def test_tanh_network_sums_its_units():
    theta, x = normal(0, 2 * 3 + 3 + 3), normal(1, 2)
    weights, biases, outer = theta[:6].reshape(3, 2).tolist(), theta[6:9].tolist(), theta[9:].tolist()
    expected = sum(
        c * math.tanh(sum(w * v for w, v in zip(row, x.tolist(), strict=True)) + b)
        for row, b, c in zip(weights, biases, outer, strict=True)
    )
    assert float(tanh_network(2, 3)(theta, x)) == pytest.approx(expected, rel=1e-14)


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
