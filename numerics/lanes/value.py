"""A tensor of the graph as a function from indices to C++ expressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from numerics.lanes.index import Index, flat

Kind = Literal["real", "int", "bool"]
CONSTANT, STEP, LANE = 0, 1, 2
"""What a value depends on: the data alone; the step too; the replica too."""
TYPES = {"real": ("REAL", "V"), "int": ("int64_t", "I"), "bool": ("bool", "M")}
"""C++ type of a number that all replicas share, and of one for each lane."""


LOADS = {"real": "load", "int": "load_ints", "bool": "load_masks"}
"""C++ function that reads a register."""


class Piece(NamedTuple):
    """A stretch of a value along its first axis; None: zeros."""

    start: int
    stop: int
    value: Value | None


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the graph as a function from indices to C++ expressions.

    Attributes:
        shape: Its shape, without the replicas.
        kind: What it holds.
        level: What it depends on: CONSTANT, STEP or LANE.
        element: Indices -> expression.
        cost: Operations in that expression.
        pieces: Instead of ``element``: the stretches that it consists of.
        pointer: Name of the contiguous array behind it, if there is one.
        factors: The values whose product it is, if that is known; they may have to be broadcast.
    """

    shape: tuple[int, ...]
    kind: Kind
    level: int
    element: Callable[[tuple[Index, ...]], str]
    cost: int = 0
    pieces: tuple[Piece, ...] = ()
    pointer: str = ""
    factors: tuple[Value, ...] = ()


def array(name: str, shape: Sequence[int], kind: Kind, level: int, read: str = "") -> Value:
    """Return the value that is read from a contiguous array, or from where ``read`` says."""
    shape = tuple(shape)

    def element(at: tuple[Index, ...]) -> str:
        position = flat(at, shape)
        return read.format(name=name, at=position) if read else element_of(name, position, kind)

    return Value(shape, kind, level, element, pointer=name if level < LANE else "")


def element_of(name: str, position: Index, kind: Kind) -> str:
    """Return an element of an array, or a register of neighbouring ones.

    Raises:
        ScatteredError: If they are no neighbours.
    """
    return f"{LOADS[kind]}({name} + {position.first})" if position.is_register else f"{name}[{position}]"


def number(value: float | bool) -> Value:
    """Return a constant."""
    kind = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "real"
    if kind == "real" and not math.isfinite(value):
        text = "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    else:
        text = str(value).lower()
    return Value((), kind, CONSTANT, lambda _: f"REAL({text})" if kind == "real" else f"int64_t({text})")


def in_pieces(shape: tuple[int, ...], kind: Kind, pieces: Sequence[Piece]) -> Value:
    """Return the value that consists of stretches along its first axis."""
    present = [piece.value for piece in pieces if piece.value]
    level = max((value.level for value in present), default=CONSTANT)
    return Value(shape, kind, level, _no_element, sum(value.cost for value in present), tuple(pieces))


def zeros(shape: tuple[int, ...], kind: Kind) -> Value:
    """Return zeros, in a single piece."""
    return in_pieces(shape, kind, [Piece(0, shape[0], None)])


def filled(name: str, args: Sequence[Any], shape: tuple[int, ...], kind: Kind) -> Value:
    """Return what torch's factory of a name, such as ``ones_like``, gives for its arguments."""
    if name in ("full", "full_like"):
        fill = args[1]
    else:
        fill = args[0] if name == "scalar_tensor" else 1 if name.startswith("ones") else 0
    if fill == 0 and shape:
        return zeros(shape, kind)
    constant = number(float(fill) if kind == "real" else fill)
    return Value(shape, kind, CONSTANT, lambda _: constant.element(()))


def _no_element(_: tuple[Index, ...]) -> str:
    raise AssertionError("a value in pieces is stored before it is read")
