from functools import partial

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from numerics.drift import drift, estimate, pair_means, point_start, stationary_start
from numerics.ensemble import Ensemble, State
from numerics.models import linear_model, product_model
from numerics.problem import Problem
from numerics.update_rule import UpdateRule
from numerics.zero_loss_manifold import retract, tangent_projector
from tests.models import interpolated, normal, tanh_place

eager = partial(Ensemble, compiled=False)
RULE = UpdateRule(0.05, 0.5)
ONE = torch.ones(1, dtype=torch.float64)
PROBLEM, THETA = interpolated(product_model, ONE, torch.tensor([1.5, 0.8], dtype=torch.float64))
NUM_RUNS, NUM_REPLICAS, NUM_STEPS = 100, 32, 20


def start_root() -> Tensor:
    """Return a root of eta sigma^2 on the range of Gamma."""
    return 0.05**0.5 * 0.5 * (torch.eye(2, dtype=torch.float64) - tangent_projector(PROBLEM, THETA))


def along() -> Tensor:
    """Return the unit tangent of the hyperbola."""
    return torch.linalg.eigh(tangent_projector(PROBLEM, THETA)).eigenvectors[:, -1]


def spread_over_claim(estimates: list, direction: Tensor) -> float:
    """Return the sample variance of independent means over their mean stated variance."""
    means = torch.stack([direction @ e.mean for e in estimates])
    stated = torch.stack([direction @ e.covariance @ direction for e in estimates])
    return float(means.var() / stated.mean())


@pytest.fixture(scope="module")
def displacements() -> list[tuple[Ensemble, Tensor]]:
    """The projected motion of the replicas in independent runs."""
    runs = []
    for seed in range(NUM_RUNS):
        ensemble = eager(PROBLEM, RULE, NUM_REPLICAS, seed)
        begin = stationary_start(ensemble, THETA, start_root())
        end = ensemble.advanced(begin, NUM_STEPS)
        runs.append((ensemble, tangent_projector(PROBLEM, THETA) @ (end.theta - begin.theta) / NUM_STEPS))
    return runs


def test_standard_error_is_the_spread_of_independent_runs(displacements):
    estimates = [estimate(pair_means(ensemble, motion)) for ensemble, motion in displacements]
    # The stated variances average over 1500 degrees of freedom, the spread has 99: its own error dominates.
    low, high = chi2.interval(0.999, NUM_RUNS - 1)
    assert low / (NUM_RUNS - 1) < spread_over_claim(estimates, along()) < high / (NUM_RUNS - 1)


def test_standard_error_of_replicas_counted_singly_is_too_small(displacements):
    # Along the manifold the motion is even in the noise: a replica and its mirror are nearly one sample.
    estimates = [estimate(motion) for _, motion in displacements]
    assert spread_over_claim(estimates, along()) > chi2.isf(1e-4, NUM_RUNS - 1) / (NUM_RUNS - 1)


def test_estimator_is_the_mean_motion_of_its_pairs(displacements):
    ensemble, motion = displacements[7]
    measured = drift(ensemble, THETA, start_root(), NUM_STEPS)
    torch.testing.assert_close(measured.mean, motion.mean(1))
    assert measured.num_samples == NUM_REPLICAS // 2
    assert measured.covariance.shape == (2, 2)


def test_window_begins_after_the_discarded_steps():
    ensemble = eager(PROBLEM, RULE, 8, 0)
    begin = ensemble.advanced(stationary_start(ensemble, THETA, start_root()), 5)
    end = ensemble.advanced(begin, 10)
    expected = tangent_projector(PROBLEM, THETA) @ (end.theta - begin.theta).mean(1) / 10
    torch.testing.assert_close(drift(ensemble, THETA, start_root(), 10, discard=5).mean, expected)


def test_linear_model_does_not_drift():
    problem, theta = interpolated(linear_model, normal(0, 3, 5), normal(1, 5))
    measured = drift(eager(problem, RULE, 8, 0), theta, torch.zeros(5, 5, dtype=torch.float64), 50)
    assert float(measured.mean.abs().max()) < 1e-15  # rounding of numbers of order 1, over 50 steps
    assert float(measured.covariance.abs().max()) < 1e-30


def test_start_with_training_error_is_refused_with_its_residual():
    problem, theta = tanh_place()
    wrong = Problem(problem.model, problem.inputs, problem.labels + 0.5)
    with pytest.raises(ValueError, match=r"not on the zero-loss manifold: largest residual 5\.00e-01"):
        drift(eager(wrong, RULE, 8, 0), theta, torch.eye(12, dtype=torch.float64), 10)


def test_stationary_start_has_the_given_covariance_and_exact_pairs():
    root = normal(3, 2, 2)
    covariance = root @ root.T
    starts = stationary_start(eager(PROBLEM, RULE, 4096, 0), THETA, root).theta - THETA[:, None]
    blocks = starts.unflatten(1, (16, 2, 128))
    torch.testing.assert_close(blocks[:, :, 0], -blocks[:, :, 1], rtol=0, atol=1e-14)
    measured = blocks[:, :, 0].flatten(1)
    # Each entry of a covariance from 2048 samples errs by at most sqrt(2 / 2048) of the variances; 4.5 of these.
    scale = float(covariance.diag().max())
    torch.testing.assert_close(torch.cov(measured), covariance, rtol=0, atol=4.5 * scale * (2 / 2048) ** 0.5)


def test_stationary_start_without_covariance_is_the_point_itself():
    starts = stationary_start(eager(PROBLEM, RULE, 4, 0), THETA, torch.zeros(2, 2, dtype=torch.float64)).theta
    assert torch.equal(starts, THETA[:, None].repeat(1, 4))


def test_with_momentum_the_start_has_a_velocity():
    rule = UpdateRule(0.05, 0.5, momentum=0.5)
    root = normal(4, 4, 3)
    state = stationary_start(eager(PROBLEM, rule, 4096, 0), THETA, root)
    assert state.velocity is not None
    both = torch.cat([state.theta - THETA[:, None], state.velocity]).unflatten(1, (16, 2, 128))[:, :, 0].flatten(1)
    scale = float((root @ root.T).diag().max())
    torch.testing.assert_close(torch.cov(both), root @ root.T, rtol=0, atol=4.5 * scale * (2 / 2048) ** 0.5)


def test_pairs_are_a_replica_and_its_mirror_in_the_same_block():
    ensemble = eager(PROBLEM, RULE, 512, 0)
    replicas = torch.arange(512.0)[None]
    means = pair_means(ensemble, replicas)[0]
    assert means[:3].tolist() == [64.0, 65.0, 66.0]
    assert means[128:131].tolist() == [320.0, 321.0, 322.0]


def test_a_single_replica_has_no_pairs():
    with pytest.raises(ValueError, match="num_replicas must be even for means over pairs, got 1"):
        drift(eager(PROBLEM, RULE, 1, 0), THETA, start_root(), 10)


def test_covariance_of_the_mean_is_that_of_numpy():
    samples = normal(5, 3, 50)
    result = estimate(samples)
    torch.testing.assert_close(result.mean, samples.mean(1))
    centred = samples - samples.mean(1, keepdim=True)
    torch.testing.assert_close(result.covariance, centred @ centred.T / 49 / 50)
    assert estimate(samples[:1]).covariance.shape == (1, 1)


def test_a_root_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"root must be \[P, K\], or \[2P, K\] with momentum, for P = 2, got \[3, 1\]"):
        stationary_start(eager(PROBLEM, RULE, 4, 0), THETA, torch.zeros(3, 1, dtype=torch.float64))


def test_doubles_are_measured_as_they_are_to_the_last_bit():
    ensemble = eager(PROBLEM, RULE, 8, 0)
    begin = ensemble.advanced(State(THETA[:, None] + start_root() @ ensemble.normal(2), 0), 5)
    motion = tangent_projector(PROBLEM, THETA) @ (ensemble.advanced(begin, 10).theta - begin.theta) / 10
    pairs = motion.unflatten(1, (1, 2, 4)).mean(-2).flatten(-2)
    found = drift(ensemble, THETA, start_root(), 10, discard=5)
    assert torch.equal(found.mean, pairs.mean(-1))
    assert torch.equal(found.covariance, torch.cov(pairs) / 4)


def test_means_of_single_precision_are_those_of_the_same_numbers_in_double():
    samples = (1e4 + 1e-2 * normal(7, 2, 4096)).float()  # 10 units in the last place, on 10 million of them
    exact = estimate(samples.double())
    found = estimate(samples)
    assert torch.equal(found.mean, exact.mean)
    assert torch.equal(found.covariance, exact.covariance)
    # The mean in single precision is off by more than the error that goes with it.
    assert float(((samples.mean(1) - exact.mean).abs() / exact.covariance.diag().sqrt()).max()) > 1


def test_pairs_of_single_precision_are_averaged_in_double():
    far = torch.tensor([[1e4, 1e4 + 2**-10]]).float()
    assert pair_means(eager(PROBLEM, RULE, 2, 0), far).tolist() == [[1e4 + 2**-11]]  # no float32


def single_precision() -> tuple[Ensemble, Tensor, Tensor]:
    """Return replicas in single precision far from 0, theta* and a start's root in double."""
    linear, theta = interpolated(linear_model, normal(0, 3, 5), 1e3 + normal(1, 5))
    problem = linear.to(dtype=torch.float32)
    ensemble = eager(problem, UpdateRule(0.05, 0.5), 4096, 0)
    return ensemble, retract(problem.to(dtype=torch.float64), theta), 0.1 * torch.eye(5, dtype=torch.float64)


def test_drift_of_steps_in_single_precision_is_measured_in_double():
    ensemble, theta, root = single_precision()
    begin = stationary_start(ensemble, theta, root)
    end = ensemble.advanced(begin, 3)
    assert begin.theta.dtype == end.theta.dtype == torch.float32
    found = drift(ensemble, theta, root, 3)
    exact = tangent_projector(ensemble.problem.to(dtype=torch.float64), theta)
    expected = estimate(pair_means(ensemble, exact @ (end.theta.double() - begin.theta.double()) / 3))
    assert torch.equal(found.mean, expected.mean)
    assert torch.equal(found.covariance, expected.covariance)


def test_theta_that_is_rounded_is_refused_where_its_double_is_not():
    ensemble, theta, root = single_precision()
    with pytest.raises(ValueError, match="not on the zero-loss manifold"):
        drift(ensemble, theta.float(), root, 3)


def test_starts_in_single_precision_are_the_rounded_sums():
    ensemble, theta, root = single_precision()
    expected = (theta[:, None] + root @ ensemble.normal(5).double()).float()
    assert torch.equal(stationary_start(ensemble, theta, root).theta, expected)
    assert torch.equal(point_start(ensemble, theta).theta[:, 7], theta.float())


def test_with_momentum_a_start_in_single_precision_has_a_velocity_of_it():
    ensemble, theta, root = single_precision()
    heavy = eager(ensemble.problem, UpdateRule(0.05, 0.5, momentum=0.5), 4, 0)
    state = stationary_start(heavy, theta, torch.cat([root, root]))
    assert state.velocity is not None
    assert state.velocity.dtype == torch.float32
    assert heavy.advanced(state, 2).theta.dtype == torch.float32
