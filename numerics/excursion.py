"""The largest excursion of each coordinate from a point."""

from __future__ import annotations

import torch
from torch import Tensor

from numerics.drift import point_start
from numerics.ensemble import Ensemble


def largest_excursions(
    ensemble: Ensemble, theta: Tensor, basis: Tensor, *, num_observations: int, every: int
) -> Tensor:
    """Return max_t |V^T (theta_t - theta)| over t = every, 2 every, ..., from a start at theta, ``[K, R]``.

    Args:
        ensemble: The replicas.
        theta: Where they start, in double precision, ``[P]``.
        basis: Orthonormal columns V, ``[P, K]``.
        num_observations: Number of times t.
        every: Steps between them.

    Raises:
        ValueError: If a number is less than 1.
        FloatingPointError: If the ensemble diverges.
    """
    if num_observations < 1 or every < 1:
        raise ValueError(f"num_observations and every must be at least 1, got {num_observations} and {every}")
    theta, basis = theta.double(), basis.double()
    state = point_start(ensemble, theta)
    largest = theta.new_zeros(basis.shape[1], ensemble.num_replicas)
    for _ in range(num_observations):
        state = ensemble.advanced(state, every)
        largest = torch.maximum(largest, (basis.T @ (state.theta.double() - theta[:, None])).abs())
    return largest
