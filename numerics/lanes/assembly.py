"""Values that are put together from parts: concatenation, padding, and a part written into a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from numerics.lanes.index import Index, flat
from numerics.lanes.operations import UnsupportedError
from numerics.lanes.statements import Statements
from numerics.lanes.value import Piece, Value, array, in_pieces, zeros
from numerics.lanes.views import reshaped


class Part(NamedTuple):
    """A value, the first place that it takes along an axis, and the stride between its places."""

    start: int
    stride: int
    value: Value


ASSEMBLIES = ("cat", "slice_scatter", "select_scatter", "constant_pad_nd")


def assembly(code: Statements, name: str, args: Sequence[Any], shape: tuple[int, ...]) -> Value:
    """Return what torch's operation of a name gives for its arguments.

    Raises:
        UnsupportedError: If it has no translation.
    """
    if name == "cat":
        values = cast(Sequence[Value], args[0])
        axis = int(args[1]) % len(shape) if len(args) > 1 else 0
        starts = [sum(value.shape[axis] for value in values[:k]) for k in range(len(values))]
        return assembled(code, shape, axis, [Part(start, 1, v) for start, v in zip(starts, values, strict=True)])
    value = cast(Value, args[0])
    if name == "slice_scatter":
        axis, start, stop, stride = (*args[2:], *(0, None, None, 1)[len(args) - 2 :])
        axis = int(axis or 0) % len(shape)
        first, _, stride = slice(start, stop, stride).indices(shape[axis])
        return assembled(code, shape, axis, [Part(first, stride, args[1])], value)
    if name == "select_scatter":
        axis = int(args[2]) % len(shape)
        part = reshaped(code, args[1], (*shape[:axis], 1, *shape[axis + 1 :]))
        return assembled(code, shape, axis, [Part(int(args[3]) % shape[axis], 1, part)], value)
    widths = cast(Sequence[int], args[1])
    if len(shape) != 1 or min(widths) < 0 or (len(args) > 2 and args[2]):
        raise UnsupportedError("padding of several axes or with other numbers than 0")
    return assembled(code, shape, 0, [Part(widths[0], 1, value)], zeros(shape, value.kind))


def assembled(
    code: Statements, shape: tuple[int, ...], axis: int, parts: Sequence[Part], ground: Value | None = None
) -> Value:
    """Return parts put side by side, or into another value; zeros, where neither is."""
    is_blank = ground is None or (bool(ground.pieces) and all(piece.value is None for piece in ground.pieces))
    kind = parts[0].value.kind
    if axis == 0 and is_blank and all(part.stride == 1 for part in parts):
        pieces, end = [], 0
        for start, _, value in parts:
            inner = value.pieces or (Piece(0, value.shape[0], value),)
            pieces += [Piece(end, start, None), *(Piece(start + p.start, start + p.stop, p.value) for p in inner)]
            end = start + value.shape[0]
        pieces.append(Piece(end, shape[0], None))
        return in_pieces(shape, kind, [p for p in pieces if p.stop > p.start])
    level = max(value.level for value in (*(part.value for part in parts), *([ground] if ground else [])))
    name = code.new_array(shape, kind, level)
    if ground:
        code.write(ground, name, level)
    for start, stride, value in parts:

        def place(at: tuple[Index, ...], start: int = start, stride: int = stride) -> Index:
            return flat((*at[:axis], at[axis] * stride + start, *at[axis + 1 :]), shape)

        code.write(value, name, level, place)
    return array(name, shape, kind, level)
