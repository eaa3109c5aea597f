"""The statements that carry out a step: what they fill arrays with, and the arrays that later ones read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from numerics.lanes.index import Index, ScatteredError, flat, is_register
from numerics.lanes.loops import Loops, looped
from numerics.lanes.neighbours import Passes, Register, places, written
from numerics.lanes.operations import UnsupportedError
from numerics.lanes.value import CONSTANT, LANE, STEP, TYPES, Kind, Piece, Value, array


class Statements:
    """The statements of one step, in their order.

    Attributes:
        prologue: What is computed once, from the data alone.
        body: One step, from ``theta`` to ``next``.
        constants: Tensors that the model brings along.
        neighbours: Neighbouring numbers of a replica that loops take at a time; 1: a lane is a replica.
        passes: Passes through loops in one step, where they take neighbours.
        bytes_per_lane: Size of the arrays of one replica.
    """

    def __init__(self, neighbours: int = 1) -> None:
        self.neighbours = neighbours
        self.passes = 0
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
        """Return the value of a tensor that the model brings along.

        Raises:
            UnsupportedError: If it holds complex numbers.
        """
        if tensor.is_complex():
            raise UnsupportedError("complex numbers")
        kind: Kind = "real" if tensor.is_floating_point() else "bool" if tensor.dtype == torch.bool else "int"
        self.constants.append(tensor)
        number = len(self.constants) - 1
        return array(f"(({TYPES[kind][0]} const*) constants[{number}])", tensor.shape, kind, CONSTANT)

    def tensors(self, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        """Return the constants as a kernel of a precision reads them: a model may bring numbers of any type along."""

        def read(tensor: torch.Tensor) -> torch.Tensor:
            is_mask = tensor.dtype == torch.bool
            return tensor if is_mask else tensor.to(dtype if tensor.is_floating_point() else torch.int64)

        return tuple(read(tensor).contiguous() for tensor in self.constants)

    def at(self, value: Value, indices: tuple[Index, ...]) -> str:
        """Return an element; a value in pieces is stored first."""
        return (self.stored(value) if value.pieces else value).element(indices)

    def lifted(self, value: Value, indices: tuple[Index, ...]) -> str:
        """Return an element as one number per lane."""
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
        self.declare(name, shape, kind, level)
        return name

    def declare(self, name: str, shape: tuple[int, ...], kind: Kind, level: int) -> None:
        """Declare an array."""
        self.section(level).append(f"{TYPES[kind][level == LANE]} {name}[{math.prod(shape)}];")
        self.count(shape, level)

    def count(self, shape: tuple[int, ...], level: int) -> None:
        """Count an array's memory."""
        is_of_replica = level == (STEP if self.neighbours > 1 else LANE)
        self.bytes_per_lane += 8 * math.prod(shape) if is_of_replica else 0

    def is_kept(self, value: Value) -> bool:
        """Return whether a value that is read often is stored: not what depends on nothing but the step."""
        return value.level != STEP or self.neighbours > 1

    def require_cheap(self, name: str, level: int) -> None:
        """Raise an error where a function of a replica is to be computed for one number at a time.

        Raises:
            UnsupportedError: If the lanes are neighbouring numbers.
        """
        if self.neighbours > 1 and level > CONSTANT:
            raise UnsupportedError(f"{name} of a single number")

    def add(self, passes: Passes) -> None:
        """Add loops over neighbouring numbers to a step."""
        self.body.extend(passes.lines)
        self.passes += passes.number

    def write(
        self, value: Value, name: str, level: int, place: Callable[[tuple[Index, ...]], Index] | None = None
    ) -> None:
        """Write a value into an array of a level, to where ``place`` puts each of its elements; else all over it."""
        for start, stop, part in value.pieces or (Piece(0, value.shape[0] if value.shape else 1, value),):
            shape = (stop - start, *value.shape[1:]) if value.shape else ()

            def placed(at: tuple[Index, ...], start: int = start) -> Index:
                whole = (at[0] + start, *at[1:]) if at else ()
                return place(whole) if place else flat(whole, value.shape)

            def text(at: tuple[Index, ...], part: Value | None = part) -> str:
                in_lanes = level == LANE or is_register(at)
                if part is None:
                    return TYPES[value.kind][in_lanes] + "{}"
                return self.lifted(part, at) if in_lanes else self.at(part, at)

            self._write(name, level, shape, placed, text)

    def _write(
        self,
        name: str,
        level: int,
        shape: Sequence[int],
        placed: Callable[[tuple[Index, ...]], Index],
        text: Callable[[tuple[Index, ...]], str],
    ) -> None:
        """Write an expression all over a shape, by registers where that is possible."""

        def register(at: tuple[Index, ...]) -> Register:
            to = placed(at).first
            return Register([], text(at), lambda value: f"store({name} + {to}, {value});")

        if self.neighbours > 1 and level == STEP:
            try:
                self.add(written(self, shape, register))
                return
            except ScatteredError:
                self.passes += math.prod(shape)
        self.for_each(shape, level, lambda at: f"{name}[{placed(at)}] = {text(at)};")

    def for_each(self, shape: Sequence[int], level: int, statement: Callable[[tuple[Index, ...]], str]) -> None:
        """Carry out a statement at all indices of a shape; what it reads is stored before."""
        names = [self.name("i") for _ in shape]
        lines = looped(names, shape, [statement(places(names, shape))])
        self.section(level).extend(lines)
