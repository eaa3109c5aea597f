"""Means of the iterates of randomly chosen maps of a square, or a cube, into itself: no sampling error.

E[theta_n] as a function of the start obeys u_{n+1}(theta) = E[u_n(step_k(theta))], u_0(theta) = theta. On Chebyshev
nodes, with interpolation between them, that is a matrix: its error falls exponentially with the number of nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import permutations, product
from typing import Literal

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]
"""From points ``[M, P]`` to points ``[M, P]``."""
Order = Literal["reshuffle", "iid"]


def sequences(num_maps: int, order: Order) -> list[tuple[int, ...]]:
    """Return the equally likely sequences of one epoch: all orders of the maps, or all draws with replacement."""
    numbers = range(num_maps)
    return list(permutations(numbers) if order == "reshuffle" else product(numbers, repeat=num_maps))


def mean_after_epoch(steps: Sequence[Map], start: Tensor, order: Order) -> Tensor:
    """Return the mean of theta after as many steps as there are maps, ``[M, P]``, over all sequences, in doubles."""
    found = [reduce(lambda at, k: steps[k](at), chosen, start) for chosen in sequences(len(steps), order)]
    return torch.stack(found).double().mean(0)


def mean_iterate(steps: Sequence[Map], start: Tensor, num_epochs: int, order: Order, *, num_nodes: int = 20) -> Tensor:
    """Return the mean of theta after epochs of as many steps as there are maps, ``[M, P]``, in double precision.

    Args:
        steps: Maps of the cube [-1, 1]^P into itself.
        start: Where the iterates start, ``[M, P]``, in the cube.
        num_epochs: Number of epochs.
        order: ``reshuffle``: each map once in an epoch, in random order; ``iid``: drawn with replacement.
        num_nodes: Chebyshev nodes along each axis.

    Raises:
        ValueError: If a start or the image of a node lies outside the cube.
    """
    start = start.double()
    axis = torch.cos(math.pi * (torch.arange(num_nodes, dtype=start.dtype, device=start.device) + 0.5) / num_nodes)
    nodes = torch.cartesian_prod(*[axis] * start.shape[1]).reshape(-1, start.shape[1])
    operators = [interpolation(step(nodes), num_nodes) for step in steps]
    if order == "iid":
        epoch = torch.linalg.matrix_power(torch.stack(operators).mean(0), len(steps))
    else:
        products = [reduce(torch.matmul, [operators[k] for k in chosen]) for chosen in sequences(len(steps), order)]
        epoch = torch.stack(products).mean(0)
    mean = nodes
    for _ in range(num_epochs):
        mean = epoch @ mean
    return interpolation(start, num_nodes) @ mean


def interpolation(points: Tensor, num_nodes: int) -> Tensor:
    """Return the matrix from values at the nodes to values at points ``[M, P]`` of the cube, ``[M, num_nodes^P]``.

    Raises:
        ValueError: If a point lies outside the cube.
    """
    if (outside := points.abs().amax()) > 1:
        raise ValueError(f"points must lie in the cube [-1, 1]^P, got a coordinate of size {outside:g}")
    degrees = torch.arange(num_nodes, dtype=points.dtype, device=points.device)
    angles = math.pi * (degrees + 0.5) / num_nodes
    coefficients = torch.cos(degrees[:, None] * angles) * 2 / num_nodes
    coefficients[0] /= 2
    rows = torch.cos(torch.arccos(points)[..., None] * degrees) @ coefficients  # [M, P, num_nodes]
    return reduce(lambda left, right: (left[:, :, None] * right[:, None, :]).flatten(1), rows.unbind(1))
