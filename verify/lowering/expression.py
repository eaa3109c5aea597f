"""Lowers an index-algebra expression to torch: matrix-free where it can be, else dense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Literal

import sympy as sp
import torch
from torch import Tensor

from numerics.problem import Problem
from theory.index_algebra import PARAMETERS, Expr, Head, Index, Product
from theory.rule import N
from verify.lowering import dense, matrix_free
from verify.lowering.heads import Heads, Written
from verify.lowering.low_rank import LowRank
from verify.lowering.operand import TooLarge

Method = Literal["dense", "matrix-free"]


def lower(
    expr: Expr,
    problem: Problem,
    theta: Tensor,
    *,
    indices: str = "",
    values: Mapping[sp.Symbol, float] | None = None,
    tensors: Mapping[Head, Tensor | LowRank] | None = None,
    method: Method | None = None,
) -> Tensor:
    """Return the value of an expression at theta, an axis of length P for each free index.

    Args:
        expr: The expression; its labels are all bound.
        problem: Model and data, whose derivatives the head h stands for.
        theta: Parameters, ``[P]``.
        indices: The free indices in the order of the result's axes, one letter each.
        values: Numbers for the coefficients' symbols; ``n`` and ``p`` are taken from problem and theta.
        tensors: Tensors for heads other than h, theta, deltas and projectors, for example x ``[P]`` or S ``[P, P]``,
            which may be given as a `LowRank`.
        method: How to contract each product; None: matrix-free where its graph is a tree, else dense.

    Raises:
        ValueError: If a free index, a symbol or a head has no value, a symmetric head's tensor is not symmetric, or a
            product can be contracted by no method: it is named, with the reasons.
    """
    if expr and (set(indices) != expr.free_indices or len(set(indices)) != len(indices)):
        raise ValueError(f"indices must name the free indices {sorted(expr.free_indices)}, got {indices!r}")
    numbers = {N: problem.num_data, PARAMETERS.symbol: len(theta)} | dict(values or {})
    heads = Heads(problem, theta, tensors or {})
    output = ascii_lowercase[: len(indices)]
    result = torch.zeros([len(theta)] * len(indices), dtype=theta.dtype, device=theta.device)
    for product, coefficient in expr.terms:
        factors = _subscripted(product, indices)
        labels = {f.label for f in product if f.label is not None}
        mean = _contracted(factors, output, heads, method) / heads.problem.num_data ** len(labels) if factors else 1.0
        result = result + number(coefficient, numbers) * mean
    return result


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


def _contracted(factors: Sequence[Written], output: str, heads: Heads, method: Method | None) -> Tensor:
    obstacles = []
    if method != "dense":
        try:
            return matrix_free.contracted(factors, output, heads)
        except matrix_free.NotATree as error:
            obstacles.append(f"matrix-free, {error}")
    if method != "matrix-free":
        try:
            return dense.contracted(factors, output, heads)
        except TooLarge as error:
            obstacles.append(f"dense, {error}")
    raise ValueError(f"the product {' '.join(map(str, factors))} cannot be lowered: {'; '.join(obstacles)}")


def _subscripted(product: Product, indices: str) -> list[Written]:
    """Return a product's heads with one letter for each index and label."""
    letters: dict[Index, str] = dict(zip(indices, ascii_lowercase, strict=False))
    bound = sorted({i for f in product for i in f.indices if isinstance(i, int)})
    letters |= dict(zip(bound, ascii_lowercase[len(indices) :], strict=False))
    labels = sorted({f.label for f in product if f.label is not None}, key=str)
    if free := [label for label in labels if isinstance(label, str)]:
        raise ValueError(f"labels must be bound before lowering, got free {free}; call averaged")
    label_letters = dict(zip(labels, ascii_uppercase, strict=False)) | {None: ""}
    return [Written(head, label_letters[label] + "".join(letters[i] for i in slots)) for head, label, slots in product]
