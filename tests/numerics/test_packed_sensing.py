from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.func import grad

from numerics.ensemble import Ensemble, State
from numerics.label_noise import STEPS_PER_BLOCK
from numerics.matrix_sensing import Planted, planted
from numerics.packed_sensing import PackedSensing, smat, svec
from numerics.update_rule import UpdateRule
from tests.models import normal

DIMENSION, NUM_DATA, NUM_RUNS = 5, 9, 3
FULL = UpdateRule(0.01, 0.3)
DRAWN = UpdateRule(0.01, 0.3, "iid", 4)
PROBLEMS = [planted(DIMENSION, 2, NUM_DATA, seed=k) for k in range(NUM_RUNS)]


def runs(rule: UpdateRule, seed: int = 0, dtype: torch.dtype = torch.float64) -> PackedSensing:
    return PackedSensing.of(PROBLEMS, rule, seed, dtype=dtype)


def start(seed: int = 7) -> Tensor:
    return normal(seed, DIMENSION**2, NUM_RUNS) / DIMENSION**0.5


def moved_by_autograd(sensing: Planted, rule: UpdateRule, theta: Tensor, data: Tensor, noise: Tensor) -> Tensor:
    """Return theta after one step: the definition, from the model's own prediction of the drawn data."""

    def batch_loss(at: Tensor) -> Tensor:
        problem = sensing.problem
        predictions = torch.stack([problem.model(at, problem.inputs[i]) for i in data])
        return (predictions - problem.labels[data] - noise).square().mean()

    return theta - rule.lr * grad(batch_loss)(theta)


@pytest.mark.parametrize("rule", [FULL, DRAWN], ids=["full", "iid"])
def test_steps_follow_the_gradient_of_the_model(rule):
    ensemble, theta = runs(rule), start()
    block, draws = ensemble._randomness(0)
    for step in range(3):
        moved = ensemble.advanced(State(theta, step), 1).theta
        noise = rule.noise_std * rule.noise.at(block, torch.tensor(step), theta.dtype)
        for r, sensing in enumerate(PROBLEMS):
            data = torch.arange(NUM_DATA)
            if draws is not None:
                data = draws[step].view(NUM_RUNS, -1)[r] - r * NUM_DATA
            torch.testing.assert_close(
                moved[:, r], moved_by_autograd(sensing, rule, theta[:, r], data, noise[r]), rtol=1e-12, atol=1e-13
            )
        theta = moved


def test_without_noise_a_run_is_the_generic_ensembles():
    rule, theta = UpdateRule(0.01, 0.0), start()
    end = runs(rule).advanced(State(theta, 0), 50).theta
    for r, sensing in enumerate(PROBLEMS):
        generic = Ensemble(sensing.problem, rule, 2, seed=0, compiled=False)
        other = generic.advanced(State(theta[:, r : r + 1].repeat(1, 2), 0), 50).theta
        torch.testing.assert_close(end[:, r], other[:, 0], rtol=1e-10, atol=1e-12)


def test_drawn_data_are_uniform_over_the_data_of_each_run():
    draws = torch.cat([runs(DRAWN)._randomness(k)[1] for k in range(50)]).view(-1, NUM_RUNS, 4)
    for r in range(NUM_RUNS):
        counts = torch.bincount(draws[:, r].flatten() - r * NUM_DATA, minlength=NUM_DATA)
        assert len(counts) == NUM_DATA
        expected = draws[:, r].numel() / NUM_DATA
        assert float(((counts - expected) ** 2 / expected).sum()) < 26.1  # chi-square, 8 degrees, p = .001


def test_packing_keeps_inner_products_of_symmetric_parts():
    one, two = normal(1, DIMENSION, DIMENSION), normal(2, DIMENSION, DIMENSION)
    symmetric = (two + two.T) / 2
    torch.testing.assert_close(svec(one) @ svec(symmetric), (one * symmetric).sum())
    torch.testing.assert_close(smat(svec(symmetric), DIMENSION), symmetric)


def test_errors_are_mean_squares_of_each_run():
    theta = start()
    training, test = runs(FULL).errors(theta)
    for r, sensing in enumerate(PROBLEMS):
        u = theta[:, r].reshape(DIMENSION, DIMENSION)
        torch.testing.assert_close(training[r], sensing.problem.residuals(theta[:, r]).square().mean())
        torch.testing.assert_close(test[r], (u @ u.T - sensing.truth).square().sum())


def test_reg_is_the_mean_square_of_the_models_gradients():
    theta = start()
    reg = runs(FULL).reg(theta)
    for r, sensing in enumerate(PROBLEMS):
        torch.testing.assert_close(reg[r], sensing.problem.jacobian(theta[:, r]).square().sum(1).mean())


def test_eigenvalues_are_squared_singular_values():
    theta = start()
    singular = torch.linalg.svdvals(runs(FULL).factors(theta))
    torch.testing.assert_close(runs(FULL).eigenvalues(theta), singular.square().flip(1).T)


def test_nuclear_norms_are_those_of_the_planted_matrices():
    expected = torch.stack([torch.linalg.matrix_norm(sensing.truth, "nuc") for sensing in PROBLEMS])
    torch.testing.assert_close(runs(FULL).nuclear_norms, expected)


def test_a_stopped_run_goes_on_with_the_same_numbers():
    ensemble, first = runs(DRAWN), STEPS_PER_BLOCK - 5
    whole = ensemble.advanced(State(start(), 0), first + 20)
    parts = ensemble.advanced(ensemble.advanced(State(start(), 0), first), 20)
    assert torch.equal(whole.theta, parts.theta)
    assert whole.step == parts.step


def test_other_seeds_and_step_blocks_draw_other_noise():
    theta = start()
    moved = [
        runs(FULL, seed).advanced(State(theta, step), 1).theta for seed, step in ((0, 0), (1, 0), (0, STEPS_PER_BLOCK))
    ]
    for k in range(3):
        assert not torch.allclose(moved[k], moved[k - 1])


def test_single_precision_follows_double_precision():
    # A rounding error of 6e-8 a step, which a contracting run of 1,000 steps forgets after some hundreds of them.
    single, double = (runs(DRAWN, dtype=dtype).advanced(State(start(), 0), 1000) for dtype in DTYPES)
    error = (single.theta.double() - double.theta).abs().max() / double.theta.abs().max()
    assert 1e-9 < float(error) < 1e-5


DTYPES = (torch.float32, torch.float64)


def test_runs_keep_their_precision():
    for dtype in DTYPES:
        assert runs(FULL, dtype=dtype).advanced(State(start(), 0), 2).theta.dtype == dtype


@pytest.mark.parametrize(
    "change",
    [{"momentum": 0.5}, {"weight_decay": 0.1}, {"sharing": "shared"}, {"loss": torch.abs}],
    ids=lambda change: next(iter(change)),
)
def test_a_rule_that_the_closed_form_does_not_cover_is_refused(change):
    with pytest.raises(ValueError, match="rule must be plain steps"):
        runs(replace(FULL, **change))


def test_reshuffled_batches_are_refused():
    with pytest.raises(ValueError, match="rule must be plain steps"):
        runs(UpdateRule(0.01, 0.3, "reshuffle", 3))


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"theta must be \[25, 3\]"):
        runs(FULL).advanced(State(start()[:, :2], 0), 1)


def test_a_diverging_run_is_an_error():
    with pytest.raises(FloatingPointError, match="lower it"):
        runs(UpdateRule(5.0, 0.0)).advanced(State(start(), 0), 200)


def test_measurements_that_do_not_fit_the_labels_are_refused():
    found = runs(FULL)
    for wrong in (found.measurements[:, :, 1:], found.measurements[:, 1:], found.measurements.float()):
        with pytest.raises(ValueError, match=r"measurements must be \[3, 9, 15\], of the labels' dtype"):
            replace(found, measurements=wrong)
