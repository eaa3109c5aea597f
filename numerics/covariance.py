"""Measured covariance of an ensemble around a point."""

from __future__ import annotations

import torch
from torch import Tensor

from numerics.drift import VectorEstimate, estimate, pair_means, point_start
from numerics.ensemble import Ensemble
from numerics.zero_loss_manifold import require_zero_loss


def second_moments(
    ensemble: Ensemble, theta: Tensor, basis: Tensor, *, burn_in: int, num_observations: int, every: int
) -> VectorEstimate:
    """Return the mean of (V^T x)(V^T x)^T over time and replicas, flattened, ``[K K]``, for x = theta_t - theta*.

    All replicas start at theta*, so that nothing about the stationary state is put in. An antithetic pair's average
    over time is one sample.

    Args:
        ensemble: The replicas.
        theta: theta*, a point of zero training error in double precision, ``[P]``.
        basis: Orthonormal columns V, ``[P, K]``.
        burn_in: Steps before the first observation.
        num_observations: Observations per replica.
        every: Steps between observations.

    Raises:
        ValueError: If theta* has training error.
        FloatingPointError: If the ensemble diverges.
    """
    if num_observations < 1 or every < 1:
        raise ValueError(f"num_observations and every must be at least 1, got {num_observations} and {every}")
    theta, basis = theta.double(), basis.double()
    require_zero_loss(ensemble.problem.to(dtype=torch.float64), theta)
    state = ensemble.advanced(point_start(ensemble, theta), burn_in)
    total = torch.zeros(basis.shape[1] ** 2, ensemble.num_replicas, dtype=theta.dtype, device=theta.device)
    for _ in range(num_observations):
        state = ensemble.advanced(state, every)
        x = basis.T @ (state.theta.double() - theta[:, None])
        total += torch.einsum("jr,kr->jkr", x, x).flatten(0, 1)
    return estimate(pair_means(ensemble, total / num_observations))
