import pytest
import torch

from numerics.convexity_changes import convexity_changes


def slopes(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_cubic_changes_once_and_sine_as_often_as_it_crosses_zero():
    x = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    curves = torch.stack([x**2, x**3, torch.sin(4 * torch.pi * x)], dim=1)
    # Of the sine's zeros the two at the ends are no changes within the interval.
    assert convexity_changes(curves.diff(dim=0), 1e-4).tolist() == [0, 1, 7]


@pytest.mark.parametrize(("least_swing", "expected"), [(0.0, 4), (0.3, 2), (1.9, 2), (2.1, 0)])
def test_small_turns_are_left_out(least_swing, expected):
    assert convexity_changes(slopes(0, 2, 1.8, 3, 1, 1.2, 4), least_swing).item() == expected


def test_a_constant_slope_never_turns():
    assert convexity_changes(slopes(1, 1, 1), 0.0).item() == 0
