"""Tensors of rational numbers with named axes, their products and sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import sympy as sp

Entries = dict[tuple[int, ...], Fraction]
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
        ValueError: If an entry is not a rational number.
    """
    dense = sp.ImmutableDenseNDimArray(array)
    found = {places: rational(dense[places]) for places in product(*map(range, dense.shape))}
    return {places: value for places, value in found.items() if value}


def rational(value: Any) -> Fraction:
    """Return a rational number of SymPy or an integer as a fraction.

    Raises:
        ValueError: If it is anything else, a decimal number for example.
    """
    number = sp.sympify(value, strict=True)
    if not isinstance(number, sp.Rational):
        raise ValueError(f"{number} is not a rational number")
    return Fraction(int(number.p), int(number.q))


def to_sympy(value: Fraction) -> sp.Expr:
    """Return a fraction as a rational number of SymPy."""
    return sp.Integer(value.numerator) / sp.Integer(value.denominator)
