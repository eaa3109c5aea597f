import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.index_algebra.products import A, expressions, matrix_products
from theory.index_algebra import DELTA, THETA, ZERO, Expr, Factor, H, Head, Space, delta
from theory.matrix_sensing import COLUMNS, MEASUREMENT, ROWS, TRUTH, U
from theory.second_moments import S
from theory.update_expansion import X

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
ROW_DELTA, COLUMN_DELTA = delta(ROWS), delta(COLUMNS)
DIMENSION = sp.Symbol("p", positive=True, integer=True)


@EXAMPLES
@given(expressions(), expressions())
def test_derivative_obeys_the_product_rule(left, right):
    expected = left.derivative("x1") * right + left * right.derivative("x1")
    assert (left * right).derivative("x1") == expected


@EXAMPLES
@given(expressions())
def test_derivatives_commute(expr):
    assert expr.derivative("x1").derivative("x2") == expr.derivative("x2").derivative("x1")


@EXAMPLES
@given(expressions(), expressions(), expressions())
def test_sums_and_products_form_a_commutative_ring(a, b, c):
    assert a + b == b + a
    assert a * b == b * a
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == ZERO
    assert not a - a


@EXAMPLES
@given(expressions(), st.integers(-3, 3))
def test_derivative_is_linear(expr, factor):
    assert (expr * factor).derivative("x1") == factor * expr.derivative("x1")


def test_product_rule_counts_equal_factors():
    square = H("k", label="a") * H("k", label="a")
    assert square.derivative("j") == 2 * H("j", "k", label="a") * H("k", label="a")


def test_mixed_derivatives_are_symmetric():
    assert H("j", "k", label="a") == H("k", "j", label="a")
    assert A("j", "k") != A("k", "j")


def test_number_has_derivative_zero():
    assert Expr.number(sp.Symbol("eta")).derivative("j") == ZERO


@pytest.mark.parametrize("head", [S, A])
def test_head_without_derivative_rule_raises_when_differentiated(head):
    expr = head("j", "k") * X("k")
    with pytest.raises(ValueError, match=f"head '{head.name}' has no derivative rule"):
        expr.derivative("l")


def test_derivative_by_a_free_index_raises():
    with pytest.raises(ValueError, match="index 'j' is already free"):
        H("j", label="a").derivative("j")


def test_derivative_by_a_vector_contracts_the_unit():
    bilinear = S("j", "k") * X("j") * X("k")
    assert bilinear.derivative_by(X, "i") == 2 * S("i", "j") * X("j")
    assert H("j", label="a").derivative_by(X, "i") == ZERO


def test_summed_delta_renames_an_index():
    assert DELTA("i", "j") * X("j") == X("i")
    assert DELTA("i", "j") * DELTA("j", "k") == DELTA("i", "k")
    assert DELTA("j", "k") * H("j", "k", label="a") == H("j", "j", label="a")


def test_trace_of_the_delta_is_the_dimension():
    assert DELTA("j", "j") == Expr.number(DIMENSION)
    assert DELTA("j", "k") * DELTA("j", "k") == Expr.number(DIMENSION)


def test_index_that_occurs_twice_is_summed():
    assert X("j") * X("j") == Expr.of(Factor(X, None, (7,)), Factor(X, None, (7,)))
    assert (X("j") * X("k")).reindexed({"k": "j"}) == X("j") * X("j")


def test_index_names_can_be_swapped():
    assert A("j", "k").reindexed({"j": "k", "k": "j"}) == A("k", "j")


def test_labels_of_two_averages_stay_apart():
    mean = H(label="a").averaged("a")
    assert mean * mean != (H(label="a") * H(label="a")).averaged("a")
    assert mean * mean == (H(label="a") * H(label="b")).averaged("b").averaged("a")


def test_average_of_what_has_no_such_label_is_itself():
    assert X("j").averaged("a") == X("j")


def test_renaming_one_label_to_another_makes_them_coincide():
    apart = H("j", label="a") * H("k", label="b")
    assert apart.relabelled("b", "a") == H("j", label="a") * H("k", label="a")


def test_coefficients_are_simplified_exactly():
    eta = sp.Symbol("eta")
    assert X("j") * ((1 + eta) ** 2 - 1 - 2 * eta - eta**2) == ZERO
    assert X("j") * (sp.Rational(1, 3) * 3) == X("j")


@pytest.mark.parametrize("index", [0, "j"])
def test_index_that_occurs_three_times_is_refused(index):
    with pytest.raises(ValueError, match=f"index {index!r} occurs 3 times"):
        Expr.of(*(Factor(X, None, (index,)) for _ in range(3)))


def test_dangling_dummy_is_refused():
    with pytest.raises(ValueError, match="index 0 occurs 1 times"):
        Expr.of(Factor(S, None, (0, "j")))


@pytest.mark.parametrize("indices", [(), ("j",), ("j", "k", "l")])
def test_wrong_rank_is_refused(indices):
    with pytest.raises(ValueError, match="head 'S' takes 2 indices"):
        S(*indices)


def test_missing_label_is_refused():
    with pytest.raises(ValueError, match="head 'h' needs data label, got None"):
        H("j")


def test_label_on_a_head_without_data_is_refused():
    with pytest.raises(ValueError, match="head 'x' takes no data label, got 'a'"):
        X("j", label="a")


def test_index_that_joins_two_spaces_is_refused():
    row = Head("M", rank=1, spaces=(ROWS,))
    assert (row("j") * row("j")).free_indices == frozenset()
    with pytest.raises(ValueError, match="joins two different spaces"):
        row("j") * X("j")


def test_terms_with_different_free_indices_are_not_added():
    with pytest.raises(ValueError, match="different free indices"):
        X("j") + X("k")


def test_a_term_made_by_a_rewriting_rule_is_validated():
    with pytest.raises(ValueError, match="index 5 occurs 1 times"):
        X("j").map(lambda product, c: [((*product, Factor(X, None, (5,))), c)])


OTHER = Head("m", rank=1, spaces=(Space("rows", "d"),))


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ([Factor(DELTA, None, (0, "j"))], "index 0 occurs 1 times"),
        ([Factor(DELTA, None, (0, 1)), Factor(X, None, (1,)), Factor(X, None, (1,))], "occurs"),
        ([Factor(DELTA, None, ("j", "k")), Factor(OTHER, None, ("k",))], "joins two different spaces"),
        ([Factor(DELTA, "a", ("j", "j"))], "takes no data label"),
        ([Factor(DELTA, None, ("j", "j", "k"))], "takes 2 indices"),
    ],
)
def test_a_wrong_product_is_refused_before_a_delta_is_contracted(factors, message):
    with pytest.raises(ValueError, match=message):
        Expr.of(*factors)


@pytest.mark.parametrize("indices", [("j", "b"), ("k", "j"), ("k", "k")])
def test_a_derivative_by_a_tensor_needs_new_indices(indices):
    with pytest.raises(ValueError, match="already free"):
        U("j", "c").derivative_by(U, *indices)


@EXAMPLES
@given(st.data(), st.integers(0, 4))
def test_derivative_by_a_matrix_obeys_eulers_identity(data, degree):
    expr = data.draw(matrix_products(U, degree, (TRUTH, MEASUREMENT)))
    assert U("u", "v") * expr.derivative_by(U, "u", "v") == degree * expr


@EXAMPLES
@given(st.data(), st.integers(1, 4))
def test_derivatives_by_a_matrix_commute(data, degree):
    expr = data.draw(matrix_products(U, degree, (TRUTH, MEASUREMENT)))
    twice = expr.derivative_by(U, "t", "u").derivative_by(U, "v", "w")
    assert twice == expr.derivative_by(U, "v", "w").derivative_by(U, "t", "u")


@EXAMPLES
@given(st.data(), st.integers(0, 2), st.integers(0, 2))
def test_derivative_by_a_matrix_obeys_the_product_rule(data, first, second):
    left = data.draw(matrix_products(U, 2 * first, (TRUTH,)))
    right = data.draw(matrix_products(U, 2 * second, (MEASUREMENT,)))
    by_rule = left.derivative_by(U, "u", "v") * right + left * right.derivative_by(U, "u", "v")
    assert (left * right).derivative_by(U, "u", "v") == by_rule


@EXAMPLES
@given(st.data(), st.integers(1, 4))
def test_a_delta_renames_a_free_index_of_any_expression(data, degree):
    expr = data.draw(matrix_products(U, degree))
    spaces = {i: f.head.space(k) for p, _ in expr.terms for f in p for k, i in enumerate(f.indices)}
    for index in expr.free_indices:
        assert delta(spaces[index])(index, "z") * expr == expr.reindexed({index: "z"})


def test_a_derivative_by_a_matrix_is_a_delta_in_each_space():
    assert U("i", "a").derivative_by(U, "k", "b") == ROW_DELTA("i", "k") * COLUMN_DELTA("a", "b")
    gram = U("i", "a") * U("j", "a")
    assert gram.derivative_by(U, "k", "b") == ROW_DELTA("i", "k") * U("j", "b") + ROW_DELTA("j", "k") * U("i", "b")
    assert (U("i", "a") * U("i", "a")).derivative_by(U, "k", "b") == 2 * U("k", "b")


@pytest.mark.parametrize(
    ("head", "indices", "message"),
    [
        (S, ("j", "k"), "no independent entries"),
        (H, ("j",), "no independent entries"),
        (U, ("j",), "takes 2 indices"),
        (Head("A", rank=1, labelled=True), ("j",), "is labelled or is theta"),
        (THETA, ("j",), "is labelled or is theta"),
    ],
)
def test_a_derivative_by_what_is_no_set_of_variables_raises(head, indices, message):
    with pytest.raises(ValueError, match=message):
        U("i", "c").derivative_by(head, *indices)


@pytest.mark.parametrize("head", [U, Head("V", rank=1, spaces=(ROWS,)), Head("w", rank=0, labelled=True)])
def test_new_heads_without_a_derivative_rule_raise_too(head):
    expr = head(*"jk"[: head.rank], label="a" if head.labelled else None)
    with pytest.raises(ValueError, match=f"head '{head.name}' has no derivative rule"):
        expr.derivative("l")


@pytest.mark.parametrize("space", [ROWS, COLUMNS])
def test_the_delta_of_a_space_is_contracted_and_its_trace_is_the_dimension(space):
    unit = delta(space)
    v = Head("v", rank=1, spaces=(space,))
    assert unit("j", "k") * v("k") == v("j")
    assert unit("j", "k") * unit("k", "l") == unit("j", "l")
    assert unit("j", "j") == unit("j", "k") * unit("j", "k") == Expr.number(space.symbol)
    assert unit("j", "k").derivative("l") == ZERO


def test_terms_whose_free_indices_live_in_different_spaces_are_not_added():
    with pytest.raises(ValueError, match=r"different free indices .*j \(parameters\).*j \(rows\)"):
        X("j") + OTHER("j")


def test_coefficients_that_are_not_exact_are_refused():
    with pytest.raises(ValueError, match="is not exact"):
        X("j") * 0.1
    with pytest.raises(sp.SympifyError):
        Expr.number("1 + 1")  # type: ignore[arg-type]
