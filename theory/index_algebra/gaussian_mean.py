"""Means over Gaussian data by Wick's theorem.

**Statement.** If the entries of A are independent N(0, 1), then E[A_ij A_kl] = delta_ik delta_jl, and the mean of a
product of 2m factors A is the sum, over the (2m - 1)!! ways to pair them, of the products of the pairs' means; an odd
number of factors has mean 0. Different data points have independent tensors.
**Source.** Isserlis' theorem, also called Wick's.
**Derivation.** Pair the first factor with each of the others in turn, collect like products, and repeat. Two averaged
labels coincide at 1/n of their values: a pair whose labels differ makes them one, at the price of 1/n.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sympy as sp

from theory.index_algebra.expression import Expr
from theory.index_algebra.heads import DATA, Factor, Head, Product, delta


def gaussian_mean(expr: Expr, head: Head) -> Expr:
    """Return E[expr] over the tensor ``head`` with independent N(0, 1) entries; all other heads do not depend on it.

    Raises:
        ValueError: If the entries of ``head`` are not independent, if another head has a data label and so may depend
            on the data, or if two free labels occur, which may or may not stand for the same data point.
    """
    head.require_independent_entries()

    def pair_first(product: Product, coefficient: sp.Expr) -> Iterator[tuple[Iterable[Factor], sp.Expr]]:
        if others := {f.head.name for f in product if f.label is not None and f.head != head}:
            raise ValueError(f"heads {sorted(others)} may depend on the data that {head.name!r} stands for")
        tensors = [f for f in product if f.head == head]
        rest = [f for f in product if f.head != head]
        if not tensors:
            yield product, coefficient
        for place, partner in enumerate(tensors[1:], 1):
            first, unpaired = tensors[0], tensors[1:place] + tensors[place + 1 :]
            labels, weight = _merged(first.label, partner.label)
            slots = enumerate(zip(first.indices, partner.indices, strict=True))
            units = [Factor(delta(head.space(slot)), None, pair) for slot, pair in slots]
            yield [*rest, *(f.renamed({}, labels) for f in unpaired), *units], coefficient * weight

    while any(f.head == head for product, _ in expr.terms for f in product):
        expr = expr.map(pair_first)
    return expr


def _merged(label: str | int | None, other: str | int | None) -> tuple[dict, sp.Expr]:
    """Return what makes two labels one, and its weight; a free label stays."""
    if label == other:
        return {}, sp.Integer(1)
    if isinstance(label, str) and isinstance(other, str):
        raise ValueError(f"labels {label!r} and {other!r} may stand for the same data point; average over one of them")
    kept, dropped = (label, other) if isinstance(label, str) else (other, label)
    return {dropped: kept}, 1 / DATA.symbol
