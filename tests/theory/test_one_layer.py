from __future__ import annotations

import pytest
import torch
from torch import Tensor

from numerics.problem import Problem
from tests.models import Place, normal
from tests.oracles import all_batches, increments, relative_error, tangent
from theory.averages import average
from theory.index_algebra import ZERO, H
from theory.one_layer import exact_order, linear_in_theta, tangential_increment
from theory.rule import ETA, RESIDUAL, SIGMA, B, LabelNoise, Rule
from theory.update_expansion import X, increment
from verify.lowering.expression import lower

STD, LR = 0.3, 0.01
QUARTIC = RESIDUAL**4
RULES = [("full", None, "independent"), ("iid", 2, "independent"), ("full", None, "shared"), ("iid", 2, "shared")]


def linearised(place: Place) -> Place:
    """Return the problem with the model's linearisation at theta: its data are the gradients and predictions."""
    features = torch.cat([place.problem.jacobian(place.theta), place.problem.labels[:, None]], dim=1)

    def model(theta: Tensor, row: Tensor) -> Tensor:
        return row[:-1] @ (theta - place.theta) + row[-1]

    return Place(Problem(model, features, place.problem.labels), place.theta)


@pytest.mark.agreement("one-layer")
@pytest.mark.parametrize("loss", [(RESIDUAL**2, torch.square), (QUARTIC, lambda r: r**4)], ids=["r2", "r4"])
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_no_batch_moves_a_linear_model_along_the_manifold(place, sampling, batch_size, sharing, loss):
    symbolic, elementwise = loss
    problem, theta = linearised(place)
    steps = increments(problem, all_batches(problem.num_data, batch_size, sharing, STD), LR, elementwise, theta + 0.1)
    derived = lower(tangential_increment(Rule(symbolic, sampling, LabelNoise(sharing))), problem, theta, indices="i")
    error = (steps @ tangent(problem, theta) - derived).norm(dim=1).max() / steps.norm(dim=1).max()
    assert float(error) < 1e-10
    assert relative_error(steps, torch.zeros_like(steps)) > 1  # and they do move


@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_the_linear_part_is_the_whole_mean_increment_of_a_linear_model(place, sampling, batch_size, sharing):
    problem, theta = linearised(place)
    x = 0.3 * normal(11, len(theta))
    rule = Rule(sampling=sampling, noise=LabelNoise(sharing))
    mean = average(linear_in_theta(increment(rule, exact_order(rule))), rule)
    values = {ETA: LR, SIGMA: STD, B: batch_size or problem.num_data}
    actual = lower(mean, problem, theta, indices="j", values=values, tensors={X: x})
    batches = all_batches(problem.num_data, batch_size, sharing, STD)
    assert relative_error(actual, increments(problem, batches, LR, torch.square, theta + x).mean(0)) < 1e-10


def test_a_model_that_is_not_linear_moves(place):
    problem, theta = place
    steps = increments(problem, all_batches(problem.num_data, 1, "independent", STD), LR, torch.square, theta + 0.1)
    assert float((steps @ tangent(problem, theta)).norm() / steps.norm()) > 1e-3


def test_higher_derivatives_vanish_and_gradients_stay():
    gradient, curved = H("j", label="a").averaged("a"), (H("j", "k", label="a") * X("k")).averaged("a")
    assert linear_in_theta(gradient + curved) == gradient
    assert linear_in_theta(curved) == ZERO


@pytest.mark.parametrize(("loss", "order"), [(RESIDUAL**2, 1), (QUARTIC, 3)])
def test_the_increment_of_a_linear_model_ends_at_its_exact_order(loss, order):
    rule = Rule(loss)
    assert exact_order(rule) == order
    assert linear_in_theta(increment(rule, order)) == linear_in_theta(increment(rule, order + 1))
