import pytest

from numerics.lanes.operations import UnsupportedError
from numerics.lanes.selection import MOST_GATHERED, selection
from numerics.lanes.statements import Statements
from numerics.lanes.value import CONSTANT, LANE, array
from tests.numerics.lanes.values import axes, reals

DATA, DRAWS = reals("x", 9, 3, level=CONSTANT), array("n", (2,), "int", LANE)


def test_places_that_all_replicas_share_are_indices():
    code, places = Statements(), array("n", (2,), "int", CONSTANT)
    found = selection(code, "index_select", (reals("a", 9, 3), 0, places), (2, 3))
    assert code.at(found, axes(2, 3)) == "a[3 * int(n[i]) + j]"


def test_short_rows_are_copied_and_long_ones_read_in_place():
    code = Statements()
    assert code.at(selection(code, "index", (DATA, [DRAWS]), (2, 3)), axes(2, 3)) == "t1[3 * i + j]"
    assert "gather_rows<3>(x, n[i2] * 3, t1 + 3 * i2);" in code.body
    code = Statements()
    found = selection(code, "index", (reals("x", 9, MOST_GATHERED, level=CONSTANT), [DRAWS]), (2, MOST_GATHERED))
    assert code.at(found, axes(2, MOST_GATHERED)) == f"gather(x + j, n[i] * {MOST_GATHERED})"
    assert not code.body


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((DATA, [DRAWS, DRAWS]), "several tensors"),
        ((DATA, [None, DRAWS]), "several tensors"),
        ((DATA, [reals("y", 2)]), "no integer"),
        ((reals("a", 9, 3), [DRAWS]), "differs between replicas"),
    ],
)
def test_other_indices_have_no_translation(args, error):
    with pytest.raises(UnsupportedError, match=error):
        selection(Statements(), "index", args, (2, 3))
