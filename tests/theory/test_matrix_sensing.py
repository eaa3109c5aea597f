from __future__ import annotations

import pytest
import sympy as sp
import torch
from torch import Tensor
from torch.func import grad, hessian

from tests.models import normal
from theory.index_algebra.instance import Instance
from theory.matrix_sensing import TRUTH, U, mean_reg, mean_test_error, reg_variance
from theory.rule import N

SHAPES = [(2, 2), (3, 2), (2, 4)]
NUM_DATA = 5


def prediction(u: Tensor, a: Tensor) -> Tensor:
    return (a * (u @ u.T)).sum()


def quadratic_form(function, dimension: int) -> Tensor:
    """Return Q with function(A) = vec(A)^T Q vec(A), ``[d^2, d^2]``."""
    return hessian(lambda flat: function(flat.reshape(dimension, dimension)))(torch.ones(dimension**2).double()) / 2


def rationals(tensor: Tensor) -> list:
    return [[sp.Rational(entry) for entry in row] for row in tensor.tolist()]


@pytest.fixture(params=SHAPES, ids=str)
def matrix(request) -> Tensor:
    return normal(sum(request.param), *request.param)


def squared_gradient(matrix: Tensor) -> Tensor:
    """Return |dh/dU|^2 as a quadratic form in A."""
    return quadratic_form(lambda a: grad(prediction)(matrix, a).square().sum(), len(matrix))


@pytest.mark.agreement("sensing-mean-reg")
def test_mean_of_reg_is_the_trace_of_its_quadratic_form(matrix):
    derived = Instance(tensors={U: rationals(matrix)}).value(mean_reg())
    assert float(derived) == pytest.approx(float(squared_gradient(matrix).trace()), rel=1e-10)


@pytest.mark.agreement("sensing-reg-variance")
def test_variance_of_reg_is_twice_the_trace_of_the_squared_form(matrix):
    derived = Instance(tensors={U: rationals(matrix)}, numbers={N: NUM_DATA}).value(reg_variance())
    form = squared_gradient(matrix)
    assert float(derived) == pytest.approx(2 * float((form @ form).trace()) / NUM_DATA, rel=1e-10)


@pytest.mark.agreement("sensing-test-error")
def test_mean_test_error_is_the_trace_of_its_quadratic_form(matrix):
    half = normal(7, len(matrix), len(matrix))
    truth = half + half.T
    form = quadratic_form(lambda a: (prediction(matrix, a) - (a * truth).sum()) ** 2, len(matrix))
    derived = Instance(tensors={U: rationals(matrix), TRUTH: rationals(truth)}).value(mean_test_error())
    assert float(derived) == pytest.approx(float(form.trace()), rel=1e-10)


def test_nuclear_norm_of_the_hypothesis_is_the_squared_norm_of_its_factor(matrix):
    nuclear = torch.linalg.matrix_norm(matrix @ matrix.T, "nuc")
    assert float(nuclear) == pytest.approx(float(matrix.square().sum()), rel=1e-12)
