from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from verify.claim import STATED, Context, Control, Exact, ExactClaim, Exploration, Job, MeasuredClaim, Source
from verify.decision import Verdict
from verify.estimate import Estimate

FORMULA = Control("half", "formula", "half of it")
WORLD = Control("louder", "world", "more noise")
CORRECTION = Control("corrected", "correction", "with the factor")
ALPHA = sp.Symbol("alpha")


class Nothing:
    def preflight(self) -> None: ...

    def jobs(self, world: str, context: Context) -> dict[str, Job]:  # noqa: ARG002
        return {}


def words(**more) -> dict[str, Any]:
    return {"id": "a.b", "title": "t", "statement": "s", "source": Source("key", "(1)"), **more}


def exact(**more) -> ExactClaim:
    return ExactClaim(**words(controls=(FORMULA,), check=lambda _: Exact(True, "", ""), method="instance") | more)


def measured(**more) -> MeasuredClaim:
    one = np.ones(1)
    defaults = words(
        controls=(FORMULA, WORLD),
        margin=0.01,
        why_margin="w",
        experiment=Nothing(),
        estimate=lambda measurements, formula: Estimate(one, one, one, 2),  # noqa: ARG005
    )
    return MeasuredClaim(**defaults | more)


@pytest.mark.parametrize("make", [exact, measured])
def test_a_claim_without_a_control_is_an_error(make):
    with pytest.raises(ValueError, match=r"'a\.b' has no control: give at least one wrong variant"):
        make(controls=())


@pytest.mark.parametrize("controls", [(FORMULA,), (FORMULA, CORRECTION)])
def test_a_measured_claim_without_a_world_control_is_an_error(controls):
    with pytest.raises(ValueError, match="no world control: give a wrong simulation"):
        measured(controls=controls)


@pytest.mark.parametrize("make", [exact, measured])
def test_a_claim_that_is_expected_to_be_refuted_needs_its_correction(make):
    with pytest.raises(ValueError, match="expected to be REFUTED: give the corrected statement"):
        make(expected=Verdict.REFUTED, consequence="none")
    claim = make(expected=Verdict.REFUTED, controls=(WORLD, CORRECTION), consequence="none")
    assert claim.expected is Verdict.REFUTED


@pytest.mark.parametrize("make", [exact, measured])
def test_the_consequence_is_said_where_a_claim_is_expected_to_be_refuted_and_there_alone(make):
    with pytest.raises(ValueError, match="`consequence` says what follows"):
        make(expected=Verdict.REFUTED, controls=(WORLD, CORRECTION))
    with pytest.raises(ValueError, match="`consequence` says what follows"):
        make(consequence="none")


@pytest.mark.parametrize("second", [FORMULA, Control("half", "world", "same name"), Control(STATED, "formula", "")])
@pytest.mark.parametrize("make", [exact, measured])
def test_control_ids_differ_from_each_other_and_from_the_statement(make, second):
    with pytest.raises(ValueError, match="control ids must differ from each other and from 'stated'"):
        make(controls=(FORMULA, WORLD, second))


@pytest.mark.parametrize("margin", [0.0, -0.01, float("nan"), float("inf")])
def test_a_margin_is_positive_and_finite(margin):
    with pytest.raises(ValueError, match="margin must be positive and finite, got"):
        measured(margin=margin)


def test_wrong_variants_are_to_be_refuted_and_corrections_confirmed():
    assert FORMULA.expected is WORLD.expected is Verdict.REFUTED
    assert CORRECTION.expected is Verdict.CONFIRMED


def test_the_simulated_worlds_are_the_stated_one_and_the_world_controls():
    other = Control("shared", "world", "one noise for all")
    assert measured(controls=(WORLD, FORMULA, other)).worlds == [STATED, "louder", "shared"]


def test_an_exact_claim_is_an_identity_unless_it_is_called_a_definition():
    assert exact().kind == "exact"
    assert exact(kind="definition").kind == "definition"
    assert measured().kind == "measured"
    assert explored().kind == "explored"


def explored(**more) -> Exploration:
    one = np.ones(1)
    return Exploration(**words(experiment=Nothing(), estimate=lambda *_: Estimate(one, one, one, 2)) | more)


def test_an_exploration_needs_no_control_and_expects_nothing_but_that():
    assert explored().expected is Verdict.EXPLORED
    assert explored(controls=(WORLD,)).worlds == [STATED, "louder"]
    with pytest.raises(ValueError, match="EXPLORED is expected of every Exploration"):
        explored(expected=Verdict.CONFIRMED, controls=(WORLD,))


@pytest.mark.parametrize("make", [exact, measured])
def test_no_other_claim_is_excused_by_expecting_to_be_explored(make):
    with pytest.raises(ValueError, match="and of nothing else"):
        make(expected=Verdict.EXPLORED)


@pytest.mark.parametrize("control", [FORMULA, CORRECTION])
def test_the_controls_of_an_exploration_are_worlds(control):
    with pytest.raises(ValueError, match="its controls are worlds"):
        explored(controls=(control,))


@pytest.mark.parametrize("id", ["", "own drift", "own/drift", "../own", ".own"])
def test_an_id_can_name_a_file(id):
    with pytest.raises(ValueError, match=r"claim id must be letters, digits, dots, dashes and underscores, got '"):
        exact(id=id)


def test_a_source_is_a_key_and_a_place():
    with pytest.raises(ValueError, match=r"source must be Source\(key, locator\), got 'this file'"):
        exact(source="this file")


def test_a_control_is_of_a_known_kind():
    with pytest.raises(ValueError, match="kind must be 'formula', 'world' or 'correction', got 'wrong'"):
        Control("half", "wrong", "half of it")


def test_a_method_is_a_known_one():
    with pytest.raises(ValueError, match=r"method must be 'all dimensions', 'instance' or 'certificate', got 'proof'"):
        exact(method="proof")


@pytest.mark.parametrize("found", [True, None, ("holds", "", "")])
def test_a_check_that_returns_no_outcome_is_an_error(found):
    with pytest.raises(TypeError, match="check must return an Exact, got"):
        exact(check=lambda _: found).outcome(STATED)


@pytest.mark.parametrize("holds", [np.bool_(True), None, 1])
def test_an_outcome_says_true_or_false(holds):
    with pytest.raises(TypeError, match="must be True or False, got"):
        exact(check=lambda _: Exact(holds, "", "")).outcome(STATED)


def test_of_several_outcomes_the_first_that_does_not_hold_is_the_one_and_none_after_it_is_asked_for():
    def outcomes():
        yield Exact(True, "a", "a")
        yield Exact(False, "b", "c", "b is not c")
        raise AssertionError("asked for")

    assert Exact.every(outcomes()).counterexample == "b is not c"
    assert Exact.every(Exact(True, name, name) for name in "ab").predicted == "b"


def test_a_check_that_compares_nothing_is_an_error():
    with pytest.raises(ValueError, match="no outcomes"):
        Exact.every([])
    with pytest.raises(ValueError, match="no outcomes"):
        Exact.equalities(zip([], [], strict=True))


@pytest.mark.parametrize(
    ("stated", "derived", "holds"),
    [
        ((ALPHA + 1) ** 2, ALPHA**2 + 2 * ALPHA + 1, True),
        (sp.sin(ALPHA) ** 2, 1 - sp.cos(ALPHA) ** 2, True),  # which expanding does not show
        ((ALPHA + 1) ** 2, ALPHA**2 + 1, False),
    ],
)
def test_expressions_are_equal_if_their_difference_simplifies_to_0(stated, derived, holds):
    found = Exact.equality(stated, derived)
    assert (found.holds, found.counterexample) == (holds, "" if holds else "difference -2*alpha")


@pytest.mark.parametrize("jobs", [{}, [print], {0: print}, None])
def test_the_simulations_are_functions_by_name(jobs):
    class Strange(Nothing):
        def jobs(self, world, context):  # noqa: ARG002
            return jobs

    with pytest.raises(TypeError, match="must return a mapping from names to functions, at least one, got"):
        measured(experiment=Strange()).simulations(STATED, Context())


def test_a_simulation_and_an_estimate_return_what_is_decided():
    class Strange(Nothing):
        def jobs(self, world, context):  # noqa: ARG002
            return {"one": lambda: 1.0}

    with pytest.raises(TypeError, match=r"a simulation must return a Measurement, got 1\.0"):
        measured(experiment=Strange()).measured(STATED, Context(), "one")
    with pytest.raises(TypeError, match=r"`estimate` must return an Estimate, got 2\.0"):
        measured(estimate=lambda *_: 2.0).estimated({}, STATED)
