from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from numerics.flow import flow, midpoint_steps
from tests.models import normal

MATRIX = normal(0, 4, 4)
START = normal(1, 4)
EXACT = torch.linalg.matrix_exp(MATRIX) @ START


def linear(theta: Tensor) -> Tensor:
    return MATRIX @ theta


def logistic(theta: Tensor) -> Tensor:
    """The logistic equation, whose flow is elementary."""
    return theta * (1 - theta)


def logistic_flow(theta: Tensor, time: float | Tensor) -> Tensor:
    growth = torch.as_tensor(time, dtype=theta.dtype).exp()
    return theta * growth / (1 + theta * (growth - 1))


def test_the_flow_matches_the_matrix_exponential():
    # 32 steps of 17 evaluations, each rounded at 1e-16.
    torch.testing.assert_close(flow(linear, START, 1.0, num_steps=32), EXACT, rtol=1e-12, atol=1e-13)


def test_the_flow_matches_a_nonlinear_solution():
    start = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    torch.testing.assert_close(flow(logistic, start, 1.5, num_steps=64), logistic_flow(start, 1.5), rtol=1e-13, atol=0)


def test_the_error_is_of_order_8():
    errors = [float((flow(linear, START, 1.0, num_steps=n) - EXACT).norm()) for n in (2, 4, 8)]
    for coarse, fine in pairwise(errors):
        assert 2**7 < coarse / fine < 2**9.5


def test_every_row_has_a_time_of_its_own():
    start = torch.tensor([[0.2], [0.2], [0.9]], dtype=torch.float64)
    times = torch.tensor([[0.0], [0.7], [0.3]], dtype=torch.float64)
    together = flow(logistic, start, times, num_steps=8)
    torch.testing.assert_close(together, logistic_flow(start, times), rtol=1e-13, atol=0)


def test_no_step_raises():
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        flow(linear, START, 1.0, num_steps=0)


def test_midpoint_steps_are_of_order_2():
    errors = [float((midpoint_steps(linear, START, 1 / n, n) - EXACT).norm()) for n in (64, 128)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)


def test_one_midpoint_step_is_the_flow_to_second_order():
    expected = START + 0.1 * MATRIX @ START + 0.005 * MATRIX @ MATRIX @ START
    torch.testing.assert_close(midpoint_steps(linear, START, 0.1, 1), expected, rtol=1e-14, atol=1e-15)
