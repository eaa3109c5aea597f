from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor
from torch._dynamo.exc import BackendCompilerFailed
from torch.func import grad, vmap

from numerics.ensemble import REPLICAS_PER_CHUNK, Ensemble, State
from numerics.label_noise import GAUSSIAN, RADEMACHER, STEPS_PER_BLOCK, SWAP, UNIFORM, continuous, swap_std
from numerics.models import linear_model
from numerics.problem import Problem
from numerics.replica_blocks import REPLICAS_PER_BLOCK
from numerics.update_rule import UpdateRule
from tests.models import normal, softplus_place, tanh_place

STEPS = STEPS_PER_BLOCK + 6  # across the edge of a step block
RULES = {
    "full": UpdateRule(0.02, 0.5),
    "shared": UpdateRule(0.02, 0.5, sharing="shared"),
    "gaussian": UpdateRule(0.02, 0.5, noise=GAUSSIAN),
    "single samples": UpdateRule(0.02, 0.5, "iid", 1),
    "pairs": UpdateRule(0.02, 0.5, "iid", 2, noise=UNIFORM),
    "pairs, shared": UpdateRule(0.02, 0.5, "iid", 2, sharing="shared"),
    "zero-sum": UpdateRule(0.02, 0.5, noise_in_time="zero-sum"),
    "zero-sum, gaussian, shared": UpdateRule(0.02, 0.5, noise=GAUSSIAN, sharing="shared", noise_in_time="zero-sum"),
}


def ahead(gradient, theta, lr):
    """A step of one's own: the mean of the gradients here and half a step ahead."""
    here = gradient(theta)
    return -lr / 2 * (here + gradient(theta - lr / 2 * here))


eager = partial(Ensemble, compiled=False)
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def start(theta: Tensor, num_replicas: int) -> Tensor:
    """Return slightly different starts, ``[P, R]``."""
    return theta[:, None] + 0.1 * normal(21, len(theta), num_replicas)


def heard(ensemble: Ensemble, step: int) -> tuple[Tensor, Tensor]:
    """Return how often each data point is drawn, ``[N, R]``, and the sum of the noise on it, in units of lr / batch.

    A model with one parameter per data point hears both: with theta = 0 its step is 2 (count * label + noise).
    """
    num_data, replicas = ensemble.problem.num_data, ensemble.num_replicas
    silent = torch.zeros(num_data, replicas, dtype=torch.float64)
    moves = []
    for labels in (torch.zeros(num_data, dtype=torch.float64), torch.ones(num_data, dtype=torch.float64)):
        listener = Problem(linear_model, torch.eye(num_data, dtype=torch.float64), labels)
        moves.append(eager(listener, ensemble.rule, replicas, ensemble.seed).advanced(State(silent, step), 1).theta / 2)
    return moves[1] - moves[0], moves[0]


@every_rule
def test_steps_equal_gradient_steps_by_hand_with_the_same_noise(rule):
    problem, theta = tanh_place()
    ensemble = eager(problem, rule, 4, 3)
    expected = begin = start(theta, 4)
    for step in range(STEPS):
        counts, noises = heard(ensemble, step)
        moved = []
        for r in range(4):
            at = expected[:, r]
            residuals = vmap(problem.model, in_dims=(None, 0))(at, problem.inputs) - problem.labels
            slopes = vmap(grad(problem.model), in_dims=(None, 0))(at, problem.inputs)
            moved.append(at - 2 * (counts[:, r] * residuals - noises[:, r]) @ slopes)
        expected = torch.stack(moved, dim=1)
    actual = ensemble.advanced(State(begin, 0), STEPS)
    assert actual.step == STEPS
    torch.testing.assert_close(actual.theta, expected, rtol=1e-12, atol=1e-12)  # 70 steps of rounding
    assert float((actual.theta - begin).abs().max()) > 0.01


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("sampling", [("full", None), ("iid", 2)], ids=["full", "iid"])
def test_a_step_of_ones_own_takes_all_gradients_of_the_same_batch_and_noise(sampling, compiled):
    problem, theta = tanh_place()
    rule = UpdateRule(0.02, 0.5, *sampling, step=ahead)
    ensemble = Ensemble(problem, rule, 4, 3, compiled=compiled)
    listening = Ensemble(problem, replace(rule, step=None), 4, 3)
    expected = begin = start(theta, 4)
    for step in range(5):
        counts, noises = (found / rule.lr for found in heard(listening, step))

        def gradient(at, counts, noises):
            residuals = vmap(problem.model, in_dims=(None, 0))(at, problem.inputs) - problem.labels
            slopes = vmap(grad(problem.model), in_dims=(None, 0))(at, problem.inputs)
            return 2 * (counts * residuals - noises) @ slopes

        moved = [
            at + ahead(partial(gradient, counts=counts[:, r], noises=noises[:, r]), at, rule.lr)
            for r, at in enumerate(expected.T)
        ]
        expected = torch.stack(moved, dim=1)
    torch.testing.assert_close(ensemble.advanced(State(begin, 0), 5).theta, expected, rtol=1e-12, atol=1e-12)


def test_a_step_that_returns_something_else_than_a_step_raises():
    problem, theta = tanh_place()
    rule = UpdateRule(0.02, 0.5, step=lambda gradient, theta, lr: lr * gradient(theta).sum())
    with pytest.raises(ValueError, match=r"step must return what is added to theta, \[\d+\], got \[\]"):
        eager(problem, rule, 4, 3).advanced(State(start(theta, 4), 0), 1)


@every_rule
def test_batches_hold_as_many_points_as_the_rule_says(rule):
    problem, _ = tanh_place()
    ensemble = eager(problem, rule, 4, 3)
    share = rule.lr / (rule.batch_size or problem.num_data)
    for step in (0, STEPS_PER_BLOCK - 1, STEPS_PER_BLOCK):
        counts, noises = heard(ensemble, step)
        counts, noises = counts / share, noises / share
        torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-12)
        assert counts.sum(0).round().tolist() == [rule.batch_size or problem.num_data] * 4
        if rule.sharing == "shared":
            per_point = (noises / counts.round()).nan_to_num()
            present = counts.round() > 0
            for r in range(4):
                values = per_point[present[:, r], r]
                torch.testing.assert_close(values, values[:1].expand_as(values))


@pytest.mark.parametrize("sampling", [("full", None), ("iid", 2)], ids=["full", "iid"])
def test_noise_is_added_to_the_label(sampling):
    always_one = continuous("one", lambda _, shape: torch.ones(shape, dtype=torch.float64))
    rule = UpdateRule(0.1, 0.5, *sampling, noise=always_one)
    problem = Problem(linear_model, torch.ones(3, 1, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    moved = eager(problem, rule, 4, 0).advanced(State(torch.zeros(1, 4, dtype=torch.float64), 0), 1).theta
    # theta' = -lr * 2 (theta - y - std z) with z = 1, and z = -1 in the mirrored half
    torch.testing.assert_close(moved, torch.tensor([[0.1, 0.1, -0.1, -0.1]], dtype=torch.float64))


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_noise_on_the_gradient_is_a_vector_of_parameters_and_leaves_the_labels_alone(momentum):
    always = continuous("rows", lambda _, shape: torch.arange(shape[1]).double()[:, None].expand(shape))
    rule = UpdateRule(0.1, 0.5, noise=always, noise_on="gradient", momentum=momentum)
    problem, theta = tanh_place()
    moved = eager(problem, rule, 2, 0).advanced(State(theta[:, None].repeat(1, 2), 0), 1).theta - theta[:, None]
    # At zero training error D = -lr std z, z_j = j, and its opposite in the mirrored half
    expected = -0.1 * 0.5 * torch.arange(len(theta)).double()
    torch.testing.assert_close(moved, torch.stack([expected, -expected], dim=1), rtol=0, atol=1e-15)


def test_noise_on_the_losses_is_the_weight_of_each_datum_and_mini_batches_are_such_noise():
    problem, theta = tanh_place()
    problem, num_data = replace(problem, labels=problem.labels + 1), problem.num_data
    start = State(theta[:, None].repeat(1, 2), 0)
    slopes = -2 * problem.jacobian(theta)  # of each datum's square, whose residual is -1
    counting = continuous("labels", lambda _, shape: torch.arange(shape[1]).double()[:, None].expand(shape))
    moved = eager(problem, UpdateRule(0.1, 0.5, noise=counting, noise_on="losses"), 2, 0).advanced(start, 1).theta
    weights = 1 + 0.5 * torch.arange(num_data).double()
    expected = [theta - 0.1 * (signed[:, None] * slopes).mean(0) for signed in (weights, 2 - weights)]
    torch.testing.assert_close(moved, torch.stack(expected, dim=1), rtol=1e-13, atol=1e-13)
    # The whole gradient, one random datum's more and another's less
    swap = UpdateRule(0.1, num_data * swap_std(num_data), noise=SWAP, noise_on="losses")
    moved = eager(problem, swap, 2, 0).advanced(start, 1).theta[:, 0]
    pairs = [theta - 0.1 * (slopes.mean(0) + slopes[i] - slopes[k]) for i in range(num_data) for k in range(num_data)]
    assert float((torch.stack(pairs) - moved).abs().amax(1).min()) < 1e-13


def test_every_step_block_has_noise_and_draws_of_its_own():
    ensemble = eager(tanh_place().problem, RULES["pairs"], REPLICAS_PER_BLOCK, 3)
    blocks = [heard(ensemble, step) for step in (0, STEPS_PER_BLOCK, 2 * STEPS_PER_BLOCK)]
    for kind in (0, 1):  # counts, noises; a mirrored half tells nothing new
        half = torch.stack([block[kind][:, : REPLICAS_PER_BLOCK // 2].flatten() for block in blocks])
        correlation = torch.corrcoef(half) - torch.eye(3, dtype=torch.float64)
        assert float(correlation.abs().max()) < 5 / half.shape[1] ** 0.5  # 5 sigma


@pytest.mark.parametrize("law", [RADEMACHER, GAUSSIAN, UNIFORM], ids=lambda law: law.name)
def test_zero_sum_noise_is_white_noise_in_even_steps_and_its_negative_in_the_next(law):
    assert STEPS_PER_BLOCK % 2 == 0  # no pair of steps straddles two blocks
    problem, _ = tanh_place()
    zero_sum, white = (
        eager(problem, UpdateRule(0.02, 0.5, noise=law, noise_in_time=kind), 8, 3) for kind in ("zero-sum", "white")
    )
    for step in (0, 2, STEPS_PER_BLOCK - 2, STEPS_PER_BLOCK):
        first, second = heard(zero_sum, step)[1], heard(zero_sum, step + 1)[1]
        assert torch.equal(first, heard(white, step)[1])
        assert torch.equal(second, -first)
        assert not torch.equal(heard(white, step + 1)[1], -first)


def test_two_steps_of_zero_sum_noise_bring_a_linear_model_back_to_first_order_in_the_learning_rate():
    inputs = normal(22, 3, 5)
    problem = Problem(linear_model, inputs, torch.zeros(3, dtype=torch.float64))
    ensemble = eager(problem, UpdateRule(0.02, 0.5, noise_in_time="zero-sum"), 8, 1)
    begin = State(torch.zeros(5, 8, dtype=torch.float64), 0)
    once, twice = (ensemble.advanced(begin, steps).theta for steps in (1, 2))
    # theta_2 = -lr (2/n) X^T X theta_1, the noise itself having cancelled
    torch.testing.assert_close(twice, -0.02 * 2 / 3 * inputs.T @ inputs @ once, rtol=1e-12, atol=1e-15)


def test_loss_of_the_rule_is_the_one_that_is_descended():
    problem, theta = tanh_place()
    quartic = UpdateRule(0.02, 0.5, loss=lambda r: r**4)
    state = State(start(theta, 2), 0)
    _, noises = heard(eager(problem, UpdateRule(0.02, 0.5), 2, 3), 0)
    residuals = torch.stack([problem.residuals(at) for at in state.theta.T], dim=1)
    residuals = residuals - noises * problem.num_data / 0.02
    slopes = torch.stack([problem.jacobian(at) for at in state.theta.T], dim=2)
    expected = state.theta - 0.02 * torch.einsum("nr,npr->pr", 4 * residuals**3, slopes) / problem.num_data
    torch.testing.assert_close(eager(problem, quartic, 2, 3).advanced(state, 1).theta, expected, rtol=1e-12, atol=1e-12)


@every_rule
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_run_can_be_stopped_and_resumed_bit_for_bit(rule, compiled):
    problem, theta = tanh_place()
    ensemble = Ensemble(problem, rule, 8, 5, compiled=compiled)
    state = State(start(theta, 8), 0)
    whole, parts = ensemble.advanced(state, 100), ensemble.advanced(ensemble.advanced(state, 37), 63)
    assert whole.step == parts.step == 100
    assert torch.equal(whole.theta, parts.theta)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_frequent_looks_draw_each_step_block_once_and_keep_the_bits(monkeypatch, compiled):
    problem, theta = tanh_place()
    ensemble, state = (Ensemble(problem, RULES["pairs"], 8, 5, compiled=compiled), State(start(theta, 8), 0))
    whole, drawn = ensemble.advanced(state, 160), []
    draw = Ensemble._randomness
    monkeypatch.setattr(
        Ensemble, "_randomness", lambda self, number, *rest: drawn.append(number) or draw(self, number, *rest)
    )
    for _ in range(16):
        state = ensemble.advanced(state, 10)
    assert torch.equal(whole.theta, state.theta)
    assert drawn == [0, 1, 2]


@pytest.mark.parametrize("rule", [RULES["full"], RULES["pairs"]], ids=["full", "pairs"])
@pytest.mark.parametrize("num_replicas", [2 * REPLICAS_PER_BLOCK, REPLICAS_PER_CHUNK + 2 * REPLICAS_PER_BLOCK])
def test_an_ensemble_equals_its_replica_blocks_bit_for_bit(rule, num_replicas):
    problem, theta = tanh_place()
    begin = start(theta, num_replicas)
    whole = eager(problem, rule, num_replicas, 7).advanced(State(begin, 0), 10).theta
    for block in range(num_replicas // REPLICAS_PER_BLOCK):
        place = slice(block * REPLICAS_PER_BLOCK, (block + 1) * REPLICAS_PER_BLOCK)
        alone = eager(problem, rule, REPLICAS_PER_BLOCK, 7, first_block=block).advanced(State(begin[:, place], 0), 10)
        assert torch.equal(alone.theta, whole[:, place])


@pytest.mark.parametrize("other", [{"seed": 1}, {"seed": 0, "first_block": 1}], ids=["seed", "block"])
def test_another_seed_or_block_has_other_noise(other):
    problem, theta = tanh_place()
    state = State(start(theta, 8), 0)
    here = eager(problem, RULES["full"], 8, 0).advanced(state, 3).theta
    assert not torch.equal(here, eager(problem, RULES["full"], 8, **other).advanced(state, 3).theta)


@every_rule
def test_a_linear_model_at_its_minimum_moves_in_exactly_opposite_pairs(rule):
    inputs = normal(22, 3, 5)
    problem = Problem(linear_model, inputs, torch.zeros(3, dtype=torch.float64))
    end = eager(problem, rule, 8, 1).advanced(State(torch.zeros(5, 8, dtype=torch.float64), 0), 100).theta
    assert torch.equal(end[:, :4], -end[:, 4:])
    assert float(end.abs().min()) > 0


def test_pair_means_of_a_linear_model_follow_the_path_without_noise():
    problem = Problem(linear_model, normal(22, 3, 5), normal(23, 3))
    begin = State(normal(24, 5, 1).repeat(1, 8), 0)
    noisy = eager(problem, UpdateRule(0.02, 0.5), 8, 1).advanced(begin, 100).theta
    quiet = eager(problem, UpdateRule(0.02, 0.0), 8, 1).advanced(begin, 100).theta
    # 100 contracting steps, each rounding numbers of order 1
    torch.testing.assert_close((noisy[:, :4] + noisy[:, 4:]) / 2, quiet[:, :4], rtol=0, atol=1e-13)


def test_full_batches_without_noise_descend_a_linear_model_in_closed_form():
    inputs, theta = normal(22, 3, 5), normal(24, 5)
    problem = Problem(linear_model, inputs, torch.zeros(3, dtype=torch.float64))
    step = torch.eye(5, dtype=torch.float64) - 0.02 * 2 / 3 * inputs.T @ inputs
    end = eager(problem, UpdateRule(0.02, 0.0), 2, 1).advanced(State(theta[:, None].repeat(1, 2), 0), 50).theta
    torch.testing.assert_close(end[:, 0], torch.linalg.matrix_power(step, 50) @ theta, rtol=1e-12, atol=1e-12)


def test_no_steps_change_nothing():
    problem, theta = tanh_place()
    state = State(start(theta, 8), 5)
    moved = eager(problem, RULES["full"], 8, 0).advanced(state, 0)
    assert moved.step == 5
    assert torch.equal(moved.theta, state.theta)


def test_start_is_not_overwritten():
    problem, theta = tanh_place()
    begin = start(theta, 8)
    kept = begin.clone()
    eager(problem, RULES["full"], 8, 0).advanced(State(begin, 0), 5)
    assert torch.equal(begin, kept)


def test_divergence_raises_with_the_learning_rate():
    problem, theta = tanh_place()
    with pytest.raises(FloatingPointError, match=r"diverged before step 100: lr 1000000\.0 is too large"):
        eager(Problem(linear_model, normal(0, 3, 12), problem.labels), UpdateRule(1e6, 0.5), 4, 0).advanced(
            State(start(theta, 4), 0), 100
        )


def test_noise_that_is_not_finite_is_told_from_divergence():
    problem, theta = tanh_place()
    law = continuous("broken", lambda generator, shape: torch.log(-torch.rand(shape, generator=generator)))
    with pytest.raises(FloatingPointError, match="the noise law 'broken' draws numbers that are not finite"):
        eager(problem, UpdateRule(0.02, 0.5, noise=law), 4, 0).advanced(State(start(theta, 4), 0), 1)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_model_that_returns_a_vector_is_refused_before_the_first_step(compiled):
    problem, theta = tanh_place()
    vector = Problem(lambda at, x: problem.model(at, x)[None], problem.inputs, problem.labels)
    with pytest.raises(ValueError, match=r"model must return a scalar for one input, got shape \[1\]"):
        Ensemble(vector, RULES["full"], 4, 0, compiled=compiled).advanced(State(start(theta, 4), 0), 1)


@every_rule
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_single_replica_is_the_first_of_a_pair(rule, compiled):
    problem, theta = tanh_place()
    single, pair = (Ensemble(problem, rule, size, 3, compiled=compiled) for size in (1, 2))
    begin = start(theta, 2)
    alone = single.advanced(State(begin[:, :1], 0), STEPS).theta
    assert alone.shape == (12, 1)
    first = pair.advanced(State(begin, 0), STEPS).theta[:, :1]
    torch.testing.assert_close(alone, first, rtol=1e-13, atol=1e-13)  # another shape, another order of sums
    assert torch.equal(single.normal(5), pair.normal(5)[:, :1])


@pytest.mark.parametrize("shape", [(12,), (12, 5), (8, 12), (12, 8, 1)])
def test_parameters_without_replicas_last_are_refused(shape):
    problem, _ = tanh_place()
    with pytest.raises(ValueError, match=r"theta must be \[P, 8\], replicas last"):
        eager(problem, RULES["full"], 8, 0).advanced(State(torch.zeros(shape, dtype=torch.float64), 0), 1)


@pytest.mark.parametrize("rule", [RULES["full"], RULES["pairs"]], ids=["full", "pairs"])
def test_compiled_steps_equal_eager_steps(rule):
    problem, theta = softplus_place()
    state = State(start(theta, 8), 0)
    compiled = Ensemble(problem, rule, 8, 2).advanced(state, STEPS)
    plain = eager(problem, rule, 8, 2).advanced(state, STEPS)
    torch.testing.assert_close(compiled.theta, plain.theta, rtol=1e-12, atol=1e-12)  # other order of the same sums


def test_a_failing_compiler_warns_once_and_steps_eagerly(monkeypatch):
    def broken_compile(function, **_):
        def fail(*_):
            raise BackendCompilerFailed(function, RuntimeError("no C++ compiler"), None)

        return fail

    monkeypatch.setattr(torch, "compile", broken_compile)
    monkeypatch.setenv("CXX", "no-such-compiler")
    problem = Problem(lambda theta, x: (theta * x).sum() ** 2, normal(0, 3, 2), normal(1, 3))
    state = State(normal(2, 2, 4), 0)
    ensemble = Ensemble(problem, RULES["full"], 4, 2)
    with (
        pytest.warns(UserWarning, match="no kernel in lanes, torch.compile instead: no-such-compiler: No such file"),
        pytest.warns(UserWarning, match="no working compiler for torch.compile; running eagerly"),
    ):
        fallback = ensemble.advanced(state, 5)
    assert torch.equal(fallback.theta, eager(problem, RULES["full"], 4, 2).advanced(state, 5).theta)
    ensemble.advanced(fallback, 5)  # a second warning would be an error


OPTIMISERS = {
    "heavy-ball": {"momentum": 0.8},
    "nesterov": {"momentum": 0.8, "nesterov": True},
    "decay": {"weight_decay": 0.3},
    "nesterov, decay": {"momentum": 0.8, "nesterov": True, "weight_decay": 0.3},
}


def as_rule(options: dict) -> UpdateRule:
    """Return the rule with the options of torch.optim.SGD."""
    kind = "nesterov" if options.get("nesterov") else "heavy-ball"
    momentum, decay = options.get("momentum", 0.0), options.get("weight_decay", 0.0)
    return UpdateRule(0.02, 0.0, momentum=momentum, momentum_kind=kind, weight_decay=decay)


@pytest.mark.parametrize("options", OPTIMISERS.values(), ids=OPTIMISERS)
def test_momentum_and_weight_decay_are_those_of_torch_optim(options):
    problem, theta = tanh_place()
    begin = start(theta, 2)
    state = eager(problem, as_rule(options), 2, 0).advanced(State(begin, 0), 20)
    for r in range(2):
        at = begin[:, r].clone().requires_grad_()
        optimiser = torch.optim.SGD([at], lr=0.02, **options)
        for _ in range(20):
            optimiser.zero_grad()
            (vmap(problem.model, in_dims=(None, 0))(at, problem.inputs) - problem.labels).square().mean().backward()
            optimiser.step()
        torch.testing.assert_close(state.theta[:, r], at.detach(), rtol=1e-12, atol=1e-12)  # other order of the sums


@pytest.mark.parametrize("options", OPTIMISERS.values(), ids=OPTIMISERS)
def test_compiled_steps_with_a_velocity_equal_eager_steps(options):
    problem, theta = softplus_place()
    state = State(start(theta, 8), 0)
    compiled = Ensemble(problem, as_rule(options), 8, 2).advanced(state, STEPS)
    plain = eager(problem, as_rule(options), 8, 2).advanced(state, STEPS)
    torch.testing.assert_close(compiled.theta, plain.theta, rtol=1e-12, atol=1e-12)  # other order of the same sums


def test_a_velocity_is_kept_over_a_stop():
    problem, theta = tanh_place()
    ensemble = eager(problem, as_rule(OPTIMISERS["nesterov"]), 4, 0)
    whole = ensemble.advanced(State(start(theta, 4), 0), STEPS)
    halves = ensemble.advanced(ensemble.advanced(State(start(theta, 4), 0), 7), STEPS - 7)
    assert torch.equal(whole.theta, halves.theta)
    assert whole.velocity is not None
    assert halves.velocity is not None
    assert torch.equal(whole.velocity, halves.velocity)
    assert float(whole.velocity.abs().min()) > 0


def test_a_velocity_without_momentum_is_refused():
    problem, theta = tanh_place()
    with pytest.raises(ValueError, match=r"velocity goes with momentum .* got \[12, 4\] with momentum 0"):
        eager(problem, RULES["full"], 4, 0).advanced(State(start(theta, 4), 0, start(theta, 4)), 1)


def listener(num_data: int) -> Problem:
    return Problem(linear_model, torch.eye(num_data, dtype=torch.float64), torch.ones(num_data, dtype=torch.float64))


@pytest.mark.parametrize(("num_data", "batch_size"), [(6, 2), (6, 3), (5, 1), (4, 4), (130, 1)])
def test_each_epoch_of_reshuffled_steps_draws_every_data_point_once(num_data, batch_size):
    ensemble = eager(listener(num_data), UpdateRule(1.0, 0.0, "reshuffle", batch_size), 4, 0)
    per_epoch = num_data // batch_size
    num_steps = STEPS_PER_BLOCK // per_epoch * per_epoch + 2 * per_epoch  # into the second step block
    counts = torch.stack([heard(ensemble, step)[0] for step in range(num_steps)]) * batch_size
    torch.testing.assert_close(counts.sum(1), torch.full_like(counts[:, 0], batch_size))
    epochs = counts.unflatten(0, (-1, per_epoch))
    torch.testing.assert_close(epochs.sum(1), torch.ones_like(epochs[:, 0]))
    assert num_data == batch_size or not torch.equal(epochs[0], epochs[1])


def test_orders_of_an_epoch_are_the_same_for_any_other_blocks():
    problem = listener(6)
    rule = UpdateRule(0.5, 0.0, "reshuffle", 2)
    zero = torch.zeros(6, 512, dtype=torch.float64)
    both = eager(problem, rule, 512, 0).advanced(State(zero, 0), 4).theta
    second = eager(problem, rule, 256, 0, first_block=1).advanced(State(zero[:, :256], 0), 4).theta
    assert torch.equal(both[:, 256:], second)
    assert not torch.equal(both[:, :256], second)
