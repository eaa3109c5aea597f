from fractions import Fraction

import pytest
import sympy as sp

from theory.index_algebra.exact_tensor import ExactTensor, entries, exact, to_sympy

A = sp.Matrix([[1, 2], [3, sp.Rational(-4, 7)]])
B = sp.Matrix([[0, 1], [-5, 2]])


def tensor(axes: str, array) -> ExactTensor:
    return ExactTensor.of(axes, entries(array))


def test_matrix_product_keeps_the_outer_axes():
    assert tensor("ij", A).times(tensor("jk", B), "ik") == tensor("ik", A * B)


def test_an_axis_that_is_kept_is_not_summed():
    entrywise = tensor("ij", A).times(tensor("ij", B), "ij")
    assert entrywise.entries == entries(A.multiply_elementwise(B))
    assert tensor("ij", A).times(tensor("ij", B), "").entries == {(): Fraction(2 - 15) - Fraction(8, 7)}


def test_axes_of_one_name_are_taken_on_the_diagonal():
    assert tensor("ii", A) == ExactTensor(("i",), {(0,): Fraction(1), (1,): Fraction(-4, 7)})


def test_transposing_orders_the_axes():
    assert tensor("ij", A).transposed("ji") == entries(A.T)


def test_zeros_are_left_out():
    assert entries([[0, 0], [0, 1]]) == {(1, 1): Fraction(1)}
    assert entries(3) == {(): Fraction(3)}


@pytest.mark.parametrize("value", [0.5, sp.Float("0.25") * sp.Symbol("t"), sp.nan, sp.oo])
def test_numbers_that_are_not_exact_are_refused(value):
    with pytest.raises(ValueError, match="is not an exact number"):
        exact(value)


def test_fractions_come_back_from_sympy_unchanged():
    assert exact(to_sympy(Fraction(-6, 35))) == Fraction(-6, 35)


def test_symbols_and_roots_stay_as_they_are():
    t = sp.Symbol("t")
    product = tensor("ij", [[t, 1], [0, sp.sqrt(2)]]).times(tensor("jk", B), "ik")
    assert product.entries[0, 1] == t + 2
    assert product.entries[1, 0] == -5 * sp.sqrt(2)
