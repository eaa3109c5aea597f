from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.func import grad, vmap

from numerics.problem import Problem
from tests.models import Place, normal
from tests.oracles import Loss, all_batches, regulariser, relative_error, tangent
from theory.drift import derive
from theory.index_algebra import Expr
from theory.loss import LABEL, SQUARED_ERROR, with_loss
from theory.modified_loss import manifold_descent, mean_modified_loss
from theory.modified_potential import modified_loss
from theory.regulariser import REG
from theory.rule import ETA, RESIDUAL, SIGMA, SMALL_LR, B, LabelNoise, N, Rule, kappa
from verify.lowering.expression import lower

LR, STD = 0.05, 0.6
QUARTIC = RESIDUAL**2 + RESIDUAL**4 / 10
LOSSES = {RESIDUAL**2: torch.square, QUARTIC: lambda r: r**2 + r**4 / 10}
RULES = [("full", None, "independent"), ("full", None, "shared"), ("iid", 2, "independent"), ("iid", 2, "shared")]


def values(problem: Problem, batch_size: int | None) -> dict:
    """Return the symbols' values for noise of +-STD."""
    size = batch_size or problem.num_data
    return {ETA: LR, SIGMA: STD, N: problem.num_data, B: size, kappa(4): -2 * STD**4, kappa(6): 16 * STD**6}


def enumerated(problem: Problem, batch_size: int | None, sharing: str, loss: Loss, theta: torch.Tensor) -> torch.Tensor:
    """Return the mean of L_z + (lr/4) |grad L_z|^2 over every batch and every choice of signs."""

    def one(at: torch.Tensor, draws: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        predictions = vmap(problem.model, in_dims=(None, 0))(at, problem.inputs[draws])
        return loss(predictions - problem.labels[draws] - noise).mean()

    batches = all_batches(problem.num_data, batch_size, sharing, STD)
    losses = vmap(one, in_dims=(None, 0, 0))(theta, *batches)
    gradients = vmap(grad(one), in_dims=(None, 0, 0))(theta, *batches)
    return (losses + LR / 4 * gradients.square().sum(1)).mean()


@pytest.mark.agreement("modified-loss")
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_the_mean_modified_loss_is_the_mean_over_all_batches(place, sampling, batch_size, sharing, loss):
    theta = place.theta
    problem = Problem(place.problem.model, place.problem.inputs, place.problem.labels + normal(9, len(place[0].labels)))
    derived = mean_modified_loss(Rule(loss, sampling, LabelNoise(sharing)))
    numbers = values(problem, batch_size)
    actual = lower(derived, problem, theta, values=numbers, tensors={LABEL: problem.labels})
    assert relative_error(actual, enumerated(problem, batch_size, sharing, LOSSES[loss], theta)) < 1e-10


@pytest.mark.agreement("descent-of-modified-loss")
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_the_descent_on_the_manifold_is_the_projected_gradient(place: Place, sampling, batch_size, sharing):
    problem, theta = place
    derived = manifold_descent(Rule(sampling=sampling, noise=LabelNoise(sharing)))
    actual = lower(derived, problem, theta, indices="i", values=values(problem, batch_size))
    slope = grad(partial(enumerated, problem, batch_size, sharing, torch.square))(theta)
    assert relative_error(actual, -LR * tangent(problem, theta) @ slope) < 1e-10


@pytest.mark.parametrize("sampling", ["full", "iid"])
def test_independent_noise_drifts_down_the_mean_modified_loss(sampling):
    rule = Rule(sampling=sampling)
    assert manifold_descent(rule) == derive(rule, SMALL_LR).drift


def test_one_shared_noise_does_not(place):
    shared = manifold_descent(Rule(sampling="full", noise=LabelNoise("shared")))
    problem, theta = place
    actual = lower(shared, problem, theta, indices="i", values=values(problem, None))
    slope = tangent(problem, theta) @ grad(partial(regulariser, problem))(theta)
    assert relative_error(actual, -(LR**2) * STD**2 / problem.num_data * slope) > 1e-2


def test_a_single_draw_does_not_tell_shared_noise_from_independent_noise():
    one, other = (mean_modified_loss(Rule(noise=LabelNoise(sharing))) for sharing in ("independent", "shared"))
    assert one != other
    assert one.coefficients(lambda c: c.subs(B, 1)) == other.coefficients(lambda c: c.subs(B, 1))


def test_without_noise_full_batches_have_the_modified_loss_itself():
    quiet = mean_modified_loss(Rule(sampling="full")).coefficients(lambda c: c.subs(SIGMA, 0))
    assert quiet == with_loss(modified_loss(1), SQUARED_ERROR)


def test_the_noise_adds_its_variance_and_a_multiple_of_reg():
    noisy = mean_modified_loss(Rule(sampling="full"))
    added = noisy - noisy.coefficients(lambda c: c.subs(SIGMA, 0))
    assert added == Expr.number(SIGMA**2) + REG * (ETA * SIGMA**2 / N)
