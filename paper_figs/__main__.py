"""Draws every figure: ``python -m paper_figs [--out DIR] [--only NAME ...]``.

Each module of this package with a function ``draw`` is a figure; it names the claims whose numbers it shows. Numbers
that are missing, or come from other code, are measured first.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
import typer
from numpy.typing import NDArray

import paper_figs
from verify.ledger import digest

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def figures() -> dict[str, ModuleType]:
    """Return the figure modules by name."""
    names = (m.name for m in pkgutil.iter_modules(paper_figs.__path__) if not m.name.startswith("_"))
    return {name: importlib.import_module(f"paper_figs.{name}") for name in names}


def measured(claim: str, folders: list[Path], sources: str) -> dict[str, NDArray] | None:
    """Return the numbers that this code measured for a claim, from the first folder that holds them; else None."""
    for folder in folders:
        path = folder / "series" / f"{claim}.json"
        content = json.loads(path.read_text()) if path.is_file() else {}
        if content.get("digest") == sources:
            return {name: np.array(values) for name, values in content["series"].items()}
    return None


@app.command()
def main(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of verify.all's results; figures go below it.")
    ] = Path("out"),
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this figure.")] = None,
) -> None:
    """Draw the figures from stored measurements; measure what is missing."""
    chosen = figures()
    if unknown := set(only or ()) - set(chosen):
        typer.echo(f"error: no figure named {sorted(unknown)}; there are {', '.join(chosen)}", err=True)
        raise typer.Exit(2)
    chosen = {name: module for name, module in chosen.items() if not only or name in only}
    folder, sources = out / "figures", digest()
    folders = [out, folder]
    needed = sorted({claim for module in chosen.values() for claim in module.CLAIMS})
    if missing := [claim for claim in needed if measured(claim, folders, sources) is None]:
        # A folder of its own: the results of a whole run are not replaced by those of a few claims.
        select = [word for claim in missing for word in ("--only", claim)]
        subprocess.run([sys.executable, "-m", "verify.all", "--out", str(folder), *select], check=False)
    plt.switch_backend("agg")
    plt.style.use(Path(__file__).with_name("house.mplstyle"))
    for name, module in chosen.items():
        numbers = {claim: measured(claim, folders, sources) for claim in module.CLAIMS}
        if absent := [claim for claim, series in numbers.items() if series is None]:
            typer.echo(
                f"error: {name}: no numbers for {', '.join(absent)}; run python -m verify.all for the reason", err=True
            )
            raise typer.Exit(1)
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        module.draw(numbers).savefig(path)
        typer.echo(path)


if __name__ == "__main__":
    app()
