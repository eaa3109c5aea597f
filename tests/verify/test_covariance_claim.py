from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.models import tanh_place
from verify.claim import STATED, Context
from verify.covariance_claim import CovarianceExperiment, covariance_ratio, covariance_ratio_at_zero_lr
from verify.decision import Verdict, verdicts
from verify.estimate import Estimate, Measurement
from verify.lowering.rule import RuleChoice
from verify.lowering.stability import stability_limit

GAMMA = np.array([3.0, 2.0, 0.5])
STATED_MOMENTS = np.array([[2.0, 0.3, -0.2], [0.3, 1.0, 0.1], [-0.2, 0.1, 0.5]])
LRS = (0.04, 0.03, 0.02, 0.015, 0.01)
CHOICE = RuleChoice(noise_std=0.5)
EXPERIMENT = CovarianceExperiment(tanh_place, CHOICE, LRS[2:], num_replicas=256, num_observations=2, formulas={})


def record(moments: np.ndarray, lr: float = 0.01, se: float = 1e-3) -> Measurement:
    predictions = {STATED: STATED_MOMENTS.ravel(), "half": STATED_MOMENTS.ravel() / 2, "diagonal": np.diag(GAMMA)}
    covariance = se**2 * np.eye(9)
    return Measurement(moments.ravel(), covariance, 100, predictions, {"lr": np.array(lr), "gamma": GAMMA})


def verdict(found: Estimate) -> Verdict:
    return verdicts([found], [0.01], 0.005)[0]


def test_the_predicted_moments_are_whitened_to_the_identity():
    found = covariance_ratio({"one": record(STATED_MOMENTS)}, STATED)
    # The mean of the diagonal, the diagonal, and what stands above it.
    np.testing.assert_allclose(found.values, [1, 1, 1, 1, 0, 0, 0], atol=1e-14)
    np.testing.assert_array_equal(found.targets, [1, 1, 1, 1, 0, 0, 0])
    assert verdict(found) is Verdict.CONFIRMED


def test_moments_that_are_too_large_by_a_factor_are_off_by_that_factor():
    found = covariance_ratio({"one": record(1.05 * STATED_MOMENTS)}, STATED)
    np.testing.assert_allclose(found.values, [1.05] * 4 + [0] * 3, atol=1e-14)
    assert verdict(found) is Verdict.REFUTED
    assert verdict(covariance_ratio({"one": record(STATED_MOMENTS)}, "half")) is Verdict.REFUTED


def test_one_wrong_entry_is_refuted_although_the_mean_of_the_diagonal_is_right():
    rotated = STATED_MOMENTS.copy()
    rotated[0, 1] = rotated[1, 0] = -rotated[0, 1]
    assert verdict(covariance_ratio({"one": record(rotated)}, STATED)) is Verdict.REFUTED


def test_standard_errors_follow_from_the_covariance_of_the_measured_moments():
    predicted = np.diag([4.0, 1.0, 0.25])
    whole = replace(record(predicted), predictions={STATED: predicted.ravel()})
    found = covariance_ratio({"one": whole}, STATED)
    # Entry jk is divided by the root of s_j s_k: 4, 1, 1/4 on the diagonal; 2, 1, 1/2 above it.
    scales = np.array([1 / 4, 1, 4, 1 / 2, 1, 2])
    np.testing.assert_allclose(found.standard_errors[1:], 1e-3 * scales, rtol=1e-13)
    assert found.standard_errors[0] == pytest.approx(1e-3 / 3 * np.linalg.norm(scales[:3]), rel=1e-13)


def test_moments_that_approach_their_limit_by_a_parabola_are_extrapolated_to_it():
    measurements = {f"{lr}": record((1 + 2 * lr - 9 * lr**2) * STATED_MOMENTS, lr) for lr in LRS}
    found = covariance_ratio_at_zero_lr(measurements, STATED)
    np.testing.assert_allclose(found.values, [1, 1, 1, 1, 0, 0, 0], atol=1e-11)  # weights of a fit of degree 2: 1e3
    assert found.misfit == pytest.approx(1)
    assert found.num_samples == 500
    assert found.note.startswith("slope of the mean ratio +2.00 +- ")


def test_preflight_raises_above_the_limit_of_stability_and_off_the_manifold():
    EXPERIMENT.preflight()
    problem, theta = tanh_place()
    limit = stability_limit(CHOICE.symbolic, problem, theta, CHOICE.values(problem, 0.1))
    with pytest.raises(ValueError, match=rf"above the limit of mean-square stability, {limit:.4g}"):
        replace(EXPERIMENT, lrs=(0.01, 1.1 * limit)).preflight()
    with pytest.raises(ValueError, match="theta is not on the zero-loss manifold"):
        replace(EXPERIMENT, place=lambda: (problem, theta + 0.1)).preflight()


def test_there_is_one_job_for_each_learning_rate():
    assert list(EXPERIMENT.jobs(STATED, Context())) == ["lr 0.02", "lr 0.015", "lr 0.01"]
