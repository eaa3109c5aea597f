"""Lowers an index-algebra expression to torch: each product becomes one einsum over the tensors of its heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase

import sympy as sp
import torch
from torch import Tensor
from torch.func import jacfwd, jacrev

from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space, tangent_projector
from theory.index_algebra import DELTA, THETA, Expr, H, Head, Index, Product
from theory.rule import N
from theory.stationary_covariance import RANGE, TANGENT
from verify.lowering.low_rank import LowRank


def lower(
    expr: Expr,
    problem: Problem,
    theta: Tensor,
    *,
    indices: str = "",
    values: Mapping[sp.Symbol, float] | None = None,
    tensors: Mapping[Head, Tensor | LowRank] | None = None,
) -> Tensor:
    """Return the value of an expression at theta, an axis of length P for each free index.

    Args:
        expr: The expression; its labels are all bound.
        problem: Model and data, whose derivatives the head h stands for.
        theta: Parameters, ``[P]``.
        indices: The free indices in the order of the result's axes, one letter each.
        values: Numbers for the coefficients' symbols; ``n`` is taken from the problem.
        tensors: Tensors for heads other than h, theta, deltas and projectors, for example x ``[P]`` or S ``[P, P]``,
            which may be given as a `LowRank`.

    Raises:
        ValueError: If a free index, a symbol or a head has no value, or a symmetric head's tensor is not symmetric.
    """
    if expr and (set(indices) != expr.free_indices or len(set(indices)) != len(indices)):
        raise ValueError(f"indices must name the free indices {sorted(expr.free_indices)}, got {indices!r}")
    numbers = {N: problem.num_data} | dict(values or {})
    given = dict(tensors or {})
    for head, tensor in given.items():
        require_symmetric(head, tensor)
    heads = _Heads(problem, theta, given)
    result = torch.zeros([len(theta)] * len(indices), dtype=theta.dtype, device=theta.device)
    for product, coefficient in expr.terms:
        result = result + number(coefficient, numbers) * _contracted(product, indices, heads)
    return result


def require_symmetric(head: Head, tensor: Tensor | LowRank) -> None:
    """Check that the tensor given for a symmetric head is symmetric, up to the rounding of a long sum.

    Raises:
        ValueError: If not; the message shows the difference.
    """
    matrix = tensor.core if isinstance(tensor, LowRank) else tensor
    if not head.symmetric:
        return
    allowed = 1e3 * torch.finfo(matrix.dtype).eps * float(matrix.abs().max())
    for axis in range(matrix.ndim - 1):
        asymmetry = float((matrix - matrix.transpose(axis, axis + 1)).abs().max())
        if not asymmetry <= allowed:
            raise ValueError(
                f"tensors must give head {head.name!r} a symmetric tensor, got one that differs from its transpose by "
                f"{asymmetry:.2e}; give (A + A.T) / 2, or declare the head with symmetric=False"
            )


def number(coefficient: sp.Expr, values: Mapping[sp.Symbol, float]) -> float:
    """Return a coefficient as a float.

    Raises:
        ValueError: If a symbol has no value, or the coefficient has a pole there.
    """
    symbols = tuple(sorted(coefficient.atoms(sp.Symbol), key=str))
    if missing := set(symbols) - set(values):
        raise ValueError(f"values lacks {sorted(map(str, missing))}, needed by the coefficient {coefficient}")
    try:
        return float(_compiled(coefficient, symbols)(*(values[s] for s in symbols)))
    except ZeroDivisionError:
        at = ", ".join(f"{s} = {values[s]}" for s in symbols)
        raise ValueError(f"the coefficient {coefficient} has a pole at {at}; averages of k draws need n >= k") from None


@lru_cache(maxsize=10_000)
def _compiled(coefficient: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> Callable[..., float]:
    return sp.lambdify(symbols, coefficient, modules="math")


class _Heads:
    """The tensors that heads stand for at one point; derivatives of the model are computed once."""

    def __init__(self, problem: Problem, theta: Tensor, given: dict[Head, Tensor | LowRank]) -> None:
        self.problem, self.theta = problem, theta
        self.known = {head: t.dense if isinstance(t, LowRank) else t for head, t in given.items()}
        self.derivatives: dict[int, Tensor] = {}

    def tensor(self, head: Head, rank: int) -> Tensor:
        """Return the tensor of a head: ``[N, P, ...]`` if it is labelled, else ``[P, ...]``."""
        if head == H:
            if rank not in self.derivatives:
                self.derivatives[rank] = model_derivative(self.problem, self.theta, rank)
            return self.derivatives[rank]
        if head not in self.known:
            if head == DELTA:
                self.known[head] = torch.eye(len(self.theta), dtype=self.theta.dtype, device=self.theta.device)
            elif head == THETA:
                self.known[head] = self.theta
            elif head == TANGENT:
                self.known[head] = tangent_projector(self.problem, self.theta)
            elif head == RANGE:
                basis = normal_space(self.problem, self.theta).basis
                self.known[head] = basis @ basis.T
            else:
                raise ValueError(f"tensors lacks a value for head {head.name!r}")
        return self.known[head]


def model_derivative(problem: Problem, theta: Tensor, order: int) -> Tensor:
    """Return the order-th derivatives of h(theta, x_i), ``[N, P, ..., P]``."""
    function = problem.predictions
    for k in range(order):
        function = jacrev(function) if k == 0 else jacfwd(function)
    return function(theta)


def _contracted(product: Product, indices: str, heads: _Heads) -> Tensor:
    letters: dict[Index, str] = dict(zip(indices, ascii_lowercase, strict=False))
    bound = sorted({i for f in product for i in f.indices if isinstance(i, int)})
    letters |= dict(zip(bound, ascii_lowercase[len(indices) :], strict=False))
    labels = sorted({f.label for f in product if f.label is not None}, key=str)
    if free := [label for label in labels if isinstance(label, str)]:
        raise ValueError(f"labels must be bound before lowering, got free {free}; call averaged")
    label_letters = dict(zip(labels, ascii_uppercase, strict=False))
    operands, subscripts = [], []
    for head, label, slots in product:
        operands.append(heads.tensor(head, len(slots)))
        subscripts.append(("" if label is None else label_letters[label]) + "".join(letters[i] for i in slots))
    if not operands:
        return torch.ones([], dtype=heads.theta.dtype, device=heads.theta.device)
    equation = ",".join(subscripts) + "->" + "".join(letters[i] for i in indices)
    return torch.einsum(equation, *operands) / heads.problem.num_data ** len(labels)
