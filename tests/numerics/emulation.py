"""What a GPU does, by the processor at hand: a kernel's threads take turns, a graph has places of its own."""

import ctypes
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from torch import Tensor

from numerics.lanes.kernel import compiler

BEFORE = """
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ucontext.h>
#include <utility>
#define __global__
#define __launch_bounds__(most)
#define __shared__ static
struct Dim { unsigned x, y; };
static Dim blockIdx, blockDim, threadIdx;
static ucontext_t scheduler, *running;
static void __syncthreads() { swapcontext(running, &scheduler); }
"""
AFTER = """
template <class... A, size_t... K>
void call(void (*function)(A...), void** args, std::index_sequence<K...>) {
  function(*static_cast<A*>(args[K])...);
}
template <class... A>
void call(void (*function)(A...), void** args) { call(function, args, std::index_sequence_for<A...>{}); }
constexpr unsigned MOST = 256;
static void** arguments;
static int num_alive;
static bool alive[MOST];
static void enter(int thread) {
  call(KERNEL, arguments);
  alive[thread] = false;
  num_alive--;
}
extern "C" void launch(unsigned num_blocks, unsigned num_rows, unsigned num_threads, void** args) {
  constexpr size_t SIZE = 1 << 17;
  static char* const stacks = static_cast<char*>(std::malloc(MOST * SIZE));
  static ucontext_t threads[MOST];
  blockDim.x = num_threads;
  arguments = args;
  for (blockIdx.y = 0; blockIdx.y < num_rows; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < num_blocks; blockIdx.x++) {
      for (unsigned t = 0; t < num_threads; t++) {
        getcontext(&threads[t]);
        threads[t].uc_stack.ss_sp = &stacks[t * SIZE];
        threads[t].uc_stack.ss_size = SIZE;
        threads[t].uc_link = &scheduler;
        makecontext(&threads[t], reinterpret_cast<void (*)()>(enter), 1, int(t));
        alive[t] = true;
      }
      num_alive = num_threads;
      while (num_alive)  // each goes on to where it waits for the others, or to its end
        for (unsigned t = 0; t < num_threads; t++)
          if (alive[t]) {
            threadIdx.x = t;
            running = &threads[t];
            swapcontext(&scheduler, &threads[t]);
          }
    }
}
"""


@cache
def emulated(source: str, name: str) -> Callable[..., None]:
    """Return the kernel of that name, which takes arguments as one compiled by torch.cuda does."""
    with tempfile.TemporaryDirectory() as folder:
        text, path = Path(folder, "steps.cpp"), Path(folder, "steps.so")
        text.write_text(f"#define KERNEL {name}\n{BEFORE}{source}{AFTER}")
        subprocess.run([compiler(), "-std=c++17", "-O0", "-shared", "-fPIC", "-w", text, "-o", path], check=True)
        library = ctypes.CDLL(str(path))

    def launch(grid: Sequence[int], block: Sequence[int], args: Sequence[Tensor | int]) -> None:
        assert grid[2:] == block[2:] == (1,)
        assert block[1] == 1
        assert block[0] <= 256
        assert all(arg.is_contiguous() for arg in args if isinstance(arg, Tensor))
        values = [ctypes.c_void_p(a.data_ptr()) if isinstance(a, Tensor) else ctypes.c_int(a) for a in args]
        addresses = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        library.launch(*grid[:2], block[0], addresses)

    return launch


def captured(function: Callable[..., Tensor], samples: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Return what torch.cuda.make_graphed_callables does: it reads and writes the same places, always."""
    result = function(*samples)

    def replay(*args: Tensor) -> Tensor:
        for place, arg in zip(samples, args, strict=True):
            place.copy_(arg)
        return result.copy_(function(*samples))

    return replay
