from __future__ import annotations

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import grad, hessian, jacfwd, jacrev, vmap

from numerics.models import product_model
from tests.models import PLACES, interpolated, normal
from tests.oracles import gradients, regulariser, relative_error, tangent
from tests.theory.index_algebra.products import expressions
from theory.index_algebra import DELTA, RANGE, TANGENT, ZERO, Expr, Factor, H, Head
from theory.regulariser import REG
from theory.rule import ETA, SIGMA, B, N
from theory.second_moments import S
from theory.update_expansion import X
from verify.lowering.expression import lower, number
from verify.lowering.heads import model_derivative
from verify.lowering.low_rank import LowRank

ROUNDING = 1e-12
"""Relative; the sums have fewer than 1e4 terms of O(1), each rounded at 1e-16, in an order that einsum chooses."""
SKEW = Head("W", rank=2, symmetric=False)


@pytest.fixture
def derivatives(place):
    """First, second and third derivatives of h by torch.func, ``[N, P, ...]``, each by another nesting of modes."""
    model = place.problem.model
    functions = grad(model), hessian(model), jacfwd(jacfwd(grad(model)))
    return [vmap(function, in_dims=(None, 0))(place.theta, place.problem.inputs) for function in functions]


def test_reg_lowers_to_the_mean_squared_gradient(place):
    assert relative_error(lower(REG, *place), regulariser(*place)) < ROUNDING


def test_products_with_shared_labels_and_dummies_lower_to_the_explicit_einsum(place, derivatives):
    first, second, third = derivatives
    num_data, size = first.shape
    matrix, x = normal(0, size, size), normal(1, size)
    covariance = matrix + matrix.T  # the head S is symmetric
    chain = H("i", "k", "l", label="a") * S("l", "m") * H("m", label="a") * H("k", "j", label="b") * X("j")
    lowered = lower(chain.averaged("a").averaged("b"), *place, indices="i", tensors={S: covariance, X: x})
    # One explicit loop over both labels.
    expected = sum(
        (third[a] @ (covariance @ first[a]) @ (second[b] @ x) for a in range(num_data) for b in range(num_data)),
        torch.zeros(size, dtype=x.dtype),
    )
    assert relative_error(lowered, expected / num_data**2) < ROUNDING


def test_a_label_may_occur_three_times_and_costs_one_average(place):
    jacobian = gradients(*place)
    cube = (H("i", label="a") * H("j", label="a") * H("k", label="a")).averaged("a")
    expected = torch.stack([torch.einsum("i,j,k->ijk", g, g, g) for g in jacobian]).mean(0)
    assert relative_error(lower(cube, *place, indices="ijk"), expected) < ROUNDING


def test_a_product_of_averages_is_not_the_average_of_the_product(place):
    jacobian = gradients(*place)
    apart = H("i", label="a").averaged("a") * H("j", label="b").averaged("b")
    expected = torch.outer(jacobian.mean(0), jacobian.mean(0))
    together = (H("i", label="a") * H("j", label="a")).averaged("a")
    assert relative_error(lower(apart, *place, indices="ij"), expected) < ROUNDING
    assert relative_error(lower(together, *place, indices="ij"), expected) > 0.01


def test_the_axes_of_the_result_follow_the_indices_that_are_given(place):
    matrix = normal(2, len(place.theta), len(place.theta))
    lowered = [lower(SKEW("i", "j"), *place, indices=order, tensors={SKEW: matrix}) for order in ("ij", "ji")]
    assert torch.equal(lowered[0], matrix)
    assert torch.equal(lowered[1], matrix.T)


def test_a_sum_with_symbolic_coefficients_adds_its_numbers(place):
    size, x = len(place.theta), normal(3, len(place.theta))
    expr = X("i") * (ETA * SIGMA**2 / N) + H("i", label="a").averaged("a") * (sp.Rational(-1, 3) / B)
    lowered = lower(expr, *place, indices="i", values={ETA: 0.1, SIGMA: 0.5, B: 2}, tensors={X: x})
    expected = 0.1 * 0.25 / place.problem.num_data * x - gradients(*place).mean(0) / 6
    assert lowered.shape == (size,)
    assert relative_error(lowered, expected) < ROUNDING


def test_the_numbers_of_data_and_parameters_come_from_the_place(place):
    assert lower(Expr.number(N), *place) == place.problem.num_data
    trace = Expr.of(Factor(DELTA, None, ("i", "i")))
    assert lower(trace, *place) == len(place.theta)


def test_projectors_and_delta_stand_for_themselves(place):
    size = len(place.theta)
    projector, identity = tangent(*place), torch.eye(size, dtype=place.theta.dtype)
    # An SVD and a pseudo-inverse of Jacobians with condition below 100 differ by 100 roundings.
    assert relative_error(lower(TANGENT("i", "j"), *place, indices="ij"), projector) < 1e-11
    assert relative_error(lower(RANGE("i", "j"), *place, indices="ij"), identity - projector) < 1e-11
    assert torch.equal(lower(DELTA("i", "j"), *place, indices="ij"), identity)


def test_zero_lowers_to_zeros_of_the_wanted_shape(place):
    size = len(place.theta)
    assert torch.equal(lower(ZERO, *place, indices="ij"), torch.zeros(size, size, dtype=place.theta.dtype))


def test_the_heads_of_the_model_are_its_derivatives_in_closed_form():
    a, b = 0.7, -1.3
    place = interpolated(product_model, torch.tensor([2.0, -3.0], dtype=torch.float64), torch.tensor([a, b]).double())
    for x, order_1, order_2, order_3 in zip(
        (2.0, -3.0), *(model_derivative(*place, order) for order in (1, 2, 3)), strict=True
    ):
        torch.testing.assert_close(order_1, x * torch.tensor([b, a]).double(), rtol=1e-15, atol=0)
        torch.testing.assert_close(order_2, x * torch.tensor([[0.0, 1], [1, 0]]).double(), rtol=0, atol=0)
        assert not order_3.any()
    assert torch.equal(model_derivative(*place, 0), place.problem.predictions(place.theta))


def test_a_coefficient_without_a_value_is_named(place):
    with pytest.raises(ValueError, match=r"values lacks \['eta'\], needed by the coefficient"):
        lower(REG * (ETA * SIGMA**2), *place, values={SIGMA: 1.0})


def test_a_head_without_a_tensor_is_named(place):
    with pytest.raises(ValueError, match="tensors lacks a value for head 'S'"):
        lower(S("j", "k"), *place, indices="jk")


@pytest.mark.parametrize("indices", ["", "j", "jl", "jkl"])
def test_indices_other_than_the_free_ones_raise(place, indices):
    hessian_of_reg = (H("j", "k", label="a")).averaged("a")
    with pytest.raises(ValueError, match=r"indices must name the free indices \['j', 'k'\], got"):
        lower(hessian_of_reg, *place, indices=indices)


def test_a_label_that_is_not_bound_raises(place):
    with pytest.raises(ValueError, match=r"labels must be bound before lowering, got free \['a'\]; call averaged"):
        lower(H("j", label="a"), *place, indices="j")


def test_number_evaluates_a_coefficient_at_the_values():
    assert number(sp.Rational(1, 3) * ETA**2 / (1 - ETA), {ETA: 0.5}) == pytest.approx(1 / 6, rel=1e-15)
    assert number(sp.Integer(2), {}) == 2.0
    assert isinstance(number(sp.pi, {}), float)


def test_number_names_every_symbol_without_a_value():
    with pytest.raises(ValueError, match=r"values lacks \['B', 'eta'\]"):
        number(ETA * SIGMA / B, {SIGMA: 1.0})


def test_a_tensor_that_is_not_symmetric_is_refused_for_a_symmetric_head(place):
    matrix = normal(4, len(place.theta), len(place.theta))
    with pytest.raises(ValueError, match="tensors must give head 'S' a symmetric tensor, got one that differs"):
        lower(S("i", "j"), *place, indices="ij", tensors={S: matrix})
    with pytest.raises(ValueError, match="head 'S'"):
        lower(S("i", "j"), *place, indices="ij", tensors={S: LowRank(matrix, matrix)})
    lower(S("i", "j"), *place, indices="ij", tensors={S: matrix @ matrix.T})  # symmetric up to rounding


def test_a_low_rank_tensor_stands_for_its_dense_form(place):
    basis, core = torch.linalg.qr(normal(5, len(place.theta), 2)).Q, torch.tensor([[2.0, 1.0], [1.0, 3.0]]).double()
    lowered = lower(S("i", "j"), *place, indices="ij", tensors={S: LowRank(basis, core)})
    assert relative_error(lowered, basis @ core @ basis.T) < ROUNDING


@given(expressions(), st.sampled_from(sorted(PLACES)), st.sampled_from(["dense", "matrix-free", None]))
@settings(deadline=None)
def test_the_lowered_derivative_is_the_derivative_of_the_lowered_expression(expr, name, method):
    problem, theta = PLACES[name]()
    averaged, tensors = expr.averaged("a"), {X: normal(5, len(theta))}

    def value(at):
        return lower(averaged, problem, at, tensors=tensors, method=None if method == "matrix-free" else method)

    try:
        lowered = lower(averaged.derivative("z"), problem, theta, indices="z", tensors=tensors, method=method)
    except ValueError as error:
        assert method == "matrix-free"
        assert "form a cycle" in str(error)  # noqa: PT017
        return
    expected = jacrev(value)(theta)
    # Sums of fewer than 1e5 terms of O(10); the terms of a sum may cancel.
    torch.testing.assert_close(lowered, expected, rtol=1e-10, atol=1e-10)
