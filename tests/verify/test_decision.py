from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from verify.decision import (
    MISFIT_LEVEL,
    POWER,
    Verdict,
    holm,
    p_inside_margin_rejected,
    p_outside_margin_rejected,
    samples_needed,
    usable,
    verdicts,
)
from verify.estimate import Estimate

LEVEL = 0.005
MARGIN = 0.01
Z = stats.norm.isf(LEVEL)
repeatable = settings(derandomize=True, deadline=None)


def estimate(*values: float, se: float = 0.001, target: float = 1.0, num_samples: int = 1000, **more) -> Estimate:
    size = len(values)
    return Estimate(np.array(values), np.full(size, se), np.full(size, target), num_samples, **more)


def verdict(single: Estimate, margin: float = MARGIN, level: float = LEVEL) -> Verdict:
    return verdicts([single], [margin], level)[0]


deviations = st.floats(-3 * MARGIN, 3 * MARGIN)
errors = st.floats(MARGIN / 100, MARGIN)


@repeatable
@given(deviations, errors)
def test_confirmed_iff_the_interval_lies_inside_the_margin_and_refuted_iff_wholly_outside(deviation, se):
    low, high = deviation - Z * se, deviation + Z * se
    # At equality rounding decides.
    assume(min(abs(abs(end) - MARGIN) for end in (low, high)) > 1e-9)
    inside = low > -MARGIN and high < MARGIN
    outside = low > MARGIN or high < -MARGIN
    expected = Verdict.CONFIRMED if inside else Verdict.REFUTED if outside else Verdict.INCONCLUSIVE
    assert verdict(estimate(deviation, se=se, target=0.0)) is expected


@repeatable
@given(deviations, errors, st.floats(-10, 10))
def test_only_the_distance_from_the_target_counts(deviation, se, target):
    here = estimate(deviation, se=se, target=0.0)
    there = replace(here, values=here.values + target, targets=here.targets + target)
    mirrored = replace(here, values=-here.values)
    p_value = p_outside_margin_rejected(here, MARGIN)
    assert p_outside_margin_rejected(mirrored, MARGIN) == p_value
    # A shift by 10 rounds the deviation at 2e-15, 2e-11 of the smallest standard error.
    assert p_outside_margin_rejected(there, MARGIN) == pytest.approx(p_value, rel=1e-6, abs=1e-12)


def test_few_degrees_of_freedom_widen_the_interval_to_that_of_student():
    wide = estimate(1.0, se=MARGIN / 4, degrees_of_freedom=5)
    assert p_outside_margin_rejected(wide, MARGIN) == pytest.approx(stats.t.sf(4, 5), rel=1e-12)
    assert verdict(wide) is Verdict.INCONCLUSIVE
    assert verdict(estimate(1.0, se=MARGIN / 4)) is Verdict.CONFIRMED


@pytest.mark.parametrize("value", [1.0, 5.0], ids=["at the target", "far off"])
@pytest.mark.parametrize(
    "defect",
    [
        {"values": np.array([np.nan])},
        {"values": np.array([np.inf])},
        {"values": np.array([-np.inf])},
        {"targets": np.array([np.nan])},
        {"targets": np.array([np.inf])},
        {"standard_errors": np.array([np.nan])},
        {"standard_errors": np.array([np.inf])},
        {"standard_errors": np.array([0.0])},
        {"standard_errors": np.array([-0.001])},
        {"values": np.array([]), "standard_errors": np.array([]), "targets": np.array([])},
        {"misfit": MISFIT_LEVEL / 2},
        {"misfit": np.nan},
        {"num_samples": 1},
        {"num_samples": 0},
        {"degrees_of_freedom": np.nan},
        {"degrees_of_freedom": 0},
    ],
    ids=str,
)
def test_an_unusable_estimate_is_neither_confirmed_nor_refuted(defect, value):
    whole = estimate(value)
    assert verdict(whole) is not Verdict.INCONCLUSIVE
    assert verdict(replace(whole, **defect)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("defect", ["values", "standard_errors", "targets"])
def test_one_value_that_is_not_a_number_makes_a_vector_unusable(defect, place):
    numbers = estimate(1.0, 1.0, 1.0)
    broken = getattr(numbers, defect).copy()
    broken[place] = np.nan
    assert usable(numbers)
    assert verdict(replace(numbers, **{defect: broken})) is Verdict.INCONCLUSIVE


def test_a_misfit_at_its_level_is_still_believed():
    assert verdict(estimate(1.0, misfit=MISFIT_LEVEL)) is Verdict.CONFIRMED


def test_an_unusable_claim_does_not_keep_the_others_from_being_decided():
    family = [estimate(1.0), estimate(np.nan), estimate(2.0)]
    assert verdicts(family, [MARGIN] * 3, LEVEL) == [Verdict.CONFIRMED, Verdict.INCONCLUSIVE, Verdict.REFUTED]


def test_one_value_outside_refutes_a_vector_and_one_undecided_value_leaves_it_open():
    assert verdict(estimate(1.0, 1.0, 1.0)) is Verdict.CONFIRMED
    assert verdict(estimate(1.0, 1.0, 1.02)) is Verdict.REFUTED
    assert verdict(estimate(1.0, 1.0, 1.01)) is Verdict.INCONCLUSIVE


def test_a_vector_is_confirmed_at_its_worst_value_and_refuted_with_bonferroni():
    vector = estimate(1.0, 1.005, 1.012, 0.986)
    singles = [estimate(value) for value in vector.values]
    assert p_outside_margin_rejected(vector, MARGIN) == max(p_outside_margin_rejected(s, MARGIN) for s in singles)
    assert p_inside_margin_rejected(vector, MARGIN) == 4 * min(p_inside_margin_rejected(s, MARGIN) for s in singles)


def test_no_p_value_exceeds_1():
    assert p_inside_margin_rejected(estimate(1.0, 1.0, 1.0), MARGIN) == 1


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        # By hand at level .05: .001 <= .05 / 4, .012 <= .05 / 3, .04 > .05 / 2: stop.
        ([0.001, 0.04, 0.012, 0.3], [True, False, True, False]),
        # .03 > .05 / 2 stops, although .04 <= .05 / 1.
        ([0.04, 0.03], [False, False]),
        ([0.04, 0.025], [True, True]),
        ([0.05], [True]),
        ([0.0501], [False]),
        ([np.nan, 0.001], [False, True]),
        ([], []),
    ],
)
def test_holm_against_examples_worked_by_hand(p_values, rejected):
    assert holm(p_values, 0.05) == rejected


def closed_testing(p_values: list[float], level: float) -> list[bool]:
    """Reject what every intersection that contains it rejects by Bonferroni; Holm's method is its short form."""
    everything = range(len(p_values))
    subsets = chain.from_iterable(combinations(everything, size) for size in range(1, len(p_values) + 1))
    kept = [set(subset) for subset in subsets if min(p_values[i] for i in subset) > level / len(subset)]
    return [all(i not in subset for subset in kept) for i in everything]


# Multiples of .004 make ties and equality with level / size, level = .048, frequent.
@repeatable
@given(st.lists(st.one_of(st.floats(0, 0.1), st.integers(0, 20).map(lambda k: k * 0.004)), max_size=5))
def test_holm_equals_closed_testing_by_brute_force(p_values):
    assert holm(p_values, 0.048) == closed_testing(p_values, 0.048)


def share_of_families(outcome: Verdict, means: np.ndarray, *, level: float, se: float, num_families: int) -> float:
    """Return the share of families, drawn about ``means``, in which a claim with truth on the edge gets ``outcome``."""
    drawn = means + se * np.random.default_rng(0).standard_normal((num_families, len(means)))
    edge = np.isclose(means, MARGIN)
    margins = [MARGIN] * len(means)
    families = ([estimate(value, se=se, target=0.0) for value in row] for row in drawn)
    wrong = [any(np.array(verdicts(family, margins, level))[edge] == outcome) for family in families]
    return float(np.mean(wrong))


@pytest.mark.parametrize("outcome", [Verdict.CONFIRMED, Verdict.REFUTED])
@pytest.mark.parametrize(
    ("means", "attained"),
    [
        # m independent claims on the edge: 1 - (1 - level / m)^m.
        ([MARGIN], 0.1),
        ([MARGIN] * 3, 1 - (1 - 0.1 / 3) ** 3),
        # A claim that is always decided leaves the full level to the other two: 1 - (1 - level / 2)^2.
        ([MARGIN, MARGIN, 0.0], 1 - (1 - 0.1 / 2) ** 2),
    ],
)
def test_the_family_wise_rate_of_false_decisions_on_the_margins_edge_is_the_level(outcome, means, attained):
    # A large level makes the rate visible in few families. The margin is 20 standard errors: one edge counts.
    level, num_families = 0.1, 2000
    if outcome is Verdict.REFUTED:
        means = [mean if mean else 10 * MARGIN for mean in means]
    rate = share_of_families(outcome, np.array(means), level=level, se=MARGIN / 20, num_families=num_families)
    spread = (attained * (1 - attained) / num_families) ** 0.5
    assert attained <= level
    assert abs(rate - attained) < 4 * spread  # four standard deviations of a share


def test_a_false_confirmation_from_few_samples_is_as_rare_as_the_level():
    num_samples, level, num_runs = 6, 0.1, 4000
    samples = MARGIN + 1e-4 * np.random.default_rng(0).standard_normal((num_runs, num_samples))
    means, errors = samples.mean(1), samples.std(1, ddof=1) / num_samples**0.5
    singles = (
        estimate(m, se=e, target=0.0, degrees_of_freedom=num_samples - 1) for m, e in zip(means, errors, strict=True)
    )
    rate = np.mean([verdict(single, level=level) is Verdict.CONFIRMED for single in singles])
    assert abs(rate - level) < 4 * (level * (1 - level) / num_runs) ** 0.5  # four standard deviations of a share


def with_samples(given: Estimate, num_samples: int) -> Estimate:
    shrink = (given.num_samples / num_samples) ** 0.5
    return replace(given, standard_errors=given.standard_errors * shrink, num_samples=num_samples)


@repeatable
@given(st.lists(deviations, min_size=1, max_size=4), st.floats(MARGIN / 10, 10 * MARGIN))
def test_the_number_of_samples_that_is_asked_for_decides_if_the_estimate_is_the_truth(values, se):
    assume(min(abs(abs(value) - MARGIN) for value in values) > MARGIN / 100)
    wide = estimate(*values, se=se, target=0.0)
    needed = samples_needed(wide, MARGIN, LEVEL)
    inside = max(map(abs, values)) < MARGIN
    assume(needed > 1)  # where a single sample would do, no standard error could be known
    assert verdict(with_samples(wide, needed)) is (Verdict.CONFIRMED if inside else Verdict.REFUTED)


@pytest.mark.parametrize("deviation", [0.5 * MARGIN, -0.9 * MARGIN, 1.3 * MARGIN, -4 * MARGIN])
def test_the_number_of_samples_that_is_asked_for_has_the_planned_power_and_no_more(deviation):
    wide = estimate(deviation, se=MARGIN, target=0.0)
    needed = samples_needed(wide, MARGIN, LEVEL)
    # Decided when the deviation's distance to the edge exceeds Z standard errors; the other edge is too far to count.
    distance = abs(abs(deviation) - MARGIN)

    def power(num_samples: int) -> float:
        return float(stats.norm.cdf(distance / with_samples(wide, num_samples).standard_errors[0] - Z))

    assert power(needed) >= POWER > power(needed - 1)


def test_no_number_of_samples_decides_on_the_edge_or_from_an_unusable_estimate():
    assert samples_needed(estimate(0.25, target=0.0), 0.25, LEVEL) is None
    assert samples_needed(estimate(0.0, 0.25, target=0.0), 0.25, LEVEL) is None
    assert samples_needed(estimate(np.nan), MARGIN, LEVEL) is None


def test_verdicts_need_a_margin_for_every_claim():
    with pytest.raises(ValueError, match="shorter"):
        verdicts([estimate(1.0), estimate(1.0)], [MARGIN], LEVEL)
