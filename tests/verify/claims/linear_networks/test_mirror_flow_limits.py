import numpy as np
import pytest
import torch

from verify.claim import STATED
from verify.claims.linear_networks import mirror_flow_limits
from verify.claims.linear_networks.mirror_flow_limits import (
    NUM_INPUTS,
    SCALES,
    SLOPES,
    TRUTH,
    excesses,
    least_absolute,
    limits,
    random_problem,
    shares,
)
from verify.estimate import Measurement


def test_the_smallest_l1_norm_spends_everything_on_the_best_coordinate():
    assert least_absolute(np.array([[1.0, 2.0, -4.0]]), np.array([2.0])) == pytest.approx(0.5)
    assert least_absolute(np.eye(3), np.array([1.0, -2.0, 0.0])) == pytest.approx(3.0)


def test_a_random_problem_is_fitted_by_its_two_coefficients():
    problem = random_problem(1)
    beta = torch.zeros(NUM_INPUTS, dtype=torch.float64)
    beta[: len(TRUTH)] = torch.tensor(TRUTH)
    theta = torch.cat([beta.clamp(min=0).sqrt(), (-beta).clamp(min=0).sqrt()])
    assert float(problem.residuals(theta).abs().max()) < 1e-12


def test_each_formula_has_its_own_shares_and_the_norms_come_last():
    size = len(SLOPES) * len(SCALES) + 4
    record = Measurement(np.arange(size, dtype=float), np.diag(np.arange(size, dtype=float) ** 2), 12)
    for number, formula in enumerate(SLOPES):
        found = shares({"limits": record}, formula)
        assert found.values.tolist() == [number * len(SCALES) + k for k in range(len(SCALES))]
        assert found.standard_errors.tolist() == found.values.tolist()
    assert excesses({"limits": record}, STATED).values.tolist() == [size - 4, size - 3]
    assert excesses({"limits": record}, "exchanged").values.tolist() == [size - 2, size - 1]


def test_the_steps_go_on_until_the_data_are_fitted(monkeypatch):
    problem, start = random_problem(1), torch.full((2 * NUM_INPUTS, 1), 1.0, dtype=torch.float64)
    monkeypatch.setattr(mirror_flow_limits, "TIME", 0.1)
    monkeypatch.setattr(mirror_flow_limits, "PATIENCE", 1)
    with pytest.raises(ArithmeticError, match="not fitted from every start"):
        limits(problem, start)
    monkeypatch.setattr(mirror_flow_limits, "PATIENCE", 1000)
    beta = torch.from_numpy(limits(problem, start)[:, 0])
    assert float((problem.inputs @ beta - problem.labels).square().mean()) < mirror_flow_limits.FITTED
