import pytest
import sympy as sp
import torch
from torch import Tensor
from torch.func import hessian, jacfwd, vmap

from numerics.models import quadratic_network
from numerics.problem import Problem
from tests.models import interpolated
from tests.oracles import all_batches, gradients, lyapunov, relative_error
from theory.drift import derive
from theory.index_algebra import H
from theory.index_algebra.instance import Instance
from theory.rule import SMALL_LR, LabelNoise, Rule
from theory.second_moments import S
from theory.shared_noise import force_slope, mean_force, tangent_basis, tangential_curl
from theory.stationary_covariance import covariance_equations
from theory.update_expansion import X
from theory.zero_sum_noise import zero_sum_drift

RULES = {sharing: Rule(sampling="full", noise=LabelNoise(sharing)) for sharing in ("shared", "independent")}
THETA = (1, 2, 1, -1, 1, 2)
INPUTS = ((1, 0), (1, 1))


def two_units(theta=THETA, inputs=INPUTS) -> Instance:
    """Return c_1 (w_1 . x)^2 + c_2 (w_2 . x)^2 on some inputs."""
    symbols, (x, y) = sp.symbols("theta_0:6"), sp.symbols("x y")
    model = sum(symbols[4 + k] * (symbols[2 * k] * x + symbols[2 * k + 1] * y) ** 2 for k in range(2))
    return Instance({H: model}, dict(zip(symbols, theta, strict=True)), (x, y), inputs)


def floating(matrix: sp.Matrix) -> Tensor:
    return torch.tensor([[float(x) for x in row] for row in matrix.tolist()], dtype=torch.float64)


def force_by_autograd(problem: Problem, theta: Tensor, sharing: str) -> Tensor:
    """Return -E_a[2 h_a^jk h_a^l + h_a^j h_a^kl] S_kl at lr = std = 1, S from the Lyapunov equation at theta."""
    second = vmap(hessian(problem.model), in_dims=(None, 0))(theta, problem.inputs)
    covariance = lyapunov(problem, theta, all_batches(problem.num_data, None, sharing, 1.0), 1.0)
    first = gradients(problem, theta)
    along = 2 * torch.einsum("ajk,kl,al->j", second, covariance, first)
    return -(along + torch.einsum("aj,akl,kl->j", first, second, covariance)) / problem.num_data


@pytest.mark.agreement("tangential-curl")
@pytest.mark.parametrize("sharing", RULES)
def test_curl_is_that_of_the_force_differentiated_through_the_lyapunov_equation(sharing):
    instance, rule = two_units(), RULES[sharing]
    inputs, theta = (torch.tensor(values, dtype=torch.float64) for values in (INPUTS, THETA))
    problem, _ = interpolated(quadratic_network(2, 2), inputs, theta)
    slope = jacfwd(lambda at: force_by_autograd(problem, at, sharing))(theta)
    basis = floating(tangent_basis(instance))
    circulation = basis.T @ slope @ basis  # [v, u]
    exact = tangential_curl(mean_force(rule), covariance_equations(rule, SMALL_LR)[S], instance)
    difference = floating(exact) - (circulation.T - circulation)
    assert float(difference.abs().max()) < 1e-10 * float(circulation.abs().max())
    assert (exact == sp.zeros(*exact.shape)) == (sharing == "independent")


@pytest.mark.parametrize("sharing", RULES)
def test_slope_of_the_force_along_the_manifold_is_a_difference_quotient(sharing):
    rule, instance = RULES[sharing], two_units()
    direction = list(tangent_basis(instance).col(0))
    step = 1e-4
    inputs = torch.tensor(INPUTS, dtype=torch.float64)
    problem, theta = interpolated(quadratic_network(2, 2), inputs, torch.tensor(THETA, dtype=torch.float64))
    along = torch.tensor([float(u) for u in direction], dtype=torch.float64)
    ahead, behind = (force_by_autograd(problem, theta + sign * step * along, sharing) for sign in (1, -1))
    exact = force_slope(mean_force(rule), covariance_equations(rule, SMALL_LR)[S], instance, direction)
    # A central difference: the step squared, 1e-8, times a third derivative of order 10.
    assert relative_error((ahead - behind) / (2 * step), floating(exact).flatten()) < 1e-6


def test_the_force_is_the_one_that_the_engine_projects():
    assert mean_force(RULES["shared"]) == derive(RULES["shared"], SMALL_LR).force


def test_a_function_has_no_curl_and_a_rotation_has_one():
    instance, equation = two_units(), covariance_equations(RULES["shared"], SMALL_LR)[S]
    descent = zero_sum_drift(RULES["shared"]).force
    assert tangential_curl(descent, equation, instance).is_zero_matrix
    # h_a h_a^j is a gradient; weighed with another function of theta it is none, yet it is normal, so that no
    # tangent direction sees it.
    normal = (H(label="a") * H("j", label="a") * H("k", label="b") * H("k", label="b")).averaged("a").averaged("b")
    assert tangential_curl(normal, equation, instance).is_zero_matrix
    mean_gradient = H("l", label="b").averaged("b") * H("l", label="c").averaged("c")
    twisted = (H("j", "k", label="a") * H("k", label="a")).averaged("a") * mean_gradient
    assert not tangential_curl(twisted, equation, instance).is_zero_matrix


def test_linearly_dependent_gradients_are_refused():
    instance = two_units(inputs=((1, 0), (2, 0)))
    with pytest.raises(ValueError, match="linearly dependent"):
        tangent_basis(instance)


def test_a_head_without_a_value_is_refused():
    with pytest.raises(ValueError, match="no value for head 'x'"):
        tangential_curl(
            X("j"),
            covariance_equations(RULES["shared"], SMALL_LR)[S],
            two_units(),
        )


def test_the_tangent_space_is_annihilated_by_every_gradient():
    instance = two_units()
    assert (instance.gradients().T * tangent_basis(instance)).is_zero_matrix
    assert tangent_basis(instance).shape == (6, 4)
