from functools import partial

import pytest
import sympy as sp
import torch
from torch.func import grad

from tests.models import Place, normal
from tests.oracles import all_batches, increments, regulariser, relative_error, tangent, taylor_terms
from theory.averages import NOISE, SHARED_NOISE
from theory.drift import derive, projected
from theory.index_algebra import H
from theory.rule import ETA, RESIDUAL, SIGMA, SMALL_LR, LabelNoise, N, Rule, kappa
from theory.update_expansion import X
from theory.zero_sum_noise import composed, reflected, zero_sum_drift
from verify.lowering.expression import lower

LR, STD = 0.01, 0.6
SQUARE, QUARTIC = RESIDUAL**2, RESIDUAL**2 + RESIDUAL**4 / 10
LOSSES = {SQUARE: torch.square, QUARTIC: lambda r: r**2 + r**4 / 10}
CUMULANTS = {kappa(4): -2 * STD**4, kappa(6): 16 * STD**6}  # those of a sign
VALUES = {ETA: LR, SIGMA: STD} | CUMULANTS
EVERY = pytest.mark.parametrize(("loss", "sharing"), [(loss, s) for loss in LOSSES for s in ("independent", "shared")])
TOLERANCE = 1e-10


def full(loss: sp.Expr, sharing: str) -> Rule:
    return Rule(loss, "full", LabelNoise(sharing))


def two_steps(place: Place, loss, sharing: str, lr: torch.Tensor) -> torch.Tensor:
    """Return the mean displacement over two steps from theta* with every noise z, then -z, ``[P]``."""
    problem, theta = place
    batches = all_batches(problem.num_data, None, sharing, STD)
    moved = []
    for draws, noise in zip(*batches, strict=True):
        at = theta
        for sign in (1, -1):
            batch = type(batches)(draws[None], sign * noise[None])
            at = at + increments(problem, batch, lr, loss, at)[0]
        moved.append(at - theta)
    return torch.stack(moved).mean(0)


@pytest.mark.agreement("zero-sum-noise")
@EVERY
def test_drift_is_half_the_mean_motion_over_two_steps_to_second_order_in_the_learning_rate(place, loss, sharing):
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    constant, first, second = taylor_terms(partial(two_steps, place, LOSSES[loss], sharing), zero, one, 2)
    along = tangent(*place)
    assert float((along @ constant).abs().max()) == 0
    assert float((along @ first).abs().max()) < 1e-14  # the kicks of the two steps cancel, but for rounding
    actual = lower(zero_sum_drift(full(loss, sharing)).drift, *place, indices="i", values=VALUES)
    assert relative_error(actual, along @ second * LR**2 / 2) < TOLERANCE


@pytest.mark.agreement("zero-sum-noise")
@EVERY
def test_potential_is_a_quarter_of_the_mean_square_of_one_kick(place, loss, sharing):
    problem, theta = place
    batches = all_batches(problem.num_data, None, sharing, STD)

    def quarter(at):
        return increments(problem, batches, LR, LOSSES[loss], at).square().sum(1).mean() / 4

    derived = zero_sum_drift(full(loss, sharing))
    assert relative_error(lower(derived.potential, problem, theta, values=VALUES), quarter(theta)) < TOLERANCE
    # The residuals move along too, but with h_a^j, which the projector annihilates.
    expected = -tangent(*place) @ grad(quarter)(theta)
    assert relative_error(lower(derived.drift, problem, theta, indices="i", values=VALUES), expected) < TOLERANCE


def test_independent_noise_descends_reg_and_shared_noise_the_mean_gradient(place):
    problem, theta = place
    independent, shared = (
        lower(zero_sum_drift(full(SQUARE, s)).drift, problem, theta, indices="i", values=VALUES)
        for s in ("independent", "shared")
    )
    slope = grad(partial(regulariser, problem))(theta) / problem.num_data
    mean_slope = grad(lambda at: problem.jacobian(at).mean(0).square().sum())(theta)
    scale = -((LR * STD) ** 2) * tangent(problem, theta)
    assert relative_error(independent, scale @ slope) < TOLERANCE
    assert relative_error(shared, scale @ mean_slope) < TOLERANCE


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_with_independent_noise_the_drift_is_that_of_white_noise_and_with_shared_noise_not(loss):
    assert zero_sum_drift(full(loss, "independent")).drift == derive(full(loss, "independent"), SMALL_LR).drift
    assert zero_sum_drift(full(loss, "shared")).drift != derive(full(loss, "shared"), SMALL_LR).drift


def test_square_loss_has_its_potential_and_its_remainder():
    derived = zero_sum_drift(full(SQUARE, "shared"))
    mean_gradient = H("k", label="a").averaged("a") * H("k", label="b").averaged("b")
    assert derived.potential == mean_gradient * (ETA**2 * SIGMA**2)
    assert derived.drift == projected(derived.force)
    assert derived.remainder == ETA**3


def test_skewness_of_the_noise_does_not_enter_for_the_square_loss():
    skewed = Rule(SQUARE, "full", LabelNoise(symmetric=False))
    assert zero_sum_drift(skewed).drift == zero_sum_drift(full(SQUARE, "independent")).drift


def test_drawn_batches_are_refused():
    with pytest.raises(ValueError, match=r"for the samplings \('full',\), got 'iid'"):
        zero_sum_drift(Rule())


@pytest.mark.parametrize(
    "rule",
    [full(RESIDUAL**2 + RESIDUAL**3, "shared"), Rule(QUARTIC, "full", LabelNoise(symmetric=False))],
    ids=["cubic", "skewed"],
)
def test_a_mean_force_at_zero_error_is_refused(rule):
    with pytest.raises(ValueError, match="is not stationary"):
        zero_sum_drift(rule)


def test_composition_is_that_of_functions(place):
    problem, theta = place
    bend = (H("j", "k", "l", label="a") * X("k") * X("l")).averaged("a") + X("j")
    inner = (H("j", "k", label="a") * X("k")).averaged("a")
    x = normal(31, len(theta))
    once = lower(inner, problem, theta, indices="j", tensors={X: x})
    actual = lower(composed(bend, inner), problem, theta, indices="j", tensors={X: x})
    assert relative_error(actual, lower(bend, problem, theta, indices="j", tensors={X: once})) < TOLERANCE


def test_composition_with_a_square_of_x_sums_its_index(place):
    problem, theta = place
    x = normal(32, len(theta))
    inner = (H("j", "k", label="a") * X("k")).averaged("a")
    once = lower(inner, problem, theta, indices="j", tensors={X: x})
    actual = lower(composed(X("k") * X("k"), inner), problem, theta, tensors={X: x})
    assert relative_error(actual, once @ once) < TOLERANCE


def test_reflection_changes_the_sign_of_odd_powers_of_the_noise():
    for z in (NOISE(label="a").averaged("a"), SHARED_NOISE()):
        assert reflected(z) == -1 * z
        assert reflected(z * z + z * X("j") * X("j")) == z * z - z * X("j") * X("j")
    assert reflected(H("j", label="a").averaged("a") * N) == H("j", label="a").averaged("a") * N
