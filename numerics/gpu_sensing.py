"""Steps of matrix sensing on a GPU: four launches each, where torch's operations are a dozen."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from numerics.lanes import cuda_kernel
from numerics.lanes.cuda_kernel import WARP, Launch
from numerics.lanes.kernel import C_TYPES

THREADS = 256
SOURCE = Path(__file__).with_name("gpu_sensing.h")
KERNELS = ("products", "residuals", "slope", "moved")


class GpuSensing:
    """Steps of R runs of one size, in single or double precision.

    Args:
        measurements: svec of each run's measurements, ``[R, N, M]`` with M = d (d + 1)/2.
        rows: Row of each packed entry, ``[M]``.
        columns: Its column.
        weights: Its weight: 1 on the diagonal, else the root of 2.
        dimension: d.
        lr: Learning rate.

    Raises:
        NoCompilerError: If CUDA's compiler is not found.
    """

    def __init__(
        self, measurements: Tensor, rows: Tensor, columns: Tensor, weights: Tensor, dimension: int, lr: float
    ) -> None:
        self._products, self._residuals, self._slope, self._moved = _kernels(measurements.dtype)
        self._measurements = measurements.contiguous()
        self._packing = rows.contiguous(), columns.contiguous(), weights.contiguous()
        self._dimension, self._lr = dimension, lr
        num_runs, num_data, _ = measurements.shape
        self._all = torch.arange(num_runs * num_data, device=measurements.device)

    def __call__(self, factors: Tensor, targets: Tensor, drawn: Tensor | None) -> Tensor:
        """Return U of each run, ``[R, d, d]``, after T steps.

        Args:
            factors: U of each run.
            targets: Labels with their noise, ``[T, R, B]``.
            drawn: For each target its measurement's place among those of all runs, ``[T, R B]``; None: all N of its
                run.
        """
        _, num_runs, batch = targets.shape
        dimension, num_entries = self._dimension, self._measurements.shape[-1]
        now, targets = factors.mT.clone(memory_format=torch.contiguous_format), targets.contiguous()
        following, slope = torch.empty_like(now), torch.empty_like(now)
        products, residuals = now.new_empty(num_runs, num_entries), torch.empty_like(targets[0])
        rate = torch.full_like(now[0, 0, :1], -4 * self._lr / batch)
        rows, columns, weights = self._packing
        for step, target in enumerate(targets):
            read = self._measurements, self._all if drawn is None else drawn[step]
            _launch(
                self._products,
                -(-num_entries // THREADS),
                num_runs,
                [now, rows, columns, weights, products, dimension, num_entries],
            )
            _launch(self._residuals, batch, num_runs, [*read, products, target, residuals, num_entries, batch])
            _launch(
                self._slope,
                -(-num_entries // WARP),
                num_runs,
                [*read, residuals, rows, columns, weights, slope, dimension, num_entries, batch],
            )
            _launch(self._moved, -(-(dimension**2) // THREADS), num_runs, [now, slope, rate, following, dimension])
            now, following = following, now
        return now.mT.contiguous()


def _launch(kernel: Launch, num_blocks: int, num_runs: int, args: list[Tensor | int]) -> None:
    kernel((num_blocks, num_runs, 1), (THREADS, 1, 1), args)


@cache
def _kernels(dtype: torch.dtype) -> tuple[Launch, ...]:
    names = f"#define REAL {C_TYPES[dtype]}\n#define THREADS {THREADS}\n#define WARP {WARP}\n"
    return tuple(cuda_kernel.compiled(names + SOURCE.read_text(), name) for name in KERNELS)


@cache
def warn_once(reason: str) -> None:
    """Warn that torch's operations take the steps."""
    warnings.warn(f"no kernels for matrix sensing on the GPU, torch's operations instead: {reason}", stacklevel=2)
