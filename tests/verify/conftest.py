from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from verify.claim import Context
from verify.ledger import digest, ledger, selected
from verify.run import Outcome, Runner

TOY = Path(__file__).with_name("toy_claims.py")


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    """A copy of the toy claims in a folder of its own."""
    return Path(shutil.copy(TOY, tmp_path / "claims.py"))


@pytest.fixture
def executions(toy_file: Path) -> Callable[[], list[str]]:
    """The lines left by the jobs that were executed, in sorted order."""

    def lines() -> list[str]:
        path = toy_file.with_name("executions")
        return sorted(path.read_text().splitlines()) if path.exists() else []

    return lines


@pytest.fixture
def run(toy_file: Path, tmp_path: Path) -> Callable[..., dict[str, Outcome]]:
    """Run toy claims whose ids match a pattern, in this process, and return the outcomes by id."""

    def outcomes(*patterns: str, report: Callable = lambda *_: None, **context) -> dict[str, Outcome]:
        files = (str(toy_file),)
        claims = ledger(files)
        runner = Runner(Context(**context), files, digest(files), 1, tmp_path / "store", report)
        chosen = [claims[id] for id in selected(claims, patterns)]
        return {outcome.claim.id: outcome for outcome in runner.outcomes(chosen)}

    return outcomes
