import numpy as np
import pytest

from numerics.schedule import StepDecay
from verify.claims.update_rules.schedule_drift import CHOICES, NUM_STEPS, ratio_at_zero_noise, scheduled_claim
from verify.estimate import Measurement


def record(variance: float, mean: np.ndarray) -> Measurement:
    predictions = {"stated": np.array([0.0, 2.0, 0.0]), "leading": np.array([0.0, 1.6, 0.0])}
    series = {"variance": np.array(variance), "tangent": np.diag([0.0, 1.0, 1.0]), "rates": np.ones(5)}
    return Measurement(mean, 1e-6 * np.eye(3), 100, predictions, series)


def test_what_vanishes_with_the_noise_is_extrapolated_away():
    """The deviation here is 3 times the variance along the drift and beside it; normal directions do not count."""
    records = {f"std {v}": record(v, np.array([v, 2.0 * (1 + 3 * v), 6 * v])) for v in (0.04, 0.01, 0.0025)}
    found = ratio_at_zero_noise(records, "stated")
    assert found.values == pytest.approx([1.0, 0.0], abs=1e-12)
    assert found.targets.tolist() == [1.0, 0.0]
    assert ratio_at_zero_noise(records, "leading").values[0] == pytest.approx(1.25)


def test_each_strength_of_the_noise_is_a_simulation_of_its_own():
    experiment = scheduled_claim("step").experiment
    assert [experiment.at_noise(std).choice.noise_std for std in experiment.noise_stds] == [0.2, 0.1, 0.05]
    assert CHOICES["step"].schedule == StepDecay(NUM_STEPS)


def test_the_exponential_schedule_ends_at_a_hundredth():
    schedule = CHOICES["exponential"].schedule
    assert schedule(NUM_STEPS) == pytest.approx(0.01)
