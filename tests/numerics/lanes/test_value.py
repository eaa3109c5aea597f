import math

import pytest

from numerics.lanes.value import CONSTANT, LANE, Piece, filled, in_pieces, number, zeros
from tests.numerics.lanes.values import reals


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "REAL(0.1)"),
        (3, "int64_t(3)"),
        (True, "int64_t(true)"),
        (math.inf, "REAL(INFINITY)"),
        (-math.inf, "REAL(-INFINITY)"),
        (math.nan, "REAL(NAN)"),
    ],
)
def test_a_number_has_the_text_of_a_constant(value, text):
    assert number(value).element(()) == text


def test_zeros_are_a_single_piece_without_a_value():
    assert zeros((4, 2), "real").pieces == (Piece(0, 4, None),)
    assert filled("zeros_like", (), (4,), "real").pieces == (Piece(0, 4, None),)
    assert not filled("ones_like", (), (4,), "real").pieces
    assert filled("full", ((4,), 2.5), (4,), "real").element(()) == "REAL(2.5)"


def test_pieces_depend_on_what_one_of_them_depends_on():
    blank, part = Piece(0, 2, None), Piece(2, 4, reals("a", 2))
    assert in_pieces((4,), "real", [blank]).level == CONSTANT
    assert in_pieces((4,), "real", [blank, part]).level == LANE


def test_a_value_in_pieces_has_no_element():
    with pytest.raises(AssertionError, match="is stored before it is read"):
        zeros((4,), "real").element(())
