"""Steps of matrix sensing on packed symmetric measurements, many in one call, compiled to C++.

A drawn measurement is read from memory once: its product with svec(U U^T), and with that its weight in the slope, are
known while it is still in a core's own cache. As torch's operations a step reads it from memory to gather the batch,
and the batch from a shared cache twice.
"""

from __future__ import annotations

import ctypes
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from numerics.lanes.kernel import C_TYPES, LANE_MATH, NoCompilerError, compiled_library

SOURCE = Path(__file__).with_name("packed_steps.h")


def packed_steps(
    factors: Tensor, measurements: Tensor, targets: Tensor, drawn: Tensor | None, lr: float
) -> Tensor | None:
    """Return U of each run, ``[R, d, d]``, after T steps on a CPU; None, with a warning, if no C++ compiler works.

    The steps are plain ones on the square loss, taken by up to torch's number of threads, which changes no bit.

    Args:
        factors: U of each run, ``[R, d, d]``, in single or double precision.
        measurements: svec of each run's measurements, ``[R, N, d (d + 1)/2]``.
        targets: Labels with their noise, ``[T, R, B]``.
        drawn: For each target its measurement's place among those of all runs, ``[T, R B]``; None: all N of its run.
        lr: Learning rate.
    """
    function = _function(factors.dtype)
    if function is None:
        return None
    moved = factors.clone(memory_format=torch.contiguous_format)
    data = [moved, measurements.contiguous(), targets.contiguous(), None if drawn is None else drawn.contiguous()]
    addresses = (None if tensor is None else tensor.data_ptr() for tensor in data)
    num_steps, num_runs, batch = targets.shape
    counts = (num_steps, num_runs, batch, moved.shape[-1], torch.get_num_threads())
    function(*addresses, -4 * lr / batch, *counts)
    return moved


@cache
def _function(dtype: torch.dtype) -> Any:
    try:
        library = compiled_library(f"#define REAL {C_TYPES[dtype]}\n{LANE_MATH.read_text()}{SOURCE.read_text()}")
    except NoCompilerError as error:
        warnings.warn(f"no compiled steps of matrix sensing, torch's operations instead: {error}", stacklevel=2)
        return None
    function = ctypes.CDLL(str(library)).steps
    function.restype = None
    function.argtypes = [*[ctypes.c_void_p] * 4, ctypes.c_double, *[ctypes.c_int64] * 5]
    return function
