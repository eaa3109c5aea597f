import torch

from numerics.regulariser import reg
from verify.claim import STATED
from verify.claims.linear_networks.flat_factorisation_descent import predicted, products
from verify.claims.linear_networks.flat_factorisation_noise import factorisations, lopsided, two_layers


def test_every_start_is_a_factorisation_of_the_product_and_above_the_smallest_regulariser():
    problem, theta = two_layers()
    matrices = products(theta[None], 2)
    start = factorisations(matrices[0], 6, torch.Generator().manual_seed(0))
    torch.testing.assert_close(products(start.T, 2), matrices.expand(6, -1, -1))
    assert (reg(problem, start) > predicted(2, problem.inputs, matrices)[STATED]).all()


def test_lopsided_measurements_are_of_the_same_product():
    (problem, theta), (other, same) = two_layers(), lopsided()
    assert torch.equal(theta, same)
    assert torch.equal(other.inputs[..., 1:], problem.inputs[..., 1:])
    assert torch.equal(other.inputs[..., 0], 1.3 * problem.inputs[..., 0])
    torch.testing.assert_close(other.predictions(theta), other.labels)
