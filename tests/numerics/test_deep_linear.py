import torch

from numerics.deep_linear import deep_linear_network, layers, product, unit_measurements
from tests.models import normal

WIDTHS = (3, 4, 2, 5)


def test_the_model_is_the_inner_product_with_the_product_of_the_layers():
    theta, a = normal(0, 3 * 4 + 4 * 2 + 2 * 5), normal(1, 5, 3)
    first, second, third = layers(theta, WIDTHS)
    assert [tuple(w.shape) for w in (first, second, third)] == [(4, 3), (2, 4), (5, 2)]
    assert torch.equal(torch.cat([first.flatten(), second.flatten(), third.flatten()]), theta)
    assert torch.allclose(product(theta, WIDTHS), third @ second @ first)
    assert torch.allclose(deep_linear_network(WIDTHS)(theta, a), torch.trace(a.T @ third @ second @ first))


def test_unit_measurements_have_the_identity_as_mean_covariance():
    flat = unit_measurements(2, 3).flatten(1)
    assert torch.allclose(flat.T @ flat / len(flat), torch.eye(6).double())
