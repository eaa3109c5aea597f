"""The statements that carry out a step: what they fill arrays with, and the arrays that later ones read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from numerics.lanes.index import Index, Term, flat
from numerics.lanes.loops import Loops
from numerics.lanes.value import CONSTANT, LANE, TYPES, Kind, Piece, Value, array


class Statements:
    """The statements of one step, in their order.

    Attributes:
        prologue: What is computed once, from the data alone.
        body: One step, from ``theta`` to ``next``.
        constants: Tensors that the model brings along.
        bytes_per_lane: Size of the arrays of one replica.
    """

    def __init__(self) -> None:
        self.prologue: list[str | Loops] = []
        self.body: list[str | Loops] = []
        self.constants: list[torch.Tensor] = []
        self.bytes_per_lane = 0
        self._stored: dict[int, tuple[Value, Value]] = {}
        self._num_names = 0

    def name(self, stem: str) -> str:
        """Return a name that is not used yet."""
        self._num_names += 1
        return f"{stem}{self._num_names}"

    def section(self, level: int) -> list[str | Loops]:
        """Return the statements that a value of a level is computed among."""
        return self.prologue if level == CONSTANT else self.body

    def constant(self, tensor: torch.Tensor) -> Value:
        """Return the value of a tensor that the model brings along."""
        self.constants.append(tensor)
        kind: Kind = "real" if tensor.is_floating_point() else "int"
        number = len(self.constants) - 1
        return array(f"(({TYPES[kind][0]} const*) constants[{number}])", tensor.shape, kind, CONSTANT)

    def at(self, value: Value, indices: tuple[Index, ...]) -> str:
        """Return an element; a value in pieces is stored first."""
        return (self.stored(value) if value.pieces else value).element(indices)

    def lifted(self, value: Value, indices: tuple[Index, ...]) -> str:
        """Return an element as one value per lane."""
        text = self.at(value, indices)
        return text if value.level == LANE else {"real": "vec", "int": "ivec", "bool": "mask"}[value.kind] + f"({text})"

    def stored(self, value: Value) -> Value:
        """Return the same value, read from an array that is filled by then."""
        if id(value) not in self._stored:
            name = self.new_array(value.shape, value.kind, value.level)
            self.write(value, name, value.level)
            self._stored[id(value)] = (value, array(name, value.shape, value.kind, value.level))
        return self._stored[id(value)][1]

    def new_array(self, shape: tuple[int, ...], kind: Kind, level: int) -> str:
        """Return the name of a new array."""
        name = self.name("t")
        self.section(level).append(f"{TYPES[kind][level == LANE]} {name}[{math.prod(shape)}];")
        self.count(shape, level)
        return name

    def count(self, shape: tuple[int, ...], level: int) -> None:
        """Count an array's memory."""
        self.bytes_per_lane += 8 * math.prod(shape) if level == LANE else 0

    def write(
        self, value: Value, name: str, level: int, place: Callable[[tuple[Index, ...]], Index] | None = None
    ) -> None:
        """Write a value into an array of a level, to where ``place`` puts each of its elements; else all over it."""
        is_lane = level == LANE
        for start, stop, part in value.pieces or (Piece(0, value.shape[0] if value.shape else 1, value),):
            shape = (stop - start, *value.shape[1:]) if value.shape else ()

            def statement(at: tuple[Index, ...], part: Value | None = part, start: int = start) -> str:
                whole = (at[0] + start, *at[1:]) if at else ()
                to = place(whole) if place else flat(whole, value.shape)
                blank = TYPES[value.kind][is_lane] + "{}"
                text = blank if part is None else self.lifted(part, at) if is_lane else self.at(part, at)
                return f"{name}[{to}] = {text};"

            self.for_each(shape, level, statement)

    def for_each(self, shape: Sequence[int], level: int, statement: Callable[[tuple[Index, ...]], str]) -> None:
        """Carry out a statement at all indices of a shape; what it reads is stored before."""
        names = [self.name("i") for _ in shape]
        indices = tuple(
            Index((Term(name, 1, size),)) if size > 1 else Index() for name, size in zip(names, shape, strict=True)
        )
        lines = [statement(indices)]
        for name, size in reversed(list(zip(names, shape, strict=True))):
            if size > 1:
                lines = [f"for (int {name} = 0; {name} < {size}; {name}++) {{", *lines, "}"]
        self.section(level).extend(lines)
