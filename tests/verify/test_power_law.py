from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.models import tanh_place
from verify.claim import STATED, Context
from verify.experiment import World
from verify.lowering.rule import RuleChoice
from verify.power_law import LadderExperiment, log_slopes, power_law

LRS = np.array([0.01, 0.005, 0.0025, 0.001])
CHOICE = RuleChoice(noise_std=0.5)


@dataclass(frozen=True, kw_only=True)
class Ladder(LadderExperiment):
    def measure(self, world, context, lr):
        raise NotImplementedError


LADDER = Ladder(
    place=tanh_place,
    choice=CHOICE,
    lrs=(0.01, 0.005, 0.002),
    small_lrs=(0.001,),
    num_replicas=512,
    num_world_lrs=2,
    worlds={"louder": World(replace(CHOICE, noise_std=0.6))},
)


def test_an_exact_power_law_gives_its_power_for_any_errors():
    for errors in (np.full(4, 1e-3), np.array([1e-3, 1e-4, 2e-3, 1e-3])):
        found = power_law(LRS, 3.0 * LRS**0.4, errors)
        assert found.exponent == pytest.approx(0.4, rel=1e-12)
        assert found.p_value == pytest.approx(1)


def test_the_standard_error_is_that_of_a_weighted_slope():
    sizes = 3.0 * LRS**0.4
    found = power_law(LRS, sizes, 0.01 * sizes)
    logs = np.log(LRS)
    assert found.standard_error == pytest.approx(0.01 / ((logs - logs.mean()) ** 2).sum() ** 0.5)


def test_two_powers_at_once_are_no_power_law():
    sizes = LRS**0.5 + LRS
    assert power_law(LRS, sizes, 1e-4 * sizes).p_value < 1e-4


@pytest.mark.parametrize(("profile", "lrs"), [("quick", [0.01, 0.005, 0.002]), ("full", [0.01, 0.005, 0.002, 0.001])])
def test_the_larger_profiles_add_learning_rates(profile, lrs):
    assert list(LADDER.jobs(STATED, Context(profile))) == [f"lr {lr:g}" for lr in lrs]


def test_a_world_control_has_the_largest_learning_rates_only():
    assert list(LADDER.jobs("louder", Context("full"))) == ["lr 0.01", "lr 0.005"]


def test_the_ensemble_follows_the_world_and_has_one_size_in_every_profile():
    problem = tanh_place().problem
    made = {p: LADDER.replicas(problem, 0.01, Context(p), STATED) for p in ("quick", "full")}
    assert made["quick"] == made["full"]
    assert made["quick"].num_replicas == 512
    assert made["quick"].rule.noise_std == 0.5
    assert LADDER.replicas(problem, 0.01, Context(), "louder").rule.noise_std == 0.6


def test_the_second_round_has_replicas_of_its_own():
    problem = tanh_place().problem
    first, second = (LADDER.replicas(problem, 0.01, Context("full", round=r), STATED).blocks for r in (0, 1))
    assert not set(first) & set(second)


def test_slopes_of_logarithms_are_least_squares_lines_of_each_size():
    powers, noise = np.array([-2.0, 0.5]), np.random.default_rng(0).standard_normal((4, 2))
    assert log_slopes(LRS, np.log(LRS[:, None] ** powers * [3.0, 7.0])) == pytest.approx(powers, abs=1e-12)
    assert log_slopes(LRS, noise) == pytest.approx(np.polyfit(np.log(LRS), noise, 1)[0], abs=1e-12)
