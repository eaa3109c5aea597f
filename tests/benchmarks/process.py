"""What only a process of its own can tell: peak memory, the first use of a kernel, and a busy neighbour.

``python -m tests.benchmarks.process WHAT ARGUMENTS`` is such a process; it prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.benchmarks.peers import OURS, makers
from tests.benchmarks.peers.peer import STEPS
from tests.benchmarks.timing import elapsed
from tests.benchmarks.works import WORKS

SPIN = "while True: pass"


def peak_memory(name: str, implementation: str, variant: str) -> dict[str, float]:
    """Return by how many MiB a work raises the peak memory of a process that has loaded its data and packages."""
    work = WORKS[name]()
    run = makers(work)[implementation][variant](work).run
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: what made the data does not hide the run
    before = _most_resident()
    run(STEPS)
    run(4 * STEPS)
    return {"mib": (_most_resident() - before) / 1024}


def _most_resident() -> int:
    """Return this process's peak resident memory in KiB; getrusage would count the peak of the one that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def first_use(name: str) -> dict[str, float]:
    """Return the seconds by which the first steps of a work take longer than the next ones, and the kernels on disk."""
    work = WORKS[name]()
    run = makers(work)[OURS][""](work).run
    first, second = elapsed(run, STEPS), elapsed(run, STEPS)
    return {"seconds": first - second, "kernels": len(list(Path(os.environ["XDG_CACHE_HOME"]).rglob("*.so")))}


def rate(name: str, num_threads: str, seconds: str) -> dict[str, float]:
    """Return steps per second of wall time and of processor time."""
    torch.set_num_threads(int(num_threads))
    work = WORKS[name]()
    run = makers(work)[OURS][""](work).run
    run(STEPS)
    begin, used, steps = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - begin < float(seconds):
        run(4 * STEPS)
        steps += 4 * STEPS
    return {
        "per_second": steps / (time.perf_counter() - begin),
        "per_cpu_second": steps / (time.process_time() - used),
    }


def started(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start such a process."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.benchmarks.process", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a process and return what it found."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args} failed")
    return json.loads(output.splitlines()[-1])


def first_uses(names: list[str]) -> dict[str, dict[str, float]]:
    """Return for each work the seconds of first use, with an empty store and in a second process, and new kernels."""
    found = {}
    for name in names:
        with TemporaryDirectory() as store:
            places = {"XDG_CACHE_HOME": store, "TORCHINDUCTOR_CACHE_DIR": f"{store}/torch"}
            cold, warm = (result(started("first_use", name, **places)) for _ in range(2))
        found[name] = {
            "seconds": cold["seconds"],
            "second_process": warm["seconds"],
            "compiled_by_second_process": warm["kernels"] - cold["kernels"],
        }
    return found


def slowdowns(seconds: float = 1.5) -> dict[str, float]:
    """Return how many times slower work (a) is beside a busy process, per processor second and per second of wall time.

    Two workers with one thread each, as the main job has them, and one process with two threads.
    """
    found = {}
    for label, num_workers, num_threads in (("two workers, a thread each", 2, 1), ("one process, two threads", 1, 2)):
        quiet = _rates(num_workers, num_threads, seconds)
        spinning = subprocess.Popen([sys.executable, "-c", SPIN])
        try:
            busy = _rates(num_workers, num_threads, seconds)
        finally:
            spinning.kill()
            spinning.wait()
        for unit, title in (("per_cpu_second", "per core it has"), ("per_second", "by the clock")):
            found[f"{label}, {title}"] = max(q[unit] / b[unit] for q, b in zip(quiet, busy, strict=True))
    return found


def _rates(num_workers: int, num_threads: int, seconds: float) -> list[dict[str, float]]:
    workers = [started("rate", "a", str(num_threads), str(seconds)) for _ in range(num_workers)]
    return [result(worker) for worker in workers]


if __name__ == "__main__":
    print(json.dumps({f.__name__: f for f in (peak_memory, first_use, rate)}[sys.argv[1]](*sys.argv[2:])))
