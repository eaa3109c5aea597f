from __future__ import annotations

import math

import numpy as np
import pytest

from verify.fit import fit

LRS = np.array([0.02, 0.015, 0.01, 0.0075, 0.005])
ERRORS = np.array([0.001, 0.002, 0.0015, 0.003, 0.0025])
NUM_FITS = 4000


@pytest.mark.parametrize("coefficients", [(1.0,), (1.0, -2.5), (1.0, 2.3, -40.0)])
def test_an_exact_polynomial_is_recovered(coefficients):
    values = np.polynomial.polynomial.polyval(LRS, coefficients)
    found = fit(LRS, values, ERRORS, degree=len(coefficients) - 1)
    # The condition number of the scaled Vandermonde matrix is 1e5 for degree 2: 11 of 16 digits are left.
    np.testing.assert_allclose(found.coefficients, coefficients, rtol=1e-10)
    assert found.p_value == pytest.approx(1)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_fit_equals_polyfit_with_known_errors(degree):
    values = 1 + 2.3 * LRS + ERRORS * np.array([0.3, -1.1, 0.8, 0.1, -0.4])
    expected, covariance = np.polyfit(LRS, values, degree, w=1 / ERRORS, cov="unscaled")
    found = fit(LRS, values, ERRORS, degree=degree)
    np.testing.assert_allclose(found.coefficients, expected[::-1], rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(covariance))[::-1], rtol=1e-9)


def test_the_constant_term_is_the_weighted_sum_of_the_values():
    values = np.array([1.05, 1.02, 1.04, 0.99, 1.01])
    found = fit(LRS, values, ERRORS, degree=1)
    assert found.weights @ values == pytest.approx(found.coefficients[0], rel=1e-14)
    np.testing.assert_allclose([found.weights.sum(), found.weights @ LRS], [1, 0], atol=1e-13)  # exact on every line


@pytest.fixture(scope="module")
def simulated():
    """Intercept z-scores and p-values of lines through points scattered about a line by their standard errors."""
    scatter = np.random.default_rng(0).standard_normal((NUM_FITS, len(LRS)))
    fits = [fit(LRS, 1 - 2 * LRS + ERRORS * row, ERRORS, degree=1) for row in scatter]
    z_scores = np.array([(f.coefficients[0] - 1) / f.standard_errors[0] for f in fits])
    return z_scores, np.array([f.p_value for f in fits])


def test_intercept_z_scores_have_mean_0_and_variance_1(simulated):
    z_scores, _ = simulated
    # Four standard deviations of a mean (1 / sqrt n) and of a sample variance (sqrt(2 / n)).
    assert abs(z_scores.mean()) < 4 / NUM_FITS**0.5
    assert abs(z_scores.var() - 1) < 4 * (2 / NUM_FITS) ** 0.5


def test_p_values_of_a_true_line_are_uniform(simulated):
    _, p_values = simulated
    shares = np.histogram(p_values, bins=10, range=(0, 1))[0] / NUM_FITS
    assert np.abs(shares - 0.1).max() < 4 * (0.1 * 0.9 / NUM_FITS) ** 0.5  # four standard deviations of a share


def test_a_curved_truth_fitted_by_a_line_has_a_small_p_value():
    curved = 1 + 300 * LRS**2
    errors = np.full(len(LRS), 1e-3)
    assert fit(LRS, curved, errors, degree=1).p_value < 1e-4
    assert fit(LRS, curved, errors, degree=2).p_value == pytest.approx(1)


@pytest.mark.parametrize(("num_points", "degree"), [(1, 0), (2, 1), (3, 2), (0, 0)])
def test_too_few_points_to_test_the_fit_raise(num_points, degree):
    with pytest.raises(ValueError, match=rf"more than degree \+ 1 = {degree + 1} points.*got {num_points}"):
        fit(LRS[:num_points], np.ones(num_points), ERRORS[:num_points], degree=degree)


def test_errors_from_few_samples_excuse_more_of_a_misfit_and_add_up_by_welch_and_satterthwaite():
    generator = np.random.default_rng(0)
    lrs, size, p_values = np.array([1.0, 2.0, 3.0, 4.0]), 6, []
    for _ in range(2000):
        samples = generator.standard_normal((4, size))
        errors = samples.std(1, ddof=1) / size**0.5
        found = fit(lrs, samples.mean(1), errors, degree=1, degrees_of_freedom=size - 1)
        p_values.append(found.p_value)
    # as often below 1 % as it should be, to a factor 2; the p-values of the chi-square test are so four times as often
    assert 0.005 < np.mean(np.array(p_values) < 0.01) < 0.02
    equal = fit(lrs, lrs**2, np.ones(4), degree=1, degrees_of_freedom=size - 1)
    variances = equal.weights**2
    assert equal.degrees_of_freedom == pytest.approx(5 * variances.sum() ** 2 / (variances**2).sum())
    assert math.isinf(fit(lrs, lrs**2, np.ones(4), degree=1).degrees_of_freedom)
