"""Kernels for a GPU, where a lane is a thread: each takes the steps of one replica.

As torch's operations a step is many launches that each read and write all states; here the state of a small model stays
in registers for a whole step block. The text of a step is a CPU kernel's, with single numbers in place of registers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from numerics.lanes.kernel import C_TYPES, NoCompilerError, place_and_numbers, text_of, traced
from numerics.lanes.layout import ReplicasInLanes
from numerics.lanes.operations import UnsupportedError
from numerics.lanes.source import statements

WARP, MOST_THREADS = 32, 128
"""Threads of a block: a warp, so that few replicas still meet many processors, or with many replicas a few warps."""
REPLICAS_FOR_BLOCKS_OF_WARPS = 2**15
MOST_BYTES_UNROLLED = 2048
"""Loops over a replica's arrays of up to so much are unrolled: only then may the numbers have registers."""
MOST_BYTES = 16 * 1024
"""Arrays of a replica may take this much: beyond, a thread would do little but read and write them.

These limits, and the sizes above, come from the compiler's report of registers and from a GPU's numbers on paper; they
were not measured.
"""
THREAD_MATH = Path(__file__).with_name("thread_math.h")
SOURCE = """
extern "C" __global__ void __launch_bounds__({most_threads})
steps(REAL* states, const {noise}* block, const int64_t* draws, const REAL* numbers, const REAL* inputs,
      const REAL* labels, {parameters}int num_replicas, int first_place, int last_place) {{
const int64_t stride = num_replicas, lane = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
if (lane >= stride) return;
const void* const constants[] = {{{constants}}};
{prologue}
V theta[{rows}], next[{rows}];
for (int row = 0; row < {rows}; row++) theta[row] = states[row * stride + lane];
#pragma unroll 1
for (int64_t place = first_place; place < last_place; place++) {{
{body}
for (int row = 0; row < {rows}; row++) theta[row] = next[row];
}}
for (int row = 0; row < {rows}; row++) states[row * stride + lane] = theta[row];
}}
"""
Launch = Callable[..., None]
"""(grid, block, args): as of torch.cuda's compiled kernels."""


@dataclass(frozen=True)
class CudaKernel:
    """Compiled steps.

    Attributes:
        launch: The compiled function.
        constants: Tensors that the model brings along.
    """

    launch: Launch
    constants: tuple[Tensor, ...]

    def __call__(
        self,
        states: Tensor,
        noise: Tensor,
        draws: Tensor | None,
        numbers: Tensor,
        inputs: Tensor,
        labels: Tensor,
        places: range,
    ) -> None:
        """Move replicas on, in place, by the steps at some places of a step block.

        Args:
            states: ``[rows, R]``, contiguous.
            noise: A block of noise, replicas last.
            draws: A block of drawn data, replicas last, if any are drawn.
            numbers: The rule's four numbers.
            inputs: Inputs.
            labels: Labels.
            places: The places.
        """
        num_replicas = states.shape[1]
        threads = MOST_THREADS if num_replicas >= REPLICAS_FOR_BLOCKS_OF_WARPS else WARP
        read = (noise, noise if draws is None else draws, numbers, inputs, labels, *self.constants)
        args = (states, *(tensor.contiguous() for tensor in read), num_replicas, places.start, places.stop)
        self.launch((-(-num_replicas // threads), 1, 1), (threads, 1, 1), list(args))


def cuda_kernel(step: Callable[..., Tensor], examples: Sequence[Any]) -> CudaKernel:
    """Return the kernel of a step of one replica.

    Args:
        step: (state ``[rows]``, noise block, draws or None, place in the block, four numbers, inputs, labels) -> state.
        examples: Arguments for the shapes, where the kernel is to run.

    Raises:
        UnsupportedError: If the step holds an operation that has no translation, or needs too much memory.
        NoCompilerError: If CUDA's compiler is not found, or does not take the source.
    """
    source, constants = cuda_source(step, examples)
    return CudaKernel(compiled(source, "steps"), constants)


def cuda_source(step: Callable[..., Tensor], examples: Sequence[Any]) -> tuple[str, tuple[Tensor, ...]]:
    """Return the source of a step's kernel, and the tensors that the model brings along.

    Raises:
        UnsupportedError: As `cuda_kernel`.
    """
    state, block, draws, _, *_, inputs, labels = examples
    *own, data_inputs, data_labels = ReplicasInLanes(1).values(state, block, draws, inputs, labels)
    code = statements(traced(step, examples), (*own, *place_and_numbers(), data_inputs, data_labels))
    if (size := code.bytes_per_lane + 16 * len(state)) > MOST_BYTES:
        raise UnsupportedError(f"a replica takes {size:,} bytes")
    names = [f"constant{k}" for k in range(len(code.constants))]
    steps = SOURCE.format(
        most_threads=MOST_THREADS,
        noise=C_TYPES[block.dtype],
        rows=len(state),
        parameters="".join(f"const void* {name}, " for name in names),
        constants=", ".join(names or ["nullptr"]),
        prologue=text_of(code.prologue),
        body=text_of(code.body),
    )
    if size <= MOST_BYTES_UNROLLED:
        steps = re.sub(r"^for \(int ", "#pragma unroll\nfor (int ", steps, flags=re.MULTILINE)
    return f"#define REAL {C_TYPES[state.dtype]}\n{THREAD_MATH.read_text()}{steps}", code.tensors(state.dtype)


def compiled(source: str, name: str) -> Launch:
    """Return the kernel of that name from a source, compiled for the current GPU.

    Raises:
        NoCompilerError: If CUDA's compiler is not found, or does not take the source.
    """
    try:
        return torch.cuda._compile_kernel(source, name)
    except (OSError, RuntimeError) as error:
        raise NoCompilerError(f"CUDA's compiler: {error}") from None
