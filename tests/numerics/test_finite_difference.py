import math

import pytest
import torch

from numerics.finite_difference import STEPS, finite_difference
from tests.models import normal

THETA, INPUTS, DIRECTION = normal(0, 5), normal(1, 3, 5), normal(2, 5)


def along_direction(function):
    return finite_difference(function, THETA, DIRECTION, INPUTS)


@pytest.mark.parametrize("frequency", [0.01, 1.0, 10.0, 100.0])
def test_the_error_is_below_its_bound_and_the_bound_is_tight(frequency):
    found = along_direction(lambda theta, x: torch.sin(frequency * (theta @ x)))
    slopes = frequency * (INPUTS @ DIRECTION)
    error = (found.value - slopes * torch.cos(frequency * (INPUTS @ THETA))).abs()
    assert (error <= found.error).all()
    # In the finest pairs of steps truncation and rounding cross near 1e-10 of the slope, times ten; 100 rad per unit of
    # theta leave a hundred times more truncation.
    assert (found.error <= 1e-6 * (1 + slopes.abs())).all()
    assert found.has_converged.all()
    assert found.is_smooth.all()


def test_vectors_are_differentiated_entry_by_entry():
    found = along_direction(lambda theta, x: theta**3 * x)
    assert found.value.shape == (3, 5)
    torch.testing.assert_close(found.value, 3 * THETA**2 * DIRECTION * INPUTS, rtol=1e-8, atol=1e-9)
    assert found.error.shape == (3,)


def test_a_constant_has_the_derivative_zero_and_has_converged():
    found = along_direction(lambda theta, x: 0 * theta.sum() + x.sum())
    assert not found.value.any()
    assert found.has_converged.all()


@pytest.mark.parametrize(("distance", "is_smooth"), [(0.0, False), (STEPS[-1], False), (2e-6, True), (1e-3, True)])
def test_a_kink_closer_than_a_millionth_of_the_direction_counts_and_no_other(distance, is_smooth):
    along = DIRECTION / (DIRECTION @ DIRECTION)
    found = along_direction(lambda theta, x: ((theta - THETA) @ along - distance).abs() + theta @ x)
    slopes = INPUTS @ DIRECTION - 1
    confirmed = found.has_converged & ((found.value[:, None] - slopes[:, None]).norm(dim=1) <= found.error)
    assert (confirmed.all(), confirmed.any()) == (is_smooth, is_smooth)
    if not is_smooth:
        assert not found.is_smooth.any()


def test_a_jump_does_not_converge():
    found = along_direction(lambda theta, x: torch.sign((theta - THETA) @ DIRECTION) + 0 * x.sum())
    assert not found.has_converged.any()


def test_steps_that_leave_the_domain_are_left_out():
    theta = torch.tensor([1e-3], dtype=torch.float64)
    found = finite_difference(lambda at, x: torch.log(at[0]) * x, theta, torch.ones_like(theta), torch.ones(1).double())
    assert float(found.value) == pytest.approx(1e3, rel=1e-6)
    assert (abs(float(found.value) - 1e3) <= found.error).all()


def test_nan_everywhere_does_not_converge():
    found = along_direction(lambda theta, x: (theta + x).sum() * math.nan)
    assert not found.has_converged.any()
