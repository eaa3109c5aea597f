"""How often a function on the line changes between convex and concave."""

from __future__ import annotations

import torch
from torch import Tensor


def convexity_changes(slopes: Tensor, least_swing: float) -> Tensor:
    """Return how often the slope turns from rising to falling or back, ``[R]``, small turns left out.

    A turn counts once the slope has come back by more than ``least_swing`` from its extreme value. Of a polyline whose
    slopes are those between neighbouring places of a grid, this is the number of changes of convexity: a kink between
    two places puts a slope between its neighbours', which is no turn.

    Args:
        slopes: From left to right, ``[K, R]``.
        least_swing: In units of the slopes, >= 0.
    """
    low = high = slopes[0]
    direction = torch.zeros_like(low)  # +1: rising, -1: falling, 0: not known yet
    turns = torch.zeros(slopes.shape[1], dtype=torch.int64, device=slopes.device)
    for slope in slopes[1:]:
        low, high = torch.minimum(low, slope), torch.maximum(high, slope)
        rises, falls = slope - low > least_swing, high - slope > least_swing
        turned = torch.where(
            direction > 0, -falls.to(slope.dtype), torch.where(direction < 0, rises.to(slope.dtype), 0)
        )
        turns += turned != 0
        first = torch.where(direction == 0, rises.to(slope.dtype) - falls.to(slope.dtype), 0)
        changed = (turned + first) != 0
        direction = torch.where(changed, turned + first, direction)
        # After a turn only what comes next counts; while the slope rises, its lows do not matter, and so on.
        low = torch.where(changed | (direction > 0), slope, low)
        high = torch.where(changed | (direction < 0), slope, high)
    return turns
