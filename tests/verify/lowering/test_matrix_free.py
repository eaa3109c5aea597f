from __future__ import annotations

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import grad

from tests.models import PLACES, Place, interpolated, normal, tanh_place, wide_place
from tests.oracles import regulariser, relative_error
from tests.theory.index_algebra.products import A, raw_products
from theory.averages import NOISE
from theory.drift import derive
from theory.index_algebra import DELTA, RANGE, TANGENT, Expr, H, delta
from theory.matrix_sensing import COLUMNS, MEASUREMENT, ROWS, TRUTH, U
from theory.regulariser import reg_gradient
from theory.rule import RESIDUAL, SMALL_LR, SMALL_NOISE
from theory.second_moments import S
from theory.update_expansion import X
from verify.lowering import matrix_free
from verify.lowering.drift import drift_field
from verify.lowering.expression import lower
from verify.lowering.low_rank import LowRank
from verify.lowering.rule import RuleChoice
from verify.lowering.stationary_covariance import covariance_matrix

AGREEMENT = 1e-10
"""Relative: both methods sum fewer than 1e5 terms of O(1); their derivatives come from other nestings of modes."""
CHOICES = {
    f"{name}, {loss}": RuleChoice(noise_std=0.3, loss=loss, **more)
    for loss in (RESIDUAL**2, RESIDUAL**2 + RESIDUAL**4 / 10)
    for name, more in {
        "full": {},
        "pairs": {"sampling": "iid", "batch_size": 2},
        "shared": {"sharing": "shared"},
        "shared pairs": {"sharing": "shared", "sampling": "iid", "batch_size": 2},
    }.items()
}


def both(expr: Expr, place: Place, **more) -> tuple[torch.Tensor, torch.Tensor]:
    """Return an expression's value by the matrix-free method and by the dense one."""
    matrix_free, dense = (lower(expr, *place, method=method, **more) for method in ("matrix-free", "dense"))
    return matrix_free, dense


def agree(expr: Expr, place: Place, **more) -> None:
    actual, expected = both(expr, place, **more)
    torch.testing.assert_close(actual, expected, rtol=0, atol=AGREEMENT * float(expected.abs().max()))
    assert expected.abs().max() > 0


def tensors(place: Place) -> dict:
    """Return values for every head that is not the model's; rows and columns are as many as parameters."""
    size, num_data = len(place.theta), place.problem.num_data
    symmetric = normal(8, size, size)
    matrices = {
        U: normal(5, size, size),
        MEASUREMENT: normal(6, num_data, size, size),
        TRUTH: symmetric + symmetric.T,
        delta(ROWS): torch.eye(size, dtype=torch.float64),
    }
    covariance = LowRank(torch.linalg.qr(normal(1, size, 2)).Q, torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double())
    return {S: covariance, X: normal(2, size), A: normal(3, size, size), NOISE: normal(4, num_data)} | matrices


@pytest.mark.parametrize("scaling", [SMALL_LR, SMALL_NOISE], ids=["small lr", "small noise"])
@pytest.mark.parametrize("name", CHOICES)
def test_the_drift_of_every_rule_is_the_dense_one(place, name, scaling):
    choice = CHOICES[name]
    derived, values = derive(choice.symbolic, scaling), choice.values(place.problem, 0.01)
    covariance = covariance_matrix(derived.covariance, *place, values)
    agree(derived.drift, place, indices="i", values=values, tensors={S: covariance})


def test_the_gradient_of_the_regulariser_is_the_dense_one(place):
    agree(reg_gradient(), place, indices="j")


a, b = "a", "b"
PRODUCTS = {
    "S closes a cycle": H("i", "j", "k", label=a) * S("j", "k"),
    "S between two Hessians": H("i", "j", label=a) * S("j", "k") * H("k", "l", label=b) * H("l", label=a),
    "S twice": H("i", "j", "k", label=a) * S("j", "l") * S("k", "m") * H("l", label=b) * H("m", label=b),
    "trace of S and a Hessian": H("j", "k", label=a) * S("j", "k") * X("i"),
    "trace of two Hessians cut by S": H("j", "k", label=a) * S("k", "l") * H("l", "j", label=b) * X("i"),
    "projectors": TANGENT("i", "j") * H("j", "k", label=a) * TANGENT("k", "l") * H("l", "m", label=a) * X("m"),
    "Pi closes a cycle": H("i", "j", "k", label=a) * RANGE("j", "k"),
    "scalar tree": X("i") * H("j", label=a) * H("j", "k", label=b) * H("k", "l", "m", label=a) * X("l") * X("m"),
    "third derivative of three vectors": H("j", "k", "l", label=a) * X("j") * X("k") * H("l", label=b) * X("i"),
    "matrix that is not symmetric": A("i", "j") * H("k", "j", label=a) * A("k", "l") * H("l", label=b),
    "noise": NOISE(label=a) * H("i", "j", label=a) * H("j", label=b) * NOISE(label=b),
    "outer product": H("j", "k", label=a) * X("k") * H("i", label=a),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_each_shape_are_the_dense_ones(place, name):
    product = PRODUCTS[name]
    for label in {f.label for f in product.terms[0][0]} & {a, b}:
        product = product.averaged(label)
    agree(product, place, indices="".join(sorted(product.free_indices)), tensors=tensors(place))


@given(raw_products(), st.sampled_from(sorted(PLACES)))
@settings(deadline=None)
def test_random_products_are_the_dense_ones_where_they_are_trees(product, name):
    place = PLACES[name]()
    expr = Expr.of(*product).averaged("a")
    if len(expr.free_indices) > 3:
        return  # too large to compare, about one in four
    indices = "".join(sorted(expr.free_indices))
    try:
        sizes = dict.fromkeys((ROWS.symbol, COLUMNS.symbol), len(place.theta))
        actual, expected = both(expr, place, indices=indices, values=sizes, tensors=tensors(place))
    except ValueError as error:
        assert "no vectors reach" in str(error)  # noqa: PT017
        return  # about one product in three is no tree
    torch.testing.assert_close(actual, expected, rtol=0, atol=AGREEMENT * (1e-6 + float(expected.abs().max())))


CYCLES = {
    "trace of a Hessian": H("j", "j", label=a),
    "trace of two Hessians": H("j", "k", label=a) * H("k", "j", label=a),
    "Laplacian's gradient": H("i", "j", "j", label=a),
    "projected trace": TANGENT("j", "k") * H("j", "k", label=a),
    "two free indices": H("i", "j", label=a),
    "a projector": TANGENT("i", "j"),
    "the delta": DELTA("i", "j"),
}


@pytest.mark.parametrize("name", CYCLES)
def test_products_that_are_no_trees_are_refused_and_left_to_the_dense_method(place, name):
    product = CYCLES[name].averaged("a")
    indices = "".join(sorted(product.free_indices))
    with pytest.raises(ValueError, match=r"cannot be lowered: matrix-free, no vectors reach .* form a cycle"):
        lower(product, *place, indices=indices, method="matrix-free")
    chosen, dense = (lower(product, *place, indices=indices, method=method) for method in (None, "dense"))
    assert torch.equal(chosen, dense)


def test_what_no_method_can_do_is_named_with_the_reasons():
    place = wide_place()
    cycle = (H("j", "k", label=a) * H("k", "j", label=b)).averaged("a").averaged("b")
    with pytest.raises(ValueError, match=r"the product h_Aab h_Bab cannot .* no vectors reach .* dense, the tensor"):
        lower(cycle, *place)


def test_the_drift_of_31000_parameters_is_descent_on_reg_along_the_manifold():
    place = wide_place()
    choice = RuleChoice(noise_std=0.3, sampling="iid", batch_size=2)
    drift = drift_field(derive(choice.symbolic, SMALL_LR), choice, place.problem, 1e-3)(place.theta)
    gradient = grad(lambda theta: regulariser(place.problem, theta))(place.theta)
    jacobian = place.problem.jacobian(place.theta)
    normal_part = jacobian.T @ torch.linalg.solve(jacobian @ jacobian.T, jacobian @ gradient)
    assert relative_error(drift, -(1e-6) * 0.3**2 / 2 * (gradient - normal_part)) < AGREEMENT


def test_a_tight_budget_of_memory_changes_the_order_of_the_work_only(monkeypatch):
    place = tanh_place()
    expr = (H("i", "j", "k", label=a) * S("j", "l") * S("k", "m") * H("l", label=a) * H("m", label=a)).averaged("a")
    expected = lower(expr, *place, indices="i", tensors=tensors(place))
    for budget in (1, 2 * len(place.theta), 7 * len(place.theta)):
        monkeypatch.setattr(matrix_free, "BATCH_ENTRIES", budget)
        actual = lower(expr, *place, indices="i", tensors=tensors(place))
        torch.testing.assert_close(actual, expected, rtol=1e-13, atol=0)


def test_derivatives_of_a_cubic_are_its_closed_forms():
    place = interpolated(lambda theta, x: theta**3 @ x, normal(21, 4, 5), normal(22, 5))
    theta, inputs, x = place.theta, place.problem.inputs, normal(23, 5)
    for expr, expected in (
        (H("i", "j", label=a) * X("j"), 6 * theta * x),
        (H("i", "j", "k", label=a) * X("j") * X("k"), 6 * x**2),
    ):
        lowered = lower(expr.averaged("a") * sp.Integer(2), *place, indices="i", tensors={X: x}, method="matrix-free")
        torch.testing.assert_close(lowered, 2 * expected * inputs.mean(0), rtol=1e-14, atol=1e-14)
