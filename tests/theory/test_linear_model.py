from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import sympy as sp
import torch
from torch.func import jacrev

from numerics.models import linear_model
from tests.models import Place, interpolated, normal
from tests.oracles import Batches, Momentum, all_batches, increments, linear_steps, relative_error
from theory.linear_model import enumerated_second_moment, instance
from theory.rule import BETA, ETA, HEAVY_BALL, NESTEROV, RESIDUAL, SIGMA, SMALL_NOISE, B, LabelNoise, Rule
from theory.second_moments import S
from theory.stationary_covariance import covariance_equations
from verify.lowering.expression import lower

LR, STD = 0.05, 0.3
RULES = [("full", None, "independent"), ("iid", 1, "independent"), ("iid", 2, "shared"), ("full", None, "shared")]


def place_of(seed: int, num_data: int, size: int) -> Place:
    return interpolated(linear_model, normal(seed, num_data, size), normal(seed + 1, size))


def exact(tensor: torch.Tensor) -> sp.Matrix:
    return sp.Matrix([[sp.Rational(v) for v in row] for row in tensor.tolist()])


def floats(matrix: sp.Matrix, batch_size: int | None) -> torch.Tensor:
    numbers = matrix.subs({ETA: LR, SIGMA: STD, B: batch_size or 0})
    return torch.tensor(np.array(numbers.tolist(), dtype=float))


def symmetric(seed: int, size: int) -> torch.Tensor:
    root = normal(seed, size, size)
    return root @ root.T


@pytest.mark.agreement("enumerated-second-moment")
@pytest.mark.parametrize(("num_data", "size"), [(2, 2), (3, 2), (2, 3)])
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_the_second_moment_after_a_step_is_the_mean_over_all_torch_steps(num_data, size, sampling, batch_size, sharing):
    problem, theta = place_of(21, num_data, size)
    before = symmetric(23, size)
    batches = all_batches(num_data, batch_size, sharing, STD)
    quiet = Batches(batches.draws, torch.zeros_like(batches.noise))
    maps = torch.eye(size) + jacrev(partial(increments, problem, quiet, LR, torch.square))(theta)
    kicks = increments(problem, batches, LR, torch.square, theta)
    expected = (maps @ before @ maps.transpose(1, 2)).mean(0) + torch.einsum("kp,kq->pq", kicks, kicks) / len(kicks)
    rule = Rule(sampling=sampling, noise=LabelNoise(sharing))
    actual = enumerated_second_moment(rule, exact(problem.inputs), exact(before), batch_size)
    assert relative_error(floats(actual, batch_size), expected) < 1e-10


@pytest.mark.parametrize("rule", [Rule(sampling="full"), Rule()], ids=["full", "iid"])
def test_the_value_of_an_expression_is_its_lowered_one(rule):
    problem, theta = place_of(31, 3, 2)
    before, equation = symmetric(33, 2), covariance_equations(rule, SMALL_NOISE)[S]
    expected = lower(equation, problem, theta, indices="jk", values={ETA: LR, SIGMA: STD, B: 2}, tensors={S: before})
    actual = floats(sp.Matrix(instance(exact(problem.inputs), {S: exact(before)}).array(equation, "jk")), 2)
    assert relative_error(actual, expected) < 1e-10


def test_a_loss_without_a_closed_recursion_is_refused():
    with pytest.raises(ValueError, match="loss must be quadratic"):
        enumerated_second_moment(Rule(RESIDUAL**4), sp.eye(2), sp.eye(2), 1)


@pytest.mark.parametrize(("sampling", "batch_size"), [("full", 2), ("iid", None)])
def test_a_batch_size_that_does_not_go_with_the_sampling_is_refused(sampling, batch_size):
    with pytest.raises(ValueError, match="batch_size must be None for full batches only"):
        enumerated_second_moment(Rule(sampling=sampling), sp.eye(2), sp.eye(2), batch_size)


@pytest.mark.agreement("enumerated-second-moment")
@pytest.mark.parametrize("kind", ["heavy-ball", "nesterov"])
def test_with_momentum_it_is_the_mean_over_all_linear_steps_of_the_state(kind):
    problem, theta = place_of(21, 3, 2)
    before = symmetric(25, 4)
    momentum, rule = {
        "heavy-ball": (Momentum(0.5, 1, 0), Rule(momentum=HEAVY_BALL)),
        "nesterov": (Momentum(0.5, 0.5, 1), Rule(momentum=NESTEROV)),
    }[kind]
    basis = torch.linalg.qr(problem.jacobian(theta).T).Q
    both = torch.block_diag(basis, basis)
    maps, kicks = linear_steps(problem, theta, all_batches(3, 1, "independent", STD), LR, momentum)
    inner = both.T @ before @ both
    expected = (maps @ inner @ maps.transpose(1, 2)).mean(0) + torch.einsum("kp,kq->pq", kicks, kicks) / len(kicks)
    actual = enumerated_second_moment(rule, exact(problem.inputs), exact(before), 1).subs(BETA, sp.Rational(1, 2))
    assert relative_error(both.T @ floats(actual, 1) @ both, expected) < 1e-10
