"""The main job: derive, measure, decide, report. ``python -m verify.all --help``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from verify import report
from verify.bibliography import rows
from verify.claim import Claim, Context
from verify.coverage import coverage, missing, table, tally
from verify.decision import ALPHA, Verdict
from verify.findings import findings
from verify.ledger import digest, ledger, listing, selected
from verify.page import page
from verify.run import Done, Outcome, Runner

PIPED_WIDTH = 150
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Profile(StrEnum):
    """How much is simulated."""

    quick = "quick"
    full = "full"
    paper = "paper"


class Device(StrEnum):
    """Where simulations run."""

    cpu = "cpu"
    cuda = "cuda"


@app.command()
def main(
    profile: Annotated[
        Profile, typer.Option(help="How much to simulate: quick; full, with more samples; paper, at the paper's sizes.")
    ] = Profile.quick,
    only: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Only claims whose id matches, as 'lemma8.*'; repeatable.")
    ] = None,
    claims: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Add the claims of a Python file; repeatable.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", metavar="", help="List the claims and stop.")] = False,
    coverage_: Annotated[
        bool,
        typer.Option(
            "--coverage",
            metavar="",
            help="Show which claims cover each item of each source: after the run, or with --list at once.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of all randomness.")] = 0,
    device: Annotated[Device, typer.Option(help="Where simulations run.")] = Device.cpu,
    jobs: Annotated[int, typer.Option(min=0, metavar="N", help="Worker processes; 0: one per core.")] = 0,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder for results.json, ledger.md, findings.md, series/ (figures) and store/ (what is kept).",
        ),
    ] = Path("out"),
) -> None:
    """Check claims about the implicit regularisation of noisy gradient descent.

    Exit status 0: every claim got its expected verdict and every control was rejected (or, for a claim that is wrong
    as printed, its correction accepted). 1: not so, or with --coverage an item of a source has no row. 2: bad usage.
    130: interrupted; the same command goes on from what is kept.
    """
    console = Console(highlight=False) if os.isatty(1) else Console(highlight=False, width=PIPED_WIDTH)
    try:
        files = tuple(str(path.resolve()) for path in claims or ())
        if list_ and not coverage_:
            lines = listing(files, out / "store")
            for id in selected(lines, only or ()):
                console.print(lines[id], markup=False)
            return
        found = ledger(files)
        chosen = [found[id] for id in selected(found, only or ())]
        rows(chosen)  # complains of an unknown item before any work
        if list_:
            raise typer.Exit(0 if _show_coverage(console, chosen, {}) else 1)
        _require_writable(out)
        context = Context(profile.value, seed, _device(device))
        with Live(console) as live:
            runner = Runner(context, files, digest(files), jobs or os.cpu_count() or 1, out / "store", live.show)
            runner.preflight(chosen)
            outcomes = runner.outcomes(chosen)
    except ValueError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"error: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo(f"interrupted; the same command goes on from what is kept in {out / 'store'}", err=True)
        raise typer.Exit(130) from None
    report.write(out / "results.json", report.results(outcomes, context))
    report.write_series(out / "series", outcomes, digest())
    report.write_text(out / "ledger.md", page(outcomes, context))
    report.write_text(out / "findings.md", findings(outcomes, context))
    is_good = _conclude(console, outcomes, out)
    if coverage_:
        verdicts = {outcome.claim.id: outcome.verdict for outcome in outcomes}
        is_good = _show_coverage(console, chosen, verdicts) and is_good
    raise typer.Exit(0 if is_good else 1)


class Live:
    """Shows progress: a bar on a terminal, a line for each finished task elsewhere."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.console = console
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.bar = self.progress.add_task("checking the inputs", total=None)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, done: Done, number: int, total: int) -> None:
        """Report a finished task, the number of finished tasks and of all tasks."""
        self.progress.update(self.bar, description=done.task.claim, completed=number, total=total)
        if not self.console.is_terminal or done.error:
            name = " ".join(filter(None, (done.task.claim, done.task.world, done.task.job)))
            self.console.print(f"[{number}/{total}] {name}  {done.seconds:.1f} s  {done.error}".rstrip(), markup=False)


def _conclude(console: Console, outcomes: list[Outcome], out: Path) -> bool:
    """Print the table, what is wrong, and the counts; return whether everything passed."""
    console.print(report.table(outcomes))
    for outcome in outcomes:
        if outcome.note:
            console.print(f"{outcome.claim.id}: {outcome.note}", markup=False)
    controls = [(o, c) for o in outcomes for c in o.claim.controls]
    right = sum(o.controls.get(c.id) is c.expected for o, c in controls)
    console.print(f"controls: {right} of {len(controls)} as they should be", markup=False)
    for outcome, control in controls:
        if outcome.controls.get(control.id) is not control.expected:
            got = outcome.controls.get(control.id, "no verdict")
            console.print(f"  {outcome.claim.id} / {control.id} ({control.text}): {got}", markup=False)
    console.print(
        f"probability of any false decision in this run: at most {ALPHA:g}; details in {out / 'ledger.md'}",
        markup=False,
    )
    passed, failed, explored = report.counts(outcomes)
    if explored:
        console.print(f"explored: {explored}")
    console.print(f"{passed} passed, {failed} failed")
    return bool(outcomes) and not failed


def _show_coverage(console: Console, claims: list[Claim], verdicts: Mapping[str, Verdict]) -> bool:
    """Print the rows of each item of each source; return whether each has one."""
    found = coverage(claims, verdicts)
    console.print(table(found))
    console.print(tally(found))
    return not missing(found)


def _device(choice: Device) -> str:
    import torch  # slow to import; not needed for --help and --list

    if choice is Device.cuda and not torch.cuda.is_available():
        raise ValueError("--device cuda: no CUDA device is available; use --device cpu")
    return choice.value


def _require_writable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: a file, not a folder; choose another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ValueError(f"--out {out}: cannot write there ({error.strerror}); choose another folder") from None


if __name__ == "__main__":
    app()
