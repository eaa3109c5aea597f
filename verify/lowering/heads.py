"""What the heads of an expression stand for at one point: derivatives of the model, projectors, given tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, jacfwd, vmap

from numerics.problem import Model, Problem
from numerics.traced import Traced
from numerics.zero_loss_manifold import NormalSpace, normal_space
from theory.index_algebra import DELTA, RANGE, TANGENT, THETA, H, Head
from verify.lowering.low_rank import LowRank
from verify.lowering.operand import indices


class Written(NamedTuple):
    """A factor of a product, with one letter for its label (upper case) and for each index (lower case)."""

    head: Head
    subscript: str

    @property
    def rank(self) -> int:
        """The number of indices."""
        return len(indices(self.subscript))

    def __str__(self) -> str:
        return f"{self.head.name}_{self.subscript}"


class Heads:
    """The values of heads at theta; what is costly is computed once.

    Attributes:
        problem: Model and data.
        theta: Parameters, ``[P]``.
        given: Values of heads other than h, theta, deltas and projectors.

    Raises:
        ValueError: If a symmetric head is given a tensor that is not symmetric.
    """

    def __init__(self, problem: Problem, theta: Tensor, given: Mapping[Head, Tensor | LowRank]) -> None:
        for head, value in given.items():
            require_symmetric(head, value)
        self.problem, self.theta, self.given = problem, theta, given
        self._dense: dict[tuple[Head, int], Tensor] = {}

    @cached_property
    def normal_space(self) -> NormalSpace:
        """The range of Gamma."""
        return normal_space(self.problem, self.theta)

    def low_rank(self, head: Head) -> LowRank | None:
        """Return a head's matrix if it is known in low rank."""
        if head == RANGE:
            basis = self.normal_space.basis
            return LowRank(basis, torch.eye(basis.shape[1], dtype=basis.dtype, device=basis.device))
        value = self.given.get(head)
        return value if isinstance(value, LowRank) else None

    def dense(self, head: Head, rank: int) -> Tensor:
        """Return the whole tensor of a head: ``[N, P, ...]`` if it is labelled, else ``[P, ...]``.

        Raises:
            ValueError: If the head has no value.
        """
        if (head, rank) not in self._dense:
            self._dense[head, rank] = self._computed(head, rank)
        return self._dense[head, rank]

    def _computed(self, head: Head, rank: int) -> Tensor:
        if head == H:
            return model_derivative(self.problem, self.theta, rank)
        if head == THETA:
            return self.theta
        if head == DELTA:
            return torch.eye(len(self.theta), dtype=self.theta.dtype, device=self.theta.device)
        if head == TANGENT:
            return self.dense(DELTA, 2) - self.dense(RANGE, 2)
        if (low_rank := self.low_rank(head)) is not None:
            return low_rank.dense
        if head not in self.given:
            raise ValueError(f"tensors lacks a value for head {head.name!r}")
        return torch.as_tensor(self.given[head])


def model_derivative(problem: Problem, theta: Tensor, order: int) -> Tensor:
    """Return the order-th derivatives of h(theta, x_i), ``[N, P, ..., P]``: one backward pass, then forward passes."""
    if order < 2:
        return problem.jacobian(theta) if order else problem.predictions(theta)
    problem.predictions(theta)
    return _derivative(problem.model, order)(theta, problem.inputs)


@lru_cache(maxsize=64)
def _derivative(model: Model, order: int) -> Traced:
    function = vmap(grad(model), in_dims=(None, 0))
    for _ in range(order - 1):
        function = jacfwd(function)
    return Traced(function)


def require_symmetric(head: Head, value: Tensor | LowRank) -> None:
    """Check that what is given for a symmetric head is symmetric, up to the rounding of a long sum.

    Raises:
        ValueError: If not; the message shows the difference.
    """
    matrix = value.core if isinstance(value, LowRank) else value
    for axis in range(int(head.labelled), matrix.ndim - 1) if head.symmetric else ():
        asymmetry = float((matrix - matrix.transpose(axis, axis + 1)).abs().max())
        if not asymmetry <= 1e3 * torch.finfo(matrix.dtype).eps * float(matrix.abs().max()):
            raise ValueError(
                f"tensors must give head {head.name!r} a symmetric tensor, got one that differs from its transpose by "
                f"{asymmetry:.2e}; give (A + A.T) / 2, or declare the head with symmetric=False"
            )
