"""What a GPU does, by the processor at hand: a kernel's threads take turns, a graph has places of its own."""

import ctypes
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from numerics.lanes.kernel import compiler

BEFORE = """
#include <cstddef>
#include <utility>
#define __global__
#define __launch_bounds__(most)
struct Dim { unsigned x; };
static Dim blockIdx, blockDim, threadIdx;
"""
AFTER = """
template <class... A, size_t... K>
void call(void (*function)(A...), void** args, std::index_sequence<K...>) {
  function(*static_cast<A*>(args[K])...);
}
template <class... A>
void call(void (*function)(A...), void** args) { call(function, args, std::index_sequence_for<A...>{}); }
extern "C" void launch(unsigned num_blocks, unsigned num_threads, void** args) {
  blockDim.x = num_threads;
  for (blockIdx.x = 0; blockIdx.x < num_blocks; blockIdx.x++)
    for (threadIdx.x = 0; threadIdx.x < num_threads; threadIdx.x++) call(steps, args);
}
"""


def emulated(source: str) -> Callable[..., None]:
    """Return the function ``steps`` of a source, which takes arguments as a kernel compiled by torch.cuda does."""
    with tempfile.TemporaryDirectory() as folder:
        text, path = Path(folder, "steps.cpp"), Path(folder, "steps.so")
        text.write_text(f"{BEFORE}{source}{AFTER}")
        subprocess.run([compiler(), "-std=c++17", "-O0", "-shared", "-fPIC", "-w", text, "-o", path], check=True)
        library = ctypes.CDLL(str(path))

    def launch(grid: Sequence[int], block: Sequence[int], args: Sequence[Tensor | int]) -> None:
        assert grid[1:] == block[1:] == (1, 1)
        assert all(arg.is_contiguous() for arg in args if isinstance(arg, Tensor))
        values = [ctypes.c_void_p(a.data_ptr()) if isinstance(a, Tensor) else ctypes.c_int(a) for a in args]
        addresses = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        library.launch(grid[0], block[0], addresses)

    return launch


def captured(function: Callable[..., Tensor], samples: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Return what torch.cuda.make_graphed_callables does: it reads and writes the same places, always."""
    result = function(*samples)

    def replay(*args: Tensor) -> Tensor:
        for place, arg in zip(samples, args, strict=True):
            place.copy_(arg)
        return result.copy_(function(*samples))

    return replay
