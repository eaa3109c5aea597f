"""The Lasso with weights and coefficients >= 0, by its dual: the point of a polytope that is nearest to the labels."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from verify.estimate import Array

TOLERANCE = 1e-8
"""Of the optimality conditions, relative to the largest |x_j . y|."""


def weighted_lasso(inputs: Array, labels: Array, weights: Array) -> Array:
    """Return the minimiser of |X beta - y|^2 + <weights, beta> over beta >= 0, ``[d]``.

    X beta is what separates y from the polytope X^T nu <= weights / 2: Lawson and Hanson's least distance programming,
    one problem of non-negative least squares.

    Args:
        inputs: X, ``[n, d]``.
        labels: y, ``[n]``.
        weights: ``[d]``, >= 0.

    Raises:
        ValueError: If a weight is negative, or the optimality conditions fail, as where a weight of 0 leaves many
            minimisers.
    """
    if (weights < 0).any():
        raise ValueError(f"weights must be >= 0, got {weights.min()}")
    excess = inputs.T @ labels - weights / 2
    if (excess <= 0).all():
        return np.zeros(inputs.shape[1])
    matrix = np.vstack([-inputs, excess])
    multipliers, _ = nnls(matrix, np.append(np.zeros(len(labels)), 1.0))
    beta = multipliers / (1 - excess @ multipliers)
    slope = 2 * inputs.T @ (inputs @ beta - labels) + weights
    allowed = TOLERANCE * float(np.abs(inputs.T @ labels).max())
    if not (slope >= -allowed).all() or not (np.abs(slope[beta > 0]) <= allowed).all():
        raise ValueError(f"the optimality conditions fail by {np.abs(np.where(beta > 0, slope, 0)).max()}")
    return beta
