"""Kernels of matrix sensing for a GPU on the processor at hand, thread after thread between two barriers."""

import shutil
import subprocess

import pytest
import torch
from torch import Tensor

from numerics import gpu_sensing, packed_sensing
from numerics.ensemble import State
from numerics.gpu_sensing import SOURCE, GpuSensing
from numerics.label_noise import STEPS_PER_BLOCK
from numerics.lanes.kernel import NoCompilerError
from numerics.packed_sensing import PackedSensing
from tests.numerics.test_packed_steps import by_torch, sensing, start

emulated = pytest.mark.usefixtures("gpu")


def moved(runs: PackedSensing, factors: Tensor, *heard: Tensor | None) -> Tensor:
    """Return U after steps on the emulated GPU."""
    take = runs._on_gpu
    assert isinstance(take, GpuSensing)
    return take(factors, *heard)


@emulated
@pytest.mark.parametrize(
    ("dimension", "num_runs", "batch"), [(1, 1, 1), (3, 2, None), (8, 1, 7), (21, 3, 9), (21, 1, 30)]
)
def test_kernels_take_the_steps_that_torch_takes(dimension, num_runs, batch):
    runs, factors = sensing(dimension, num_runs, batch), start(dimension, num_runs)
    begin = factors.clone()
    for num_steps in (1, 4):
        heard = runs._heard(*runs._randomness(0), slice(5, 5 + num_steps))
        found = moved(runs, factors, *heard)
        torch.testing.assert_close(found, by_torch(runs, factors, *heard), rtol=1e-11, atol=1e-12)
        assert not torch.allclose(found, factors, atol=1e-3)
    assert torch.equal(factors, begin)


@emulated
def test_single_precision_stays_single():
    runs, factors = sensing(21, 2, 7, torch.float32), start(21, 2).float()
    heard = runs._heard(*runs._randomness(0), slice(4))
    found = moved(runs, factors, *heard)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, by_torch(runs, factors, *heard), rtol=0, atol=2e-5)  # 4 steps of rounding at 6e-8


@emulated
def test_runs_may_be_stopped_anywhere(monkeypatch):
    monkeypatch.setattr(gpu_sensing, "THREADS", 32)  # switching between threads is what takes time here
    runs, state = sensing(3, 2, 2), State(start(3, 2).flatten(1).T, 3)
    whole = runs.advanced(state, 2 * STEPS_PER_BLOCK)
    stopped = runs.advanced(runs.advanced(runs.advanced(state, 7), STEPS_PER_BLOCK), STEPS_PER_BLOCK - 7)
    assert torch.equal(stopped.theta, whole.theta)
    assert stopped.step == whole.step


@emulated
def test_a_run_that_is_not_finite_leaves_the_others_alone():
    runs, factors = sensing(8, 3, 7), start(8, 3)
    heard = runs._heard(*runs._randomness(0), slice(3))
    expected = moved(runs, factors, *heard)
    spoilt = factors.clone()
    spoilt[1, 0, 0] = float("nan")
    found = moved(runs, spoilt, *heard)
    assert torch.equal(found[[0, 2]], expected[[0, 2]])
    assert not found[1].isfinite().all()


@emulated
def test_without_cudas_compiler_torch_takes_the_steps_and_says_so(monkeypatch):
    def missing(*_):
        raise NoCompilerError("CUDA's compiler: none")

    monkeypatch.setattr(packed_sensing, "GpuSensing", missing)
    runs, factors = sensing(8, 2, 7), start(8, 2)
    heard = runs._heard(*runs._randomness(0), slice(3))
    with pytest.warns(UserWarning, match="torch's operations instead: CUDA's compiler: none"):
        found = runs._moved(factors, *heard)
    assert torch.equal(found, by_torch(runs, factors, *heard))


@pytest.mark.skipif(not shutil.which("nvcc"), reason="needs nvcc")
@pytest.mark.parametrize("real", ["float", "double"])
def test_cudas_compiler_takes_the_source(real, tmp_path):
    path = tmp_path / "sensing.cu"
    path.write_text(f"#include <cstdint>\n{SOURCE.read_text()}")
    names = [f"-DREAL={real}", "-DTHREADS=256", "-DWARP=32"]
    subprocess.run(["nvcc", "-w", "-ptx", *names, path, "-o", tmp_path / "sensing.ptx"], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("batch", [None, 7])
def test_a_gpu_takes_the_steps_that_torch_takes(batch):
    here = sensing(21, 3, batch)
    parts = (part.cuda() for part in (here.measurements, here.labels, here.truths))
    there, state = PackedSensing(*parts, here.rule, 0), State(start(21, 3).flatten(1).T, 0)
    found = there.advanced(state, STEPS_PER_BLOCK + 3).theta
    heard = [(there._heard(*there._randomness(number), slice(stop))) for number, stop in ((0, STEPS_PER_BLOCK), (1, 3))]
    expected = here.factors(state.theta)
    for targets, draws in heard:
        expected = by_torch(here, expected, targets.cpu(), None if draws is None else draws.cpu())
    torch.testing.assert_close(found.cpu(), expected.flatten(1).T, rtol=1e-10, atol=1e-11)  # 67 steps of rounding
    assert torch.equal(there.advanced(state, STEPS_PER_BLOCK + 3).theta, found)
