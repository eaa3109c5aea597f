import math
import subprocess

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from numerics import ensemble as ensemble_module
from numerics.ensemble import Ensemble, State
from numerics.kernels import kernel_for
from numerics.label_noise import GAUSSIAN, STEPS_PER_BLOCK, SWAP, two_point
from numerics.lanes import kernel as kernel_module
from numerics.lanes.kernel import kernel
from numerics.lanes.layout import LabelsInLanes, Layout, ReplicasInLanes
from numerics.lanes.operations import UnsupportedError
from numerics.models import matrix_sensing, partly_trained, quadratic_network, relu_network, tanh_network
from numerics.problem import Model, Problem
from numerics.update_rule import UpdateRule
from tests.models import normal

P, N = 16, 5
FEATURES = normal(31, 3)
SINGLE, SMALL = FEATURES.float(), torch.tensor([1, -2, 3], dtype=torch.int32)
MASK = torch.tensor([True, False, True])


def layer(theta: Tensor, x: Tensor) -> Tensor:
    return theta[:12].reshape(4, 3) @ x


MODELS: dict[str, Model] = {
    "tanh": lambda t, x: (t[12:] * torch.tanh(layer(t, x))).sum(),
    "relu": lambda t, x: (t[12:] * torch.relu(layer(t, x))).sum(),
    "sigmoid": lambda t, x: (t[12:] * torch.sigmoid(layer(t, x))).sum(),
    "softplus": lambda t, x: (t[12:] * F.softplus(layer(t, x))).sum(),
    "gelu": lambda t, x: (t[12:] * F.gelu(layer(t, x))).sum(),
    "silu": lambda t, x: (t[12:] * F.silu(layer(t, x))).sum(),
    "elu": lambda t, x: (t[12:] * F.elu(layer(t, x))).sum(),
    "leaky relu": lambda t, x: (t[12:] * F.leaky_relu(layer(t, x))).sum(),
    "two layers": lambda t, x: t[:3] @ torch.tanh(t[3:12].reshape(3, 3) @ torch.tanh(t[6:15].reshape(3, 3) @ x)),
    "linear layers": lambda t, x: F.linear(F.linear(x, t[:12].reshape(4, 3), t[12:]).tanh(), t[None, :4], t[4:5]).sum(),
    "einsum": lambda t, x: torch.einsum("i,ij,j->", t[:3], t[3:12].reshape(3, 3), x) / 2,
    "norm": lambda t, x: (F.normalize(t[:3], dim=0) * x).sum() * t[3],
    "softmax": lambda t, x: (torch.softmax(t[:3], 0) * x).sum(),
    "logsumexp": lambda t, x: torch.logsumexp(t[:3] * x, 0),
    "column": lambda t, x: (t[:12].reshape(3, 4)[:, 0] * x).sum() * t[13],
    "columns": lambda t, x: (t[:12].reshape(3, 4)[:, 1:3] * x[:, None]).sum() / 2,
    "strides": lambda t, x: (t[::2][:3] * x).sum() + t[1::2].sum() / 9,
    "stack": lambda t, x: torch.stack([t[0] * x[0], t[1] * x[1], t[2] ** 2]).square().sum() / 3,
    "concatenation": lambda t, x: (torch.cat([t[:3], x]) ** 2 * t[6:12]).sum() / 4,
    "equal summands": lambda t, x: (t[0] * (t[1:4] * x)).sum() + (t[0] * (t[1:4] * x)).sum(),
    "products of products": lambda t, x: t[0] * (t[1] * ((t[2:5] * x) * (t[5] * t[6:9]))).sum() * t[9] * 50,
    "parts": lambda t, x: sum((p.tanh() * x[k]).sum() for k, p in enumerate(t[:12].split([3, 4, 5]))) / 4,
    "parts of sums": lambda t, x: torch.stack([p.sum() for p in (t[:4] * x[0]).chunk(2)]).square().sum(),
    "rows apart": lambda t, x: (lambda a, b, c: (a * b * x).sum() + c.sum())(*t[:9].reshape(3, 3).unbind(1)),
    "columns side by side": lambda t, x: (torch.cat([t[:6].reshape(3, 2), x[:, None]], dim=1) ** 2).sum() / 4,
    "maximum": lambda t, x: torch.maximum(t[:3] * x, t[3:6]).sum() + torch.minimum(t[6:9] * x, t[9:12]).sum(),
    "clamp": lambda t, x: torch.clamp(t[:3] * x, -0.1, 0.2).sum(),
    "where": lambda t, x: torch.where(x > 0, t[:3] * x, t[3:6] * x * 2).sum(),
    "not of the data": lambda t, x: torch.where(~(x > 0), t[:3] * x, t[3:6] * x * 2).sum(),
    "both": lambda t, x: torch.where((t[:3] > 0) & (x > 0), t[:3] * x, t[3:6] * x * 2).sum(),
    "both, as numbers": lambda t, x: (((t[:3] > 0) & (x > 0)).to(t.dtype) * t[:3] * x).sum(),
    "powers": lambda t, x: ((t[:3] * x).sum() ** 2 + 1) ** 1.5 / 9 + ((t[3:6] * x).sum() / 3) ** 3,
    "functions": lambda t, x: (torch.sin(t[:3] * x) + torch.exp(-(t[3:6] ** 2)) + torch.log(1 + t[6:9] ** 2)).sum(),
    "more functions": lambda t, x: (torch.erf(t[:3] * x) + torch.rsqrt(1 + t[3:6] ** 2) + torch.atan(t[6:9])).sum(),
    "kinks": lambda t, x: ((t[:3] * x).abs() + torch.sign(t[3:6]) * t[3:6]).sum(),
    "tensors of its own": lambda t, x: (FEATURES * t[:3] * x).sum() + (torch.arange(3) * t[3:6]).sum() / 3,
    "single precision of its own": lambda t, x: (
        (SINGLE * t[:3] * x).sum() + (torch.tensor([1.5, -0.1, 2]) * t[3:6]).sum()
    ),
    "small integers of its own": lambda t, x: (SMALL * t[:3] * x).sum() / 3 + (SMALL.long() * t[3:6]).sum() / 3,
    "a mask of its own": lambda t, x: torch.where(MASK & (x > 0), t[:3] * x, t[3:6]).sum() + (~MASK * t[6:9] * x).sum(),
    "detached": lambda t, x: (t[:3].detach() * t[3:6] * x).sum(),
    "partly trained": partly_trained(tanh_network(3, 4), normal(32, 20), slice(2, 18)),
}
BUILT_IN = {
    "tanh network": (tanh_network(3, 4), 20, (3,)),
    "relu network": (relu_network(3, 4), 20, (3,)),
    "quadratic network": (quadratic_network(3, 4), 16, (3,)),
    "matrix sensing": (matrix_sensing(4), 16, (4, 4)),
}
RULES = {
    "full": UpdateRule(0.01, 0.5),
    "pairs": UpdateRule(0.01, 0.5, "iid", 2),
    "reshuffled": UpdateRule(0.01, 0.5, "reshuffle", 1),
    "shared": UpdateRule(0.01, 0.5, "iid", 2, sharing="shared"),
    "gaussian": UpdateRule(0.01, 0.5, noise=GAUSSIAN),
    "two points": UpdateRule(0.01, 0.5, noise=two_point(0.2)),
    "zero-sum": UpdateRule(0.01, 0.5, noise_in_time="zero-sum"),
    "gradient noise": UpdateRule(0.01, 0.5, noise=GAUSSIAN, noise_on="gradient"),
    "noise on the losses": UpdateRule(0.01, 0.5, noise=SWAP, noise_on="losses"),
    "heavy ball": UpdateRule(0.01, 0.5, momentum=0.5),
    "nesterov, decay": UpdateRule(0.01, 0.5, momentum=0.5, momentum_kind="nesterov", weight_decay=0.1),
    "another loss": UpdateRule(0.01, 0.5, loss=lambda r: r**2 + r**4 / 10),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def problem_of(model: Model, shape: tuple[int, ...] = (3,), num_data: int = N) -> Problem:
    return Problem(model, normal(33, num_data, *shape), normal(34, num_data))


def compare(
    problem: Problem, rule: UpdateRule, rows: int, num_replicas: int = 12, layout: type[Layout] = ReplicasInLanes
) -> None:
    state = State(0.4 * normal(35, rows, num_replicas), 3)
    ensemble = Ensemble(problem, rule, num_replicas, 1)
    noise, draws = ensemble._randomness(0, ensemble.blocks, rows, torch.device("cpu"))
    packed = state.theta.repeat(2 if rule.momentum else 1, 1)
    found = kernel_for(problem, rule.structure, packed, noise, draws)
    assert found is not None
    assert type(found.layout) is layout
    eager = Ensemble(problem, rule, num_replicas, 1, compiled=False)
    steps = STEPS_PER_BLOCK + 6
    found, expected = ensemble.advanced(state, steps).theta, eager.advanced(state, steps).theta
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)  # 70 steps of rounding
    assert float((expected - state.theta).abs().max()) > 1e-3


@every_model
def test_a_kernel_takes_the_steps_of_the_model(model):
    compare(problem_of(model), RULES["full"], P)


@pytest.mark.parametrize(("model", "rows", "shape"), BUILT_IN.values(), ids=BUILT_IN)
def test_a_kernel_takes_the_steps_of_a_built_in_model(model, rows, shape):
    compare(problem_of(model, shape), RULES["pairs"], rows)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_kernel_takes_the_steps_of_the_rule(rule):
    compare(problem_of(MODELS["tanh"]), rule, P)


def test_a_single_replica_with_noise_on_the_gradient_does_not_spread_its_labels():
    compare(problem_of(MODELS["tanh"], num_data=8), RULES["gradient noise"], P, 1)


@pytest.mark.parametrize("num_replicas", [2, 6, 8, 10, 256, 512])
def test_any_number_of_replicas_fills_the_lanes(num_replicas):
    compare(problem_of(MODELS["tanh"]), RULES["pairs"], P, num_replicas)


@pytest.mark.parametrize("size", [2, 7, 8, 9, 16])
def test_rows_of_any_length_are_gathered(size):
    compare(problem_of(lambda t, x: (t[:size] ** 2 * x).sum() / size, (size,)), RULES["pairs"], size)


SPREAD_RULES = {
    "full": UpdateRule(0.01, 0.5),
    "full, shared": UpdateRule(0.01, 0.5, sharing="shared"),
    "gaussian": UpdateRule(0.01, 0.5, noise=GAUSSIAN),
    "noise on the losses": UpdateRule(0.01, 0.5, noise=SWAP, noise_on="losses"),
    "iid": UpdateRule(0.01, 0.5, "iid", 8),
    "iid, shared": UpdateRule(0.01, 0.5, "iid", 8, sharing="shared"),
    "reshuffled": UpdateRule(0.01, 0.5, "reshuffle", 8, noise=GAUSSIAN),
    "heavy ball": UpdateRule(0.01, 0.5, momentum=0.5),
    "nesterov, decay": UpdateRule(0.01, 0.5, momentum=0.5, momentum_kind="nesterov", weight_decay=0.1),
    "another loss": UpdateRule(0.01, 0.5, loss=lambda r: r**2 + r**4 / 10),
}


@pytest.mark.parametrize("rule", SPREAD_RULES.values(), ids=SPREAD_RULES)
def test_the_labels_of_a_single_replica_are_spread_over_the_lanes(rule):
    compare(problem_of(MODELS["tanh"], num_data=16), rule, P, 1, LabelsInLanes)


@pytest.mark.slow
@every_model
def test_the_labels_of_any_model_are_spread_over_the_lanes(model):
    compare(problem_of(model, num_data=8), RULES["full"], P, 1, LabelsInLanes)


def test_a_single_replica_whose_labels_do_not_fill_the_lanes_has_a_lane():
    compare(problem_of(MODELS["tanh"], num_data=12), RULES["full"], P, 1)


@pytest.mark.parametrize("num_replicas", [2, 6])
def test_labels_are_spread_where_a_group_of_replicas_takes_too_much_memory(monkeypatch, num_replicas):
    monkeypatch.setattr(kernel_module, "MOST_BYTES", 24 * 1024)
    problem = problem_of(lambda t, x: torch.tanh(t[:12].reshape(4, 3) @ x) @ t[12:], num_data=64)
    compare(problem, RULES["full"], P, num_replicas, LabelsInLanes)


def test_single_precision_has_lanes_of_its_own():
    double = problem_of(MODELS["tanh"])
    single = Problem(double.model, double.inputs.float(), double.labels.float())
    begin = 0.4 * normal(35, P, 20)
    for rule in (RULES["pairs"], RULES["gaussian"]):
        found = Ensemble(single, rule, 20, 1).advanced(State(begin.float(), 0), 70).theta
        expected = Ensemble(double, rule, 20, 1).advanced(State(begin, 0), 70).theta
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-5)  # 70 steps of rounding at 6e-8


@pytest.mark.parametrize("num_replicas", [16, 256, 512])
def test_the_number_of_threads_and_what_is_drawn_at_a_time_change_no_bit(monkeypatch, num_replicas):
    state = State(0.4 * normal(35, P, num_replicas), 3)
    ensemble = Ensemble(problem_of(MODELS["tanh"]), RULES["pairs"], num_replicas, 1)
    before, ends = torch.get_num_threads(), []
    try:
        for num_threads, most_bytes in ((1, 2**30), (1, 1), (2, 2**30), (3, 1)):
            torch.set_num_threads(num_threads)
            monkeypatch.setattr(ensemble_module, "BYTES_PER_ROUND", most_bytes)
            ends.append(ensemble.advanced(state, 200).theta)
            assert torch.get_num_threads() == num_threads
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(ends[0], end) for end in ends[1:])


def applied(function, x: Tensor) -> Tensor:
    """Return a function of the numbers in x, each in a lane."""

    def step(state, block, draws, place, lr, noise_std, momentum, weight_decay, inputs, labels):
        del block, draws, place, lr, noise_std, momentum, weight_decay, inputs, labels
        return function(state)

    zero = torch.zeros((), dtype=x.dtype)
    word, one = torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=x.dtype)
    found = kernel(step, (x[:1], word, None, torch.tensor(0), zero, zero, zero, zero, one, one))
    groups = found.layout.grouped(x[None])
    words = torch.zeros(1, groups.numel(), dtype=torch.int64)
    found(
        groups, found.randomness([(words, None)]), torch.zeros(4, dtype=x.dtype), one, one, range(1), range(len(groups))
    )
    return groups.flatten()[: len(x)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", ["tanh", "exp", "expm1", "sigmoid"])
def test_functions_are_right_to_a_few_units_in_the_last_place(name, dtype):
    function = getattr(torch, name)
    x = torch.cat([normal(36, 4000), 1e-3 * normal(37, 1000), 30 * normal(38, 3000), torch.logspace(-12, 1, 500)])
    x = x.clamp(-80, 80).to(dtype)  # beyond, single precision runs out of exponents
    found, exact = applied(function, x).double(), function(x.double())
    error = (found - exact).abs() / exact.abs().clamp_min(torch.finfo(dtype).tiny)
    assert float(error.max()) < 5 * torch.finfo(dtype).eps


@pytest.mark.parametrize("name", ["tanh", "exp", "expm1", "sigmoid", "relu", "sin", "abs", "sqrt"])
def test_functions_are_right_at_the_ends_and_let_nan_through(name):
    function = getattr(torch, name)
    x = torch.tensor(
        [0.0, -0.0, math.inf, -math.inf, math.nan, 800.0, -800.0, 41.0, -41.0, 1e-320], dtype=torch.float64
    )
    torch.testing.assert_close(applied(function, x), function(x), rtol=1e-15, atol=1e-307, equal_nan=True)


@pytest.mark.parametrize("function", [lambda x: torch.clamp(x, -1.0, 1.0), lambda x: torch.maximum(x, x * 0)])
def test_extremes_let_nan_through(function):
    x = torch.tensor([math.nan, 3.0, -3.0], dtype=torch.float64)
    torch.testing.assert_close(applied(function, x), function(x), equal_nan=True)


def test_a_divergence_is_not_hidden():
    problem = problem_of(MODELS["relu"])
    with pytest.raises(FloatingPointError, match="diverged before step 300"):
        Ensemble(problem, UpdateRule(50.0, 0.5), 8, 0).advanced(State(normal(35, P, 8), 0), 300)


def test_an_operation_without_translation_is_named():
    with pytest.raises(UnsupportedError, match="the operation cumsum"):
        applied(lambda x: torch.cumsum(torch.cat([x, x]), 0)[1:], normal(36, 3))


@pytest.mark.slow
def test_a_model_without_a_kernel_is_compiled_by_torch():
    problem = problem_of(lambda t, x: (t[:3].cumsum(0) * x).sum() / 4)
    state = State(normal(35, P, 4), 0)
    noise = torch.zeros(N, 4, dtype=torch.int64)
    assert kernel_for(problem, RULES["full"].structure, state.theta, noise, None) is None
    found = Ensemble(problem, RULES["full"], 4, 0).advanced(state, 5).theta
    expected = Ensemble(problem, RULES["full"], 4, 0, compiled=False).advanced(state, 5).theta
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_replicas_too_large_for_the_cache_have_no_kernel(monkeypatch):
    monkeypatch.setattr(kernel_module, "MOST_BYTES", 100)
    with pytest.raises(UnsupportedError, match=r"a group of replicas takes [\d,]+ bytes"):
        applied(lambda x: torch.tanh(x.expand(50)).sum()[None], normal(36, 3))


def test_a_kernel_is_compiled_once_for_all_processes(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_module, "_store", lambda: tmp_path)
    x = normal(36, 3)
    first = applied(lambda x: x + 0.123, x)
    (library,) = tmp_path.iterdir()
    commands = []
    run = subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: commands.append(command) or run(command, **options)
    )
    assert torch.equal(applied(lambda x: x + 0.123, x), first)
    assert list(tmp_path.iterdir()) == [library]
    assert not any("-shared" in command for command in commands)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_numbers_of_any_type_are_read_as_what_they_are(precision):
    for found in (FEATURES, SINGLE, SMALL, SMALL.to(torch.uint8), MASK):
        x = normal(36, 3).to(precision)
        torch.testing.assert_close(applied(lambda x, found=found: x * found[2:], x), (x * found[2]).to(precision))


def test_complex_numbers_have_no_kernel():
    with pytest.raises(UnsupportedError, match="complex"):
        applied(lambda x: (x * torch.tensor([1j, 2, 3])).abs(), normal(36, 3))


@pytest.mark.parametrize("power", [lambda x: x**SMALL, lambda x: (x**2 + 1) ** FEATURES, lambda x: x**2**x])
def test_a_power_with_a_variable_exponent_has_no_kernel(power):
    with pytest.raises(UnsupportedError, match="a power with a variable exponent"):
        applied(power, normal(36, 3))


def test_inputs_of_another_precision_have_no_kernel():
    problem = problem_of(MODELS["tanh"])
    state = torch.zeros(P, 8, dtype=torch.float32)
    assert kernel_for(problem, RULES["full"].structure, state, torch.zeros(N, 8, dtype=torch.int64), None) is None
