"""Times of several implementations of one work, taken in turn, so that a disturbance meets all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Runner = Callable[[int], object]
"""Takes a number of steps."""
REST = 0.1
"""Seconds before a run: the threads of the one before, some of which wait by spinning, leave the processors to it."""


class Timed(NamedTuple):
    """Steps in one run, and the seconds of each run."""

    num_steps: int
    seconds: NDArray[np.float64]


def interleaved(runners: Mapping[str, Runner], unit: int, seconds: float, num_runs: int) -> dict[str, Timed]:
    """Return the times of runs of about a given length, one of each implementation in each round.

    Args:
        runners: What to time. A first call, which compiles, is not counted.
        unit: The number of steps is a multiple of it.
        seconds: Length aimed at.
        num_runs: Rounds.
    """
    sizes = {name: _size(run, unit, seconds) for name, run in runners.items()}
    rounds = [{name: _rested(run, sizes[name]) for name, run in runners.items()} for _ in range(num_runs)]
    return {name: Timed(sizes[name], np.array([times[name] for times in rounds])) for name in runners}


def elapsed(run: Runner, num_steps: int) -> float:
    """Return the seconds that one run takes."""
    begin = time.perf_counter()
    run(num_steps)
    return time.perf_counter() - begin


def _rested(run: Runner, num_steps: int) -> float:
    time.sleep(REST)
    return elapsed(run, num_steps)


def _size(run: Runner, unit: int, seconds: float) -> int:
    """Return the multiple of ``unit`` that takes about so long, after a first call."""
    run(unit)
    size = unit
    while (once := elapsed(run, size)) < seconds / 8:
        size *= 4
        run(size)  # some implementations compile anew for a new length
    return max(unit, round(size * seconds / once / unit) * unit)
