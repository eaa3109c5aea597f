import pytest

from theory.weight_normalisation import FIRST_COORDINATE, FIRST_RADIUS, KAPPA, LAST_RADIUS
from verify.claim import STATED
from verify.claims.linear_networks.weight_norm import CLOCKS, CONDITIONS, STARTS, check_invariants


@pytest.mark.parametrize(
    ("kappa", "first", "last", "gains"), [(1.0, 1.0, 2.0, True), (0.05, 1.0, 2.0, False), (1.0, 3.0, 2.0, False)]
)
def test_the_effective_start_is_smaller_exactly_where_the_condition_is_negative(kappa, first, last, gains):
    numbers = {KAPPA: kappa, FIRST_RADIUS: first, LAST_RADIUS: last, FIRST_COORDINATE: 0.5}
    assert bool(STARTS[STATED].subs(numbers) < STARTS["plain"].subs(numbers)) == gains
    assert bool(CONDITIONS[STATED].subs(numbers) < 0) == gains


def test_a_radius_that_stays_leaves_every_start_alone():
    same = {LAST_RADIUS: FIRST_RADIUS}
    assert {start.subs(same) for start in STARTS.values()} == {FIRST_COORDINATE**2 * FIRST_RADIUS**2}


@pytest.mark.parametrize("variant", [name for name in CLOCKS if name != STATED])
def test_a_wrong_invariant_is_rejected_for_two_layers_already(variant):
    found = check_invariants(variant)
    assert not found.holds
    assert found.counterexample.startswith("L = 2: its rate is")
