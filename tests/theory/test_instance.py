from __future__ import annotations

import pytest
import sympy as sp
import torch

from numerics.models import product_model
from numerics.problem import Problem
from theory.index_algebra import ZERO, Expr, H, Head
from theory.instance import Instance
from theory.loss import LABEL, LOSS, SQUARED_ERROR
from theory.rule import ETA, N
from verify.lowering.expression import lower

A, B = sp.symbols("a b", real=True)
SKEW = Head("W", rank=2, symmetric=False)
POINT = {A: sp.Rational(7, 10), B: sp.Rational(-2, 5)}
LABELS = [sp.Rational(1, 2), sp.Rational(-1), sp.Integer(3)]
INPUTS = [sp.Integer(2), sp.Integer(-3), sp.Rational(1, 2)]
MODEL = Instance(POINT, {H: [x * A * B for x in INPUTS]}, {LABEL: sp.Array(LABELS)}, num_data=3)


def test_derivatives_of_a_loss_are_exact():
    cubic = Instance(POINT, {LOSS: [A**3 * B]})
    assert cubic.value(LOSS("j", "k"), j=0, k=1) == 3 * sp.Rational(7, 10) ** 2
    assert cubic.value(LOSS("j"), j=1) == sp.Rational(343, 1000)
    assert cubic.value(LOSS("j", "k") * LOSS("k"), j=1) == 3 * POINT[A] ** 2 * 3 * POINT[A] ** 2 * POINT[B]


def test_a_value_equals_the_lowered_expression():
    problem = Problem(product_model, torch.tensor([2.0, -3.0, 0.5]).double(), torch.tensor([0.5, -1.0, 3.0]).double())
    theta = torch.tensor([0.7, -0.4], dtype=torch.float64)
    mean = H("j", "k", label="a").averaged("a") * H("k", label="b").averaged("b")
    for expr in (SQUARED_ERROR.derivative("j"), mean, (H("j", "k", label="a") * H("k", label="a")).averaged("a")):
        lowered = lower(expr, problem, theta, indices="j", tensors={LABEL: problem.labels})
        for j in (0, 1):
            assert float(MODEL.value(expr, j=j)) == pytest.approx(float(lowered[j]), rel=1e-14)


def test_the_number_of_data_is_inserted_and_other_symbols_stay():
    assert MODEL.value(Expr.number(ETA / N)) == ETA / 3


def test_a_parameter_may_stand_for_itself():
    u = sp.Function("u")
    ridge = Instance({A: A, B: B}, {LOSS: [u(A + 2 * B)]})
    assert ridge.value(LOSS("j"), j=1) == sp.expand(2 * ridge.value(LOSS("j"), j=0))


def test_arrays_keep_the_order_of_their_slots():
    matrix = Instance(POINT, {}, {SKEW: sp.Array([[1, 2], [3, 4]])})
    assert [matrix.value(SKEW("j", "k"), j=j, k=k) for j, k in ((0, 1), (1, 0))] == [2, 3]
    assert matrix.value(SKEW("j", "k") * SKEW("k", "l"), j=0, l=1) == 1 * 2 + 2 * 4


def test_zero_is_zero():
    assert MODEL.value(ZERO) == 0


def test_indices_labels_and_heads_without_a_value_are_refused():
    with pytest.raises(ValueError, match=r"components must name the indices \['j'\], got \['k'\]"):
        MODEL.value(SQUARED_ERROR.derivative("j"), k=0)
    with pytest.raises(ValueError, match=r"labels must be bound, got free \['a'\]"):
        MODEL.value(H(label="a"))
    with pytest.raises(ValueError, match="lack a value for head 'L'"):
        MODEL.value(LOSS())
