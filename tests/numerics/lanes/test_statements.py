import torch

from numerics.lanes.statements import Statements
from numerics.lanes.value import CONSTANT, LANE, Piece, Value, in_pieces
from tests.numerics.lanes.values import axes, reals


def test_a_value_is_stored_once():
    code = Statements()
    value = Value((3,), "real", LANE, lambda at: f"f({at[0]})", 1)
    assert code.stored(value) is code.stored(value)
    assert code.body == ["V t1[3];", "for (int i2 = 0; i2 < 3; i2++) {", "t1[i2] = f(i2);", "}"]
    assert code.bytes_per_lane == 24


def test_what_the_data_alone_determine_is_computed_in_the_prologue():
    code = Statements()
    code.stored(Value((3,), "real", CONSTANT, lambda at: f"f({at[0]})", 1))
    assert not code.body
    assert code.prologue[0] == "REAL t1[3];"
    assert code.bytes_per_lane == 0


def test_a_blank_piece_is_written_as_zeros():
    code = Statements()
    code.write(in_pieces((5,), "real", [Piece(0, 4, reals("a", 4)), Piece(4, 5, None)]), "next", LANE)
    assert code.body[1:] == ["next[i1] = a[i1];", "}", "next[4] = V{};"]


def test_one_value_for_all_replicas_is_lifted_to_the_lanes():
    code = Statements()
    assert code.lifted(reals("a", 3, level=CONSTANT), axes(3)) == "vec(a[i])"
    assert code.lifted(reals("a", 3), axes(3)) == "a[i]"


def test_tensors_of_the_model_are_numbered():
    code = Statements()
    code.constant(torch.ones(3))
    assert code.at(code.constant(torch.arange(3)), axes(3)) == "((int64_t const*) constants[1])[i]"
