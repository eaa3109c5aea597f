import pytest

from numerics.lanes.assembly import assembly
from numerics.lanes.operations import UnsupportedError
from numerics.lanes.statements import Statements
from numerics.lanes.value import Piece, zeros
from tests.numerics.lanes.values import axes, reals

A, B = reals("a", 3, 2), reals("b", 4, 2)


def test_values_one_below_the_other_stay_pieces():
    code = Statements()
    assert assembly(code, "cat", ([A, B],), (7, 2)).pieces == (Piece(0, 3, A), Piece(3, 7, B))
    assert not code.body


def test_values_side_by_side_are_written_into_an_array():
    code = Statements()
    found = assembly(code, "cat", ([A, A], -1), (3, 4))
    assert code.at(found, axes(3, 4)) == "t1[4 * i + j]"
    assert [line for line in code.body if "=" in str(line) and "for" not in str(line)] == [
        "t1[4 * i2 + i3] = a[2 * i2 + i3];",
        "t1[4 * i4 + i5 + 2] = a[2 * i4 + i5];",
    ]


@pytest.mark.parametrize(
    ("name", "args", "pieces"),
    [
        ("constant_pad_nd", (reals("p", 2), [1, 2]), [(0, 1, True), (1, 3, False), (3, 5, True)]),
        ("slice_scatter", (zeros((5,), "real"), reals("p", 2), 0, 3), [(0, 3, True), (3, 5, False)]),
        ("select_scatter", (zeros((5,), "real"), reals("p"), 0, 0), [(0, 1, False), (1, 5, True)]),
    ],
)
def test_what_is_padded_with_zeros_stays_a_piece(name, args, pieces):
    code = Statements()
    found = assembly(code, name, args, (5,))
    assert [(p.start, p.stop, p.value is None) for p in found.pieces] == pieces
    assert not code.body


def test_a_part_with_a_stride_is_written_into_its_ground():
    code = Statements()
    assembly(code, "slice_scatter", (reals("g", 6), reals("p", 3), 0, 0, 6, 2), (6,))
    assert "t1[i2] = g[i2];" in code.body
    assert "t1[2 * i3] = p[i3];" in code.body


@pytest.mark.parametrize("args", [(reals("p", 2), [-1, 2]), (reals("p", 2), [1, 2], 0.5)])
def test_other_padding_has_no_translation(args):
    with pytest.raises(UnsupportedError, match="padding of several axes or with other numbers than 0"):
        assembly(Statements(), "constant_pad_nd", args, (5,))
