import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.func import grad

from numerics.models import product_model
from numerics.problem import Problem
from numerics.slow_flow import descent as descent_of_many
from numerics.slow_flow import slow_flow, slow_path
from numerics.zero_loss_manifold import tangent_projector
from tests.oracles import regulariser

X, VALUE = 0.7, 1.2
PROBLEM = Problem(product_model, torch.tensor([X], dtype=torch.float64), torch.tensor([X * VALUE], dtype=torch.float64))
START = torch.tensor([2.0, VALUE / 2], dtype=torch.float64)


def descent(theta: Tensor) -> Tensor:
    """Return -P grad reg, with reg = x^2 (a^2 + b^2)."""
    return -tangent_projector(PROBLEM, theta) @ grad(lambda at: regulariser(PROBLEM, at))(theta)


def closed_form(time: float) -> Tensor:
    """Return (a, b) at a time.

    On a b = c, P grad reg = 2 x^2 (a^2 - b^2) / (a^2 + b^2) (a, -b), so u = a^2 - b^2 obeys u' = -4 x^2 u, and a^2
    is the positive root of s^2 - u s - c^2.
    """
    u = float(START[0] ** 2 - START[1] ** 2) * math.exp(-4 * X**2 * time)
    a = math.sqrt((u + math.sqrt(u**2 + 4 * VALUE**2)) / 2)
    return torch.tensor([a, VALUE / a], dtype=torch.float64)


def error(time: float, num_steps: int) -> float:
    end = slow_flow(PROBLEM, descent, START, time, num_steps=num_steps)
    return float((end - closed_form(time)).norm())


def test_flow_of_reg_on_a_hyperbola_matches_its_closed_form():
    assert error(1.0, 64) < 1e-8


def test_error_of_the_flow_falls_with_the_fourth_power_of_the_number_of_steps():
    errors = [error(1.0, num_steps) for num_steps in (8, 16, 32)]
    slopes = [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]
    assert slopes[-1] == pytest.approx(4, abs=0.2)


def test_flow_stays_on_the_manifold():
    end = slow_flow(PROBLEM, descent, START, 1.0, num_steps=2)
    assert float(PROBLEM.residuals(end).abs().max()) < 1e-11


def test_flow_for_no_time_stands_still():
    torch.testing.assert_close(slow_flow(PROBLEM, descent, START, 0.0), START)


def test_flow_composes():
    half = slow_flow(PROBLEM, descent, START, 0.5, num_steps=4)
    whole = slow_flow(PROBLEM, descent, START, 1.0, num_steps=8)
    torch.testing.assert_close(slow_flow(PROBLEM, descent, half, 0.5, num_steps=4), whole, rtol=0, atol=1e-12)


def test_the_path_is_the_flow_at_each_time():
    times = [0.2, 0.5, 0.9]
    path = slow_path(PROBLEM, descent, START, times, num_steps=32)
    torch.testing.assert_close(path, torch.stack([closed_form(time) for time in times]), rtol=0, atol=1e-8)
    first = slow_flow(PROBLEM, descent, START, 0.2, num_steps=2)
    torch.testing.assert_close(slow_path(PROBLEM, descent, START, [0.2])[0], first, rtol=0, atol=0)


@pytest.mark.parametrize("num_steps", [0, -1])
def test_flow_without_steps_is_refused(num_steps):
    with pytest.raises(ValueError, match=f"num_steps must be at least 1, got {num_steps}"):
        slow_flow(PROBLEM, descent, START, 1.0, num_steps=num_steps)


def test_the_descent_of_many_is_the_projected_gradient_of_reg_at_each(place):
    problem, theta = place
    starts = torch.stack([theta, theta + 0.1])
    expected = [-tangent_projector(problem, at) @ grad(lambda at: regulariser(problem, at))(at) for at in starts]
    torch.testing.assert_close(descent_of_many(problem)(starts), torch.stack(expected), rtol=1e-9, atol=1e-9)
