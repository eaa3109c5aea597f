"""Directional derivatives by finite differences, with a bound on their error.

Central differences at steps that fall by 8, with one Richardson extrapolation. Each extrapolation is compared with the
one from larger steps, which shows truncation, and with the one from smaller steps, which shows rounding; the one that
differs least from both is taken, and ten times that difference, plus rounding, bounds its error. Two neighbours, since
one alone may agree by accident.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

STEPS = tuple(8.0**-k / 16 for k in range(9))
"""In units of the direction: from 6e-2 to 4e-9, so that a kink more than 2e-6 away is no obstacle."""
ROUNDING = 1e4 * torch.finfo(torch.float64).eps
"""Relative error allowed in the evaluation of a function: four digits may cancel in it."""
RESOLUTION = 1e-3
"""A difference has converged if its error is below this fraction of the sizes of the function and of its derivative."""
BATCH_ENTRIES = 2**22
"""Functions are evaluated for at most this many entries of theta at once: 32 MiB."""


class Difference(NamedTuple):
    """A directional derivative for N data points.

    Attributes:
        value: The derivative, ``[N]`` or ``[N, K]``, as the function.
        error: A bound on the norm of its error, ``[N]``.
        has_converged: Whether that bound is small, ``[N]``.
        is_smooth: Whether the differences to both sides tend to each other, ``[N]``.
    """

    value: Tensor
    error: Tensor
    has_converged: Tensor
    is_smooth: Tensor


def finite_difference(
    function: Callable[[Tensor, Tensor], Tensor], theta: Tensor, direction: Tensor, inputs: Tensor
) -> Difference:
    """Return the derivative of a function along a direction at theta.

    Args:
        function: (theta, x) -> a number or ``[K]``, evaluated in float64.
        theta: ``[P]``.
        direction: ``[P]``; a change of theta by `STEPS[0]` times this should be neither tiny nor huge.
        inputs: One x for each data point, ``[N, ...]``.
    """
    steps = torch.tensor(STEPS, dtype=theta.dtype, device=theta.device)
    offsets = torch.cat([steps, -steps, torch.zeros_like(steps[:1])])
    chunk = max(1, BATCH_ENTRIES // (len(theta) * len(inputs)))

    def at(offset: Tensor) -> Tensor:
        return vmap(function, in_dims=(None, 0))(theta + offset * direction, inputs)

    values = vmap(at, chunk_size=min(chunk, len(offsets)))(offsets)
    flat = values.reshape(len(offsets), len(inputs), -1)
    ahead, behind, here = flat.split([len(steps), len(steps), 1])
    central = (ahead - behind) / (2 * steps[:, None, None])
    extrapolated = (64 * central[1:] - central[:-1]) / 63
    changes = (extrapolated[1:] - extrapolated[:-1]).norm(dim=-1)
    scale = here[0].norm(dim=-1) + ahead[-1].norm(dim=-1)
    errors = 10 * torch.maximum(changes[1:], changes[:-1]) + ROUNDING * scale / steps[2:-1, None]
    error, best = errors.nan_to_num(nan=torch.inf).min(0)  # a large step may leave the function's domain
    value = extrapolated[1 + best, torch.arange(len(inputs), device=theta.device)]
    # One-sided differences differ by the step times the second derivative, but by a constant at a kink.
    jumps = (ahead - 2 * here + behind).norm(dim=-1) / steps[:, None]
    is_smooth = jumps[4] < torch.maximum(jumps[2] / 8, 1e-6 * scale)
    has_converged = error <= RESOLUTION * (scale + value.norm(dim=-1))
    return Difference(value.reshape(values.shape[1:]), error, has_converged, is_smooth)
