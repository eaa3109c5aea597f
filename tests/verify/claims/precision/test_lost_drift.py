from dataclasses import replace

import numpy as np
import pytest
import torch

from verify.claim import STATED, Context
from verify.claims.precision.lost_drift import SIZES, left

EXPERIMENT = replace(SIZES, num_replicas=256, num_steps=64)


@pytest.mark.parametrize(("push", "spread"), [(0.2, 1.0), (0.1, 0.5), (0.05, 0.25), (0.025, 0.125)])
def test_what_is_left_is_the_sum_over_the_probabilities_of_whole_units(push, spread):
    whole = torch.arange(-12, 13, dtype=torch.float64)
    below, above = (torch.special.ndtr((whole + side - push) / spread) for side in (-0.5, 0.5))
    assert left(push, spread) == pytest.approx(float((whole * (above - below)).sum()) / push, abs=1e-11)


def test_a_push_of_half_a_unit_is_refused():
    with pytest.raises(ValueError, match=r"push must be below half a unit, got 0\.5"):
        replace(EXPERIMENT, push=0.5).preflight()


def test_parameters_are_predicted_by_their_own_units_and_nothing_is_lost_in_double():
    found = EXPERIMENT.measure(STATED, Context())
    assert found.series["spread"].tolist() == [1, 0.5, 0.25, 0.125]
    stated = found.predictions[STATED]
    assert (np.diff(stated) < 0).all()
    errors = np.sqrt(np.diag(found.covariance))[:3]  # in the last one hardly any replica moves
    assert (abs(found.mean - stated)[:3] < 4.5 * errors).all()
    np.testing.assert_allclose(EXPERIMENT.measure("double", Context()).mean, 1, rtol=1e-8)
