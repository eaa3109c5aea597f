"""Loops of sums: several results side by side, and several sums over the same places in one pass."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from numerics.lanes.index import Index, Term

MOST_SUMS = 16
"""Sums at a time; they stay in registers."""


class Sum(NamedTuple):
    """One array of results.

    Attributes:
        type: C++ type of a result.
        total: Stem of the names of running totals.
        array: Name of the array.
        size: Its size.
        start: A total before the first term.
        update: Statement with places for the total and a term.
        end: Expression with a place for the total.
        terms: For each of the results side by side the next terms, each of them for a total of its own.
        places: Where each of them goes.
    """

    type: str
    total: str
    array: str
    size: int
    start: str
    update: str
    end: str
    terms: Sequence[Sequence[str]]
    places: Sequence[str]


@dataclass
class Loops:
    """Sums over the last axes of a common shape.

    Attributes:
        sizes: The shape.
        tile: Results side by side along each of the first axes, those that are not summed over.
        split: Terms of one result that are added at a time, to separate totals, along the last axis.
        names: Loop variable of each axis.
    """

    sizes: tuple[int, ...]
    tile: tuple[int, ...]
    split: int
    names: tuple[str, ...]
    _sums: list[Sum] = field(default_factory=list)

    @cached_property
    def outer(self) -> list[tuple[Index, ...]]:
        """Indices of the results side by side."""
        starts = self._starts[: len(self.tile)]
        offsets = itertools.product(*map(range, self.tile))
        return [tuple(start + k for start, k in zip(starts, offset, strict=True)) for offset in offsets]

    @cached_property
    def inner(self) -> list[tuple[Index, ...]]:
        """Indices of the terms that are added at a time."""
        *starts, last = self._starts[len(self.tile) :]
        return [(*starts, last + k) for k in range(self.split)]

    @property
    def has_room(self) -> bool:
        """Whether one more sum fits into the registers."""
        return (len(self._sums) + 1) * len(self.outer) * self.split <= MOST_SUMS

    def matches(self, sizes: tuple[int, ...], tile: tuple[int, ...], split: int) -> bool:
        """Return whether a sum over these places can join."""
        return (self.sizes, self.tile, self.split) == (sizes, tile, split) and self.has_room

    def writes_into(self, terms: Iterable[Sequence[str]]) -> bool:
        """Return whether some term reads a result of these loops."""
        names = "|".join(sum_.array for sum_ in self._sums)
        return bool(names) and any(re.search(rf"\b({names})\b", text) for texts in terms for text in texts)

    def add(self, sum_: Sum) -> None:
        """Add an array of results."""
        self._sums.append(sum_)

    def __str__(self) -> str:
        num_outer = len(self.tile)
        before: list[str] = []
        within: list[str] = []
        after: list[str] = []
        for s in self._sums:
            for side, (terms, place) in enumerate(zip(s.terms, s.places, strict=True)):
                first, *others = totals = [f"{s.total}_{side}_{k}" for k in range(self.split)]
                before += [f"{s.type} {total} = {s.start};" for total in totals]
                within += [s.update.format(total, term) + ";" for total, term in zip(totals, terms, strict=True)]
                after += [s.update.format(first, other) + ";" for other in others]
                after.append(f"{s.array}[{place}] = {s.end.format(first)};")
        lines = [*before, *looped(self.names[num_outer:], self._counts[num_outer:], within), *after]
        lines = looped(self.names[:num_outer], self._counts[:num_outer], ["{", *lines, "}"])
        return "\n".join([*(f"{s.type} {s.array}[{s.size}];" for s in self._sums), *lines])

    @cached_property
    def _steps(self) -> list[int]:
        return [*self.tile, *[1] * (len(self.sizes) - len(self.tile) - 1), self.split]

    @cached_property
    def _counts(self) -> list[int]:
        return [size // step for size, step in zip(self.sizes, self._steps, strict=True)]

    @cached_property
    def _starts(self) -> list[Index]:
        axes = zip(self.names, self._steps, self._counts, strict=True)
        return [Index((Term(name, step, count),)) if count > 1 else Index() for name, step, count in axes]


def looped(names: Sequence[str], counts: Sequence[int], lines: list[str]) -> list[str]:
    """Return statements in loops over axes."""
    for name, count in reversed(list(zip(names, counts, strict=True))):
        if count > 1:
            lines = [f"for (int {name} = 0; {name} < {count}; {name}++) {{", *lines, "}"]
    return lines
