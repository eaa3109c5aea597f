"""Measured autocorrelations of an ensemble's coordinates around a point."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from numerics.drift import VectorEstimate, estimate, pair_means, point_start
from numerics.ensemble import Ensemble
from numerics.zero_loss_manifold import require_zero_loss


def lagged_moments(
    ensemble: Ensemble, theta: Tensor, basis: Tensor, lags: Sequence[int], *, burn_in: int, num_windows: int
) -> VectorEstimate:
    """Return E[x_j(t)^2], then E[x_j(t) x_j(t + lag_j)], for x = V^T (theta_t - theta*), ``[2K]``.

    All replicas start at theta*, so that nothing about the stationary state is put in. Windows follow one another,
    each as long as the longest lag; an antithetic pair's average over its windows is one sample.

    Args:
        ensemble: The replicas.
        theta: theta*, a point of zero training error in double precision, ``[P]``.
        basis: Orthonormal columns V, ``[P, K]``.
        lags: One number of steps for each column.
        burn_in: Steps before the first window.
        num_windows: Number of windows.

    Raises:
        ValueError: If theta* has training error, a lag is not positive, or there is not one for each column.
        FloatingPointError: If the ensemble diverges.
    """
    if len(lags) != basis.shape[1] or min(lags) < 1 or num_windows < 1:
        raise ValueError(f"lags must be {basis.shape[1]} positive numbers, got {list(lags)}, for at least one window")
    theta, basis = theta.double(), basis.double()
    require_zero_loss(ensemble.problem.to(dtype=torch.float64), theta)
    state = ensemble.advanced(point_start(ensemble, theta), burn_in)
    total = theta.new_zeros(2, len(lags), ensemble.num_replicas)
    for _ in range(num_windows):
        begin, start = state.step, basis.T @ (state.theta.double() - theta[:, None])
        later = torch.empty_like(start)
        for lag in sorted(set(lags)):
            state = ensemble.advanced(state, begin + lag - state.step)
            for k in (k for k, own in enumerate(lags) if own == lag):
                later[k] = basis[:, k] @ (state.theta.double() - theta[:, None])
        total += torch.stack([start.square(), start * later])
    return estimate(pair_means(ensemble, total.flatten(0, 1) / num_windows))
