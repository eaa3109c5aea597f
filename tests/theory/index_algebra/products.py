"""Random products of heads, and brute force over all their relabellings."""

from __future__ import annotations

from itertools import permutations

import sympy as sp
from hypothesis import strategies as st

from theory.averages import NOISE
from theory.index_algebra import DELTA, THETA, Expr, Factor, H, Head, delta
from theory.matrix_sensing import MEASUREMENT, ROWS, TRUTH, U
from theory.second_moments import S
from theory.update_expansion import X

A = Head("A", rank=2, symmetric=False)
"""A matrix that is not symmetric: its two slots differ."""

SHAPES = [(H, 0), (H, 1), (H, 2), (H, 3), (X, 1), (S, 2), (A, 2), (NOISE, 0), (DELTA, 2)]
MATRIX_SHAPES = [(U, 2), (MEASUREMENT, 2), (TRUTH, 2), (delta(ROWS), 2)]
"""Heads over rows and columns."""

Raw = tuple[Factor, ...]


@st.composite
def raw_products(draw: st.DrawFn) -> Raw:
    """Draw a valid product that nobody has put in canonical form, with at most 4 dummies and 3 bound labels."""
    shapes = draw(st.sampled_from([SHAPES, MATRIX_SHAPES, SHAPES + MATRIX_SHAPES]))
    chosen = draw(st.lists(st.sampled_from(shapes), min_size=1, max_size=5))
    slots = [head.space(slot) for head, rank in chosen for slot in range(rank)]
    dummies, free = iter(range(4)), iter("bcdefghijklmnopqrstuvw")
    names: dict[int, str | int] = {}
    for space in sorted(set(slots)):
        places = draw(st.permutations([place for place, other in enumerate(slots) if other == space]))
        for first, second in zip(places[::2], places[1::2], strict=False):
            if draw(st.booleans()) and (dummy := next(dummies, None)) is not None:
                names[first] = names[second] = dummy
    indices = iter([names[place] if place in names else next(free) for place in range(len(slots))])
    labels = st.sampled_from([0, 1, 2, "a"])
    return tuple(
        Factor(head, draw(labels) if head.labelled else None, tuple(next(indices) for _ in range(rank)))
        for head, rank in chosen
    )


@st.composite
def relabelled(draw: st.DrawFn, product: Raw) -> Raw:
    """Draw the same product, differently written: new bound names, another order of factors and of equal slots."""
    indices = dict(zip(range(4), draw(st.permutations(range(10, 14))), strict=True))
    labels = dict(zip(range(3), draw(st.permutations(range(5, 8))), strict=True))
    written = []
    for head, label, slots in draw(st.permutations(product)):
        slots = [indices.get(i, i) for i in slots]
        slots = draw(st.permutations(slots)) if head.symmetric else slots
        written.append(Factor(head, labels.get(label, label), tuple(slots)))
    return tuple(written)


@st.composite
def rewired(draw: st.DrawFn, product: Raw) -> Raw:
    """Draw a product with the same heads in which two slots of one space, or two labels, have changed places."""
    slots = [(n, k) for n, factor in enumerate(product) for k in range(len(factor.indices))]
    labels = [n for n, factor in enumerate(product) if factor.label is not None]
    indices = [list(factor.indices) for factor in product]
    label = [factor.label for factor in product]
    if len(slots) > 1:
        n, k = draw(st.sampled_from(slots))
        space = product[n].head.space(k)
        m, j = draw(st.sampled_from([(m, j) for m, j in slots if product[m].head.space(j) == space]))
        indices[n][k], indices[m][j] = indices[m][j], indices[n][k]
    if len(labels) > 1 and draw(st.booleans()):
        n, m = draw(st.sampled_from(labels)), draw(st.sampled_from(labels))
        label[n], label[m] = label[m], label[n]
    return tuple(Factor(f.head, label[n], tuple(indices[n])) for n, f in enumerate(product))


def smallest_relabelling(product: Raw) -> tuple:
    """Return the smallest of all ways to number a product's dummies and bound labels: equal iff isomorphic."""
    dummies = sorted({i for f in product for i in f.indices if isinstance(i, int)})
    bound = sorted({f.label for f in product if isinstance(f.label, int)})
    return min(
        _written(product, dict(zip(dummies, p, strict=True)), dict(zip(bound, q, strict=True)))
        for p in permutations(range(len(dummies)))
        for q in permutations(range(len(bound)))
    )


def _written(product: Raw, indices: dict, labels: dict) -> tuple:
    rows = []
    for head, label, slots in product:
        named = [(isinstance(i, str), str(indices.get(i, i))) for i in slots]
        rows.append(
            (
                repr(head),
                isinstance(label, str),
                str(labels.get(label, label)),
                sorted(named) if head.symmetric else named,
            )
        )
    return tuple(sorted(rows))


@st.composite
def expressions(draw: st.DrawFn) -> Expr:
    """Draw a sum of up to three products of model derivatives, every index summed, an odd one with x or theta."""
    terms = []
    for _ in range(draw(st.integers(1, 3))):
        ranks = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
        names = draw(st.permutations([k // 2 for k in range(sum(ranks) + sum(ranks) % 2)]))
        slots = iter(names)
        factors = [Factor(H, draw(st.sampled_from([0, 1, "a"])), tuple(next(slots) for _ in range(r))) for r in ranks]
        factors += [Factor(draw(st.sampled_from([X, THETA])), None, (i,)) for i in slots]
        terms.append((factors, sp.Integer(draw(st.integers(-3, 3)))))
    return Expr.collect(terms)


@st.composite
def matrix_products(draw: st.DrawFn, tensor: Head, degree: int, others: tuple[Head, ...] = (TRUTH,)) -> Expr:
    """Draw a multiple of ``degree`` factors ``tensor`` and up to two others; at most one index a space is free."""
    heads = [tensor] * degree + (draw(st.lists(st.sampled_from(others), max_size=2)) if others else [])
    slots = [(place, slot) for place, head in enumerate(heads) for slot in range(head.rank or 0)]
    indices: dict[tuple[int, int], str | int] = {}
    names, dummies = iter("mnopqrs"), iter(range(20))
    for space in sorted({heads[place].space(slot) for place, slot in slots}):
        mine = draw(st.permutations([(p, k) for p, k in slots if heads[p].space(k) == space]))
        for first, second in zip(mine[::2], mine[1::2], strict=False):
            indices[first] = indices[second] = next(dummies)
        if len(mine) % 2:
            indices[mine[-1]] = next(names)
    factors = [
        Factor(head, 0 if head.labelled else None, tuple(indices[place, slot] for slot in range(head.rank or 0)))
        for place, head in enumerate(heads)
    ]
    return Expr.of(*factors, coefficient=sp.Integer(draw(st.integers(1, 3))))
