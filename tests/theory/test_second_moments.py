import pytest
import sympy as sp

from theory.index_algebra import H
from theory.rule import BETA, ETA, HEAVY_BALL, NESTEROV, SIGMA, SMALL_LR, SMALL_NOISE, N, Rule
from theory.second_moments import C, S, V, W, effective_step, leading, moment_changes, with_moments
from theory.update_expansion import X

GAMMA = (H("j", label="a") * H("k", label="a")).averaged("a")


def test_pairs_become_moments_and_single_ones_vanish():
    assert with_moments(X("j") * X("k")) == S("j", "k")
    assert with_moments(X("j") * V("k")) == C("j", "k")
    assert with_moments(V("j") * X("k")) == C("k", "j")
    assert with_moments(V("j") * V("k")) == W("j", "k")
    assert with_moments(X("j") + H("j", label="a")) == H("j", label="a")


def test_leading_terms_are_those_of_lowest_order():
    order, terms = leading(S("j", "k") * ETA + GAMMA * ETA, SMALL_LR)
    assert (order, terms) == (2, GAMMA * ETA)


@pytest.mark.parametrize("momentum", [HEAVY_BALL, NESTEROV], ids=lambda m: m.name)
def test_velocities_are_smaller_by_one_order_of_the_learning_rate(momentum):
    for moment, change in moment_changes(Rule(sampling="full", momentum=momentum)).items():
        order, terms = leading(change, SMALL_LR)
        assert order == 4
        assert moment == C or any(f.head == moment for product, _ in terms.terms for f in product)
        assert leading(change, SMALL_NOISE)[0] == 2


def test_without_momentum_there_is_one_moment():
    assert set(moment_changes(Rule())) == {S}


def test_velocity_of_a_heavy_ball_forgets_and_is_kicked():
    change = moment_changes(Rule(sampling="full", momentum=HEAVY_BALL))[W]
    at_rest = change.map(lambda product, c: [(product, c)] if all(f.head != S and f.head != C for f in product) else [])
    assert at_rest == W("j", "k") * (BETA**2 - 1) + GAMMA * (4 * ETA**2 * SIGMA**2 / N)


@pytest.mark.parametrize("momentum", [HEAVY_BALL, NESTEROV], ids=lambda m: m.name)
def test_a_constant_force_moves_as_many_plain_steps_as_the_engine_says(momentum):
    # The rule itself, iterated with D = 1: theta gains 1 / (1 - beta) a step once the velocity has settled.
    theta, velocity = sp.Integer(0), sp.Integer(0)
    path = [theta]
    for _ in range(60):
        velocity = sp.Rational(1, 2) * velocity + 1
        theta = theta + momentum.of_velocity.subs(BETA, sp.Rational(1, 2)) * velocity + momentum.of_step
        path.append(theta)
    settled = float(path[-1] - path[-2])
    assert settled == pytest.approx(float(effective_step(Rule(momentum=momentum)).subs(BETA, sp.Rational(1, 2))), 1e-15)
    assert effective_step(Rule()) == 1
