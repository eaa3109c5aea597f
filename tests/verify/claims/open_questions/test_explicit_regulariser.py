import numpy as np
import pytest
import torch

from numerics.replica_blocks import REPLICAS_PER_BLOCK
from verify.claims.open_questions.explicit_regulariser import NUM_GROUPS, groups, powers
from verify.estimate import Measurement


def record(lr, steps, drift):
    return Measurement(
        np.log([steps]), np.full((1, 1), 1e-4), 16, series={"lr": np.array(lr), "drift": np.array(drift)}
    )


def test_the_powers_of_exact_power_laws():
    laws = {"noise": lambda lr: 3 / lr**2, "explicit": lambda lr: 20 / lr}
    drifts = {"noise": lambda lr: 2 * lr**2, "explicit": lambda lr: 0.3 * lr}
    lrs = (0.02, 0.01, 0.005)
    records = {f"{way}, lr {lr}": record(lr, laws[way](lr), drifts[way](lr)) for way in laws for lr in lrs}
    estimate = powers(records, "stated")
    np.testing.assert_allclose(estimate.values, [-1, -2, -1], atol=1e-12)
    assert estimate.standard_errors[0] == pytest.approx(2**0.5 * estimate.standard_errors[1])


@pytest.mark.parametrize("num_blocks", [1, 2])
def test_a_group_holds_whole_antithetic_pairs(num_blocks):
    half = torch.arange(REPLICAS_PER_BLOCK // num_blocks, dtype=torch.float64)
    means = groups(torch.cat([half, -half] * num_blocks), 2 * len(half))
    assert means.tolist() == [0.0] * (2 * NUM_GROUPS)
