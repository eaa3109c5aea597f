import numpy as np
import pytest

from verify.claim import STATED
from verify.claims.linear_networks.lasso_step import DECAY, FORMULAS, LRS, NUM_DATA, STRENGTH, ratios_at_zero, rest
from verify.estimate import Measurement
from verify.experiment import to_array
from verify.weighted_lasso import weighted_lasso


def test_the_derived_displacement_is_the_slope_of_the_lasso_with_the_corrected_penalties():
    problem, beta, slopes = rest(5)
    support = beta > 0
    assert ((beta == 0) | (beta > STRENGTH)).all()
    inputs, labels = (to_array(data) / NUM_DATA**0.5 for data in (problem.inputs, problem.labels))
    weights, gram = np.sum(inputs**2, 0), inputs.T @ inputs
    fourth = np.sum(inputs**4, 0)
    correction = STRENGTH * gram**2 @ beta + STRENGTH**2 * (3 * weights**2 - 4 * fourth) / 4  # kappa_4 = -2
    lr = 1e-4
    moved = weighted_lasso(inputs, labels, STRENGTH * weights + lr * correction)
    assert (moved - beta)[support] / lr == pytest.approx(slopes[STATED][support], rel=1e-6)
    assert (slopes[STATED][~support] == 0).all()


def test_coefficients_off_the_support_stay_off_it_at_the_largest_step():
    for seed in range(5):
        problem, beta, slopes = rest(seed)
        inputs, labels = (to_array(data) / NUM_DATA**0.5 for data in (problem.inputs, problem.labels))
        weights, gram = np.sum(inputs**2, 0), inputs.T @ inputs
        correlations = gram @ (beta + LRS[0] * slopes[STATED]) - inputs.T @ labels
        mean_squares = correlations**2 + STRENGTH * gram**2 @ beta
        log_rates = -(2 * correlations + STRENGTH * weights)
        log_rates -= LRS[0] * (mean_squares + 2 * STRENGTH * weights * correlations)
        log_rates -= LRS[0] * STRENGTH**2 * (1.5 * weights**2 - np.sum(inputs**4, 0))  # kappa_4 = -2
        assert log_rates[beta == 0].max() < -DECAY / 2
        assert np.abs(log_rates[beta > 0]).max() < 1e-3  # of order eta^2


def test_both_ratios_are_read_off_at_learning_rate_zero():
    size = 2 * len(FORMULAS)
    records = {
        f"lr {lr}": Measurement(np.array([1 + 2 * lr, 1 - lr] + [0] * (size - 2)), 1e-4 * np.eye(size), 50)
        for lr in LRS
    }
    found = ratios_at_zero(records, STATED)
    assert found.values == pytest.approx([1.0, 1.0])
    assert found.targets.tolist() == [1, 1]
    assert 49 < found.degrees_of_freedom < 49 * len(LRS)
