"""Ours on a GPU: how its speed grows with the number of replicas, in both precisions, and Figure 1 at its full size.

``python -m tests.benchmarks.gpu [--out DIR]``; ``make bench`` does the same where there is a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from tests.benchmarks.agreement import MOST_REPLICAS, TOLERANCE, disagreement
from tests.benchmarks.peers import OURS, makers
from tests.benchmarks.peers.ensemble import Ours, ours
from tests.benchmarks.peers.peer import STEPS
from tests.benchmarks.timing import elapsed, interleaved
from tests.benchmarks.works import WORKS, Work, placed, smaller

SIZES = {"a": [2**11, 2**14, 2**17, 2**20], "b4096": [2**12, 2**16], "d": [1, 4, 16, 64], "e": [16, 2**14]}
DTYPES = (torch.float64, torch.float32)
TOLERANCES = {torch.float64: TOLERANCE, torch.float32: 1e-4}
FIGURE1_STEPS = 200_000
"""2e7 single samples, as in Blanc et al. (COLT 2020), Figure 1, in batches of 100."""


def gpu_rows(name: str, sizes: Sequence[int], device: str, seconds: float, num_runs: int) -> list[dict[str, Any]]:
    """Return the rows of one work at several numbers of replicas; outputs are compared on a few of them before."""
    rows = []
    for dtype in DTYPES:
        agrees = agreement(smaller(WORKS[name](), MOST_REPLICAS), device, dtype) < TOLERANCES[dtype]
        for size in sizes:
            work = placed(replace(WORKS[name](), num_replicas=size), device, dtype)
            timed = interleaved({OURS: ours(work).run}, STEPS, seconds, num_runs)[OURS]
            rate = float(np.median(size * timed.num_steps / timed.seconds))
            kind = f"{name.rstrip('0123456789')}{size}"
            rows.append(row(kind, device, dtype, rate, num_runs, agrees=agrees))
    return rows


def row(work: str, device: str, dtype: torch.dtype, rate: float, num_runs: int, *, agrees: bool) -> dict[str, Any]:
    """Return a row of the table of all implementations; ours is what the ratios are of."""
    return {
        "work": work,
        "implementation": OURS,
        "device": device,
        "threads": torch.get_num_threads(),
        "dtype": str(dtype).removeprefix("torch."),
        "replica_steps_per_second": rate,
        **dict.fromkeys(("ratio", "min", "max"), 1.0),
        "runs": num_runs,
        "agrees": agrees,
    }


def agreement(work: Work, device: str, dtype: torch.dtype) -> float:
    """Return the largest difference of parameters from another implementation's, on the processor in float64."""
    there = placed(work, device, dtype)
    if work.family == "sensing":
        return disagreement(ours(there), Ours(work))
    return disagreement(makers(work)["numpy"][""](work), Ours(there))


def figure1_seconds(device: str, num_steps: int = FIGURE1_STEPS) -> float:
    """Return how long Figure 1's run takes in single precision, once its graph is captured."""
    run = ours(placed(WORKS["d"](), device, torch.float32)).run
    run(STEPS)
    return elapsed(run, num_steps)


def main(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results.")] = Path("out"),
    device: Annotated[str, typer.Option(help="Where to run.")] = "cuda",
    seconds: Annotated[float, typer.Option(help="Length of one run.")] = 0.5,
    runs: Annotated[int, typer.Option(min=1, help="Rounds.")] = 5,
) -> None:
    """Time, print, and write DIR/bench-gpu.json."""
    console, found = Console(), []
    for name, sizes in SIZES.items():
        found += gpu_rows(name, sizes, device, seconds, runs)
        console.print(f"[dim]{WORKS[name]().title}")
    record = {"device": device_name(device), "rows": found, "figure1_seconds": figure1_seconds(device)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench-gpu.json").write_text(json.dumps(record, indent=1))
    table = Table("work", "dtype", "replica-steps/s", "agrees", title=record["device"])
    for r in found:
        table.add_row(
            r["work"], r["dtype"], f"{r['replica_steps_per_second']:,.0f}", "yes" if r["agrees"] else "[red]NO"
        )
    console.print(table)
    console.print(f"Figure 1, {FIGURE1_STEPS:,} steps: {record['figure1_seconds']:.1f} s")


def device_name(device: str) -> str:
    """Return what the device calls itself."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


if __name__ == "__main__":
    typer.run(main)
