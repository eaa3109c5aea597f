import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.index_algebra.products import matrix_products
from theory.index_algebra import ZERO, Expr, Factor, H, Head
from theory.index_algebra.gaussian_mean import gaussian_mean
from theory.matrix_sensing import MEASUREMENT, ROWS, TRUTH, U
from theory.rule import N
from theory.second_moments import S

EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)
D = ROWS.symbol
G = Head("G", rank=2, symmetric=False, spaces=(ROWS, ROWS))
"""A Gaussian matrix that belongs to no data point."""
V = Head("v", rank=1, spaces=(ROWS,))
SCALAR = Head("g", rank=0, labelled=True)


def power(expr: Expr, exponent: int) -> Expr:
    result = Expr.number(1)
    for _ in range(exponent):
        result = result * expr
    return result


@EXAMPLES
@given(st.data())
def test_mean_obeys_steins_lemma(data):
    # E[G_ij f(G)] = E[df/dG_ij] characterises the Gaussian; it knows nothing of pairings.
    expr = data.draw(matrix_products(G, data.draw(st.integers(0, 5)), (TRUTH, U)))
    assert gaussian_mean(G("u", "v") * expr, G) == gaussian_mean(expr.derivative_by(G, "u", "v"), G)


@EXAMPLES
@given(st.data())
def test_mean_is_linear_and_leaves_what_does_not_depend_on_the_tensor(data):
    left, right = (data.draw(matrix_products(G, 2, ())) for _ in range(2))
    constant = TRUTH("u", "v") * 3
    assert gaussian_mean(left * constant - right * constant, G) == constant * (
        gaussian_mean(left, G) - gaussian_mean(right, G)
    )
    assert gaussian_mean(constant, G) == constant


@EXAMPLES
@given(st.data())
def test_odd_products_have_mean_zero(data):
    expr = data.draw(matrix_products(MEASUREMENT, data.draw(st.sampled_from([1, 3, 5]))))
    assert gaussian_mean(expr, MEASUREMENT) == ZERO


@pytest.mark.parametrize("half", range(1, 6))
def test_number_of_pairings_is_a_double_factorial(half):
    assert gaussian_mean(power(SCALAR(label="a"), 2 * half), SCALAR) == Expr.number(sp.factorial2(2 * half - 1))


@pytest.mark.parametrize("exponent", range(1, 5))
def test_moments_of_the_squared_length_are_those_of_chi_squared(exponent):
    expected = sp.prod([D + 2 * k for k in range(exponent)])
    assert gaussian_mean(power(V("j") * V("j"), exponent), V) == Expr.number(expected)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ij ij", D**2),
        ("ij ji", D),
        ("ii jj", D),
        ("ij kj kl il", 2 * D**3 + D**2),  # tr A A^T A A^T
        ("ij jk kl li", D**2 + 2 * D),  # tr A^4: neighbours in two ways, opposites in one
    ],
)
def test_traces_of_a_gaussian_matrix_have_their_known_means(word, expected):
    factors = (Factor(MEASUREMENT, 0, tuple("ijkl".index(i) for i in pair)) for pair in word.split())
    assert gaussian_mean(Expr.of(*factors), MEASUREMENT) == Expr.number(expected)


def test_two_averaged_labels_coincide_once_in_n():
    mean = SCALAR(label="a").averaged("a")
    assert gaussian_mean(mean * mean, SCALAR) == Expr.number(1 / N)
    square = (SCALAR(label="a") * SCALAR(label="a")).averaged("a")
    assert gaussian_mean(square * square, SCALAR) == Expr.number(1 + 2 / N)
    assert gaussian_mean(power(mean, 4), SCALAR) == Expr.number(3 / N**2)


def test_a_free_label_is_one_of_the_averaged_ones():
    expr = SCALAR(label="a") * SCALAR(label="b").averaged("b")
    assert gaussian_mean(expr, SCALAR) == Expr.number(1 / N)


def test_labels_that_may_or_may_not_coincide_are_refused():
    with pytest.raises(ValueError, match=r"labels 'a' and 'b' may stand for the same data point"):
        gaussian_mean(SCALAR(label="a") * SCALAR(label="b"), SCALAR)


def test_another_head_that_depends_on_the_data_is_refused():
    with pytest.raises(ValueError, match=r"heads \['h'\] may depend on the data"):
        gaussian_mean(H(label="a") * SCALAR(label="a") * SCALAR(label="a"), SCALAR)


@pytest.mark.parametrize("head", [S, H])
def test_a_tensor_whose_entries_are_not_independent_is_refused(head):
    with pytest.raises(ValueError, match="no independent entries"):
        gaussian_mean(ZERO, head)
