import numpy as np
import pytest
import sympy as sp
import torch
from torch.func import hessian

from theory.balancedness import ERROR, imbalance_factor
from theory.rule import ETA
from verify.claim import STATED
from verify.claims.theorem1.limiting_path import (
    NUM_TIMES,
    SPEEDS,
    START_A,
    START_B,
    TIME,
    check_product,
    product,
    ratio_at_zero,
    sharpness,
)
from verify.claims.theorem1.paths import reg_at, reg_path
from verify.estimate import Measurement

PROBLEM, THETA = product()
START = {START_A: float(THETA[0]), START_B: float(THETA[1])}


def test_the_closed_form_is_the_trace_of_the_hessian_along_the_slow_flow():
    times = np.array([0.1, 0.3, 1.0])
    for time, theta in zip(times, reg_path(PROBLEM, THETA, times), strict=True):
        trace = torch.trace(hessian(lambda at: (PROBLEM.predictions(at) - PROBLEM.labels).square().mean())(theta))
        assert float(sharpness(STATED).subs(START | {TIME: time})) == pytest.approx(float(trace), rel=1e-3)
        assert 2 * reg_at(PROBLEM, theta) == pytest.approx(float(trace))


def test_the_speed_is_that_of_the_exact_step_with_residuals_of_variance_one():
    assert sp.expand((1 - imbalance_factor()) / ETA**2).subs(ERROR, 1) == SPEEDS[STATED]


@pytest.mark.parametrize("variant", [name for name in SPEEDS if name != STATED])
def test_another_speed_is_no_flow_of_the_derived_drift(variant):
    assert check_product(STATED).holds
    assert not check_product(variant).holds


def test_the_ratio_at_every_time_is_read_off_at_learning_rate_zero():
    flow, path = np.zeros((2, 3)), np.zeros((2, 4))
    stated = np.linspace(8, 2, NUM_TIMES)
    records = {
        f"lr {lr}": Measurement(
            stated * (1 - 2 * lr + lr**2),
            1e-6 * np.eye(NUM_TIMES),
            9,
            {STATED: stated, "half": 2 * stated},
            {"lr": np.array(lr), "time": np.arange(NUM_TIMES), "flow": flow, "path": path + lr},
        )
        for lr in (0.01, 0.02, 0.04, 0.08)
    }
    assert ratio_at_zero(records, STATED).values == pytest.approx(np.ones(NUM_TIMES))
    found = ratio_at_zero(records, "half")
    assert found.values == pytest.approx(np.full(NUM_TIMES, 0.5))
    assert found.series["path"][0, 0] == 0.08  # the run at the largest learning rate
