import numpy as np
import sympy as sp

from theory.equal_units import NUCLEAR_NORM, UNITS, floor
from theory.quadratic_network import INPUTS, STRENGTH, balance

NUMBERS = {INPUTS.symbol: 5}


def test_units_of_any_strengths_lie_above_the_floor_and_equal_ones_on_it():
    unit = sp.lambdify(STRENGTH, balance().least.subs(NUMBERS))
    least = float(floor().value.subs({**NUMBERS, UNITS: 4, NUCLEAR_NORM: 2}))
    strengths = np.random.default_rng(0).dirichlet(np.ones(4), size=100) * 2
    assert (unit(strengths).sum(1) > least).all()
    assert abs(4 * unit(0.5) / least - 1) < 1e-12


def test_more_units_have_a_lower_floor():
    values = [float(floor().value.subs({**NUMBERS, UNITS: m, NUCLEAR_NORM: 1})) for m in (1, 8)]
    assert abs(values[1] / values[0] - 0.5) < 1e-12  # m^(-1/3)
