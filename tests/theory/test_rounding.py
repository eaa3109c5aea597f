import pytest
import sympy as sp
import torch

from theory.rounding import MEAN, SPREAD, K, mean_error_term, variance


@pytest.mark.agreement("rounding-mean")
@pytest.mark.parametrize(("mean", "spread"), [(0.2, 0.3), (0.45, 0.15), (-3.3, 0.8), (0.0, 0.4)])
def test_mean_error_of_a_normal_number_is_the_sum_over_the_probabilities_of_the_whole_numbers(mean, spread):
    whole = torch.arange(-20, 21, dtype=torch.float64)
    below, above = (torch.special.ndtr((whole + side - mean) / spread) for side in (-0.5, 0.5))
    expected = float((whole * (above - below)).sum()) - mean
    term = mean_error_term().subs({MEAN: mean, SPREAD: spread})
    assert float(sum(term.subs(K, k) for k in range(1, 12))) == pytest.approx(expected, abs=1e-13)


@pytest.mark.agreement("rounding-variance")
def test_error_of_an_evenly_spread_number_has_the_variance_of_a_grid_of_numbers():
    x = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    squares = (torch.round(x) - x).square()
    # The midpoint rule of a parabola on this grid is off by 1 / (12 * 10^8).
    assert float(variance()) == pytest.approx(float(squares.mean()), abs=1e-8)


def test_a_number_that_varies_by_a_unit_is_rounded_with_a_mean_error_below_a_billionth_of_it():
    largest = mean_error_term().subs(SPREAD, 1).replace(sp.sin, lambda _: sp.Integer(1))
    assert sum(abs(float(largest.subs(K, k))) for k in range(1, 5)) < 1e-9
