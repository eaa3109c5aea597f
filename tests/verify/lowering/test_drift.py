from __future__ import annotations

import pytest
import torch
from torch.func import grad, hessian, vmap

from tests.models import interpolated, softplus_place, tanh_place
from tests.numerics.wrong_derivatives import wrong_at
from tests.oracles import all_batches, fixed_point, gradients, regulariser, relative_error, tangent
from theory.drift import derive
from theory.rule import SMALL_LR, SMALL_NOISE
from verify.lowering.drift import drift_field, mean_drift
from verify.lowering.rule import RuleChoice

CHOICES = {
    "full": RuleChoice(noise_std=0.3),
    "pairs": RuleChoice(noise_std=0.3, sampling="iid", batch_size=2),
    "shared": RuleChoice(noise_std=0.3, sharing="shared"),
}
LR = 0.01


@pytest.fixture(params=CHOICES)
def choice(request):
    return CHOICES[request.param]


@pytest.mark.parametrize("name", ["full", "pairs"])
def test_for_small_learning_rates_the_drift_is_descent_on_reg_along_the_manifold(place, name):
    choice = CHOICES[name]
    field = drift_field(derive(choice.symbolic, SMALL_LR), choice, place.problem, LR)
    batch = choice.batch_size or place.problem.num_data
    gradient = grad(lambda theta: regulariser(place.problem, theta))(place.theta)
    expected = -(LR**2) * choice.noise_std**2 / batch * tangent(*place) @ gradient
    # Projectors of Jacobians with condition below 100, from an SVD and from a pseudo-inverse.
    assert relative_error(field(place.theta), expected) < 1e-10


def test_the_drift_is_tangent_to_the_manifold(place, choice):
    drift = drift_field(derive(choice.symbolic, SMALL_NOISE), choice, place.problem, LR)(place.theta)
    assert relative_error(tangent(*place) @ drift, drift) < 1e-10


def test_at_a_fixed_learning_rate_the_drift_is_that_of_the_exact_covariance(place, choice):
    drift = drift_field(derive(choice.symbolic, SMALL_NOISE), choice, place.problem, LR)(place.theta)
    batches = all_batches(place.problem.num_data, choice.batch_size, choice.sharing, choice.noise_std)
    covariance = fixed_point(*place, batches, LR)
    # -2 eta E_a[r_a h_a^j] to second order in x, without what P annihilates: -2 eta E_a[h_a^jk x_k h_a^l x_l].
    second = vmap(hessian(place.problem.model), in_dims=(None, 0))(place.theta, place.problem.inputs)
    force = torch.einsum("ajk,kl,al->j", second, covariance, gradients(*place)) / place.problem.num_data
    assert relative_error(drift, -2 * LR * tangent(*place) @ force) < 1e-10  # two solves of condition below 1e4


@pytest.mark.parametrize("name", ["full", "shared"])
def test_the_mean_drift_tends_to_the_drift_at_the_start_linearly_in_the_window(name):
    choice, (problem, theta) = CHOICES[name], softplus_place()
    derived = derive(choice.symbolic, SMALL_NOISE)
    here = drift_field(derived, choice, problem, LR)(theta)
    # The longer window moves theta by .02: second order in that is left, and the retraction's 1e-12 does not count.
    window = int(0.02 / float(here.norm()))
    longer, shorter = (
        relative_error(mean_drift(derived, choice, problem, theta, LR, steps), here) for steps in (window, window // 2)
    )
    assert 0 < longer < 0.1
    assert longer / shorter == pytest.approx(2, abs=0.1)


def test_the_mean_drift_scales_with_the_variance_of_the_noise_in_a_short_window():
    problem, theta = softplus_place()
    quiet, loud = (RuleChoice(noise_std=std) for std in (0.1, 0.2))
    derived = derive(quiet.symbolic, SMALL_NOISE)
    drifts = [mean_drift(derived, choice, problem, theta, LR, 1) for choice in (quiet, loud)]
    # One step moves theta by 1e-6 at most, and the retraction is good to 1e-12 of O(1) residuals.
    assert relative_error(drifts[1], 4 * drifts[0]) < 1e-4


def test_a_theta_with_training_error_raises_and_shows_the_residual(choice):
    problem, theta = tanh_place()
    off = theta + 0.01
    residual = float(problem.residuals(off).abs().max())
    with pytest.raises(ValueError, match=rf"not on the zero-loss manifold: largest residual {residual:.2e}"):
        mean_drift(derive(choice.symbolic, SMALL_NOISE), choice, problem, off, LR, 10)


def test_a_learning_rate_above_the_limit_of_stability_raises(choice):
    problem, theta = tanh_place()
    with pytest.raises(ValueError, match=r"lr 5 is above the limit of mean-square stability"):
        mean_drift(derive(choice.symbolic, SMALL_NOISE), choice, problem, theta, 5.0, 10)


def test_a_model_whose_third_derivative_autograd_gets_wrong_raises(choice):
    problem, theta = tanh_place()
    wrong = wrong_at(3)
    place = interpolated(lambda at, x: problem.model(at, x) + wrong(at[0]), problem.inputs, theta)
    with pytest.raises(ValueError, match=r"autograd's derivative of order 3 of the model is wrong"):
        mean_drift(derive(choice.symbolic, SMALL_NOISE), choice, *place, LR, 10)
