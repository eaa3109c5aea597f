import pytest

from numerics.lanes.loops import Loops
from numerics.lanes.operations import FUNCTION
from numerics.lanes.statements import Statements
from numerics.lanes.sums import product, reduced, tile_of
from tests.numerics.lanes.values import axes, reals

A, B = reals("a", 6, 5), reals("b", 6, 5)


def test_sums_over_the_same_places_share_their_loops():
    code = Statements()
    reduced(code, "sum", A, [1], (6,))
    reduced(code, "sum", B, [1], (6,))
    (loops,) = code.body
    assert str(loops).count("for (") == 2


def test_a_sum_that_reads_another_one_has_loops_of_its_own():
    code = Statements()
    total = reduced(code, "sum", A, [1], (6,))
    reduced(code, "sum", reals(total.element(axes(6)).split("[")[0], 6, 5), [1], (6,))
    assert [type(statement) for statement in code.body] == [Loops, Loops]


def test_a_mean_is_a_sum_divided_by_the_number_of_terms():
    code = Statements()
    reduced(code, "mean", A, [0, 1], ())
    assert "/ REAL(30);" in str(code.body[0])


def test_a_sum_of_one_term_is_that_term():
    code = Statements()
    assert code.at(reduced(code, "sum", reals("a", 6, 1), [1], (6,)), axes(6)) == "a[i]"
    assert not code.body


def test_a_matrix_product_sums_rows_times_columns():
    code = Statements()
    found = product(code, reals("a", 5, 7), reals("b", 7, 5), (5, 5))
    assert found.shape == (5, 5)
    text = str(code.body[0])
    assert "(a[7 * i1 + i3] * b[5 * i3 + i2])" in text
    assert "i3 < 7" in text


@pytest.mark.parametrize(
    ("outer", "last", "cost", "expected"),
    [
        ((8, 6), 5, 1, ((4, 3), 1)),
        ((8, 6), 5, 5, ((1, 3), 1)),
        ((8, 6), 5, FUNCTION, ((1, 1), 1)),
        ((), 8, 1, ((), 4)),
        ((5,), 9, 1, ((1,), 3)),
    ],
)
def test_cheap_terms_are_added_to_several_totals_at_a_time(outer, last, cost, expected):
    assert tile_of(outer, last, cost) == expected
