import numpy as np
import pytest

from verify.weighted_lasso import weighted_lasso


def problem(seed: int):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((6, 15)), generator.standard_normal(6), generator.uniform(0.5, 2.0, 15)


def objective(inputs, labels, weights, beta) -> float:
    return float(((inputs @ beta - labels) ** 2).sum() + weights @ beta)


@pytest.mark.parametrize("seed", range(5))
def test_no_feasible_point_nearby_is_better(seed):
    inputs, labels, weights = problem(seed)
    beta = weighted_lasso(inputs, labels, weights)
    least, generator = objective(inputs, labels, weights, beta), np.random.default_rng(seed)
    assert (beta >= 0).all()
    assert beta.any()
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(50):
            other = np.maximum(beta + size * generator.standard_normal(len(beta)), 0)
            assert objective(inputs, labels, weights, other) >= least - 1e-12


def test_orthonormal_inputs_are_thresholded_by_half_the_weight():
    labels, weights = np.array([1.0, 0.3, -2.0]), np.array([0.4, 1.0, 0.4])
    assert weighted_lasso(np.eye(3), labels, weights) == pytest.approx([0.8, 0.0, 0.0])


def test_large_weights_leave_nothing():
    inputs, labels, weights = problem(0)
    assert not weighted_lasso(inputs, labels, 1e3 * weights).any()


def test_negative_weights_are_refused():
    inputs, labels, weights = problem(0)
    with pytest.raises(ValueError, match="weights must be >= 0, got -"):
        weighted_lasso(inputs, labels, -weights)
