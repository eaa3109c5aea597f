import numpy as np
import pytest
import torch

from numerics.ensemble import Ensemble, State
from verify.claim import STATED
from verify.claims.linear_networks.diagonal_recovery import (
    LR,
    NUM_DATA,
    NUM_INPUTS,
    NUM_ONES,
    TARGETS,
    Run,
    error_left,
    predictors,
    recovery_error,
    sparse_problem,
    targets,
)
from verify.estimate import Measurement

PROBLEM, TRUTH = sparse_problem(0)
START = torch.ones(NUM_INPUTS, 1, dtype=torch.float64)


def after_one_step(run: Run) -> torch.Tensor:
    return Ensemble(PROBLEM, run.rule(NUM_DATA), 1, 0, compiled=False).advanced(State(START, 0), 1).theta[:, 0]


def test_label_noise_adds_a_sign_times_one_random_datum_times_the_parameters_to_the_whole_gradient():
    gradient = PROBLEM.inputs.T @ PROBLEM.residuals(START[:, 0]) / NUM_DATA  # of the loss / 4, at w = 1
    kick = after_one_step(Run("label", 0.7, 30)) - (1 - LR * gradient)
    kicks = LR * 0.7 * torch.cat([PROBLEM.inputs, -PROBLEM.inputs])
    assert float((kicks - kick).abs().amax(1).min()) < 1e-14


def test_spherical_noise_moves_every_parameter_by_a_normal_number_of_the_same_scale():
    kick = (after_one_step(Run("spherical", 0.7, 30)) - after_one_step(Run("none", 0.0, 30))) / (LR * 0.7)
    assert 0.8 < float(kick.std()) < 1.2  # 100 normal numbers, 3 standard errors
    assert not torch.isclose(kick.abs(), kick.abs()[0]).all()


def test_only_label_noise_has_its_learning_rate_divided():
    rules = {name: Run(name, 1.0, 300).rule(NUM_DATA) for name in ("label", "spherical", "none")}
    assert [rules["label"].lr_at(step) / LR for step in (99, 100, 200)] == pytest.approx([1, 0.1, 0.01])
    assert {rules[name].lr_at(200) for name in ("spherical", "none")} == {LR}


def test_without_noise_the_predictor_tends_to_the_projection_of_its_start():
    truth, projection, smallest = targets(PROBLEM, TRUTH)
    for target in (truth, projection, smallest):
        torch.testing.assert_close(PROBLEM.inputs @ target, PROBLEM.labels)
    (limit,) = predictors(PROBLEM, Run("none", 0.0, 3000), 0, np.array([3000]))
    # The step is finite: its factor (1 - eta g)^2 of beta is exp(-2 eta g) only to first order
    assert float((limit - projection).norm() / (projection - truth).norm()) < 0.01


def measurement(*values: float) -> Measurement:
    return Measurement(np.array(values), np.eye(len(values)) / 100, 5, series={"steps": np.array([1.0])})


def test_of_several_sizes_the_one_nearest_to_the_target_counts():
    found = {"a": measurement(4.0, 1.0, 2.0, 1.0), "b": measurement(3.0, 2.0, 1.0, 1.0)}
    assert [recovery_error(found, formula).values.tolist() for formula in TARGETS] == [[3.0], [1.0], [1.0]]


def test_what_is_left_of_the_error_is_told_for_each_size():
    found = error_left({"a": measurement(4.0, 1.0, 2.0, 1.1), "b": measurement(3.0, 2.0, 1.0, 0.9)}, STATED)
    assert found.values.tolist() == [1.1, 0.9]
    assert found.targets.tolist() == [1.0, 1.0]
    assert found.standard_errors.tolist() == pytest.approx([0.1, 0.1])
    assert TRUTH.sum() == NUM_ONES
