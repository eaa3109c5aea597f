import numpy as np
import pytest
import torch

from tests.models import normal
from theory.noisy_mirror_flow import PREDICTOR, WEIGHT
from theory.rule import ETA, SIGMA, N
from verify.claim import STATED
from verify.claims.linear_networks.diagonal_noise import GROWTHS, POTENTIALS, check_growth, growth_ratios
from verify.estimate import Measurement

LR, STD = 0.01, 0.7


def test_the_mean_over_all_noisy_labels_grows_as_stated():
    inputs, w = normal(1, 4, 3), normal(2, 3).abs()
    kicks = LR * STD * torch.cat([inputs, -inputs]) * w  # the gradient of all data is 0
    growth = ((w + kicks).square() - w.square()).mean(0)
    for j in range(3):
        numbers = {ETA: LR, SIGMA: STD, N: 4, WEIGHT: float(inputs[:, j].square().sum()), PREDICTOR: float(w[j]) ** 2}
        assert float(GROWTHS[STATED][0].subs(numbers)) == pytest.approx(float(growth[j]), rel=1e-10)


def test_what_grows_and_what_pulls_are_four_to_one():
    assert GROWTHS[STATED][0] == 4 * POTENTIALS[STATED]


@pytest.mark.parametrize("variant", [name for name in GROWTHS if name != STATED])
def test_other_growths_are_rejected(variant):
    assert not check_growth(variant).holds


def test_ratios_are_in_units_of_the_formula():
    record = Measurement(np.array([3.0]), np.array([[0.04]]), 7, {STATED: np.array([2.0]), "half": np.array([1.0])})
    assert growth_ratios({"label": record}, STATED).values == pytest.approx([1.5])
    assert growth_ratios({"label": record}, "half").standard_errors == pytest.approx([0.2])
