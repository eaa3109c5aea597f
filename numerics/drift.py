"""Measured drift along the zero-loss manifold.

States keep the dtype of the problem's data. What is measured of them, differences, projections, means and covariances,
is in double precision: summed up in single precision, the mean over many replicas is off by more than its error.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from numerics.ensemble import Ensemble, State
from numerics.zero_loss_manifold import require_zero_loss, tangent_projector


class VectorEstimate(NamedTuple):
    """A mean vector ``[P]``, the covariance ``[P, P]`` of that mean, and the number of independent samples."""

    mean: Tensor
    covariance: Tensor
    num_samples: int


def stationary_start(ensemble: Ensemble, theta: Tensor, root: Tensor) -> State:
    """Return Gaussian starts around theta, in antithetic pairs.

    The covariance root root^T is that of the displacement, root ``[P, K]``, or with momentum that of displacement and
    velocity, root ``[2P, K]``. They are of the data's dtype, rounded after theta is added.

    Raises:
        ValueError: If root has another shape.
    """
    num_rows = [len(theta), 2 * len(theta)] if ensemble.rule.momentum else [len(theta)]
    if root.ndim != 2 or len(root) not in num_rows:
        raise ValueError(f"root must be [P, K], or [2P, K] with momentum, for P = {len(theta)}, got {list(root.shape)}")
    displacement, *velocities = (root.double() @ ensemble.normal(root.shape[1]).double()).split(len(theta))
    dtype = ensemble.problem.labels.dtype
    return State((theta[:, None] + displacement).to(dtype), 0, *(velocity.to(dtype) for velocity in velocities))


def point_start(ensemble: Ensemble, theta: Tensor) -> State:
    """Return starts that all are theta, rounded to the data's dtype."""
    return State(theta[:, None].repeat(1, ensemble.num_replicas).to(ensemble.problem.labels.dtype), 0)


def drift(ensemble: Ensemble, theta: Tensor, root: Tensor, num_steps: int, *, discard: int = 0) -> VectorEstimate:
    """Return E[P(theta*) (theta_T - theta_discard)] per step over ``num_steps`` steps, from a stationary start.

    Antithetic pairs are the samples: their mean is free of everything odd in the noise.

    Args:
        ensemble: The replicas.
        theta: theta*, a point of zero training error in double precision, ``[P]``.
        root: Root of the start's covariance, as for `stationary_start`.
        num_steps: Length of the window, in gradient steps.
        discard: Steps before the window begins.

    Raises:
        ValueError: If the window is empty or theta* has training error.
        FloatingPointError: If the ensemble diverges.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    problem, theta = ensemble.problem.to(dtype=torch.float64), theta.double()
    require_zero_loss(problem, theta)
    projector = tangent_projector(problem, theta)
    begin = ensemble.advanced(stationary_start(ensemble, theta, root), discard)
    end = ensemble.advanced(begin, num_steps)
    moved = end.theta.double() - begin.theta.double()
    return estimate(pair_means(ensemble, projector @ moved / num_steps))


def pair_means(ensemble: Ensemble, samples: Tensor) -> Tensor:
    """Return the means over antithetic pairs in double precision, ``[..., R] -> [..., R/2]``.

    Raises:
        ValueError: If there is no pair.
    """
    if ensemble.block_size == 1:
        raise ValueError("num_replicas must be even for means over pairs, got 1; take at least 4 for an error")
    blocks = samples.double().unflatten(-1, (len(ensemble.blocks), 2, ensemble.block_size // 2))
    return blocks.mean(-2).flatten(-2)


def estimate(samples: Tensor) -> VectorEstimate:
    """Return mean and covariance of the mean of independent samples ``[P, samples]``, in double precision."""
    num = samples.shape[-1]
    if num < 2:
        raise ValueError(f"num_replicas must give at least 2 independent samples for an error, got {num}")
    samples = samples.double()
    return VectorEstimate(samples.mean(-1), torch.cov(samples).reshape(len(samples), -1) / num, num)
