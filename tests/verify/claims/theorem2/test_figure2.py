from fractions import Fraction

import numpy as np
import pytest
import torch

from verify.annealed_line import HEIGHTS, INPUTS, LABELS, RANGE
from verify.claims.theorem2.figure2 import SHAPES, corner_depth, shapes
from verify.line_fit import LineFit, Start


def interpolation(corner):
    """Return a fit and the network with units at the kinks 2, 3, 4, 5, 8, 11, or with the corner between 3 and 4."""
    inputs, heights = np.array(INPUTS), np.array(LABELS)
    if corner:
        place = inputs[2] + 4 / 7 * (inputs[1] - inputs[0])
        inputs = np.array([*inputs[:2], place, *inputs[4:]])
        heights = np.array([*heights[:2], -RANGE * 12 / 56, *heights[4:]])
    slopes = np.diff(heights) / np.diff(inputs)
    kinks, changes = inputs[1:-1], np.diff(slopes)
    width = len(kinks)
    theta = [*np.ones(width), *-kinks, *changes, slopes[0], heights[0] - slopes[0] * inputs[0]]
    fit = LineFit(INPUTS, LABELS, width, 2, Start(1.0, 1.0), (), 0)
    return fit, torch.tensor(theta)[:, None]


def test_corner_is_twelve_sevenths_of_a_unit_deep():
    assert corner_depth(HEIGHTS) == Fraction(12, 7)


@pytest.mark.parametrize(("corner", "depth"), [(False, 0), (True, 12 / 56)])
def test_the_interpolation_and_its_corner_have_the_shape(corner, depth):
    found = dict(zip(SHAPES, shapes(*interpolation(corner))[:, 0].tolist(), strict=True))
    assert found["stated"] == pytest.approx(0, abs=1e-12)
    assert found["depth"] == found["chord"] == found["arch"] == pytest.approx(depth, abs=1e-12)
