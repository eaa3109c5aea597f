from functools import partial

import pytest
import torch

from numerics.covariance import second_moments
from numerics.drift import point_start
from numerics.ensemble import Ensemble
from numerics.models import linear_model
from numerics.problem import Problem
from numerics.trajectory import trajectory
from numerics.update_rule import UpdateRule
from numerics.zero_loss_manifold import retract
from tests.models import interpolated, normal, tanh_place

eager = partial(Ensemble, compiled=False)


def test_second_moments_are_averages_over_observations_and_replicas():
    problem, theta = tanh_place()
    basis = torch.linalg.qr(normal(0, 12, 2)).Q
    ensemble = eager(problem, UpdateRule(0.02, 0.5), 8, 0)
    measured = second_moments(ensemble, theta, basis, burn_in=5, num_observations=3, every=2)
    visited = trajectory(ensemble, theta[:, None].repeat(1, 8), [7, 9, 11], lambda at: at) - theta[None, :, None]
    projected = torch.einsum("pk,tpr->tkr", basis, visited)
    expected = torch.einsum("tjr,tkr->jk", projected, projected) / (3 * 8)
    torch.testing.assert_close(measured.mean.reshape(2, 2), expected)
    assert measured.num_samples == 4
    assert measured.covariance.shape == (4, 4)


def test_variance_of_one_linear_parameter_is_its_closed_form():
    # x' = (1 - 2 eta) x + 2 eta sigma z has the stationary variance eta sigma^2 / (1 - eta).
    lr, std = 0.2, 0.5
    problem, theta = interpolated(
        linear_model, torch.ones(1, 1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    )
    ensemble = eager(problem, UpdateRule(lr, std), 1024, 0)
    basis = torch.ones(1, 1, dtype=torch.float64)
    measured = second_moments(ensemble, theta, basis, burn_in=40, num_observations=20, every=3)
    error = float(measured.covariance.sqrt())
    exact = lr * std**2 / (1 - lr)
    assert float(measured.mean) == pytest.approx(exact, abs=4.5 * error)  # 4.5 standard errors, fixed seed
    assert error < 0.02 * exact


def test_start_with_training_error_is_refused():
    problem, theta = tanh_place()
    wrong = Problem(problem.model, problem.inputs, problem.labels + 0.5)
    ensemble = eager(wrong, UpdateRule(0.02, 0.5), 4, 0)
    with pytest.raises(ValueError, match="not on the zero-loss manifold"):
        second_moments(ensemble, theta, torch.eye(12, dtype=torch.float64), burn_in=0, num_observations=1, every=1)


def test_squares_of_states_in_single_precision_are_summed_in_double():
    linear, theta = interpolated(linear_model, normal(0, 3, 5), 1e3 + normal(1, 5))
    problem = linear.to(dtype=torch.float32)
    theta = retract(problem.to(dtype=torch.float64), theta)
    ensemble = eager(problem, UpdateRule(0.05, 0.5), 8, 0)
    basis = torch.eye(5, dtype=torch.float64)
    measured = second_moments(ensemble, theta, basis, burn_in=5, num_observations=3, every=2)
    visited = trajectory(ensemble, point_start(ensemble, theta).theta, [7, 9, 11], lambda at: at)
    assert visited.dtype == torch.float32
    away = visited.double() - theta[None, :, None]
    squares = torch.stack([torch.einsum("jr,kr->jkr", x, x).flatten(0, 1) for x in away])
    torch.testing.assert_close(measured.mean, squares.mean((0, 2)), rtol=1e-13, atol=0)
