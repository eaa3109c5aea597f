import numpy as np
import pytest

from verify.claims.theorem2.figure3 import SHORTEST
from verify.claims.theorem2.figure3_clock import GROWTH, exponent, log_drop_time
from verify.estimate import Measurement, pooled


def test_drop_time_of_a_known_curve():
    steps = 100 * GROWTH ** np.arange(200)
    curve = np.interp(np.log(steps), np.log([1000, 4000]), [SHORTEST + 0.5, SHORTEST])  # half-way at 2000
    assert log_drop_time(steps, curve[:, None]) == pytest.approx(np.log(2000), abs=1e-10)


def test_a_drop_that_has_not_come_has_no_time():
    assert np.isnan(log_drop_time(np.arange(1.0, 50.0), np.full((49, 2), SHORTEST + 1)))


def test_the_exponent_of_a_power_law_is_found_with_the_jackknife_error_over_pairs():
    generator, lrs = np.random.default_rng(0), (0.01, 0.005, 0.0025)
    noise = 0.1 * generator.standard_normal((len(lrs), 8))

    def record(lr, noise):
        parts = [noise.mean(), *(np.delete(noise, k).mean() for k in range(8))]
        logs = -2 * np.log(lr) + np.array(parts)
        series = {"lr": np.array(lr), "width": np.array(3), "num_runs": np.array(16), "noise": np.array(1.0)}
        return Measurement(logs, np.zeros((9, 9)), 8, series=series)

    exact = exponent({"stated": -2.0}, {f"lr {lr}": record(lr, np.zeros(8)) for lr in lrs}, "stated")
    assert exact.values == pytest.approx([-2.0], abs=1e-12)
    found = exponent(
        {"stated": -2.0}, {f"lr {lr}": record(lr, row) for lr, row in zip(lrs, noise, strict=True)}, "stated"
    )
    slopes = np.polyfit(np.log(lrs), noise, 1)[0]  # of each pair; the estimate is linear in them
    assert found.values == pytest.approx([-2 + slopes.mean()], abs=1e-12)
    assert found.standard_errors == pytest.approx([slopes.std(ddof=1) / 8**0.5], rel=1e-9)
    second = 0.1 * generator.standard_normal((len(lrs), 8))
    both = {
        f"lr {lr}": pooled([record(lr, row), record(lr, other)])
        for lr, row, other in zip(lrs, noise, second, strict=True)
    }
    slopes = np.polyfit(np.log(lrs), (noise + second) / 2, 1)[0]  # of two rounds: each value is the mean of two pairs'
    found = exponent({"stated": -2.0}, both, "stated")
    assert found.standard_errors == pytest.approx([slopes.std(ddof=1) / 8**0.5], rel=1e-9)
    assert found.degrees_of_freedom == 7
