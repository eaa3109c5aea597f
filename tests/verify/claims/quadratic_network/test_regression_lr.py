import math

import pytest

from verify.claim import STATED
from verify.claims.quadratic_network import regression_lr
from verify.claims.quadratic_network.regression_lr import LRS, PEN, PICTURE, STATEMENTS, check_picture
from verify.regression import Outcome, Run


def ended(*errors: float) -> tuple[Outcome, ...]:
    return tuple(Outcome(error, 1000) for error in errors)


@pytest.mark.parametrize(
    ("id", "errors", "holds"),
    [
        ("regression.lr-plateau", (0.391, 0.409), True),
        ("regression.lr-plateau", (0.391, 0.411), False),
        ("regression.lr-beyond", (0.3, 0.1, 0.004), True),
        ("regression.lr-beyond", (0.3, 0.1, 0.006), False),
        ("regression.lr-beyond", (0.1, 0.3, 0.004), False),
        ("regression.lr-divergence", (0.1, math.nan, math.nan), True),
        ("regression.lr-divergence", (0.1, 0.1, math.nan), False),
        ("regression.lr-divergence", (math.nan, math.nan), False),
        ("regression.fragile", (0.1, 0.2, 0.5, 0.6), True),
        ("regression.fragile", (0.1, 0.2, 0.6, 0.5), False),
    ],
)
def test_a_statement_holds_of_the_outcomes_that_it_describes(id, errors, holds):
    assert STATEMENTS[id][STATED].holds(ended(*errors)) is holds


@pytest.mark.parametrize(("steps", "holds"), [(500, False), (501, True), (1499, True), (1501, False)])
def test_a_thousand_steps_are_meant_to_the_nearest_thousand(steps, holds):
    assert STATEMENTS["regression.steps"][STATED].holds((Outcome(0.4, steps),)) is holds


@pytest.mark.parametrize(("shift", "holds"), [(0.9 * PEN, True), (1.1 * PEN, False), (math.nan, False)])
def test_the_picture_is_right_within_its_line(monkeypatch, shift, holds):
    heights = dict(zip(LRS, PICTURE, strict=True))

    def end_error(run: Run) -> float:
        return heights[run.lr] + (shift if run.lr == LRS[3] else 0.0)

    monkeypatch.setattr(regression_lr, "end_error", end_error)
    found = check_picture(STATED)
    assert found.holds is holds
    assert (f"learning rate {LRS[3]}" in found.counterexample) is not holds
