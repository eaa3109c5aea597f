from __future__ import annotations

import pytest
import torch
from torch import Tensor

import numerics.packed_steps as steps_module
from numerics.ensemble import State
from numerics.matrix_sensing import planted
from numerics.packed_sensing import PackedSensing
from numerics.packed_steps import packed_steps
from numerics.update_rule import UpdateRule
from tests.models import normal

NUM_DATA = 13


def sensing(dimension: int, num_runs: int, batch: int | None, dtype: torch.dtype = torch.float64) -> PackedSensing:
    problems = [planted(dimension, 1, NUM_DATA, seed=k) for k in range(num_runs)]
    rule = UpdateRule(0.3 / dimension**2, 0.3, "iid" if batch else "full", batch)
    return PackedSensing.of(problems, rule, 0, dtype=dtype)


def start(dimension: int, num_runs: int) -> Tensor:
    return normal(7, num_runs, dimension, dimension) / dimension**0.5


def by_torch(runs: PackedSensing, factors: Tensor, targets: Tensor, draws: Tensor | None) -> Tensor:
    for step, target in enumerate(targets):
        factors = runs._moved_once(factors, target, None if draws is None else draws[step])
    return factors


@pytest.mark.parametrize("batch", [None, 1, 2, 7, 8, 30])
@pytest.mark.parametrize("num_runs", [1, 3])
@pytest.mark.parametrize("dimension", [1, 3, 8, 21, 36])
def test_compiled_steps_are_those_of_torch(dimension, num_runs, batch):
    runs, factors = sensing(dimension, num_runs, batch), start(dimension, num_runs)
    for num_steps in (1, 4):
        heard = runs._heard(*runs._randomness(0), slice(5, 5 + num_steps))
        found = packed_steps(factors, runs.measurements, *heard, runs.rule.lr)
        torch.testing.assert_close(found, by_torch(runs, factors, *heard), rtol=1e-11, atol=1e-12)
        assert not torch.allclose(found, factors, atol=1e-3)


@pytest.mark.parametrize("dimension", [3, 21])
def test_single_precision_has_lanes_of_its_own(dimension):
    runs, factors = sensing(dimension, 2, 7, torch.float32), start(dimension, 2).float()
    heard = runs._heard(*runs._randomness(0), slice(4))
    found = packed_steps(factors, runs.measurements, *heard, runs.rule.lr)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, by_torch(runs, factors, *heard), rtol=0, atol=2e-5)  # 4 steps of rounding at 6e-8


@pytest.mark.parametrize("num_runs", [1, 3, 4])
@pytest.mark.parametrize("batch", [None, 7])
def test_the_number_of_threads_changes_no_bit(num_runs, batch):
    runs, state = sensing(21, num_runs, batch), State(start(21, num_runs).flatten(1).T, 3)
    before, ends = torch.get_num_threads(), []
    try:
        for num_threads in (1, 2, 3, 5):
            torch.set_num_threads(num_threads)
            ends.append(runs.advanced(state, 100).theta)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(ends[0], end) for end in ends[1:])


def test_a_run_that_is_not_finite_leaves_the_others_alone():
    runs, factors = sensing(8, 3, 7), start(8, 3)
    targets, draws = runs._heard(*runs._randomness(0), slice(2))
    targets[0, 1, 6] = torch.nan
    moved = packed_steps(factors, runs.measurements, targets, draws, runs.rule.lr)
    assert torch.isfinite(moved).all((1, 2)).tolist() == [True, False, True]
    assert torch.isnan(moved[1]).all()


def test_without_a_compiler_torch_takes_the_steps_and_says_so_once(monkeypatch):
    runs, state = sensing(8, 2, 7), State(start(8, 2).flatten(1).T, 0)
    expected = runs.advanced(state, 70).theta
    monkeypatch.setenv("CXX", "no-such-compiler")
    steps_module._function.cache_clear()
    try:
        with pytest.warns(UserWarning, match="torch's operations instead: no-such-compiler: No such file") as heard:
            found = runs.advanced(state, 70).theta
    finally:
        steps_module._function.cache_clear()
    assert len(heard) == 1
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
