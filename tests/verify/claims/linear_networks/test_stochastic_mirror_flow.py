import numpy as np
import pytest
import torch

from numerics.models import diagonal_network
from numerics.problem import Problem
from verify.claim import STATED
from verify.claims.linear_networks.stochastic_mirror_flow import FORMULAS, NUM_INPUTS, average, penalties, positions
from verify.estimate import Measurement


def test_the_stated_penalty_is_delta_times_the_weights():
    weights = np.array([1.0, 1.5, 0.5])
    found = penalties(0.2, weights)
    assert found[STATED] == pytest.approx(0.2 * weights)
    assert found["unweighted"] == pytest.approx([0.2, 0.2, 0.2])


def one_problem(offset: float, squares: tuple[float, float]) -> Measurement:
    """Return a problem whose average lies at an offset from the stated minimiser, in both directions' lengths."""
    rows = [np.array(squares) * (offset + shift) for shift in range(len(FORMULAS) + 2)]
    return Measurement(np.concatenate(rows), np.zeros((len(rows) * 2,) * 2), 1, series={"squares": np.array(squares)})


def test_positions_are_in_the_lengths_of_the_directions_and_long_ones_count_more():
    found = positions({"a": one_problem(0.1, (1.0, 3.0)), "b": one_problem(0.3, (1.0, 1.0))}, STATED)
    assert found.values == pytest.approx([0.2, 0.15])
    assert found.standard_errors == pytest.approx([0.1, 2**0.5 * (2 * 0.15**2) ** 0.5 / 4])
    assert found.targets.tolist() == [0, 0]
    assert positions({"a": one_problem(0.1, (1.0, 3.0)), "b": one_problem(0.3, (1.0, 1.0))}, FORMULAS[1]).values[
        0
    ] == pytest.approx(1.2)


def test_without_noise_the_average_is_the_limit():
    inputs = torch.randn(5, NUM_INPUTS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    problem = Problem(diagonal_network, inputs, inputs[:, 0])
    beta = average(problem, 0.01, 0.0, 50.0, 0)
    assert inputs.numpy() @ beta == pytest.approx(problem.labels.numpy(), abs=1e-6)
