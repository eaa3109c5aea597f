from itertools import product

import pytest
import sympy as sp
import torch
from hypothesis import given, settings

from numerics.models import matrix_sensing, product_model, quadratic_network
from numerics.problem import Problem
from tests.models import interpolated
from tests.oracles import relative_error
from tests.theory.index_algebra.products import expressions
from theory.drift import derive
from theory.index_algebra import DELTA, RANGE, TANGENT, THETA, ZERO, Expr, H, Head, Space, delta
from theory.index_algebra.instance import Instance
from theory.regulariser import REG, reg_gradient
from theory.rule import ETA, SIGMA, SMALL_LR, B, LabelNoise, N, Rule
from theory.second_moments import S
from theory.update_expansion import X, mean_increment
from verify.lowering.expression import lower

ROUNDING = 1e-12
"""Relative; sums of fewer than 1e4 terms of O(1) in float64."""
T = sp.symbols("t:8", real=True)
U, V = sp.symbols("u v", real=True)
P = sp.Symbol("p", positive=True, integer=True)
ROWS = Space("rows", "d")
LOSS = Head("L", derivative="grows")


def product_instance() -> Instance:
    return Instance({H: T[0] * T[1] * U}, {T[0]: sp.Rational(7, 10), T[1]: sp.Rational(-13, 10)}, [U], [(2,), (-3,)])


def network_instance() -> Instance:
    """A quadratic network with 2 inputs and 2 units."""
    model = T[4] * (T[0] * U + T[1] * V) ** 2 + T[5] * (T[2] * U + T[3] * V) ** 2
    values = [sp.Rational(k, 7) for k in (3, -5, 2, 8, -4, 6)]
    data = [(1, sp.Rational(1, 2)), (-2, 1), (sp.Rational(3, 2), 3)]
    return Instance({H: model}, dict(zip(T, values, strict=False)), [U, V], data)


def sensing_instance() -> Instance:
    a = sp.symbols("a:4")
    u, matrix = sp.Matrix(2, 2, T[:4]), sp.Matrix(2, 2, a)
    point = {T[0]: 1, T[1]: sp.Rational(1, 3), T[2]: -2, T[3]: sp.Rational(1, 5)}
    return Instance({H: (matrix.T * u * u.T).trace()}, point, a, [(1, 2, 3, 4), (0, -1, 2, sp.Rational(1, 2))])


def doubles(numbers) -> torch.Tensor:
    return torch.tensor([float(number) for number in numbers], dtype=torch.float64)


INSTANCES = {"product": product_instance(), "network": network_instance(), "sensing": sensing_instance()}
MODELS = {"product": product_model, "network": quadratic_network(2, 2), "sensing": matrix_sensing(2)}


def place_of(name: str) -> tuple[Problem, torch.Tensor]:
    """Return the instance's problem and point for torch."""
    instance = INSTANCES[name]
    shapes = {"product": (2,), "network": (3, 2), "sensing": (2, 2, 2)}
    inputs = doubles(value for row in instance.data for value in row).reshape(shapes[name])
    return interpolated(MODELS[name], inputs, doubles(instance.point.values()))


def as_tensor(array) -> torch.Tensor:
    shape = [int(length) for length in array.shape]
    return doubles(array[places] for places in product(*map(range, shape))).reshape(shape)


@pytest.mark.parametrize("name", INSTANCES)
@pytest.mark.parametrize("indices", ["", "i", "ij", "ji"])
def test_values_agree_with_the_lowering_to_torch(name, indices):
    exprs = {
        "": REG * REG + H("k", "k", label="a").averaged("a"),
        "i": reg_gradient().reindexed({"j": "i"}),
        "ij": (H("i", "k", label="a") * H("k", label="b") * H("j", label="a")).averaged("a").averaged("b"),
    }
    expr = exprs["".join(sorted(indices))]
    problem, theta = place_of(name)
    exact = INSTANCES[name].array(expr, indices)
    assert relative_error(as_tensor(exact), lower(expr, problem, theta, indices=indices)) < ROUNDING


@pytest.mark.parametrize("name", INSTANCES)
@pytest.mark.parametrize("rule", [Rule(), Rule(sampling="full"), Rule(noise=LabelNoise("shared"))], ids=str)
def test_derived_increments_and_drifts_agree_with_the_lowering_to_torch(name, rule):
    problem, theta = place_of(name)
    size = len(theta)
    vector, matrix = sp.Matrix(range(1, size + 1)) / 3, sp.eye(size) * 2 + sp.ones(size)
    given = INSTANCES[name]
    instance = Instance(given.functions, given.point, given.inputs, given.data, {X: list(vector), S: matrix})
    values = {ETA: sp.Rational(1, 10), SIGMA: sp.Rational(1, 2), B: 2}
    for expr, index in ((mean_increment(rule, 2), "j"), (derive(rule, SMALL_LR).drift, "i")):
        exact = instance.array(expr, index).subs(values)
        tensors = {X: doubles(vector), S: as_tensor(matrix)}
        numbers = {symbol: float(value) for symbol, value in values.items()}
        assert (
            relative_error(
                as_tensor(exact), lower(expr, problem, theta, indices=index, values=numbers, tensors=tensors)
            )
            < 1e-10
        )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(expressions())
def test_random_expressions_agree_with_the_lowering_to_torch(expr):
    expr = expr.averaged("a")
    problem, theta = place_of("network")
    vector = [1, sp.Rational(1, 2), -1, 2, 0, sp.Rational(-1, 3)]
    base = INSTANCES["network"]
    point = list(base.point.values())
    instance = Instance(base.functions, base.point, base.inputs, base.data, {X: vector, THETA: point})
    tensors = {X: doubles(vector), THETA: theta}
    lowered = lower(expr, problem, theta, tensors=tensors)
    # Terms may cancel: the error is relative to their absolute values.
    scale = sum(abs(float(lower(Expr((t,)), problem, theta, tensors=tensors))) for t in expr.terms)
    assert float(instance.value(expr)) == pytest.approx(float(lowered), rel=0, abs=ROUNDING * (1 + scale))


def test_the_gradient_of_reg_is_exact_in_closed_form():
    # h = t0 t1 u with u^2 averaging 13/2: reg = 13/2 (t0^2 + t1^2).
    instance = product_instance()
    assert instance.value(REG) == sp.Rational(13, 2) * sp.Rational(49 + 169, 100)
    assert list(instance.array(reg_gradient(), "j")) == [sp.Rational(91, 10), sp.Rational(-169, 10)]


def test_projectors_are_exact_projectors():
    instance = network_instance()
    tangent, onto_range = (sp.Matrix(instance.array(head("i", "j"), "ij")) for head in (TANGENT, RANGE))
    gradients = sp.Matrix(instance.array(H("j", label="a").averaged("a"), "j"))
    assert tangent + onto_range == sp.eye(6)
    assert tangent * tangent == tangent == tangent.T
    assert tangent * gradients == sp.zeros(6, 1)
    assert (tangent.rank(), onto_range.rank()) == (3, 3)


def test_where_the_model_has_no_gradient_every_direction_is_tangent():
    instance = Instance({H: T[0] * T[1]}, {T[0]: 0, T[1]: 0}, [], [()])
    assert sp.Matrix(instance.array(TANGENT("i", "j"), "ij")) == sp.eye(2)
    assert sp.Matrix(instance.array(RANGE("i", "j"), "ij")) == sp.zeros(2, 2)


def test_a_function_without_data_has_exact_derivatives():
    instance = Instance({LOSS: T[0] ** 3 * T[1]}, {T[0]: 2, T[1]: sp.Rational(1, 3)})
    assert instance.value(LOSS()) == sp.Rational(8, 3)
    assert list(instance.array(LOSS("j"), "j")) == [4, 8]
    assert instance.array(LOSS("j", "k", "l"), "jkl")[0, 1, 0] == 12


def test_dimensions_come_from_point_data_and_tensors():
    vector = Head("v", rank=1, spaces=(ROWS,))
    instance = Instance({H: T[0] * U}, {T[0]: 1, T[1]: 1}, [U], [(1,), (2,), (3,)], {vector: [1, 2, 3, 4]})
    assert instance.value(DELTA("j", "j")) == 2
    assert instance.value(delta(ROWS)("j", "j")) == 4
    assert instance.value(Expr.number(N * P)) == 6
    assert list(instance.array(vector("j") * ETA, "j")) == [ETA, 2 * ETA, 3 * ETA, 4 * ETA]
    assert instance.array(delta(ROWS)("i", "j"), "ij").shape == (4, 4)


def test_labelled_tensors_carry_their_data_in_front():
    weight = Head("w", rank=0, labelled=True)
    instance = Instance({H: T[0] * U}, {T[0]: 1}, [U], [(1,), (2,), (3,)], {weight: [5, 7, 11]})
    assert instance.value((weight(label="a") * H(label="a")).averaged("a")) == sp.Rational(5 + 14 + 33, 3)
    apart = weight(label="a").averaged("a") * H(label="b").averaged("b")
    assert instance.value(apart) == sp.Rational(23 * 6, 9)


def test_a_symbol_with_a_value_is_replaced_and_another_stays():
    instance = Instance(numbers={ETA: sp.Rational(1, 10)})
    assert instance.value(Expr.number(ETA * SIGMA)) == SIGMA / 10
    assert instance.value(DELTA("j", "j")) == P


def test_zero_has_the_wanted_shape():
    assert product_instance().array(ZERO, "jk") == sp.ImmutableDenseNDimArray.zeros(2, 2)


@pytest.mark.parametrize(
    ("instance", "expr", "message"),
    [
        (product_instance(), S("j", "j"), "no value for head 'S'"),
        (product_instance(), H("j", "j", label="a"), r"free \['a'\]; call averaged"),
        (product_instance(), H("j", label="a").averaged("a"), r"indices must name the free indices \['j'\]"),
        (Instance(tensors={S: [[1, 2], [3, 4]]}), S("j", "j"), "is symmetric, its value is not"),
        (Instance(tensors={S: [1, 2]}), S("j", "j"), "takes 2 indices, got shape"),
        (Instance(tensors={S: sp.eye(2), X: [1, 2, 3]}), S("j", "j"), "contradicts 2 parameters"),
        (Instance(tensors={X: [1, 2]}, numbers={P: 3}), X("j") * X("j"), "numbers: p = 3, but 2 parameters"),
        (Instance(tensors={X: [1, 0.5]}), X("j") * X("j"), "is not an exact number"),
        (Instance({LOSS: 0.1 * T[0] * T[1]}, {T[0]: 2}), LOSS(), "is not an exact number"),
    ],
)
def test_what_has_no_exact_value_is_refused(instance, expr, message):
    with pytest.raises(ValueError, match=message):
        instance.value(expr)


def test_an_axis_of_unknown_length_is_refused():
    with pytest.raises(ValueError, match="dimension of rows is unknown"):
        Instance().array(delta(ROWS)("i", "j"), "ij")


def test_symbols_in_the_point_give_a_value_for_all_of_their_values():
    function, (x, y) = sp.Function("u"), sp.symbols("x y")
    radial = Instance({LOSS: function(x**2 + y**2)}, {x: x, y: y})
    hessian, slope = LOSS("j", "k"), LOSS("k")
    turned = sp.expand(radial.component(hessian * slope, j=0) * y - radial.component(hessian * slope, j=1) * x)
    assert sp.simplify(turned) == 0  # H g is radial, too
    assert sp.simplify(radial.component(hessian, j=0, k=1)) != 0
