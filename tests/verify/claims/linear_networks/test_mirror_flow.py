import math

import pytest
import sympy as sp

from theory.mirror_flow import PREDICTOR, SLOPE, START
from theory.rule import ETA
from verify.claim import STATED
from verify.claims.linear_networks import mirror_flow
from verify.claims.linear_networks.mirror_flow import FACTORS, POTENTIALS, PRINTED


def test_the_slope_of_the_printed_potential_is_the_logarithm_of_the_parameters_ratio():
    alpha, plus = 0.3, 0.8
    minus = alpha**2 / plus
    slope = sp.diff(PRINTED, PREDICTOR).subs({PREDICTOR: plus**2 - minus**2, START: alpha})
    assert float(slope) == pytest.approx(math.log(plus / minus), rel=1e-12)


def test_the_potential_starts_at_zero_and_is_even():
    value = sp.lambdify((PREDICTOR, START), PRINTED)
    assert value(0.0, 0.7) == pytest.approx(0, abs=1e-15)
    assert value(0.4, 0.7) == pytest.approx(value(-0.4, 0.7), rel=1e-12)


def test_one_step_multiplies_the_product_of_the_parameters_by_the_stated_factor():
    plus, minus, lr, slope = 0.8, 0.3, 0.05, 1.7
    moved = (plus - lr * slope * 2 * plus) * (minus + lr * slope * 2 * minus)
    assert moved / (plus * minus) == pytest.approx(float(FACTORS[STATED].subs({ETA: lr, SLOPE: slope})), rel=1e-12)


@pytest.mark.parametrize("variant", [name for name in POTENTIALS if name != STATED])
def test_a_wrong_potential_comes_with_its_difference(variant):
    found = mirror_flow.check_potential(variant)
    assert not found.holds
    assert found.counterexample.startswith("difference")
