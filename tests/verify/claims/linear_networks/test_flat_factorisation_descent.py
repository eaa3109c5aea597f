import pytest
import torch

from numerics.deep_linear import deep_linear_network, unit_measurements
from numerics.problem import Problem
from numerics.regulariser import reg
from verify.claim import STATED
from verify.claims.linear_networks.flat_factorisation_descent import (
    COLUMNS,
    DEPTHS,
    INNER,
    ROWS,
    predicted,
    products,
    starts,
    widths,
)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_starts_have_products_of_nuclear_norm_one_and_lie_above_the_prediction(depth):
    theta, inputs = starts(depth, 5, torch.Generator().manual_seed(1)), unit_measurements(ROWS, COLUMNS)
    matrices = products(theta, depth)
    torch.testing.assert_close(torch.linalg.svdvals(matrices).sum(-1), torch.ones(5).double())
    problem = Problem(deep_linear_network(widths(depth)), inputs, torch.zeros(len(inputs)).double())
    found = reg(problem, theta.T)
    torch.testing.assert_close(found[2], problem.jacobian(theta[2]).square().sum() / len(inputs))
    assert (found > predicted(depth, inputs, matrices)[STATED]).all()


def test_two_balanced_layers_have_the_predicted_regulariser():
    matrix = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    scale = (COLUMNS / ROWS) ** 0.25
    first, last = torch.zeros(INNER, COLUMNS).double(), torch.zeros(ROWS, INNER).double()
    first[: len(values)], last[:, : len(values)] = scale * values.sqrt()[:, None] * right, left * values.sqrt() / scale
    inputs = unit_measurements(ROWS, COLUMNS)
    problem = Problem(deep_linear_network(widths(2)), inputs, torch.zeros(len(inputs)).double())
    found = reg(problem, torch.cat([first.flatten(), last.flatten()])[:, None])
    torch.testing.assert_close(found, predicted(2, inputs, matrix[None])[STATED])
