from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from verify.all import app
from verify.bibliography import papers


@pytest.fixture
def verify(toy_file: Path, tmp_path: Path) -> Callable[..., Result]:
    """Call the command line in this process with the toy claims, one worker and a folder of its own."""

    def call(*arguments: str, out: Path | str = tmp_path / "out", jobs: int = 1) -> Result:
        fixed = ["--claims", str(toy_file), "--jobs", str(jobs), "--out", str(out)]
        return CliRunner().invoke(app, [*fixed, *arguments])

    return call


def numbers(folder: Path) -> dict[str, Any]:
    """Return a run's record without the seconds."""
    record = json.loads((folder / "results.json").read_text())
    for claim in record["claims"]:
        del claim["seconds"]
    return record


def test_the_exit_status_is_0_when_every_claim_passes(verify, tmp_path):
    result = verify("--only", "toy.pass.*")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "4 passed, 0 failed"
    record = numbers(tmp_path / "out")
    assert (record["passed"], record["failed"]) == (4, 0)


@pytest.mark.parametrize("failure", ["wrong", "edge", "blind", "raises", "not-an-identity"])
def test_the_exit_status_is_1_when_one_claim_fails(verify, failure):
    result = verify("--only", "toy.pass.true", "--only", f"toy.fail.{failure}")
    assert result.exit_code == 1, result.output
    assert result.stdout.splitlines()[-1] == "1 passed, 1 failed"


def test_the_report_names_the_runs_alpha_the_tally_of_controls_and_those_that_are_wrong(verify):
    lines = verify("--only", "toy.pass.true", "--only", "toy.fail.blind").stdout.splitlines()
    assert "controls: 3 of 4 as they should be" in lines
    assert "  toy.fail.blind / shifted (another mean): CONFIRMED" in lines
    assert any(line.startswith("probability of any false decision in this run: at most 0.01") for line in lines)


def test_piped_progress_is_a_plain_line_for_each_finished_task(verify):
    lines = verify("--only", "toy.pass.true").stdout.splitlines()
    assert lines[0].startswith("[1/2] toy.pass.true stated mean  0.")
    assert lines[1].startswith("[2/2] toy.pass.true shifted mean  0.")


def test_list_shows_ids_titles_and_sources_and_executes_nothing(verify, executions, tmp_path):
    result = verify("--list", "--only", "toy.pass.*")
    assert result.exit_code == 0
    ids = ["toy.pass.exact", "toy.pass.misprint", "toy.pass.second-round", "toy.pass.true"]
    assert [line.split()[0] for line in result.stdout.splitlines()] == ids
    assert result.stdout.splitlines()[-1].split(maxsplit=1)[1] == "A mean, truth 1.0  (toy, line 1)"
    assert executions() == []
    assert not (tmp_path / "out").exists()


def test_list_without_a_pattern_holds_the_built_in_claims_too(verify):
    ids = [line.split()[0] for line in verify("--list").stdout.splitlines()]
    assert {"lemma8.drift.tanh", "toy.pass.true"} <= set(ids)


def test_coverage_comes_last_and_an_item_without_a_row_fails_the_run(verify, tmp_path):
    result = verify("--only", "toy.pass.exact", "--coverage")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert "1 passed, 0 failed" in lines
    assert lines[-1].endswith(" items without a row")
    assert (tmp_path / "out" / "findings.md").is_file()


def test_coverage_of_every_item_passes(verify, toy_file):
    names = tuple(paper.name(item) for paper in papers().values() for item in paper.items)
    toy_file.write_text(toy_file.read_text().replace("source=SOURCE,", f"source=SOURCE, items={names!r},"))
    result = verify("--only", "toy.pass.exact", "--coverage")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "0 items without a row"


def test_coverage_of_a_list_executes_nothing(verify, executions, tmp_path):
    result = verify("--list", "--coverage")
    assert result.stdout.splitlines()[-1].endswith(" without a row")
    assert "lemma8.printed" in result.stdout
    assert executions() == []
    assert not (tmp_path / "out").exists()


def test_an_unknown_item_is_bad_usage_before_any_work(verify, toy_file, executions):
    toy_file.write_text(toy_file.read_text().replace("source=SOURCE,", 'source=SOURCE, items=("Lemma 66",),'))
    result = verify("--only", "toy.pass.exact")
    assert result.exit_code == 2
    assert "'toy.pass.exact' covers 'Lemma 66', which is no item of a source; did you mean 'Lemma 6'" in result.stderr
    assert executions() == []


def test_an_unknown_claim_is_bad_usage_with_a_suggestion(verify, executions):
    result = verify("--only", "toy.pass.ture")
    assert result.exit_code == 2
    assert "no claim matches 'toy.pass.ture'; did you mean toy.pass.true" in result.stderr
    assert result.stdout == ""
    assert executions() == []


def test_a_folder_that_cannot_be_written_is_bad_usage_before_any_work(verify, executions, tmp_path):
    (tmp_path / "file").write_text("")
    result = verify("--only", "toy.pass.true", out=tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert "cannot write there" in result.stderr
    assert "choose another folder" in result.stderr
    assert executions() == []


def test_a_file_is_no_folder_for_results(verify, executions, tmp_path):
    (tmp_path / "file").write_text("")
    result = verify("--only", "toy.pass.true", out=tmp_path / "file")
    assert result.exit_code == 2
    assert "file: a file, not a folder; choose another folder" in result.stderr
    assert executions() == []


def test_an_interrupted_run_says_that_the_same_command_goes_on(verify, executions, monkeypatch, tmp_path):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("verify.all.Live.show", interrupt)
        result = verify("--only", "toy.pass.true")
    assert result.exit_code == 130
    assert f"the same command goes on from what is kept in {tmp_path / 'out' / 'store'}" in result.stderr
    before = executions()
    assert before
    assert verify("--only", "toy.pass.true").exit_code == 0
    assert len(executions()) == 2  # each simulation was executed once


def test_cuda_without_a_cuda_device_is_bad_usage(verify, executions, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = verify("--only", "toy.pass.true", "--device", "cuda")
    assert result.exit_code == 2
    assert "no CUDA device is available; use --device cpu" in result.stderr
    assert executions() == []


def test_simulations_run_on_the_processor_unless_a_gpu_is_asked_for(verify, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    verify("--only", "toy.pass.true")
    assert numbers(tmp_path / "out")["device"] == "cpu"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--profile", "bogus"),
        ("--device", "tpu"),
        ("--seed", "-1"),
        ("--seed", "one"),
        ("--jobs", "-1"),
        ("--no-such-option",),
        ("a stray argument",),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_bad_usage(verify, executions, arguments):
    result = verify("--only", "toy.pass.true", *arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr
    assert executions() == []


def test_a_claims_file_that_does_not_exist_is_bad_usage(verify, tmp_path):
    result = verify("--claims", str(tmp_path / "nowhere.py"))
    assert result.exit_code == 2
    assert "nowhere.py: no such file" in result.stderr


def test_bad_input_of_a_claim_is_bad_usage_before_any_simulation(verify, executions):
    result = verify("--only", "toy.pass.true", "--only", "toy.bad-input")
    assert result.exit_code == 2
    assert "error: claim toy.bad-input: theta is not on the toy manifold" in result.stderr
    assert executions() == []


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(verify, tmp_path, executions):
    for name, seed in (("first", "7"), ("second", "7"), ("other", "8")):
        verify("--only", "toy.pass.*", "--only", "toy.fail.*", "--seed", seed, out=tmp_path / name)
    assert executions().count("toy.pass.true stated 0") == 3  # none is taken from another run's store
    first, second, other = (numbers(tmp_path / name) for name in ("first", "second", "other"))
    assert first == second
    assert first["claims"] != other["claims"]
    files = [tmp_path / name / "series" / "toy.pass.true.json" for name in ("first", "second", "other")]
    series = [json.loads(file.read_text())["series"] for file in files]
    assert series[0] == series[1] != series[2]


def test_the_number_of_workers_does_not_change_the_numbers(verify, tmp_path):
    for jobs in (1, 2):
        verify("--only", "toy.pass.*", "--only", "toy.fail.*", out=tmp_path / str(jobs), jobs=jobs)
    assert numbers(tmp_path / "1") == numbers(tmp_path / "2")


def test_a_module_run_ends_with_the_counts_alone_and_returns_the_exit_status(toy_file, tmp_path):
    command = [sys.executable, "-m", "verify.all", "--claims", str(toy_file), "--out", str(tmp_path / "out")]
    run = subprocess.run(
        [*command, "--only", "toy.pass.true", "--only", "toy.fail.wrong", "--jobs", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert run.stdout.endswith("\n1 passed, 1 failed\n")
    assert run.stderr == ""
