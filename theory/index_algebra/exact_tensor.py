"""Tensors of exact numbers with named axes, their products and sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple, cast

import sympy as sp

Number = Fraction | sp.Expr
"""A fraction where the number is rational, which is fast; otherwise an expression."""
Entries = dict[tuple[int, ...], Number]
"""The entries of a tensor by their places; those that are missing are 0."""


class ExactTensor(NamedTuple):
    """Entries with a name for each axis."""

    axes: tuple[Hashable, ...]
    entries: Entries

    @classmethod
    def of(cls, axes: Sequence[Hashable], entries: Entries) -> ExactTensor:
        """Return the tensor in which axes of one name are taken on their diagonal."""
        diagonal: Entries = {}
        for places, value in entries.items():
            at: dict[Hashable, int] = {}
            if all(at.setdefault(axis, place) == place for axis, place in zip(axes, places, strict=True)):
                diagonal[tuple(at.values())] = value
        return cls(tuple(dict.fromkeys(axes)), diagonal)

    def times(self, other: ExactTensor, keep: Collection[Hashable]) -> ExactTensor:
        """Return the product, equal axes multiplied entry by entry, summed over all axes that are not in ``keep``."""
        axes = [axis for axis in dict.fromkeys((*self.axes, *other.axes)) if axis in keep]
        shared = [axis for axis in self.axes if axis in other.axes]
        partners: dict[tuple[int, ...], list] = defaultdict(list)
        for places, value in other.entries.items():
            there = dict(zip(other.axes, places, strict=True))
            partners[tuple(there[axis] for axis in shared)].append((there, value))
        total: Entries = defaultdict(Fraction)
        for places, value in self.entries.items():
            here = dict(zip(self.axes, places, strict=True))
            for there, factor in partners[tuple(here[axis] for axis in shared)]:
                at = here | there
                total[tuple(at[axis] for axis in axes)] += value * factor
        return ExactTensor(tuple(axes), dict(total))

    def transposed(self, axes: Sequence[Hashable]) -> Entries:
        """Return the entries with the axes in the order given."""
        order = [self.axes.index(axis) for axis in axes]
        return {tuple(places[k] for k in order): value for places, value in self.entries.items()}


def entries(array: Any) -> Entries:
    """Return the entries of nested lists, a SymPy matrix or array.

    Raises:
        ValueError: If an entry is not exact.
    """
    dense = sp.ImmutableDenseNDimArray(array)
    found = {places: exact(dense[places]) for places in product(*map(range, dense.shape))}
    return {places: value for places, value in found.items() if value}


def exact(value: Any) -> Number:
    """Return an integer or an expression of SymPy, as a fraction where it is rational.

    Raises:
        ValueError: If it holds a decimal number or is not finite.
    """
    number = sp.sympify(value, strict=True)
    if isinstance(number, sp.Rational):
        return Fraction(int(number.p), int(number.q))
    if not isinstance(number, sp.Expr) or number.has(sp.Float, sp.nan, sp.oo, sp.zoo):
        raise ValueError(f"{number} is not an exact number")
    return number


def to_sympy(value: Number) -> sp.Expr:
    """Return a number as an expression of SymPy."""
    return cast(sp.Expr, sp.sympify(value))
