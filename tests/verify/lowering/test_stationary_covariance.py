from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.optimize import brentq

from numerics.models import linear_model
from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space
from tests.models import Place, interpolated, normal
from tests.oracles import all_batches, fixed_point, gradients, relative_error
from theory.drift import derive
from theory.index_algebra import H
from theory.rule import RESIDUAL, SMALL_NOISE
from theory.stationary_covariance import S
from verify.lowering.rule import RuleChoice
from verify.lowering.stationary_covariance import (
    LoweredEquation,
    covariance_matrix,
    require_stable,
    stability_limit,
    symmetric_units,
)

FULL = RuleChoice(noise_std=0.3)
SINGLE = RuleChoice(noise_std=0.3, sampling="iid", batch_size=1)
PAIRS = RuleChoice(noise_std=0.3, sampling="iid", batch_size=2)
SHARED = RuleChoice(noise_std=0.3, sharing="shared")


def limit(choice: RuleChoice, place: Place) -> float:
    return stability_limit(choice.symbolic, *place, choice.values(place.problem, 0.1))


def covariance(choice: RuleChoice, place: Place, lr: float) -> torch.Tensor:
    derived = derive(choice.symbolic, SMALL_NOISE).covariance
    return covariance_matrix(derived, *place, choice.values(place.problem, lr)).dense


def spectral_radius(place: Place, batch_size: int | None, lr: float) -> float:
    """Return that of S -> E[A S A^T] on the span of the gradients, A = I - (2 lr / B) sum_b g_b g_b^T, every batch."""
    jacobian = gradients(*place).numpy()
    g = jacobian @ np.linalg.qr(jacobian.T)[0]
    size = batch_size or len(g)
    batches = [range(len(g))] if batch_size is None else list(product(range(len(g)), repeat=size))
    steps = [np.eye(g.shape[1]) - 2 * lr / size * sum(np.outer(g[i], g[i]) for i in batch) for batch in batches]
    propagator = sum(np.kron(a, a) for a in steps) / len(steps)
    return float(np.abs(np.linalg.eigvals(propagator)).max())


def largest_eigenvalue(place: Place) -> float:
    jacobian = gradients(*place)
    return float(torch.linalg.eigvalsh(jacobian.T @ jacobian / len(jacobian))[-1])


@pytest.mark.parametrize("choice", [FULL, SHARED], ids=["independent", "shared"])
def test_full_batches_are_stable_up_to_the_inverse_of_the_largest_eigenvalue(place, choice):
    # Two eigenvalue problems of size 10 at most: rounding.
    assert limit(choice, place) * largest_eigenvalue(place) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("choice", "batch_size"), [(FULL, None), (SINGLE, 1), (PAIRS, 2)])
def test_the_limit_is_where_the_enumerated_map_of_second_moments_stops_contracting(place, choice, batch_size):
    highest = 2 / largest_eigenvalue(place)
    expected = brentq(lambda lr: spectral_radius(place, batch_size, lr) - 1, highest / 1000, highest, xtol=1e-15)
    # The radius is an eigenvalue of a matrix of size 16 at most: good to 1e-13; its slope there is of order 1 / lr.
    assert limit(choice, place) == pytest.approx(expected, rel=1e-10)


def test_sampling_lowers_the_limit_and_larger_batches_raise_it_again(place):
    assert limit(SINGLE, place) < limit(PAIRS, place) < limit(FULL, place)


def test_one_data_point_makes_sampling_idle():
    place = interpolated(linear_model, normal(0, 1, 3), normal(1, 3))
    assert limit(SINGLE, place) == pytest.approx(limit(FULL, place), rel=1e-11)


@pytest.mark.parametrize("scale", [2, sp.Rational(1, 2)])
def test_a_loss_scaled_by_k_has_its_limit_divided_by_k(place, scale):
    scaled = RuleChoice(noise_std=0.3, loss=scale * RESIDUAL**2)
    assert limit(scaled, place) * float(scale) == pytest.approx(limit(FULL, place), rel=1e-11)


def test_the_limit_does_not_depend_on_the_noise_or_on_the_learning_rate_given(place):
    loud = RuleChoice(noise_std=3.0, sampling="iid", batch_size=1)
    values = loud.values(place.problem, 7.0)
    assert stability_limit(loud.symbolic, *place, values) == pytest.approx(limit(SINGLE, place), rel=1e-11)


@pytest.mark.parametrize("choice", [FULL, SINGLE, SHARED], ids=["full", "single", "shared"])
def test_a_learning_rate_above_the_limit_raises_and_shows_the_limit(place, choice):
    edge = limit(choice, place)
    require_stable(choice.symbolic, *place, choice.values(place.problem, 0.99 * edge))
    with pytest.raises(ValueError, match=rf"lr {1.01 * edge:.4g} is above the limit .* {edge:.4g} at this theta"):
        require_stable(choice.symbolic, *place, choice.values(place.problem, 1.01 * edge))


def test_a_learning_rate_that_is_not_a_number_is_not_stable(place):
    with pytest.raises(ValueError, match="lr nan"):
        require_stable(FULL.symbolic, *place, FULL.values(place.problem, float("nan")))


def test_a_model_without_gradients_raises():
    problem = Problem(linear_model, torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="every gradient of the model vanishes"):
        limit(FULL, Place(problem, torch.ones(3, dtype=torch.float64)))


@pytest.mark.parametrize("choice", [FULL, SINGLE, PAIRS, SHARED], ids=["full", "single", "pairs", "shared"])
def test_the_covariance_is_the_fixed_point_of_one_enumerated_step(place, choice):
    lr = 0.4 * limit(choice, place)
    batches = all_batches(place.problem.num_data, choice.batch_size, choice.sharing, choice.noise_std)
    expected = fixed_point(*place, batches, lr)
    assert relative_error(covariance(choice, place, lr), expected) < 1e-10  # two solves of condition below 1e4


def test_full_batches_have_the_closed_form_of_independent_modes(place):
    lr = 0.4 * limit(FULL, place)
    gamma, basis = normal_space(*place)
    variances = lr * FULL.noise_std**2 / (place.problem.num_data * (1 - lr * gamma))
    assert relative_error(covariance(FULL, place, lr), basis * variances @ basis.T) < 1e-12  # rounding of an SVD


@pytest.mark.parametrize("size", [1, 2, 4])
def test_symmetric_units_are_an_orthonormal_basis_of_the_symmetric_matrices(size):
    units = symmetric_units(size, torch.zeros(0, dtype=torch.float64))
    num_units = size * (size + 1) // 2
    assert units.shape == (num_units, size, size)
    gram = torch.einsum("mjk,njk->mn", units, units)
    identity = torch.eye(num_units, dtype=torch.float64)
    torch.testing.assert_close(gram, identity, rtol=0, atol=1e-15)  # rounding of a square root
    assert torch.equal(units, units.transpose(1, 2))


def test_an_equation_with_second_derivatives_or_a_quadratic_one_is_refused():
    curved = (S("j", "l") * H("l", "k", label="a")).averaged("a")
    for equation in (curved, S("j", "l") * S("l", "k")):
        with pytest.raises(ValueError, match="must be affine in S and hold first derivatives of the model else"):
            LoweredEquation.at(equation, normal(0, 3, 2))
