from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch.func import grad

from numerics.models import pre_activations
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
    places.steady_tanh: (12, 2, [2.52, 0.97]),
    places.linear: (6, 4, [2.6, 1.5, 0.73, 0.58]),
    places.relu: (24, 3, [71, 46, 9.2]),
    places.relu_first_layer: (18, 3, [3.2, 1.5, 0.7]),
    places.relu_output_layer: (6, 3, [69, 43, 8.4]),
}


@pytest.mark.parametrize(
    "build", [*PROMISED, places.sensing, places.small_quadratic, places.rational, places.kink, places.beside_the_kink]
)
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


def test_the_spread_of_gamma_is_above_100_where_it_should_be():
    eigenvalues = normal_space(*places.spread_tanh()).eigenvalues
    assert eigenvalues.tolist() == pytest.approx([0.957, 0.282, 0.076, 0.0075], rel=0.01)
    assert eigenvalues[0] / eigenvalues[-1] == pytest.approx(127, abs=1)


def test_the_small_tanh_networks_share_one_model():
    assert len({build()[0].model for build in (places.small_tanh, places.steady_tanh, places.spread_tanh)}) == 1


@pytest.mark.parametrize(("build", "across"), [(places.non_repellent, 1), (places.non_repellent_tanh, 0.4)])
def test_at_the_non_repellent_point_reg_has_no_gradient_along_the_manifold_and_one_across_it(build, across):
    problem, theta = build()
    point = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(regulariser(problem, point), point)
    assert float((tangent(problem, theta) @ gradient).norm()) < 1e-8
    assert float(gradient.norm()) > across
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


def test_the_rational_gradients_are_those_of_their_model():
    problem, theta = places.rational()
    exact = torch.tensor([[float(v) for v in row] for row in places.RATIONAL_GRADIENTS.tolist()], dtype=theta.dtype)
    torch.testing.assert_close(problem.jacobian(theta), exact, rtol=0, atol=0)


def test_the_trained_parts_are_parts_of_the_same_network_at_the_same_point():
    problem, theta = places.relu()
    jacobian = problem.jacobian(theta)
    for build, part in (
        (places.relu_first_layer, jacobian[:, places.RELU_FIRST_LAYER]),
        (places.relu_output_layer, jacobian[:, places.RELU_FIRST_LAYER.stop :]),
    ):
        of_part, at = build()
        torch.testing.assert_close(of_part.jacobian(at), part)
        torch.testing.assert_close(of_part.labels, problem.labels)


def test_no_unit_of_the_relu_network_is_near_its_kink():
    problem, theta = places.relu()
    hidden = torch.stack([pre_activations(2, 6)(theta, x) / (x @ x + 1).sqrt() for x in problem.inputs])
    assert float(hidden.abs().min()) > 0.4  # in units of the gradient's length, where the fluctuation is about .02


def test_one_unit_is_at_its_kink_at_the_first_point_where_all_others_are_off():
    problem, theta = places.kink()
    first, second = (pre_activations(1, 2)(theta, x).tolist() for x in problem.inputs)
    assert first[0] == 0
    assert first[1] < -5
    assert min(second) > 5
    assert not problem.jacobian(theta)[0].any()


def test_turning_up_the_bias_turns_on_the_unit_at_the_kink():
    problem, theta = places.kink()
    on = theta.index_add(0, torch.tensor([places.KINK_UNIT_BIAS]), torch.ones(1, dtype=theta.dtype))
    jump = problem.jacobian(on)[0]
    torch.testing.assert_close(jump, 0.25 * torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=theta.dtype))
    assert float(jump.square().sum() / problem.jacobian(theta)[1].square().sum()) < 0.08


def test_beside_the_kink_the_gradients_are_the_same():
    (problem, theta), (beside, at) = places.kink(), places.beside_the_kink()
    assert float(pre_activations(1, 2)(at, beside.inputs[0])[0]) == -6
    torch.testing.assert_close(beside.jacobian(at), problem.jacobian(theta))


def test_data_of_the_rounded_place_are_those_that_single_precision_holds():
    (exact, theta), (problem, beside) = places.tanh(), places.single_tanh()
    assert torch.equal(problem.inputs, exact.inputs.float().double())
    assert torch.equal(problem.labels, exact.labels.float().double())
    assert float(problem.residuals(beside).abs().max()) < 1e-12
    assert 0 < float((beside - theta).norm()) < 1e-7  # the residuals of rounding, 6e-8, over gradients of order 1
