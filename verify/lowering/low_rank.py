"""A symmetric matrix on the parameters that acts on a subspace of few dimensions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LowRank(NamedTuple):
    """V C V^T with orthonormal columns V ``[P, r]``, the basis, and a symmetric matrix C ``[r, r]``, the core."""

    basis: Tensor
    core: Tensor

    @property
    def root(self) -> Tensor:
        """A matrix R ``[P, r]`` with R R^T equal to this one, where that has no negative eigenvalue."""
        eigenvalues, vectors = torch.linalg.eigh(self.core)
        return self.basis @ (vectors * eigenvalues.clamp(min=0).sqrt())

    @property
    def dense(self) -> Tensor:
        """The matrix itself, ``[P, P]``."""
        return self.basis @ self.core @ self.basis.T
