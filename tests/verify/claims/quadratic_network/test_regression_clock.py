import numpy as np
import pytest

from verify.claim import STATED
from verify.claims.quadratic_network.regression_clock import exponents
from verify.estimate import Measurement

LRS = (0.004, 0.002, 0.001)


def records(powers, scatter):
    """Return log times of six starts that are proportional to powers of the learning rate, plus ``[lrs, 2 * 6]``."""
    logs = np.log(LRS)[:, None] * np.repeat(powers, 6) + scatter
    return {f"lr {lr:g}": Measurement(row, np.zeros((12, 12)), 6) for lr, row in zip(LRS, logs, strict=True)}


def test_the_exponents_of_two_power_laws_are_found():
    starts = np.random.default_rng(0).standard_normal(12)  # a start's own factor is no error of its exponent
    found = exponents({STATED: (-2, -1)}, records((-2, -1), starts), STATED)
    assert found.values == pytest.approx([-2, -1], abs=1e-12)
    assert found.standard_errors == pytest.approx([0, 0], abs=1e-12)
    assert found.targets.tolist() == [-2, -1]


def test_the_error_is_the_scatter_of_the_starts_own_slopes():
    scatter = np.random.default_rng(1).standard_normal((3, 12))
    found = exponents({STATED: (-2, -1)}, records((-2, -1), scatter), STATED)
    slopes = np.polyfit(np.log(LRS), scatter, 1)[0].reshape(2, 6)
    assert found.values == pytest.approx(np.array([-2, -1]) + slopes.mean(1))
    assert found.standard_errors == pytest.approx(slopes.std(1, ddof=1) / 6**0.5)
