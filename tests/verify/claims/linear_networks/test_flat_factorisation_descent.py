import pytest
import torch

from numerics.deep_linear import deep_linear_network, unit_measurements
from numerics.problem import Problem
from numerics.regulariser import reg
from verify.claim import STATED, Context
from verify.claims.linear_networks import flat_factorisation_descent
from verify.claims.linear_networks.flat_factorisation_descent import (
    COLUMNS,
    DEPTHS,
    INNER,
    LARGER,
    ROWS,
    Descents,
    log_ratios,
    predicted,
    products,
    random_measurements,
    starts,
    widths,
)
from verify.estimate import pooled


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


def test_random_measurements_have_the_mean_square_of_many():
    for seed in range(3):
        inputs = random_measurements(torch.Generator().manual_seed(seed))
        assert inputs.shape == (ROWS * COLUMNS, ROWS, COLUMNS)
        assert inputs.square().sum((1, 2)).mean() == pytest.approx(ROWS * (LARGER**2 + COLUMNS - 1))


def test_two_rounds_are_each_compared_with_their_own_prediction():
    first, second = (Descents(4).measure(STATED, Context(round=number), 2) for number in (0, 1))
    together = pooled([first, second])
    for formula in ("stated", "frobenius", "isotropic"):
        *apart, both = (log_ratios({"depth 2": part}, formula).values for part in (first, second, together))
        assert both == pytest.approx(sum(apart) / 2, abs=1e-12)


def test_a_flow_that_leaves_its_products_is_an_error(monkeypatch):
    monkeypatch.setattr(flat_factorisation_descent, "TIMES", torch.tensor([0.0, 1.5]).double())
    with pytest.raises(ArithmeticError, match="have moved by"):
        Descents(4).measure(STATED, Context(), 2)
