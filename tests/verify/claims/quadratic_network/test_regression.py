import math

import numpy as np
import pytest
import torch
from torch.func import vmap

from verify.claim import STATED, Context
from verify.claims.quadratic_network import regression_seeds
from verify.claims.quadratic_network.regression_clock import (
    losses,
    problem,
    starts,
    without_each,
)
from verify.claims.quadratic_network.regression_lr import LRS, PICTURE
from verify.claims.quadratic_network.regression_seeds import PER_JOB, Seeds, ratios
from verify.estimate import Measurement
from verify.experiment import stream
from verify.regression import Run, end_error, outcome


def test_a_run_ends_as_published():
    assert outcome(Run(0.03)).num_steps == pytest.approx(1085, abs=3)
    assert end_error(Run(0.05)) == pytest.approx(0.205, abs=0.001)
    assert math.isnan(end_error(Run(0.12)))


def test_the_picture_has_a_height_for_each_learning_rate():
    assert len(LRS) == len(PICTURE)
    assert (LRS[0], LRS[-1]) == (0.001, 0.096)


def test_losses_are_those_of_the_problem():
    theta = starts(4, 1) + 0.3
    by_replica = [problem().residuals(at).square().mean() for at in theta.T]
    assert torch.allclose(losses(theta), torch.stack(by_replica))
    assert torch.equal(theta[:, :2], theta[:, 2:])
    assert vmap(problem().model, in_dims=(None, 0))(starts(2, 1)[:, 0], problem().inputs).abs().max() == 0


def test_a_seed_that_lets_a_run_diverge_is_left_out(monkeypatch):
    experiment = Seeds({STATED: 0.075, "wild": 1.0})
    first = stream(0, "regression seeds 0", 0.0)
    tried = []

    def end_error(run: Run) -> float:
        tried.append(run.seed - first)
        return math.nan if run.lr == 1 or (run.lr == 0.075 and run.seed == first + 1) else run.seed - first + run.lr

    monkeypatch.setattr(regression_seeds, "end_error", end_error)
    errors = experiment.measure(STATED, Context(), 0).mean.reshape(-1, 3)
    assert errors[:, 0] == pytest.approx([0.02, 2.02, 3.02, 4.02])
    assert max(tried) == PER_JOB
    with pytest.raises(ArithmeticError, match="most of the seeds"):
        experiment.measure("wild", Context(), 0)


def test_ratios_of_means_have_the_error_of_their_scatter():
    generator = np.random.default_rng(0)
    errors = np.array([0.5, 0.5, 0.02]) * generator.uniform(0.5, 1.5, size=(400, 1))
    record = Measurement(errors.ravel(), np.zeros((1200, 1200)), 400)
    found = ratios({"seeds": record}, STATED)
    assert found.values == pytest.approx([0.04, 1.0])
    assert found.standard_errors == pytest.approx([0, 0], abs=1e-12)  # a factor common to a seed's errors drops out


def test_means_without_each_pair_of_starts():
    values = torch.tensor([1.0, 2.0, 6.0, 3.0, 4.0, 8.0])
    assert np.allclose(without_each(values), [4, 5, 4.5, 2.5])  # the pairs are 2, 3, 7
