import pytest
import sympy as sp

from numerics.schedule import Cosine, Exponential, Schedule, StepDecay
from theory.gamma_chain import GAMMA_EIGENVALUE as GAMMA
from theory.rule import SIGMA, N
from theory.schedule import RATIO, STEPS
from verify.claims.update_rules.schedules import BUDGETS, FIRST, LAST, SQUARES, SUM_ENHANCED, SUM_SQUARES

LENGTH, SHRINK = 20, 0.8
SIMULATED: dict[str, Schedule] = {
    "constant": lambda _: 1.0,
    "exponential": Exponential(SHRINK),
    "step": StepDecay(LENGTH),
    "cosine": Cosine(LENGTH),
}


def squares(name: str) -> float:
    return sum(SIMULATED[name](step) ** 2 for step in range(LENGTH))


@pytest.mark.parametrize("name", SIMULATED)
def test_the_sum_of_squares_is_that_of_the_simulated_schedule(name):
    stated = SQUARES["stated"][name].subs({STEPS: LENGTH, RATIO: SHRINK})
    assert float(stated) == pytest.approx(squares(name), rel=1e-12)


@pytest.mark.parametrize("variant", sorted(set(SQUARES) - {"stated"}))
def test_a_wrong_sum_of_squares_is_off_by_more_than_a_hundredth(variant):
    for name, formula in SQUARES[variant].items():
        stated = float(formula.subs({STEPS: LENGTH, RATIO: SHRINK}))
        assert stated != pytest.approx(squares(name), rel=0.01)


@pytest.mark.parametrize("variant", BUDGETS)
def test_the_budget_is_the_sum_along_the_recursion_of_the_variance(variant):
    """On one direction of curvature gamma, S' = (1 - 2 eta gamma)^2 S + 4 eta^2 gamma sigma^2 / n."""
    gamma, noise = sp.Rational(7, 10), sp.Rational(3, 20)  # noise: sigma^2 / n
    first = variance = sp.Rational(1, 8)
    total = sum_squares = enhanced = sp.Integer(0)
    for k in range(6):
        lr = sp.Rational(1, 3 + k)
        total += lr * variance
        sum_squares += lr**2
        enhanced += lr**2 * variance
        variance = (1 - 2 * lr * gamma) ** 2 * variance + 4 * lr**2 * gamma * noise
    values = {FIRST: first, LAST: variance, SUM_SQUARES: sum_squares, SUM_ENHANCED: enhanced, GAMMA: gamma}
    stated = BUDGETS[variant].subs({SIGMA: sp.sqrt(noise), N: 1}).subs(values)
    assert (sp.simplify(stated - total) == 0) is (variant == "stated")
