from __future__ import annotations

import numpy as np
import pytest

from theory.drift import derive
from verify import places
from verify.claim import STATED, MeasuredClaim
from verify.claims.kink import CLAIMS, KinkExperiment, push_ratio
from verify.estimate import Measurement
from verify.experiment import placed
from verify.lowering.drift import drift_field

PUSH = np.array([3.0, 4.0])


def record(mean: np.ndarray, lr: float) -> Measurement:
    predictions = {STATED: PUSH, "half": PUSH / 2}
    return Measurement(mean, 1e-4 * np.eye(2), 100, predictions, {"lr": np.array(lr)})


def experiment() -> KinkExperiment:
    (claim,) = (claim for claim in CLAIMS if isinstance(claim, MeasuredClaim))
    assert isinstance(claim.experiment, KinkExperiment)
    return claim.experiment


def test_the_ratio_is_taken_along_the_push_at_each_learning_rate():
    sideways = np.array([-4.0, 3.0])
    found = push_ratio({"b": record(1.1 * PUSH + sideways, 0.2), "a": record(PUSH, 0.1)}, STATED)
    np.testing.assert_allclose(found.values, [1, 1.1])
    np.testing.assert_allclose(found.standard_errors, 0.01 / 5)
    assert found.num_samples == 200


def test_another_formula_is_off_by_its_difference():
    np.testing.assert_allclose(push_ratio({"a": record(PUSH, 0.1)}, "half").values, [1.5])


def test_the_push_goes_with_the_power_three_halves_and_turns_the_unit_off():
    kink = experiment()
    problem, theta = placed(places.kink, "cpu")
    smooth = drift_field(derive(kink.choice.symbolic, kink.scaling), kink.choice, problem, 0.01)(theta)
    pushes = {lr: kink.predictions(smooth, problem, theta, lr)[STATED] for lr in (1e-6, 4e-6)}
    np.testing.assert_allclose(pushes[4e-6], 8 * pushes[1e-6], rtol=1e-5)  # 1 - eta gamma is 1 to 1e-5
    assert pushes[1e-6][places.KINK_UNIT_BIAS] < 0
    assert not np.asarray(smooth).any()


@pytest.mark.parametrize("place", [places.kink, places.beside_the_kink])
def test_the_prediction_is_for_the_kink_wherever_the_world_starts(place):
    kink = experiment()
    problem, theta = place()
    expected = kink.predictions(0 * theta, *places.kink(), 0.01)[STATED]
    np.testing.assert_allclose(kink.predictions(0 * theta, problem, theta, 0.01)[STATED], expected)
