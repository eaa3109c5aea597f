"""Index spaces, heads (named tensors) and factors (a head with its data label and indices)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import sympy as sp

if TYPE_CHECKING:
    from theory.index_algebra.expression import Expr

Index = str | int
Product = tuple["Factor", ...]
DerivativeRule = Literal["grows", "delta", "constant", "undefined"]


@dataclass(frozen=True, order=True)
class Space:
    """An index space: its name and, as a SymPy symbol's name, its dimension."""

    name: str
    dimension: str

    @property
    def symbol(self) -> sp.Symbol:
        """The dimension as a SymPy symbol, a positive integer."""
        return sp.Symbol(self.dimension, positive=True, integer=True)


PARAMETERS = Space("parameters", "p")
DATA = Space("data", "n")
"""Where labels live; an averaged label is 1/n times a sum over this space."""


def require_name(name: str) -> None:
    """Check that a name can be typeset and told apart from others by eye.

    Raises:
        ValueError: If it is not an identifier in ASCII. (The micro sign and the Greek mu look the same but differ.)
    """
    if not (name.isascii() and name.isidentifier()):
        raise ValueError(f"name {name!r} must be made of ASCII letters, digits and underscores, such as 'mu' or 'x_1'")


@dataclass(frozen=True)
class Head:
    """A named tensor.

    Attributes:
        name: ASCII letters, digits and underscores; Greek letters by their names.
        rank: Number of indices; None: any number.
        labelled: Whether it belongs to a data point.
        symmetric: Whether its indices may change places.
        derivative: What d/d theta makes of it: it ``grows`` an index, becomes the ``delta`` (theta itself, up to a
            constant), is ``constant`` (0), or is ``undefined`` (an error).
        spaces: The index space of each slot; empty: all are parameters.

    Raises:
        ValueError: If the attributes contradict each other.
    """

    name: str
    rank: int | None = None
    labelled: bool = False
    symmetric: bool = True
    derivative: DerivativeRule = "undefined"
    spaces: tuple[Space, ...] = ()

    def __post_init__(self) -> None:
        require_name(self.name)
        if self.derivative not in get_args(DerivativeRule):
            raise ValueError(f"head {self.name!r}: derivative must be one of {get_args(DerivativeRule)}")
        if self.spaces and self.rank != len(self.spaces):
            raise ValueError(f"head {self.name!r} of rank {self.rank} must declare as many spaces, got {self.spaces}")
        if self.symmetric and len(set(self.spaces)) > 1:
            raise ValueError(f"head {self.name!r} has different spaces: its indices cannot be symmetric")
        if self.derivative == "grows" and not (self.rank is None and self.symmetric):
            raise ValueError(f"head {self.name!r} grows indices: it must be symmetric and of any rank")
        if self.derivative == "delta" and (self.rank, self.labelled, self.space(0)) != (1, False, PARAMETERS):
            raise ValueError(f"head {self.name!r}: only a vector of parameters has the delta as its derivative")

    def space(self, slot: int) -> Space:
        """Return the index space of a slot."""
        return self.spaces[slot] if self.spaces else PARAMETERS

    def require_independent_entries(self) -> None:
        """Check that the entries are free of each other: a tensor of fixed rank that is not symmetric.

        Raises:
            ValueError: If not.
        """
        if self.rank is None or (self.rank > 1 and self.symmetric):
            raise ValueError(f"head {self.name!r} has no independent entries; give it a rank and symmetric=False")

    @cached_property
    def sort_key(self) -> tuple:
        """A key that tells any two heads apart; the name and the symmetry come first."""
        rank = -1 if self.rank is None else self.rank
        spaces = tuple((space.name, space.dimension) for space in self.spaces)
        return (self.name, self.symmetric, rank, self.labelled, self.derivative, spaces)

    def __call__(self, *indices: str, label: str | None = None) -> Expr:
        """Return the expression that consists of this head alone, with free indices and a free label."""
        from theory.index_algebra.expression import Expr

        return Expr.of(Factor(self, label, indices))


class Factor(NamedTuple):
    """A head with its data label and indices: a string is free, an integer is bound."""

    head: Head
    label: str | int | None
    indices: tuple[Index, ...]

    def sort_key(self) -> tuple:
        """Return a key that orders any two factors and tells them apart, free names before bound numbers."""
        named = [
            (isinstance(i, int), str(i) if isinstance(i, str) else "", i if isinstance(i, int) else 0)
            for i in self.indices
        ]
        label = (self.label is not None, isinstance(self.label, int), str(self.label))
        head = self.head
        return (head.name, head.symmetric, len(self.indices), label, tuple(named), head.sort_key)

    def __lt__(self, other: tuple) -> bool:
        return self.sort_key() < Factor(*other).sort_key()

    def renamed(self, indices: Mapping, labels: Mapping) -> Factor:
        """Return the factor with indices and label replaced where the mappings name them."""
        new = tuple(indices.get(i, i) for i in self.indices)
        if self.head.symmetric:
            new = tuple(sorted(new, key=lambda i: (isinstance(i, int), i)))
        return Factor(self.head, labels.get(self.label, self.label), new)

    def shifted(self, by_index: int, by_label: int) -> Factor:
        """Return the factor with its bound numbers raised, so that two products stay apart."""
        indices = tuple(i + by_index if isinstance(i, int) else i for i in self.indices)
        return Factor(self.head, self.label + by_label if isinstance(self.label, int) else self.label, indices)


H = Head("h", labelled=True, derivative="grows")
"""h_a^{j...}: derivatives of the model at data point a; without indices, the prediction itself."""
RANGE = Head("Pi", rank=2)
"""The orthogonal projector onto the range of Gamma = E_a[h_a^j h_a^k]."""
TANGENT = Head("P", rank=2)
"""The orthogonal projector onto the kernel of Gamma: the tangent space of the zero-loss manifold."""
THETA = Head("theta", rank=1, derivative="delta")
"""The parameters themselves."""


@cache
def delta(space: Space) -> Head:
    """Return the Kronecker delta of a space; it is contracted away as soon as one of its indices is summed."""
    return Head("delta", rank=2, derivative="constant", spaces=() if space == PARAMETERS else (space, space))


DELTA = delta(PARAMETERS)
"""The Kronecker delta of the parameters."""


def is_delta(head: Head) -> bool:
    """Return whether a head is the Kronecker delta of some space."""
    return head.name == "delta" and head == delta(head.space(0))
