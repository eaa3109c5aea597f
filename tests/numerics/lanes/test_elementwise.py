import pytest

from numerics.lanes.elementwise import elementwise
from numerics.lanes.operations import UnsupportedError
from numerics.lanes.statements import Statements
from numerics.lanes.value import CONSTANT, Piece, Value, array, in_pieces, number
from tests.numerics.lanes.values import axes, reals

A, B = reals("a", 4), reals("b", 4)
PADDED = in_pieces((4,), "real", [Piece(0, 1, None), Piece(1, 4, reals("p", 3))])


def texts(value: Value, code: Statements) -> list[str | None]:
    """Return the text of each piece at index i of its own."""
    found = [piece.value for piece in value.pieces]
    return [part and code.at(part, axes(*part.shape)) for part in found]


@pytest.mark.parametrize(
    ("name", "others", "text"),
    [
        ("sub", [B], "(a[i] - b[i])"),
        ("tanh", [], "tanh_(a[i])"),
        ("maximum", [number(0.5)], "larger(a[i], vec(REAL(0.5)))"),
        ("pow", [number(2)], "(a[i] * a[i])"),
        ("pow", [number(0.5)], "sqrt_(a[i])"),
        ("pow", [number(3.0)], "pow_(a[i], REAL(3.0))"),
    ],
)
def test_an_operation_is_written_where_its_result_is_needed(name, others, text):
    code = Statements()
    assert code.at(elementwise(code, name, [A, *others], (4,), "real"), axes(4)) == text
    assert not code.body


def test_what_the_factors_have_in_common_is_multiplied_first():
    code, scalar, data = Statements(), reals("s"), reals("x", 4, level=CONSTANT)
    inner = elementwise(code, "mul", [A, scalar], (4,), "real")
    assert code.at(elementwise(code, "mul", [inner, data], (4,), "real"), axes(4)) == "(s[0] * x[i] * a[i])"


def test_two_equal_products_are_twice_one():
    code = Statements()
    one, other = (elementwise(code, "mul", [A, B], (4,), "real") for _ in range(2))
    total = elementwise(code, "add", [one, other], (4,), "real")
    assert code.at(total, axes(4)) == "(REAL(2.0) * a[i] * b[i])"


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("add", [PADDED, A], ["a[0]", "(p[i] + a[i + 1])"]),
        ("sub", [PADDED, A], ["(-a[0])", "(p[i] - a[i + 1])"]),
        ("sub", [A, PADDED], ["a[0]", "(a[i + 1] - p[i])"]),
        ("mul", [PADDED, A], [None, "(p[i] * a[i + 1])"]),
        ("neg", [PADDED], [None, "(-p[i])"]),
    ],
)
def test_zeros_that_only_pad_are_not_computed_with(name, operands, expected):
    code = Statements()
    assert texts(elementwise(code, name, operands, (4,), "real"), code) == expected
    assert not code.body


def test_an_operation_that_zeros_do_not_pass_through_stores_the_pieces():
    code = Statements()
    found = elementwise(code, "exp", [PADDED], (4,), "real")
    assert code.at(found, axes(4)) == "exp_(t1[i])"
    assert "t1[0] = V{};" in code.body


def test_integers_in_lanes_are_compared_to_a_mask_of_reals():
    code, n = Statements(), array("n", (4,), "int", A.level)
    assert (
        code.at(elementwise(code, "lt", [n, number(2)], (4,), "bool"), axes(4)) == "mask_of_ints((n[i] < int64_t(2)))"
    )


def test_a_variable_exponent_has_no_translation():
    with pytest.raises(UnsupportedError, match="a variable exponent"):
        elementwise(Statements(), "pow", [A, B], (4,), "real")
