"""Values that are summed over axes: reductions and matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence

from numerics.lanes.index import Index, ScatteredError, flat
from numerics.lanes.loops import Loops, Sum
from numerics.lanes.neighbours import Terms, summed
from numerics.lanes.operations import FUNCTION, REDUCTIONS
from numerics.lanes.statements import Statements
from numerics.lanes.value import LANE, STEP, TYPES, Value, array
from numerics.lanes.views import converted, reshaped

CHEAP = 2
"""Up to so many operations in a term, sums are limited by what they read."""
PRODUCTS = ("mm", "bmm", "mv", "dot")
"""Matrix products."""


def reduced(code: Statements, name: str, value: Value, axes: Sequence[int], shape: tuple[int, ...]) -> Value:
    """Return a sum, mean or maximum over axes, computed in the loops before it where they go over the same places."""
    value = converted(code, value, "real")
    size = math.prod(value.shape[a] for a in axes)
    kept = [a for a in range(len(value.shape)) if a not in axes and value.shape[a] > 1]
    axes = [a for a in axes if value.shape[a] > 1]
    outer = tuple(value.shape[a] for a in kept)

    def placed(out: Sequence[Index], inner: Sequence[Index]) -> tuple[Index, ...]:
        found = dict(zip(kept, out, strict=True)) | dict(zip(axes, inner, strict=True))
        return tuple(found.get(a, Index()) for a in range(len(value.shape)))

    if size == 1:
        return reshaped(code, value, shape)
    if value.pieces:
        value = code.stored(value)
    level = value.level
    section, is_lane = code.section(level), level == LANE
    sizes = (*outer, *(value.shape[a] for a in axes))
    if code.neighbours > 1 and level == STEP:
        try:
            found = summed(code, name, Terms(outer, sizes[len(outer) :], value, placed))
            return reshaped(code, found, shape)
        except ScatteredError:
            code.passes += math.prod(sizes)
    tile, split = tile_of(outer, sizes[-1], value.cost) if is_lane else ((1,) * len(outer), 1)
    loops = section[-1] if section else None
    if not isinstance(loops, Loops) or not loops.matches(sizes, tile, split):
        loops = Loops(sizes, tile, split, tuple(code.name("i") for _ in sizes))
    read = code.lifted if is_lane else code.at
    terms = [[read(value, placed(out, inner)) for inner in loops.inner] for out in loops.outer]
    if not section or loops is not section[-1] or loops.writes_into(terms):
        loops = Loops(sizes, tile, split, loops.names)
        section.append(loops)
    start, update, end = REDUCTIONS[name]
    total, so_far = code.name("s"), code.name("t")
    code.count(outer, level)
    places = [str(flat(out, outer)) for out in loops.outer]
    type_, first = TYPES["real"][is_lane], f"vec({start})" if is_lane else start
    loops.add(Sum(type_, total, so_far, math.prod(outer), first, update, end.format("{0}", size), terms, places))
    return reshaped(code, array(so_far, outer, "real", level), shape)


def product(code: Statements, left: Value, right: Value, shape: tuple[int, ...]) -> Value:
    """Return a matrix product: sums over an axis that both operands are read along many times."""
    left, right = (code.stored(v) if v.cost or v.pieces else v for v in (left, right))
    size = left.shape[-1]
    batch = shape[: len(left.shape) - 2] if len(left.shape) > 2 else ()
    rows = left.shape[-2:-1]
    columns = right.shape[len(batch) + 1 :]

    def element(at: tuple[Index, ...]) -> str:
        *outer, inner = at
        first = (*outer[: len(batch) + len(rows)], inner)
        second = (*outer[: len(batch)], inner, *outer[len(batch) + len(rows) :])
        return f"({code.at(left, first)} * {code.at(right, second)})"

    terms = Value((*batch, *rows, *columns, size), "real", max(left.level, right.level), element, 1)
    return reduced(code, "sum", terms, [len(terms.shape) - 1], shape)


def tile_of(outer: tuple[int, ...], last: int, cost: int) -> tuple[tuple[int, ...], int]:
    """Return how many results along each axis, and how many terms of each along the last one, are added at a time.

    Several totals hide the latency of an addition; sums of products along two axes also share what they read.

    Args:
        outer: Shape of the results.
        last: Length of the last axis that is summed over.
        cost: Operations in a term.
    """

    def widest(size: int) -> int:
        return next(width for width in (4, 3, 2, 1) if size % width == 0)

    tile = [1] * len(outer)
    if cost >= FUNCTION:
        return tuple(tile), 1
    for axis in range(len(outer))[-2 if cost <= CHEAP else -1 :]:
        tile[axis] = widest(outer[axis])
    return tuple(tile), widest(last) if math.prod(tile) <= CHEAP else 1
