import pytest

from numerics.lanes.operations import UnsupportedError
from numerics.lanes.statements import Statements
from numerics.lanes.value import CONSTANT, LANE, Value, array
from numerics.lanes.views import broadcast, converted, reshaped, view
from tests.numerics.lanes.values import axes, reals

A = reals("a", 3, 4)


@pytest.mark.parametrize(
    ("name", "args", "shape", "text"),
    [
        ("t", (A,), (4, 3), "a[4 * j + i]"),
        ("transpose", (A, 0, -1), (4, 3), "a[4 * j + i]"),
        ("permute", (A, [-1, 0]), (4, 3), "a[4 * j + i]"),
        ("slice", (A, 1, 1, 4, 2), (3, 2), "a[4 * i + 2 * j + 1]"),
        ("slice", (A, 0, -2), (2, 4), "a[4 * i + j + 4]"),
        ("select", (A, 1, -1), (3,), "a[4 * i + 3]"),
        ("view", (A, [3, 2, 2]), (3, 2, 2), "a[4 * i + 2 * j + k]"),
        ("unsqueeze", (A, 0), (1, 3, 4), "a[4 * j + k]"),
        ("expand", (A, [2, 3, 4]), (2, 3, 4), "a[4 * j + k]"),
    ],
)
def test_a_view_reads_the_same_array_elsewhere(name, args, shape, text):
    code = Statements()
    found = view(code, name, A, args, shape)
    assert found.shape == shape
    assert code.at(found, axes(*shape)) == text
    assert not code.body


def test_an_operation_that_is_no_view_is_named():
    with pytest.raises(UnsupportedError, match="the operation cumsum"):
        view(Statements(), "cumsum", A, (A, 0), (3, 4))


def test_only_what_has_to_be_computed_is_stored_before_it_is_read_many_times():
    code = Statements()
    assert code.at(broadcast(code, reals("a", 4), (3, 4)), axes(3, 4)) == "a[j]"
    assert not code.body
    computed = Value((4,), "real", LANE, lambda at: f"f({at[0]})", 1)
    assert code.at(broadcast(code, computed, (3, 4)), axes(3, 4)) == "t1[j]"
    assert "t1[i2] = f(i2);" in code.body


def test_factors_survive_where_only_axes_of_length_one_come_and_go():
    code = Statements()
    value = Value((3, 1), "real", LANE, lambda _: "x", 1, factors=(reals("a", 3, 1), reals("b")))
    assert [factor.shape for factor in reshaped(code, value, (3,)).factors] == [(3,), ()]
    value = Value((3, 4), "real", LANE, lambda _: "x", 1, factors=(A, A))
    assert not reshaped(code, value, (12,)).factors


def test_integers_become_reals_in_the_way_of_their_level():
    code = Statements()
    for level, text in ((CONSTANT, "real(n[i])"), (LANE, "real_of_ints(n[i])")):
        assert code.at(converted(code, array("n", (3,), "int", level), "real"), axes(3)) == text


def test_reals_do_not_become_integers():
    with pytest.raises(UnsupportedError, match="real as int"):
        converted(Statements(), A, "int")
