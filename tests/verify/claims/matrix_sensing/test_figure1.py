from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from verify.claim import STATED, Context
from verify.claims.matrix_sensing import clock, figure1, floor, num_data
from verify.claims.matrix_sensing.clock import Clock, exponent
from verify.claims.matrix_sensing.figure1 import SHARE, STARTS, TEST, Plateau, Recovery, by_start, fractions
from verify.claims.matrix_sensing.num_data import first_measurements, threshold, thresholds
from verify.estimate import pooled
from verify.scatter import of_samples
from verify.sensing import SMALL, random_problems

TINY = replace(SMALL, dimension=5, rank=1, num_data=7, num_steps=400, num_quiet=1500, num_problems=1, num_jobs=3)


@pytest.fixture
def _tiny(monkeypatch):
    """A size that takes no time, in three jobs."""
    monkeypatch.setattr(figure1, "SIZES", {"quick": TINY})


@pytest.mark.parametrize("power", [-2.0, -1.0])
def test_exponent_of_a_power_law_is_its_power(power):
    lrs, factors = (0.01, 0.02, 0.05), np.array([1.0, 3.0, 10.0])
    records = {f"lr {lr:g}": of_samples(np.log(factors * lr**power)) for lr in lrs}
    found = exponent({STATED: -2.0}, records, STATED)
    np.testing.assert_allclose(found.values, [power])
    assert found.standard_errors[0] < 1e-12


def test_numbers_of_measurements_that_determine_a_matrix():
    # d = 2, r = 1: the cone is the plane tangent to the rank-one matrices times a ray: dimension 2.5 of 3.
    assert thresholds(2, 1) == {STATED: 2.5, "unknowns": 3.0, "rank-manifold": 2.0}
    # At full rank there is no constraint: as many measurements as unknowns.
    assert thresholds(4, 4)[STATED] == thresholds(4, 4)["unknowns"] == 10
    # The paper's n = 2500 lies 10 % below.
    assert thresholds(100, 5)[STATED] == 2770


def test_first_measurements_are_those_of_the_problem():
    (whole,) = random_problems(5, 1, 8, 1, Context(), "test")
    part = first_measurements(whole, 3)
    np.testing.assert_array_equal(part.problem.inputs, whole.problem.inputs[:3])
    np.testing.assert_array_equal(part.problem.labels, whole.problem.labels[:3])


def test_threshold_is_found_where_the_ratio_falls_through_the_level(monkeypatch):
    monkeypatch.setattr(num_data, "SHARES", (0.5, 1.0, 1.5))
    logs = np.log(num_data.LEVEL) + np.array([[2.0, 1.0], [1.0, -1.0], [-1.0, -3.0]])
    records = {
        f"{k}": replace(of_samples(row), predictions={STATED: np.array(1.0), "unknowns": np.array(2.0)})
        for k, row in enumerate(logs)
    }
    np.testing.assert_allclose(threshold(records, STATED).values, [(1.25 + 0.75) / 2])
    np.testing.assert_allclose(threshold(records, "unknowns").values, [0.5])


@pytest.mark.usefixtures("_tiny")
def test_recovery_compares_both_starts_over_all_problems():
    experiment = Recovery({STATED: 1.0, "stopped": 0.5})
    records = {name: job() for name, job in experiment.jobs(STATED, Context()).items()}
    assert list(records) == [f"{start} {k}" for start in STARTS for k in range(3)]
    assert by_start(records, 4).shape == (3, 8)
    found = fractions(records, STATED)
    assert found.num_samples == 6
    assert found.degrees_of_freedom == 2
    assert set(fractions(records, "plateau").targets) == {0.0, 1 / SHARE}
    series = records["identity 0"].series
    last = np.mean(series["identity noisy"][-10:, TEST])
    assert last / (SHARE * series["identity quiet"][-1, TEST]) == pytest.approx(records["identity 0"].mean[0])
    for start in STARTS:
        assert found.series[f"{start} noisy"].shape == (len(found.series[f"{start} time"]), 5)


@pytest.mark.usefixtures("_tiny")
def test_two_rounds_are_other_problems_whose_averages_count():
    experiment = Plateau({STATED: 1.0})
    first, second = (
        {name: job() for name, job in experiment.jobs(STATED, Context(round=number)).items()} for number in (0, 1)
    )
    both = {name: pooled([first[name], second[name]]) for name in first}
    np.testing.assert_allclose(by_start(both, 1), (by_start(first, 1) + by_start(second, 1)) / 2)
    assert not np.allclose(by_start(first, 1), by_start(second, 1))


def test_a_clock_beyond_the_bound_on_the_batchs_noise_is_an_error(monkeypatch):
    monkeypatch.setattr(clock, "NUM_QUIET", 100)
    with pytest.raises(ArithmeticError, match="eta rho / B = 0"):
        Clock({STATED: 0.0}, num_problems=3).measure(STATED, Context(), 0.02, 0.02)


def test_a_world_of_louder_noise_has_the_stated_floor_as_its_unit():
    experiment = floor.Floor((0.05,), {STATED: 1.0, "louder": 3.0}, num_problems=4, num_looks=30)
    louder = experiment.measure("louder", Context(), 0.05)
    assert 9 < louder.mean.mean() < 30  # 3^2, and more: noise so strong leaves the leading order behind
