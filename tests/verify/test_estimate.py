from __future__ import annotations

import numpy as np
import pytest

from verify.estimate import Estimate, Measurement, pooled

PREDICTIONS = {"stated": np.array([1.0, 2.0, 3.0])}
SERIES = {"lr": np.array(0.1)}


def measured(samples: np.ndarray) -> Measurement:
    covariance = np.cov(samples) / samples.shape[1]
    return Measurement(samples.mean(1), covariance, samples.shape[1], PREDICTIONS, SERIES)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("sizes", [(5, 5), (3, 40, 7), (12,)])
def test_the_pooled_mean_is_the_mean_of_all_samples(sizes):
    samples = normal(3, sum(sizes))
    parts = np.split(samples, np.cumsum(sizes)[:-1], axis=1)
    both = pooled([measured(part) for part in parts])
    assert both.num_samples == sum(sizes)
    np.testing.assert_allclose(both.mean, samples.mean(1), rtol=0, atol=1e-15)  # rounding of a sum of O(1) numbers


def test_the_pooled_covariance_is_that_of_all_samples_when_the_parts_have_one_mean():
    # Two parts of n/2 samples have n - 2 degrees of freedom together, all samples n - 1: an exact ratio.
    parts = [part - part.mean(1, keepdims=True) for part in np.split(normal(3, 20), 2, axis=1)]
    both, whole = pooled([measured(part) for part in parts]), measured(np.concatenate(parts, axis=1))
    np.testing.assert_allclose(both.covariance * 18 / 19, whole.covariance, rtol=1e-13)


def test_parts_of_known_covariance_per_sample_pool_to_that_covariance_over_all_samples():
    per_sample = np.array([[2.0, 0.5], [0.5, 1.0]])
    parts = [Measurement(np.zeros(2), per_sample / n, n) for n in (10, 30, 60)]
    np.testing.assert_allclose(pooled(parts).covariance, per_sample / 100, rtol=1e-14)


def test_a_part_weighs_as_much_as_it_has_samples():
    parts = [Measurement(np.array([value]), np.eye(1), n) for value, n in ((0.0, 30), (1.0, 10))]
    both = pooled(parts)
    assert both.mean == 1 / 4
    assert both.covariance == (3 / 4) ** 2 + (1 / 4) ** 2


def test_pooling_keeps_predictions_and_series():
    both = pooled([measured(normal(3, 8)), measured(normal(3, 8))])
    assert both.predictions["stated"] is PREDICTIONS["stated"]
    assert both.series is SERIES


def test_predictions_that_differ_are_averaged_as_the_means_are():
    parts = [
        Measurement(np.array([found]), np.eye(1), n, {"stated": np.array([predicted]), "none": np.array([np.nan])})
        for found, predicted, n in ((2.0, 2.0, 30), (6.0, 6.0, 10))
    ]
    both = pooled(parts)
    assert both.predictions["stated"] == both.mean == 3.0
    assert np.isnan(both.predictions["none"])


@pytest.mark.parametrize(
    ("mean", "covariance"),
    [(1.0, 1.0), (np.ones(2), np.ones(2)), (np.ones(2), np.eye(3)), (np.ones((2, 1)), np.eye(2))],
)
def test_a_mean_goes_with_its_covariance(mean, covariance):
    with pytest.raises(ValueError, match=r"mean must be \[C\] and covariance \[C, C\], got"):
        Measurement(mean, covariance, 10)


@pytest.mark.parametrize(
    ("values", "errors", "targets"),
    [(1.0, 0.1, 1.0), (np.ones(2), np.ones(2), np.ones(3)), (np.ones(2), np.ones(1), np.ones(2))],
)
def test_every_value_has_its_error_and_its_target(values, errors, targets):
    with pytest.raises(ValueError, match="must be arrays of one shape"):
        Estimate(values, errors, targets, 10)
