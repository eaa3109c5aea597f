"""Kernels: many steps of many replicas in one call, compiled once on a machine and kept on disk."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule

from numerics.label_noise import STEPS_PER_BLOCK
from numerics.lanes.layout import Layout, ReplicasInLanes
from numerics.lanes.operations import UnsupportedError
from numerics.lanes.source import statements
from numerics.lanes.value import CONSTANT, STEP, Value, array

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC", "-w")
MOST_BYTES = 2 * 1024 * 1024
"""Arrays of a group of replicas may take this much: beyond, they leave the caches that a core has to itself."""
C_TYPES = {
    torch.float64: "double",
    torch.float32: "float",
    torch.int64: "int64_t",
    torch.int32: "int32_t",
    torch.int16: "int16_t",
}
LANE_MATH = Path(__file__).with_name("lane_math.h")
NEIGHBOUR_MATH = Path(__file__).with_name("neighbour_math.h")
SOURCE = """
extern "C" void steps(REAL* states, const {noise}* const* blocks, const {draws}* const* drawn, const REAL* numbers,
                      const REAL* inputs, const REAL* labels, const void* const* constants, int64_t stride,
                      int64_t first_group, int64_t last_group, int64_t first_time, int64_t last_time) {{
{prologue}
for (int64_t group = first_group; group < last_group; group++) {{
const int64_t lane = group * LANES;
{first}
for (int64_t time = first_time; time < last_time; time++) {{
const int64_t place = time % {steps_per_block};
const {noise}* const block = blocks[time / {steps_per_block}];
const {draws}* const draws = drawn[time / {steps_per_block}];
{before}{body}
{moved}
}}
{last}
}}
}}
"""


class Randomness(NamedTuple):
    """Blocks of noise and drawn data that follow each other, and where they lie."""

    blocks: Sequence[tuple[Tensor, Tensor | None]]
    noise: ctypes.Array[ctypes.c_void_p]
    draws: ctypes.Array[ctypes.c_void_p]


@dataclass(frozen=True)
class Kernel:
    """Compiled steps.

    Attributes:
        function: The compiled function.
        layout: What the lanes hold, and how its arguments lie in memory.
        constants: Tensors that the model brings along.
    """

    function: Callable[..., None]
    layout: Layout
    constants: tuple[Tensor, ...]

    def randomness(self, blocks: Iterable[tuple[Tensor, Tensor | None]]) -> Randomness:
        """Return blocks of noise and drawn data, ``[..., labels, R]``, as the kernel reads them."""
        read = self.layout.randomness
        found = [(read(noise), None if draws is None else read(draws)) for noise, draws in blocks]
        return Randomness(found, _addresses([noise for noise, _ in found]), _addresses([draws for _, draws in found]))

    def __call__(
        self,
        groups: Tensor,
        randomness: Randomness,
        numbers: Tensor,
        inputs: Tensor,
        labels: Tensor,
        times: range,
        span: range,
    ) -> None:
        """Move some groups of replicas on, in place.

        Args:
            groups: States of all groups, from the layout's `grouped`.
            randomness: From `randomness`.
            numbers: The rule's four numbers.
            inputs: From the layout's `data`, as are the labels.
            labels: Labels.
            times: The steps to take, counted from the beginning of the first block.
            span: The groups to move.
        """
        counts = (len(groups) * self.layout.entries_per_group, span.start, span.stop, times.start, times.stop)
        data = (numbers.data_ptr(), inputs.data_ptr(), labels.data_ptr())
        addresses = (randomness.noise, randomness.draws, *data, _addresses(self.constants))
        self.function(groups.data_ptr(), *addresses, *counts)


@cache
def _decompositions() -> Any:
    """Return torch's decompositions into its core operations, and of core operations that are no arithmetic."""
    from torch._decomp import core_aten_decompositions, get_decompositions

    aten = torch.ops.aten
    more = (
        aten.gelu,
        aten.elu,
        aten.leaky_relu,
        aten.hardtanh,
        aten.linalg_vector_norm,
        aten._softmax,
        aten._log_softmax,
    )
    return {**core_aten_decompositions(), **get_decompositions(more)}


def _addresses(tensors: Sequence[Tensor | None]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * max(1, len(tensors)))(*(None if t is None else t.data_ptr() for t in tensors))


def kernel(
    step: Callable[..., Tensor], examples: Sequence[Any], layout_of: Callable[[int], Layout] = ReplicasInLanes
) -> Kernel:
    """Return the kernel of a step of one replica.

    Args:
        step: (state ``[rows]``, noise block, draws or None, place in the block, four numbers, inputs, labels) -> state.
        examples: Arguments for the shapes: of one replica, or of the share of its labels that a lane has.
        layout_of: Number of lanes -> layout.

    Raises:
        UnsupportedError: If the step holds an operation that has no translation, or needs too much memory.
        NoCompilerError: If no C++ compiler takes the source.
    """
    graph = traced(step, examples)
    state, block, draws, _, *_, inputs, labels = examples
    layout, rows = layout_of(64 // state.element_size()), len(state)
    *own, data_inputs, data_labels = layout.values(state, block, draws, inputs, labels)
    code = statements(graph, (*own, *place_and_numbers(), data_inputs, data_labels), layout.neighbours)
    if not layout.suits(inputs, draws, code.passes):
        raise UnsupportedError("drawn rows are too short, or too little of the work")
    if (size := layout.lanes * (code.bytes_per_lane + 16 * rows)) > MOST_BYTES:
        raise UnsupportedError(f"a group of replicas takes {size:,} bytes")
    types = {"noise": C_TYPES[block.dtype], "draws": C_TYPES[layout.draws_dtype(len(inputs))]}
    loop = {"steps_per_block": STEPS_PER_BLOCK} | types | layout.loop(rows)
    steps = SOURCE.format(**loop, prologue=text_of(code.prologue), body=text_of(code.body))
    header = LANE_MATH.read_text() + (NEIGHBOUR_MATH.read_text() if layout.neighbours > 1 else "")
    function = ctypes.CDLL(str(compiled_library(f"#define REAL {C_TYPES[state.dtype]}\n{header}{steps}"))).steps
    function.restype, function.argtypes = None, [*[ctypes.c_void_p] * 7, *[ctypes.c_int64] * 5]
    return Kernel(function, layout, code.tensors(state.dtype))


def traced(step: Callable[..., Tensor], examples: Sequence[Any]) -> GraphModule:
    """Return the core operations of a step on arguments of these shapes."""
    from torch.fx.experimental.proxy_tensor import make_fx  # slow to import

    with torch.no_grad():
        return make_fx(step, decomposition_table=_decompositions())(*examples)


def place_and_numbers() -> list[Value]:
    """Return the values of a step's place in its block and of the rule's four numbers."""
    numbers = (array("numbers", (), "real", CONSTANT, f"numbers[{k}]") for k in range(4))
    return [array("place", (), "int", STEP, "place"), *numbers]


def text_of(statements: Sequence[object]) -> str:
    """Return statements as C++ text."""
    return "\n".join(map(str, statements))


class NoCompilerError(Exception):
    """There is no C++ compiler, or it does not take the source."""


def compiled_library(text: str) -> Path:
    """Return the library made from a source, from the store if it is there."""
    name = hashlib.sha256(f"{_machine(compiler())}{FLAGS}{text}".encode()).hexdigest()[:32]
    path = _store() / f"{name}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            source, library = Path(folder, "steps.cpp"), Path(folder, "steps.so")
            source.write_text(text)
            _output([compiler(), *FLAGS, str(source), "-o", str(library)])
            os.replace(library, path)  # whole or not at all, whatever another process does
    return path


def compiler() -> str:
    """Return the C++ compiler's name, or CXX where it is set."""
    return os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or "c++"


@cache
def _machine(compiler: str) -> str:
    """Return what the compiler knows of this processor and of itself."""
    return _output([compiler, "-march=native", "-dM", "-E", "-x", "c++", os.devnull])


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except OSError as error:
        raise NoCompilerError(f"{command[0]}: {error.strerror}; install g++ or set CXX") from None
    except subprocess.CalledProcessError as error:
        raise NoCompilerError(error.stderr) from None


@cache
def _store() -> Path:
    """Return the folder of compiled kernels: the user's cache, or for this process alone where that is not writable."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "implicit-reg", "kernels")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="implicit-reg-"))
