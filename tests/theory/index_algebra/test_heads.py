import pytest
import sympy as sp

from theory.index_algebra import ZERO, Expr
from theory.index_algebra.heads import DELTA, PARAMETERS, THETA, Factor, H, Head, Space, delta, is_delta
from theory.matrix_sensing import COLUMNS, ROWS, U
from theory.update_expansion import X


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"derivative": "grow"}, "derivative must be one of"),
        ({"rank": 1, "spaces": (ROWS, ROWS)}, "as many spaces"),
        ({"spaces": (ROWS,)}, "as many spaces"),
        ({"rank": 2, "spaces": (ROWS, COLUMNS)}, "different spaces"),
        ({"rank": 1, "derivative": "grows"}, "symmetric and of any rank"),
        ({"symmetric": False, "derivative": "grows"}, "symmetric and of any rank"),
        ({"rank": 2, "derivative": "delta"}, "only a vector of parameters"),
        ({"rank": 1, "spaces": (ROWS,), "derivative": "delta"}, "only a vector of parameters"),
        ({"rank": 1, "labelled": True, "derivative": "delta"}, "only a vector of parameters"),
    ],
)
def test_attributes_that_contradict_each_other_are_refused(attributes, message):
    with pytest.raises(ValueError, match=message):
        Head("T", **attributes)


@pytest.mark.parametrize("name", ["", "S T", "S'", "2S", "\u03b8", "S_{j}"])
def test_names_that_cannot_be_typeset_are_refused(name):
    with pytest.raises(ValueError, match="must be made of ASCII"):
        Head(name)


@pytest.mark.parametrize("lookalike", ["\u00b5", "\u03bc", "\u0430"])
def test_an_index_or_label_that_looks_like_another_is_refused(lookalike):
    # The micro sign and the Greek mu, or a Cyrillic a and a Latin one, would silently not be summed.
    with pytest.raises(ValueError, match="must be made of ASCII"):
        X(lookalike)
    with pytest.raises(ValueError, match="must be made of ASCII"):
        H(label=lookalike)


def test_each_space_has_a_delta_of_its_own():
    assert delta(PARAMETERS) is DELTA
    assert delta(ROWS) != DELTA
    assert all(is_delta(head) for head in (DELTA, delta(ROWS), delta(COLUMNS)))
    assert not any(is_delta(head) for head in (H, THETA, U, Head("delta", rank=2)))


def test_heads_that_differ_in_anything_have_different_keys():
    heads = [
        Head("T"), Head("T", rank=0), Head("T", rank=2), Head("T", rank=2, symmetric=False), Head("T", labelled=True),
        Head("T", derivative="constant"), Head("T", rank=2, spaces=(ROWS, ROWS)), Head("T", rank=1, spaces=(ROWS,)),
        Head("T", rank=1, spaces=(Space("rows", "r"),)),
    ]  # fmt: skip
    assert len({head.sort_key for head in heads}) == len(set(heads)) == len(heads)


def test_theta_has_the_delta_as_its_derivative():
    assert THETA("j").derivative("k") == DELTA("j", "k")
    assert (THETA("j") * THETA("j")).derivative("k") == 2 * THETA("k")
    assert THETA("j").derivative("k").derivative("l") == ZERO


def test_dimension_is_a_positive_integer():
    assert ROWS.symbol == sp.Symbol("d", positive=True, integer=True)


def test_two_heads_of_one_name_are_kept_apart():
    tall, square = U, Head("U", rank=2, symmetric=False, spaces=(ROWS, ROWS))
    norms = [Expr.of(Factor(head, None, (0, 1)), Factor(head, None, (0, 1))) for head in (tall, square)]
    assert norms[0] != norms[1]
    assert norms[0] * norms[1] == norms[1] * norms[0]
    assert len((norms[0] + norms[1]).terms) == 2
