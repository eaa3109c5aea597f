from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch.func import grad

from numerics.zero_loss_manifold import normal_space, retract
from tests.oracles import gradients, regulariser, tangent
from theory.drift import derive
from theory.rule import SMALL_LR
from verify import places
from verify.lowering.drift import drift_field
from verify.lowering.rule import RuleChoice

# Sizes and the eigenvalues of Gamma (the largest ones and the smallest) that the places' docstrings promise.
PROMISED = {
    places.tanh: (32, 3, [5.2, 2.3, 1.4]),
    places.quadratic: (20, 4, [8.5, 3.3, 2.0, 1.2]),
    places.two_units: (6, 2, [55.8, 14.9]),
    places.linear: (6, 4, [2.6, 1.5, 0.73, 0.58]),
}


@pytest.mark.parametrize("build", [*PROMISED, places.sensing, places.small_quadratic])
def test_a_place_has_no_training_error_to_the_last_bit(build):
    problem, theta = build()
    assert not problem.residuals(theta).any()


@pytest.mark.parametrize("build", PROMISED)
def test_a_place_has_the_size_and_the_eigenvalues_of_gamma_that_it_promises(build):
    size, num_data, eigenvalues = PROMISED[build]
    problem, theta = build()
    assert (len(theta), problem.num_data) == (size, num_data)
    # The docstrings print two digits.
    assert normal_space(problem, theta).eigenvalues.tolist() == pytest.approx(eigenvalues, rel=0.04)


@pytest.mark.parametrize("build", [*PROMISED, places.sensing])
def test_gamma_is_well_conditioned(build):
    eigenvalues = normal_space(*build()).eigenvalues
    assert len(eigenvalues) == build()[0].num_data
    assert eigenvalues[0] / eigenvalues[-1] < 12


def test_at_the_non_repellent_point_reg_has_no_gradient_along_the_manifold_and_one_across_it():
    problem, theta = places.non_repellent()
    point = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(regulariser(problem, point), point)
    assert float((tangent(problem, theta) @ gradient).norm()) < 1e-8
    assert float(gradient.norm()) > 1
    assert float(problem.residuals(theta).abs().max()) < 1e-11


def test_beside_the_non_repellent_point_reg_is_no_smaller():
    problem, theta = places.non_repellent()
    here = float(regulariser(problem, theta))
    projector = tangent(problem, theta)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        step = projector @ torch.randn(len(theta), dtype=theta.dtype, generator=generator)
        nearby = retract(problem, theta + 0.05 * step / step.norm())
        assert float(regulariser(problem, nearby)) > here - 1e-12


def test_the_units_of_the_non_repellent_point_are_alive():
    problem, theta = places.non_repellent()
    assert float(gradients(problem, theta).abs().amax(0).min()) > 0.01


def test_at_two_units_the_drifts_of_shared_noise_point_where_the_docstring_says():
    problem, theta = places.two_units()
    along = tangent(problem, theta)
    choice = RuleChoice(sharing="shared")
    lyapunov = drift_field(derive(choice.symbolic, SMALL_LR), choice, problem, 1e-3)(theta)
    descents = [
        -along @ grad(function)(theta)
        for function in (lambda at: problem.jacobian(at).mean(0).square().sum(), partial(regulariser, problem))
    ]
    angles = [math.degrees(math.acos(float(torch.cosine_similarity(lyapunov, d, dim=0)))) for d in descents]
    assert angles == pytest.approx([42, 29], abs=0.7)
