"""Positions in arrays as linear forms of loop variables, so that reshaping costs no division at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class ScatteredError(Exception):
    """The numbers that a register would hold are no neighbours in memory, or are not to be read as they lie there."""


LANE_NUMBER = "the number of a lane"
"""Variable that goes through all lanes at once: an index with it stands for a register of neighbouring places."""


class Term(NamedTuple):
    """A loop variable, or another C++ expression with values from 0 to extent - 1, and its coefficient."""

    name: str
    coefficient: int
    extent: int


@dataclass(frozen=True)
class Index:
    """A sum of terms and a constant, all of them non-negative."""

    terms: tuple[Term, ...] = ()
    constant: int = 0

    @property
    def largest(self) -> int:
        """The largest value that the index takes."""
        return self.constant + sum(term.coefficient * (term.extent - 1) for term in self.terms)

    @property
    def is_register(self) -> bool:
        """Whether the index stands for neighbouring places."""
        return any(term.name == LANE_NUMBER for term in self.terms)

    @property
    def first(self) -> Index:
        """The first of neighbouring places.

        Raises:
            ScatteredError: If there are gaps between the places.
        """
        if any(term.name == LANE_NUMBER and term.coefficient != 1 for term in self.terms):
            raise ScatteredError
        return Index(tuple(term for term in self.terms if term.name != LANE_NUMBER), self.constant)

    def __add__(self, other: Index | int) -> Index:
        if isinstance(other, int):
            return Index(self.terms, self.constant + other)
        merged = {(term.name, term.extent): 0 for term in (*self.terms, *other.terms)}
        for name, coefficient, extent in (*self.terms, *other.terms):
            merged[name, extent] += coefficient
        terms = tuple(Term(name, coefficient, extent) for (name, extent), coefficient in merged.items() if coefficient)
        return Index(terms, self.constant + other.constant)

    def __mul__(self, factor: int) -> Index:
        terms = tuple(Term(name, factor * coefficient, extent) for name, coefficient, extent in self.terms if factor)
        return Index(terms, factor * self.constant)

    def divided(self, divisor: int) -> tuple[Index, Index]:
        """Return quotient and remainder by a positive number."""
        if divisor == 1:
            return self, Index()
        whole = tuple(term for term in self.terms if term.coefficient % divisor == 0)
        rest = Index(tuple(t for t in self.terms if t.coefficient % divisor), self.constant % divisor)
        if rest.largest < divisor:
            quotient = tuple(Term(t.name, t.coefficient // divisor, t.extent) for t in whole)
            return Index(quotient, self.constant // divisor), rest
        quotient = Term(f"(({self}) / {divisor})", 1, self.largest // divisor + 1)
        return Index((quotient,)), Index((Term(f"(({self}) % {divisor})", 1, divisor),))

    def __str__(self) -> str:
        if self.is_register:
            raise ScatteredError  # text is made of single places; of a register, of `first`
        parts = [t.name if t.coefficient == 1 else f"{t.coefficient} * {t.name}" for t in self.terms]
        if self.constant or not parts:
            parts.append(str(self.constant))
        return " + ".join(parts)


def is_register(indices: Sequence[Index]) -> bool:
    """Return whether indices stand for neighbouring places."""
    return any(index.is_register for index in indices)


def flat(indices: Sequence[Index], shape: Sequence[int]) -> Index:
    """Return the position in a contiguous array of a shape, last axis fastest."""
    position = Index()
    for index, size in zip(indices, shape, strict=True):
        position = position * size + index
    return position


def unflat(position: Index, shape: Sequence[int]) -> tuple[Index, ...]:
    """Return the indices of a position in a contiguous array of a shape."""
    indices = []
    for size in reversed(shape):
        position, remainder = position.divided(size) if size > 1 else (position, Index())
        indices.append(remainder)
    return tuple(reversed(indices))
