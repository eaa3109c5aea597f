import pytest
import sympy as sp

from theory.regulariser import REG
from theory.rule import ETA, B, N
from verify import places
from verify.claim import MeasuredClaim
from verify.claims.update_rules.linear_scaling import CLAIMS, EPOCH, FACTOR, SMALL, STEP, C, scaled


def test_scaling_multiplies_learning_rate_and_batch_at_once():
    drift = REG * (ETA**2 / B)
    assert scaled(drift, C, STEP) == REG * (C * ETA**2 / B)
    assert scaled(drift, C, EPOCH) == REG * (ETA**2 * N / B**2)
    assert scaled(drift, sp.sqrt(C), STEP) == drift


def test_the_large_batch_is_compared_with_as_many_single_samples():
    (experiment,) = (claim.experiment for claim in CLAIMS if isinstance(claim, MeasuredClaim))
    problem, theta = places.small_tanh()
    found = experiment.predictions(theta, problem, theta, experiment.lrs[0])
    assert SMALL.batch_size == 1
    assert experiment.choice.batch_size == FACTOR
    assert found["stated"] == pytest.approx(FACTOR * found["step-kept"])
    assert found["stated"] == pytest.approx(FACTOR**0.5 * found["root"])
