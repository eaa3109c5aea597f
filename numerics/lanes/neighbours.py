"""Loops that take neighbouring numbers of one replica, a register at a time, where they lie side by side in memory.

Where an axis is not a whole number of registers, the last one overlaps the one before: what is written is written
twice, what is summed is summed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from numerics.lanes.index import LANE_NUMBER, Index, ScatteredError, Term, flat
from numerics.lanes.loops import looped
from numerics.lanes.operations import REDUCTIONS
from numerics.lanes.value import STEP, Value, array

if TYPE_CHECKING:
    from numerics.lanes.statements import Statements

MOST_TOTALS = 4
"""Totals of one sum that registers are added to in turn, so that an addition need not wait for the one before."""
MOST_IN_LINE = 16
"""Up to so many registers of an axis are taken without a loop: what is read once stays in a register."""


class Passes(NamedTuple):
    """Text of loops, and how many registers or numbers they take in one step."""

    lines: list[str]
    number: int


class Register(NamedTuple):
    """A register that is to be written: statements that it needs, its value, and a name for that -> the statement."""

    before: list[str]
    value: str
    store: Callable[[str], str]


class Terms(NamedTuple):
    """What is summed over the last axes of a shape, or of which the largest is taken.

    Attributes:
        outer: Shape of the results.
        inner: Lengths of the axes that are summed over.
        value: The terms.
        placed: (indices of a result, indices of one of its terms) -> the value's indices at that term.
    """

    outer: tuple[int, ...]
    inner: tuple[int, ...]
    value: Value
    placed: Callable[[Sequence[Index], Sequence[Index]], tuple[Index, ...]]


def places(names: Sequence[str], sizes: Sequence[int]) -> tuple[Index, ...]:
    """Return indices that go through the places of axes one by one."""
    axes = zip(names, sizes, strict=True)
    return tuple(Index((Term(name, 1, size),)) if size > 1 else Index() for name, size in axes)


def written(code: Statements, shape: Sequence[int], register: Callable[[tuple[Index, ...]], Register]) -> Passes:
    """Return the loops that write registers all over a shape, along its last axis.

    Raises:
        ScatteredError: If the numbers are no neighbours.
    """
    *outer, size = shape or (0,)
    lanes = code.neighbours
    if size < lanes:
        raise ScatteredError
    *names, last = (code.name("i") for _ in shape)
    before = places(names, outer)
    whole = size - size % lanes
    looped_over = whole if size > MOST_IN_LINE * lanes else 0
    lines: list[str] = []
    if looped_over:
        at = Index((Term(last, lanes, whole // lanes), Term(LANE_NUMBER, 1, lanes)))
        needed, value, store = register((*before, at))
        lines = looped([last], [whole // lanes], [*needed, store(value)])
    found = [register((*before, _neighbours(min(k, size - lanes), lanes))) for k in range(looped_over, size, lanes)]
    names_of_values = [code.name("v") for _ in found]
    for name, (needed, value, _) in zip(names_of_values, found, strict=True):
        lines += [*needed, f"const auto {name} = {value};"]
    lines += [store(name) for name, (_, _, store) in zip(names_of_values, found, strict=True)]
    return Passes(looped(names, outer, ["{", *lines, "}"]), math.prod(outer) * -(-size // lanes))


def summed(code: Statements, name: str, terms: Terms) -> Value:
    """Return sums, or what else of `REDUCTIONS`, over registers of terms; of results, where terms are scattered.

    Raises:
        ScatteredError: If both are.
    """
    result = code.name("t")
    try:
        passes = _sum_of_registers(code, name, terms, result)
    except ScatteredError:
        passes = _register_of_sums(code, name, terms, result)
    code.declare(result, terms.outer, "real", STEP)
    code.add(passes)
    return array(result, terms.outer, "real", STEP)


def _sum_of_registers(code: Statements, name: str, terms: Terms, result: str) -> Passes:
    """Return loops that add registers of terms, and in the end their lanes."""
    start, update, end = REDUCTIONS[name]
    lanes, size = code.neighbours, terms.inner[-1]
    num_whole, left = divmod(size, lanes)
    if not num_whole or "+=" not in update:
        raise ScatteredError
    outer, inner = [code.name("i") for _ in terms.outer], [code.name("i") for _ in terms.inner]
    results, before = places(outer, terms.outer), places(inner[:-1], terms.inner[:-1])
    totals = [code.name("s") for _ in range(min(MOST_TOTALS, num_whole))]

    def added(starts: Iterable[Index]) -> list[str]:
        at = (terms.placed(results, (*before, start)) for start in starts)
        return [f"{totals[k % len(totals)]} += {code.lifted(terms.value, a)};" for k, a in enumerate(at)]

    step = len(totals) * lanes
    num_looped = num_whole // len(totals) if num_whole > MOST_IN_LINE else 0
    block = Index((Term(inner[-1], step, num_looped),)) if num_looped else Index()
    lines = added(block + _neighbours(k, lanes) for k in range(0, step if num_looped else 0, lanes))
    lines = looped([inner[-1]], [num_looped], lines)
    lines += added(_neighbours(k, lanes) for k in range(num_looped * step, size - left, lanes))
    if left:
        at = terms.placed(results, (*before, _neighbours(size - lanes, lanes)))
        lines.append(f"{totals[-1]} += but_first<{lanes - left}>({code.lifted(terms.value, at)});")
    first, *others = totals
    lines = [
        *(f"V {total} = vec({start});" for total in totals),
        *looped(inner[:-1], terms.inner[:-1], lines),
        *(f"{first} += {other};" for other in others),
        f"{result}[{flat(results, terms.outer)}] = {end.format(f'lane_sum({first})', math.prod(terms.inner))};",
    ]
    number = math.prod((*terms.outer, *terms.inner[:-1])) * -(-size // lanes)
    return Passes(looped(outer, terms.outer, ["{", *lines, "}"]), number)


def _register_of_sums(code: Statements, name: str, terms: Terms, result: str) -> Passes:
    """Return loops that add up a register of neighbouring results at a time."""
    start, update, end = REDUCTIONS[name]
    inner, size = [code.name("i") for _ in terms.inner], math.prod(terms.inner)

    def register(results: tuple[Index, ...]) -> Register:
        total = code.name("s")
        term = code.lifted(terms.value, terms.placed(results, places(inner, terms.inner)))
        lines = looped(inner, terms.inner, [f"{update.format(total, term)};"])
        to = flat(results, terms.outer).first
        return Register(
            [f"V {total} = vec({start});", *lines],
            end.format(total, size),
            lambda value: f"store({result} + {to}, {value});",
        )

    lines, number = written(code, terms.outer, register)
    return Passes(lines, number * size)


def _neighbours(start: int, lanes: int) -> Index:
    """Return the index of neighbouring places, given the first of them."""
    return Index((Term(LANE_NUMBER, 1, lanes),), start)
