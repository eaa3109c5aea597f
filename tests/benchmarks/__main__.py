"""Times every work by every implementation: ``python -m tests.benchmarks [--out DIR] [--only WORK ...] [--brief]``.

Prints the table, and writes DIR/bench.json, DIR/bench-more.json (memory, growth, first use, a busy neighbour),
DIR/figures/bench.png, and DIR/bench-gpu.json where there is a GPU.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Annotated, Any

import matplotlib.pyplot as plt
import torch
import typer
from rich.console import Console
from rich.table import Table

from tests.benchmarks import gpu, process
from tests.benchmarks.drift_cost import drift_cost
from tests.benchmarks.figure import draw
from tests.benchmarks.growth import curves
from tests.benchmarks.peers import OURS
from tests.benchmarks.rows import measured_ceilings, rows_of
from tests.benchmarks.works import WORKS

MEMORY_WORKS = ("a", "d")
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()


@app.command()
def main(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results.")] = Path("out"),
    only: Annotated[list[str] | None, typer.Option(metavar="WORK", help="Only this work.")] = None,
    seconds: Annotated[float, typer.Option(help="Length of one run.")] = 0.15,
    runs: Annotated[int, typer.Option(min=1, help="Rounds.")] = 5,
    brief: Annotated[bool, typer.Option("--brief", help="The table alone.")] = False,
) -> None:
    """Time, print and write."""
    warnings.simplefilter("ignore")  # peers' own
    torch.set_num_threads(os.cpu_count() or 1)
    names = only or list(WORKS)
    rows: list[dict[str, Any]] = []
    variants: dict[str, dict[str, str]] = {}
    for name in names:
        found, variants[name] = rows_of(WORKS[name](), seconds, runs)
        rows += found
        console.print(f"[dim]{WORKS[name]().title}")
    found_ceilings = measured_ceilings(names, rows)
    if torch.cuda.is_available():
        gpu.main(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps({"rows": rows, "ceilings": found_ceilings}, indent=1))
    console.print(table(rows, variants))
    for title, value in found_ceilings.items():
        console.print(f"{title.replace('_', ' ')}: {value:.3g}")
    if brief:
        return
    more = others(names, variants)
    (out / "bench-more.json").write_text(json.dumps(more, indent=1))
    plt.switch_backend("agg")
    plt.style.use(Path(__file__).parents[2] / "paper_figs" / "house.mplstyle")
    (out / "figures").mkdir(exist_ok=True)
    draw(rows, more["growth"]).savefig(out / "figures" / "bench.png")


def table(rows: list[dict[str, Any]], variants: dict[str, dict[str, str]]) -> Table:
    """Return the rows as a table."""
    found = Table("work", "implementation", "replica-steps/s", "ours / theirs", "min", "max", "agrees")
    for row in rows:
        name, variant = row["implementation"], variants[row["work"]][row["implementation"]]
        found.add_row(
            row["work"],
            f"{name} ({variant})" if variant else name,
            f"{row['replica_steps_per_second']:,.0f}",
            *(f"{row[key]:.2f}" for key in ("ratio", "min", "max")),
            "yes" if row["agrees"] else "[red]NO",
            end_section=row is rows[-1] or rows[rows.index(row) + 1]["work"] != row["work"],
            style="bold" if name == OURS else None,
        )
    return found


def others(names: list[str], variants: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Measure and print everything but the table."""
    more: dict[str, Any] = {}
    if "a" in names:
        cost = drift_cost(WORKS["a"]())
        more["drift"] = cost._asdict() | {"ratio": cost.ratio}
        console.print(f"1 % of the drift: {cost.seconds:.2f} s, a plain ensemble {cost.plain_seconds:.2f} s")
    chosen = {name: v for name, v in variants.get("a", {OURS: ""}).items() if name in (OURS, "jax", "numba")}
    more["growth"] = curves(chosen)
    more["first_use"] = process.first_uses(names)
    for name, found in more["first_use"].items():
        console.print(
            f"{name}: first use {found['seconds']:.1f} s, in a second process {found['second_process']:.1f} s "
            f"({found['compiled_by_second_process']} kernels compiled)"
        )
    more["memory"] = {
        name: {
            implementation: process.result(process.started("peak_memory", name, implementation, variant))["mib"]
            for implementation, variant in variants[name].items()
        }
        for name in MEMORY_WORKS
        if name in names
    }
    for name, found in more["memory"].items():
        console.print(f"{name}: peak memory in MiB: " + ", ".join(f"{k} {v:.0f}" for k, v in found.items()))
    more["slowdown"] = process.slowdowns()
    for title, value in more["slowdown"].items():
        console.print(f"beside a busy process, {title}: {value:.2f} times slower")
    return more


if __name__ == "__main__":
    app()
