from dataclasses import replace

import numpy as np
import pytest
import torch

from numerics.ensemble import State
from numerics.rounding import DOUBLE_BITS, SINGLE_BITS, ToNearest
from verify import places
from verify.claim import STATED, Context
from verify.claims.precision.paths import CLAIMS, FULL, Paired, kept, relative_difference
from verify.decision import Verdict, verdicts
from verify.estimate import Measurement
from verify.experiment import World

WORLDS = {
    "all-digits": World(replace(FULL, step=ToNearest(DOUBLE_BITS))),
    "24-digits": World(replace(FULL, step=ToNearest(SINGLE_BITS))),
}
EXPERIMENT = Paired(place=places.single_tanh, choice=FULL, lrs=(0.02, 0.01), num_replicas=1024, worlds=WORLDS)


def test_a_state_in_another_precision_keeps_its_step_and_its_velocity():
    theta = torch.ones(2, 4, dtype=torch.float64) / 3
    found = kept(State(theta, 7, 2 * theta), torch.float32)
    assert torch.equal(found.theta, theta.float())
    assert found.velocity is not None
    assert torch.equal(found.velocity, 2 * theta.float())
    assert found.step == 7
    assert kept(State(theta, 0), torch.float32).velocity is None


def test_steps_that_keep_all_digits_do_not_differ():
    _, path, difference = EXPERIMENT.paths("all-digits", Context(), 0.02, [10])
    assert path.shape == difference.shape == (1, 32, 1024)
    assert float(difference.abs().max()) < 1e-14


@pytest.mark.parametrize("world", [STATED, "24-digits"])
def test_steps_in_single_precision_differ_by_units_in_its_last_place(world):
    _, _, difference = EXPERIMENT.paths(world, Context(), 0.02, [10])
    # Ten errors of up to half a unit, 2^-25 or 2^-24 in most parameters, some of which decay.
    assert 2.0**-26 < float(difference.square().mean().sqrt()) < 2.0**-21


def test_a_world_takes_the_largest_learning_rate_only():
    assert list(EXPERIMENT.jobs(STATED, Context())) == ["lr 0.02", "lr 0.01"]
    assert list(EXPERIMENT.jobs("24-digits", Context())) == ["lr 0.02"]


def record(mean: list[float]) -> Measurement:
    """Return a measurement whose drift, of length .01, lies along the first of two tangent directions of three."""
    predictions = {STATED: np.zeros(3), "drift": np.array([0.01, 0.0, 0.0]), "lost": np.array([-0.01, 0.0, 0.0])}
    series = {"lr": np.array(0.1), "tangent": np.diag([1.0, 1.0, 0.0]), "small": np.array([1.0, 0.0, 0.0])}
    return Measurement(np.array(mean), 1e-18 * np.eye(3), 100, predictions, series)


def test_differences_are_in_millionths_of_the_drift_along_it_first():
    found = relative_difference({"lr 0.1": record([2e-8, -5e-8, 1.0])}, STATED)
    np.testing.assert_allclose(found.values[0], 2)
    np.testing.assert_allclose(abs(found.values[1:]), [5])
    np.testing.assert_allclose(found.standard_errors, [0.1, 0.1])
    assert not found.targets.any()
    assert found.note.endswith("the drift per step is below half a unit in 1 of 3 parameters")


@pytest.mark.parametrize("mean", [[2e-7, 0.0, 0.0], [0.0, 2e-7, 0.0]], ids=["along", "across"])
def test_twenty_millionths_of_the_drift_are_refuted(mean):
    margin = CLAIMS[0].margin
    found = [relative_difference({"lr 0.1": record(at)}, STATED) for at in ([0.0, 0.0, 0.0], mean)]
    assert verdicts(found, [margin, margin], 0.01) == [Verdict.CONFIRMED, Verdict.REFUTED]
