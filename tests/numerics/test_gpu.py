"""Ensembles on a GPU: on an emulated one, and where there is a real one, there too."""

import pytest
import torch

from numerics import ensemble as ensemble_module
from numerics import kernels, replica_blocks
from numerics.ensemble import Ensemble, State
from numerics.label_noise import GAUSSIAN, STEPS_PER_BLOCK
from numerics.problem import Problem
from numerics.replica_blocks import ReplicaBlocks
from numerics.update_rule import UpdateRule
from tests.models import normal, tanh_place

STEPS = 2 * STEPS_PER_BLOCK + 6
RULES = {
    "full": UpdateRule(0.02, 0.5),
    "gaussian": UpdateRule(0.02, 0.5, noise=GAUSSIAN),
    "pairs": UpdateRule(0.02, 0.5, "iid", 2),
    "momentum": UpdateRule(0.02, 0.5, momentum=0.5),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def advanced(rule: UpdateRule, num_replicas: int, *steps: int, compiled: bool = True) -> torch.Tensor:
    """Return theta after runs of steps, one after the other."""
    problem, theta = tanh_place()
    ensemble = Ensemble(problem, rule, num_replicas, 5, compiled=compiled)
    state = State(theta[:, None] + 0.1 * normal(21, len(theta), num_replicas), 0)
    for num_steps in steps:
        state = ensemble.advanced(state, num_steps)
    return state.theta


@pytest.fixture
def graphs(gpu, monkeypatch) -> list[str]:
    """Let no step have a kernel."""
    monkeypatch.setattr(kernels, "FEW_DERIVATIVES", 0)
    return gpu


@every_rule
def test_a_model_without_a_kernel_goes_by_graphs_of_whole_step_blocks(graphs, rule):
    found, expected = advanced(rule, 8, STEPS), advanced(rule, 8, STEPS, compiled=False)
    assert graphs == []
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)  # rounding


@pytest.mark.usefixtures("graphs")
def test_graphs_may_be_stopped_anywhere():
    stops = (7, STEPS_PER_BLOCK, STEPS - 7 - STEPS_PER_BLOCK)
    assert torch.equal(advanced(RULES["pairs"], 8, *stops), advanced(RULES["pairs"], 8, STEPS))


@every_rule
@pytest.mark.usefixtures("gpu")
def test_kernels_may_be_stopped_anywhere(rule):
    assert torch.equal(advanced(rule, 8, STEPS), advanced(rule, 8, 7, STEPS_PER_BLOCK, STEPS - 7 - STEPS_PER_BLOCK))


@pytest.mark.usefixtures("gpu")
def test_a_schedule_of_learning_rates_is_heard():
    rule = UpdateRule(0.02, 0.5, schedule=lambda step: 1 / (1 + step // 3))
    torch.testing.assert_close(advanced(rule, 8, 10), advanced(rule, 8, 10, compiled=False), rtol=1e-12, atol=1e-12)


@every_rule
@pytest.mark.usefixtures("gpu")
def test_chunks_of_replica_blocks_change_no_bit(rule, monkeypatch):
    monkeypatch.setattr(replica_blocks, "REPLICAS_PER_GPU_BLOCK", 512)
    whole = advanced(rule, 1024, STEPS_PER_BLOCK + 1)
    monkeypatch.setattr(ensemble_module, "BYTES_PER_STEP_BLOCK", 1)
    assert torch.equal(advanced(rule, 1024, STEPS_PER_BLOCK + 1), whole)


@pytest.mark.parametrize(
    ("num_replicas", "size"), [(1, 1), (12, 12), (256, 256), (768, 256), (2048, 2048), (98304, 32768), (2**20, 2**16)]
)
@pytest.mark.usefixtures("gpu")
def test_replica_blocks_are_as_large_as_the_number_of_replicas_allows(num_replicas, size):
    blocks = ReplicaBlocks(tanh_place()[0], RULES["full"], num_replicas, 1)
    assert (blocks.block_size, len(blocks.blocks)) == (size, num_replicas // size)


@pytest.mark.usefixtures("gpu")
def test_the_second_half_of_a_large_block_mirrors_the_first():
    start = ReplicaBlocks(tanh_place()[0], RULES["full"], 1024, 1).normal(3)
    assert torch.equal(start[:, 512:], -start[:, :512])


@pytest.mark.usefixtures("gpu")
def test_a_few_slow_replicas_and_too_large_ones_are_left_to_torch():
    problem, theta = tanh_place()
    structure, block = RULES["full"].structure, torch.zeros(problem.num_data, 4, dtype=torch.int64)
    wide = Problem(problem.model, problem.inputs.repeat(100, 1), problem.labels.repeat(100))
    assert kernels.kernel_for(problem, structure, theta[:, None].repeat(1, 4), block, None) is not None
    assert kernels.kernel_for(wide, structure, theta[:, None].repeat(1, 4), block.repeat(100, 1), None) is None


def on_a_gpu(rule: UpdateRule) -> tuple[Ensemble, State]:
    """Return replicas on a real GPU, and their start."""
    problem, theta = tanh_place()
    return Ensemble(problem.to("cuda"), rule, 64, 5), State((theta[:, None] + 0.1 * normal(21, 12, 64)).cuda(), 0)


real_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
ways = pytest.mark.parametrize("most_derivatives", [1024, 0], ids=["kernel", "graph"])


@pytest.mark.gpu
@real_gpu
@every_rule
@ways
def test_a_gpu_takes_the_steps_that_a_processor_takes_with_its_noise(rule, most_derivatives, monkeypatch):
    monkeypatch.setattr(kernels, "FEW_DERIVATIVES", most_derivatives)
    ensemble, begin = on_a_gpu(rule)
    found = ensemble.advanced(begin, STEPS).theta
    assert found.is_cuda
    assert torch.equal(ensemble.advanced(begin, STEPS).theta, found)

    def heard(_, *key):
        return tuple(x if x is None else x.cpu() for x in randomness(ensemble, *key[:3], torch.device("cuda")))

    randomness = ReplicaBlocks._randomness
    monkeypatch.setattr(ReplicaBlocks, "_randomness", heard)
    expected = Ensemble(tanh_place()[0], rule, 64, 5, compiled=False).advanced(State(begin.theta.cpu(), 0), STEPS).theta
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-10, atol=1e-10)  # rounding in 134 steps


@pytest.mark.gpu
@real_gpu
@ways
def test_a_gpu_is_never_waited_for_between_steps(most_derivatives, monkeypatch):
    monkeypatch.setattr(kernels, "FEW_DERIVATIVES", most_derivatives)
    ensemble, begin = on_a_gpu(RULES["pairs"])
    expected = ensemble.advanced(begin, STEPS).theta  # compiles
    take = ensemble._taken(ensemble._kernel(begin.theta), begin.theta)
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = ensemble._in_chunks(take, begin.theta, 0, STEPS)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(found, expected)
