from __future__ import annotations

import torch
from torch.func import grad, hessian

from numerics.problem import Problem
from tests.models import normal
from tests.oracles import relative_error
from theory.index_algebra import ZERO, H
from theory.loss import LABEL, LOSS, PREDICTION_ERROR, SQUARED_ERROR, at_zero_loss, with_loss, without_labels
from theory.regulariser import REG
from verify.lowering.expression import lower


def test_a_loss_in_place_of_itself_changes_nothing():
    expr = LOSS("j", "k") * LOSS("k", "l", "l") - 2 * LOSS() * LOSS("j")
    assert with_loss(expr, LOSS()) == expr


def test_heads_other_than_the_loss_stay():
    bend = H("j", "k", label="a") * H("l", "l", label="a") * H("k", label="b")
    expr = (LOSS("j") * bend).averaged("a").averaged("b")
    assert with_loss(expr, REG) == (REG.derivative("j") * bend).averaged("a").averaged("b")


def test_derivatives_of_the_squared_error_agree_with_autograd_off_the_manifold(place):
    theta = place.theta
    problem = Problem(place.problem.model, place.problem.inputs, place.problem.labels + normal(4, len(place[0].labels)))

    def loss(at: torch.Tensor) -> torch.Tensor:
        return problem.residuals(at).square().mean()

    expr = with_loss(LOSS() * LOSS("j", "k") * LOSS("k"), SQUARED_ERROR)
    actual = lower(expr, problem, theta, indices="j", tensors={LABEL: problem.labels})
    assert relative_error(actual, loss(theta) * hessian(loss)(theta) @ grad(loss)(theta)) < 1e-12


def test_on_the_manifold_the_error_is_zero():
    assert at_zero_loss(PREDICTION_ERROR) == ZERO
    gamma = (H("j", label="a") * H("k", label="a")).averaged("a")
    assert at_zero_loss(SQUARED_ERROR.derivative("j").derivative("k")) == 2 * gamma


def test_without_labels_the_squared_error_is_the_mean_squared_prediction():
    assert without_labels(SQUARED_ERROR) == (H(label="a") * H(label="a")).averaged("a")
