"""Kernels for a GPU on the processor at hand, their threads one after the other."""

import shutil
import subprocess

import pytest
import torch

from numerics.ensemble import Ensemble, State
from numerics.label_noise import STEPS_PER_BLOCK
from numerics.lanes.cuda_kernel import CudaKernel, compiled, cuda_kernel, cuda_source
from numerics.lanes.kernel import NoCompilerError
from numerics.lanes.operations import UnsupportedError
from numerics.problem import Problem
from numerics.update_rule import UpdateRule
from tests.models import normal
from tests.numerics.lanes.test_kernel import BUILT_IN, MODELS, RULES, P, every_model, problem_of

FUNCTIONS = (
    *(torch.tanh, torch.exp, torch.expm1, torch.sigmoid, torch.sqrt, torch.log, torch.log1p, torch.sin, torch.cos),
    *(torch.erf, torch.atan, torch.sinh, torch.cosh, torch.abs, torch.sign, torch.relu, torch.rsqrt),
)
BEFORE_EDGE, STEPS = STEPS_PER_BLOCK - 3, 6


def examples(dtype: torch.dtype = torch.float64, size: int = 3) -> tuple:
    """Return the arguments of a step on three numbers that looks at no data."""
    real = torch.zeros(1, dtype=dtype)
    return torch.zeros(size, dtype=dtype), real, None, torch.tensor(0), *torch.zeros(4, dtype=dtype), real, real


def applied(function, states: torch.Tensor, num_steps: int = 1) -> torch.Tensor:
    """Return states ``[rows, R]`` after steps of a function of a state."""
    kernel = cuda_kernel(lambda state, *_: function(state), examples(states.dtype, len(states)))
    moved, real = states.clone(), torch.zeros(1, dtype=states.dtype)
    kernel(moved, real, None, torch.zeros(4, dtype=states.dtype), real, real, range(num_steps))
    return moved


def compare(sources: list[str], problem: Problem, rule: UpdateRule, rows: int, num_replicas: int = 12) -> None:
    state = State(0.4 * normal(35, rows, num_replicas), BEFORE_EDGE)
    ensemble = Ensemble(problem, rule, num_replicas, 1)
    expected = Ensemble(problem, rule, num_replicas, 1, compiled=False).advanced(state, STEPS).theta
    begin = state.theta.clone()
    found = ensemble.advanced(state, STEPS).theta
    assert len(sources) == 1
    assert torch.equal(state.theta, begin)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)  # rounding, of sums in other orders
    assert float((expected - state.theta).abs().max()) > 1e-4


@every_model
def test_threads_take_the_steps_of_the_model(gpu, model):
    compare(gpu, problem_of(model), RULES["full"], P)


@pytest.mark.parametrize(("model", "rows", "shape"), BUILT_IN.values(), ids=BUILT_IN)
def test_threads_take_the_steps_of_a_built_in_model(gpu, model, rows, shape):
    compare(gpu, problem_of(model, shape), RULES["pairs"], rows)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_threads_take_the_steps_of_the_rule(gpu, rule):
    compare(gpu, problem_of(MODELS["tanh"]), rule, P)


@pytest.mark.parametrize("num_replicas", [1, 2, 34, 512])
def test_any_number_of_replicas_meets_as_many_threads(gpu, num_replicas):
    compare(gpu, problem_of(MODELS["tanh"]), RULES["pairs"], P, num_replicas)


@pytest.mark.usefixtures("gpu")
def test_threads_take_as_many_steps_as_they_are_told():
    begin = normal(3, 3, 40)
    assert torch.equal(applied(lambda x: x / 2, begin, 3), begin / 8)
    assert torch.equal(applied(lambda x: x / 2, begin, 0), begin)


def test_single_precision_stays_single(gpu):
    begin = normal(3, 3, 40).float()
    assert torch.equal(applied(lambda x: x / 3, begin), begin / 3)
    assert "REAL double" not in gpu[0]


@pytest.mark.usefixtures("gpu")
def test_what_is_not_a_number_stays_so():
    begin = torch.tensor([[float("nan"), float("inf"), -1.0]], dtype=torch.float64)
    for function in (torch.relu, torch.tanh, lambda x: x.clamp(-2, 2), lambda x: x.amax(0, keepdim=True)):
        torch.testing.assert_close(applied(function, begin), function(begin), equal_nan=True)


@pytest.mark.usefixtures("gpu")
def test_a_model_that_is_too_large_for_a_thread_has_no_kernel():
    with pytest.raises(UnsupportedError, match=r"a replica takes [\d,]+ bytes"):
        applied(lambda x: torch.tanh(x), normal(3, 2000, 1))


def test_loops_are_unrolled_where_the_numbers_may_have_registers():
    def step(state, *_):
        return torch.tanh(state)

    small, large = (cuda_source(step, examples(size=size))[0] for size in (8, 200))
    assert "#pragma unroll\nfor (int i" in small
    assert "for (int i" in large
    assert "#pragma unroll\nfor (int" not in large


def test_many_replicas_come_in_larger_blocks_of_threads():
    launches = []
    kernel = CudaKernel(lambda grid, block, _: launches.append((grid[0], block[0])), ())
    real = torch.zeros(1)
    for num_replicas in (1, 33, 2**15):
        kernel(torch.zeros(1, num_replicas), real, None, real, real, real, range(1))
    assert launches == [(1, 32), (2, 32), (256, 128)]


def test_without_cuda_there_is_no_compiler(monkeypatch):
    def missing(*_):
        raise OSError("Could not find any NVRTC library")

    monkeypatch.setattr(torch.cuda, "_compile_kernel", missing)
    with pytest.raises(NoCompilerError, match="CUDA's compiler: Could not find any NVRTC library"):
        compiled("", "steps")


@pytest.mark.skipif(not shutil.which("nvcc"), reason="needs nvcc")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_cudas_compiler_takes_every_function(dtype, tmp_path):
    def step(state, *_):
        both = torch.where(~(state > 0) & (state < 1), state.clamp(-1, 1), torch.minimum(state**1.5, state**-1))
        return sum((function(state) for function in FUNCTIONS), both).amax(0, keepdim=True) * state

    source, _ = cuda_source(step, examples(dtype))
    path = tmp_path / "steps.cu"
    path.write_text(source)
    subprocess.run(["nvcc", "-w", "-ptx", path, "-o", tmp_path / "steps.ptx"], check=True)
