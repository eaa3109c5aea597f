"""The benchmark on a GPU, here on the processor and small."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from numerics.matrix_sensing import planted
from tests.benchmarks import gpu
from tests.benchmarks.test_agreement import small
from tests.benchmarks.works import placed


@pytest.fixture
def small_works(monkeypatch):
    """Let the works be small ones."""
    monkeypatch.setattr(gpu, "WORKS", {name: lambda name=name: small(name) for name in ("a", "d")})
    monkeypatch.setattr(gpu, "SIZES", {"a": [2], "d": [1, 3]})
    monkeypatch.setattr(gpu, "FIGURE1_STEPS", 64)


@pytest.mark.parametrize("name", ["a", "b256", "d", "e"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_is_timed_agrees_with_another_implementation(name, dtype):
    assert gpu.agreement(small(name), "cpu", dtype) < gpu.TOLERANCES[dtype]


def test_several_runs_of_matrix_sensing_agree_too():
    work = replace(small("d"), num_replicas=4)
    assert gpu.agreement(work, "cpu", torch.float64) < gpu.TOLERANCES[torch.float64]


def test_another_problem_does_not_agree(monkeypatch):
    monkeypatch.setattr(
        gpu, "placed", lambda work, *_: placed(replace(work, problem=planted(4, 1, 12, seed=1).problem), *_)
    )
    assert gpu.agreement(small("d"), "cpu", torch.float64) > 1e3 * gpu.TOLERANCES[torch.float64]


@pytest.mark.usefixtures("small_works")
def test_the_benchmark_writes_a_row_for_each_size_and_precision(tmp_path, capsys):
    gpu.main(tmp_path, "cpu", 0.001, 2)
    record = json.loads((tmp_path / "bench-gpu.json").read_text())
    assert [row["work"] for row in record["rows"]] == ["a2", "a2", "d1", "d3", "d1", "d3"]
    assert {row["dtype"] for row in record["rows"]} == {"float64", "float32"}
    assert all(row["agrees"] and row["replica_steps_per_second"] > 0 for row in record["rows"])
    assert record["figure1_seconds"] > 0
    assert "Figure 1, 64 steps" in capsys.readouterr().out
