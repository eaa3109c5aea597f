"""Values at places that are computed: indexing with integers, alike in all replicas or different in each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from numerics.lanes.index import Index, ScatteredError, Term, flat, is_register
from numerics.lanes.operations import FUNCTION, UnsupportedError
from numerics.lanes.statements import Statements
from numerics.lanes.value import CONSTANT, LANE, Value, array

MOST_GATHERED = 1024
"""Rows with up to so many numbers together are copied, not read in place: they stay in the first-level cache."""
SELECTIONS = ("index", "index_select")


def selection(code: Statements, name: str, args: Sequence[Any], shape: tuple[int, ...]) -> Value:
    """Return what torch's operation of a name gives for its arguments.

    Raises:
        UnsupportedError: If it has no translation.
    """
    value = args[0]
    if name == "index_select":
        return taken(code, value, int(args[1]) % len(value.shape), args[2], shape)
    if len(args[1]) != 1 or not isinstance(args[1][0], Value):
        raise UnsupportedError("an index of several tensors")
    return taken(code, value, 0, args[1][0], shape)


def taken(code: Statements, value: Value, axis: int, places: Value, shape: tuple[int, ...]) -> Value:
    """Return the entries of a value at given places of an axis.

    Raises:
        UnsupportedError: If the places are no integers, or differ between replicas into something that does too.
    """
    if places.kind != "int":
        raise UnsupportedError("an index that is no integer")
    rank, size = len(places.shape), value.shape[axis]
    if places.level < LANE:

        def element(at: tuple[Index, ...]) -> str:
            if is_register(at[axis : axis + rank]):
                raise ScatteredError
            place = Term(f"int({code.at(places, at[axis : axis + rank])})", 1, size)
            return code.at(value, (*at[:axis], Index((place,)), *at[axis + rank :]))

        return Value(shape, value.kind, max(value.level, places.level), element, value.cost + places.cost)
    if value.level > CONSTANT or axis or value.kind != "real":
        raise UnsupportedError("an index that differs between replicas into something that does too")
    if value.cost or value.pieces or not value.pointer:
        value = code.stored(value)
    if places.cost:
        places = code.stored(places)
    row = math.prod(value.shape[1:])
    if row > 1 and math.prod(places.shape) * row <= MOST_GATHERED:
        return _gathered_rows(code, value, places, row, shape)

    def gathered(at: tuple[Index, ...]) -> str:
        return f"gather({value.pointer} + {flat(at[rank:], value.shape[1:])}, {code.at(places, at[:rank])} * {row})"

    return Value(shape, "real", LANE, gathered, FUNCTION)


def _gathered_rows(code: Statements, value: Value, places: Value, row: int, shape: tuple[int, ...]) -> Value:
    """Return whole rows of a constant, copied at once."""
    name = code.new_array(shape, "real", LANE)

    def statement(at: tuple[Index, ...]) -> str:
        to = flat(at, places.shape) * row
        return f"gather_rows<{row}>({value.pointer}, {code.at(places, at)} * {row}, {name} + {to});"

    code.for_each(places.shape, LANE, statement)
    return array(name, shape, "real", LANE)
