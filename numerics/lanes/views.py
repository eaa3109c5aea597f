"""Values whose elements are another value's, read at other indices or as another kind: views, broadcasts, casts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, cast

from numerics.lanes.index import Index, flat, is_register, unflat
from numerics.lanes.operations import UnsupportedError
from numerics.lanes.statements import Statements
from numerics.lanes.value import CONSTANT, LANE, Kind, Value

RESHAPES = ("view", "_unsafe_view", "reshape", "squeeze", "unsqueeze")
"""Views that keep the elements' order."""
PARTITIONS = ("split", "split_with_sizes", "unbind")
"""Views that are several: the parts of an axis."""


def converted(code: Statements, value: Value, kind: Kind) -> Value:
    """Return a value as another kind."""
    if value.kind == kind or (kind == "int" and value.kind == "bool" and value.level < LANE):
        return value if value.kind == kind else replace(value, kind=kind)
    names = {("int", "real"): ("real", "real_of_ints"), ("bool", "real"): ("real", "real_of_mask")}
    if (value.kind, kind) not in names:
        raise UnsupportedError(f"{value.kind} as {kind}")
    cost = value.cost if value.shape == () and value.level == CONSTANT else value.cost + 1
    of_numbers, of_registers = names[value.kind, kind]

    def element(at: tuple[Index, ...]) -> str:
        if is_register(at):
            return f"{of_registers}({code.lifted(value, at)})"
        return f"{of_registers if value.level == LANE else of_numbers}({code.at(value, at)})"

    return Value(value.shape, kind, value.level, element, cost)


def broadcast(code: Statements, value: Value, shape: tuple[int, ...]) -> Value:
    """Return a value with a larger shape; one that would be computed anew in many places is stored."""
    if value.shape == shape:
        return value
    if math.prod(shape) > math.prod(value.shape) and value.cost and code.is_kept(value):
        value = code.stored(value)
    missing, sizes = len(shape) - len(value.shape), value.shape
    source = value

    def element(at: tuple[Index, ...]) -> str:
        return code.at(source, tuple(Index() if n == 1 else i for i, n in zip(at[missing:], sizes, strict=True)))

    factors = value.factors if len(value.factors) == 1 else (source,)
    return Value(shape, value.kind, value.level, element, value.cost, factors=factors)


def shifted(code: Statements, value: Value, start: int, shape: tuple[int, ...]) -> Value:
    """Return the part of a shape that begins at a place of the first axis."""
    if start == 0 and value.shape == shape:
        return value
    return Value(shape, value.kind, value.level, lambda at: code.at(value, (at[0] + start, *at[1:])), value.cost)


def reshaped(code: Statements, value: Value, shape: tuple[int, ...]) -> Value:
    """Return a value whose elements have the same order in another shape."""
    if value.shape == shape:
        return value
    if value.pieces and len(value.shape) == 1:
        value = code.stored(value)
    source = value
    return Value(
        shape,
        value.kind,
        value.level,
        lambda at: code.at(source, unflat(flat(at, shape), source.shape)),
        value.cost,
        pointer=value.pointer,
        factors=_reshaped_factors(code, value, shape),
    )


def _reshaped_factors(code: Statements, value: Value, shape: tuple[int, ...]) -> tuple[Value, ...]:
    """Return the factors of a value whose axes of length 1 come or go; none if that is not all that changes."""
    factors = value.factors
    is_alike = [n for n in shape if n > 1] == [n for n in value.shape if n > 1]
    if not is_alike or any(factor.shape not in ((), value.shape) for factor in factors):
        return ()
    return tuple(reshaped(code, f, shape) if f.shape == value.shape else f for f in factors)


def parts(code: Statements, name: str, args: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> list[Value]:
    """Return the parts of known shapes into which torch's operation of a name splits an axis."""
    value, *more = args
    more = more if name == "unbind" else more[1:]
    axis = int(more[0]) % len(value.shape) if more else 0
    value = code.stored(value) if value.pieces or (value.cost and code.is_kept(value)) else value
    if name == "unbind":
        return [view(code, "select", value, (value, axis, place), shape) for place, shape in enumerate(shapes)]
    ends = list(accumulate(shape[axis] for shape in shapes))
    spans = zip([0, *ends[:-1]], ends, shapes, strict=True)
    return [view(code, "slice", value, (value, axis, start, end), shape) for start, end, shape in spans]


def view(code: Statements, name: str, value: Value, args: Sequence[Any], shape: tuple[int, ...]) -> Value:
    """Return what torch's view of a name, such as ``transpose``, gives for a value and the node's arguments.

    Raises:
        UnsupportedError: If there is no view of this name.
    """
    rank = len(value.shape)
    if name in RESHAPES:
        return reshaped(code, value, shape)
    if name == "expand":
        return broadcast(code, value, shape)
    axis = int(args[1]) % rank if name in ("slice", "select") and len(args) > 1 else 0
    if name in ("permute", "t", "transpose"):
        if name == "permute":
            order = [a % rank for a in cast(Sequence[int], args[1])]
        else:
            order = list(range(rank))
            one, other = (int(a) % rank for a in (args[1:3] if name == "transpose" else (0, rank - 1)))
            order[one], order[other] = other, one

        def moved(at: tuple[Index, ...]) -> tuple[Index, ...]:
            return tuple(at[order.index(a)] for a in range(rank))
    elif name == "slice":
        start, stop, stride = (*args[2:], *(None, None, None)[len(args) - 2 :])
        first, _, stride = slice(start, stop, stride).indices(value.shape[axis])

        def moved(at: tuple[Index, ...]) -> tuple[Index, ...]:
            return (*at[:axis], at[axis] * stride + first, *at[axis + 1 :])
    elif name == "select":
        place = int(args[2]) % value.shape[axis]

        def moved(at: tuple[Index, ...]) -> tuple[Index, ...]:
            return (*at[:axis], Index((), place), *at[axis:])
    else:
        raise UnsupportedError(f"the operation {name}")
    source = code.stored(value) if value.pieces else value
    return Value(shape, value.kind, value.level, lambda at: code.at(source, moved(at)), value.cost)
