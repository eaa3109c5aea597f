from functools import partial

import pytest
import sympy as sp
import torch

from tests.models import normal
from tests.oracles import all_batches, increments, relative_error, taylor_terms
from theory.averages import NOISE
from theory.index_algebra import ZERO, Expr, H
from theory.rule import ETA, RESIDUAL, SIGMA, B, LabelNoise, Rule, kappa
from theory.update_expansion import (
    X,
    increment,
    mean_increment,
    num_displacements,
    part,
    residual,
    second_moment_increment,
    truncated,
)
from verify.lowering.expression import lower

LR, STD = 0.05, 0.6
SQUARE = RESIDUAL**2
QUARTIC = RESIDUAL**2 + RESIDUAL**4 / 10
LOSSES = {SQUARE: torch.square, QUARTIC: lambda r: r**2 + r**4 / 10}
RULES = [("full", None, "independent"), ("iid", 2, "independent"), ("iid", 2, "shared")]
TOLERANCE = 1e-10


def numbers(batch_size: int | None, num_data: int) -> dict[sp.Symbol, float]:
    """Return the symbols' values for noise of +-STD, whose cumulants are those of a sign."""
    return {ETA: LR, SIGMA: STD, B: batch_size or num_data, kappa(4): -2 * STD**4, kappa(6): 16 * STD**6}


@pytest.mark.agreement("update-expansion")
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_mean_increment_is_the_taylor_series_of_the_mean_step(place, loss, sampling, batch_size, sharing):
    problem, theta = place
    x = normal(11, len(theta))
    batches = all_batches(problem.num_data, batch_size, sharing, STD)
    step = partial(increments, problem, batches, LR, LOSSES[loss])
    expected = taylor_terms(lambda at: step(at).mean(0), theta, x, 2)
    derived = mean_increment(Rule(loss, sampling, LabelNoise(sharing)), 2)
    values = numbers(batch_size, problem.num_data)
    for order in (1, 2):
        term = lower(part(derived, order), problem, theta, indices="j", values=values, tensors={X: x})
        assert relative_error(term, expected[order]) < TOLERANCE


@pytest.mark.agreement("update-expansion")
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_second_moment_increment_is_the_taylor_series_of_the_mean_square_step(place, sampling, batch_size, sharing):
    problem, theta = place
    x = normal(12, len(theta))
    batches = all_batches(problem.num_data, batch_size, sharing, STD)

    def second_moment(at):
        steps = increments(problem, batches, LR, torch.square, at)
        return torch.einsum("kp,kq->pq", steps, steps) / len(steps)

    expected = taylor_terms(second_moment, theta, x, 2)
    derived = second_moment_increment(Rule(SQUARE, sampling, LabelNoise(sharing)), 2)
    values = numbers(batch_size, problem.num_data)
    for order in (0, 1, 2):
        term = lower(part(derived, order), problem, theta, indices="jk", values=values, tensors={X: x})
        assert relative_error(term, expected[order]) < TOLERANCE


def test_linear_part_of_the_step_is_the_hessian():
    gamma_x = (H("j", label="a") * H("k", label="a") * X("k")).averaged("a")
    assert part(mean_increment(Rule(), 1), 1) == gamma_x * (-2 * ETA)


def test_noise_alone_kicks_with_the_covariance_of_its_gradients():
    gamma = (H("j", label="a") * H("k", label="a")).averaged("a")
    assert part(second_moment_increment(Rule(), 0), 0) == gamma * (4 * ETA**2 * SIGMA**2 / B)


def test_residual_is_the_taylor_series_less_the_noise():
    linear = H("j", label="a") * X("j")
    quadratic = H("j", "k", label="a") * X("j") * X("k") * sp.Rational(1, 2)
    assert residual(Rule(), 2) == linear + quadratic - NOISE(label="a")


def test_step_before_averages_moves_along_the_noise():
    kick = (H("j", label="a") * NOISE(label="a")).averaged("a")
    assert part(increment(Rule(), 0), 0) == kick * (2 * ETA)


def test_mean_increment_does_not_depend_on_the_order_that_is_asked_for():
    assert truncated(mean_increment(Rule(), 3), 1) == mean_increment(Rule(), 1)


def test_parts_of_an_expression_add_up_to_it():
    expr = mean_increment(Rule(QUARTIC), 2)
    assert part(expr, 0) + part(expr, 1) + part(expr, 2) == expr
    assert all(num_displacements(product) == 2 for product, _ in part(expr, 2).terms)


def test_square_loss_has_no_mean_force_at_zero_error():
    assert part(mean_increment(Rule(), 2), 0) == ZERO
    assert isinstance(mean_increment(Rule(), 2), Expr)
