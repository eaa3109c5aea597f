from __future__ import annotations

from functools import partial

import pytest
import sympy as sp
import torch
from torch.func import jacrev

from numerics.models import linear_model
from tests.models import Place, interpolated, normal
from tests.oracles import Batches, all_batches, increments
from theory.rule import ETA, B, N, Rule
from theory.stability import GRADIENT, limit, orthogonal_factor
from verify.lowering.rule import RuleChoice
from verify.lowering.stability import stability_limit

LR = 0.05
SIZES = [(1, 2), (2, 3), (3, 5)]


def orthogonal_place(num_data: int, size: int) -> Place:
    """Return a linear model with orthogonal gradients of squared lengths 1, 1.5, 2, ..."""
    directions = torch.linalg.qr(normal(41, size, num_data)).Q.T
    lengths = (1 + 0.5 * torch.arange(num_data, dtype=torch.float64)).sqrt()
    return interpolated(linear_model, lengths[:, None] * directions, normal(42, size))


def values(num_data: int, batch_size: int | None, gradient: float = 1.0) -> dict:
    return {ETA: LR, N: num_data, B: batch_size or num_data, GRADIENT: gradient}


@pytest.mark.agreement("stability")
@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize(("num_data", "size"), SIZES)
def test_the_factor_is_the_mean_over_all_torch_steps(num_data, size, batch_size):
    problem, theta = orthogonal_place(num_data, size)
    batches = all_batches(num_data, batch_size, "independent", 0.0)
    maps = torch.eye(size) + jacrev(partial(increments, problem, Batches(*batches), LR, torch.square))(theta)
    factor = orthogonal_factor(Rule(sampling="iid" if batch_size else "full"))
    for gradient in problem.inputs:
        square = float(gradient @ gradient)
        expected = float((maps @ gradient @ gradient / square).square().mean())
        assert float(factor.subs(values(num_data, batch_size, square))) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize(("num_data", "size"), SIZES)
def test_the_limit_is_that_of_the_lowered_equation_for_the_longest_gradient(num_data, size, batch_size):
    problem, theta = orthogonal_place(num_data, size)
    choice = RuleChoice(sampling="iid" if batch_size else "full", batch_size=batch_size)
    expected = stability_limit(choice.symbolic, problem, theta, choice.values(problem, 0.1))
    longest = float(problem.inputs.square().sum(1).max())
    derived = limit(orthogonal_factor(choice.symbolic)).subs(values(num_data, batch_size, longest))
    assert float(derived) == pytest.approx(expected, rel=1e-9)  # bisection leaves 2^-40


@pytest.mark.parametrize("factor", [1 + ETA, 2 - ETA + ETA**2, 1 + ETA + ETA**2, sp.Integer(1), 1 - ETA - ETA**2])
def test_a_factor_that_does_not_first_fall_and_then_rise_is_refused(factor):
    with pytest.raises(ValueError, match="factor must be 1 - a eta"):
        limit(factor)
