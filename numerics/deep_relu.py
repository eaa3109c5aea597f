"""ReLU networks of any depth on the line, with a linear unit beside them; with one hidden layer, those of Theorem 2."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.func import vmap

from numerics.models import with_linear_unit
from numerics.problem import Model


@cache
def network(widths: tuple[int, ...]) -> Model:
    """Return the network with hidden layers of these widths, always the same function, so that it is compiled once.

    theta holds W ``[out, in]`` and b ``[out]`` layer by layer, then the output weights, then v and b of the linear
    unit v x + b.
    """

    def hidden(theta: Tensor, x: Tensor) -> Tensor:
        values, at = x, 0
        for num_in, num_out in pairwise((1, *widths)):
            weights, rest = theta[at : at + num_in * num_out], at + num_in * num_out
            at = rest + num_out
            values = torch.relu((weights.reshape(num_out, num_in) * values).sum(-1) + theta[rest:at])
        return (theta[at:] * values).sum()

    return with_linear_unit(hidden, 1)


def random_start(widths: tuple[int, ...], num_replicas: int, *, gain: float, seed: int) -> Tensor:
    """Return parameters of `network`, ``[P, R]``: all normal, but for the linear unit, which is 0.

    Weights have the variance gain^2 2 / fan-in, biases 1, so that there are kinks between -1 and 1, and output weights
    1 / fan-in.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(num_rows: int, std: float) -> Tensor:
        return std * torch.randn(num_rows, num_replicas, dtype=torch.float64, generator=generator)

    layers = [
        part
        for num_in, num_out in pairwise((1, *widths))
        for part in (normal(num_in * num_out, gain * (2 / num_in) ** 0.5), normal(num_out, 1.0))
    ]
    return torch.cat([*layers, normal(widths[-1], widths[-1] ** -0.5), normal(2, 0.0)])


def heights(widths: tuple[int, ...], theta: Tensor, places: Tensor) -> Tensor:
    """Return each network's values at places ``[K]``, ``[K, R]``, for parameters ``[P, R]``."""
    return vmap(vmap(network(widths), in_dims=(None, 0)), in_dims=(-1, None), out_dims=-1)(theta, places[:, None])
