import numpy as np
import pytest

from verify.annealed_line import HEIGHTS, LABELS, QUICK, RANGE, SNAPSHOTS, legs, prolonged, with_weaker_noise


def drift(schedule):
    """Return what the drift along the manifold is proportional to: the sum of eta^2 sigma^2 over the steps."""
    return sum(steps * (lr * noise) ** 2 for lr, noise, steps in schedule)


def test_weaker_noise_for_longer_drifts_as_far():
    assert drift(with_weaker_noise(QUICK.noisy)) == pytest.approx(drift(QUICK.noisy), rel=1e-12)


def test_a_prolonged_schedule_drifts_farther_by_its_factor():
    assert drift(prolonged(QUICK.noisy, 4)) == pytest.approx(4 * drift(QUICK.noisy), rel=1e-12)


def test_the_last_leg_alone_is_looked_at_at_equal_distances():
    *others, last = legs(QUICK.noisy)
    assert [len(leg.times) for leg in others] == [1] * (len(QUICK.noisy) - 1)
    assert set(np.diff([0, *last.times])) == {QUICK.noisy[-1][2] // SNAPSHOTS}


def test_the_range_is_that_of_the_labels():
    assert max(LABELS) - min(LABELS) == RANGE
    assert len(LABELS) == len(HEIGHTS) == 12
