import pytest
import torch
from torch.func import grad, vmap

from numerics.weight_normalisation import DiagonalRegression, PlainFlow, WeightNormalisedFlow, limit
from tests.models import normal


def instances(depth, num_starts=2):
    matrix = normal(0, 3, 4, 9)
    truth = normal(1, 3, 9).abs()
    radius, direction = normal(2, 3, num_starts, 1).abs() + 1, normal(3, 3, num_starts, 9).abs() + 0.3
    direction = direction / direction.norm(dim=-1, keepdim=True)
    return DiagonalRegression(matrix, torch.einsum("kmn,kn->km", matrix, truth), depth), radius, direction


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("flow", [PlainFlow(), WeightNormalisedFlow(0.3)])
def test_velocities_are_the_gradients_by_autograd_at_the_flows_rates(depth, flow):
    problem, radius, direction = instances(depth)
    theta = flow.start(radius, 1.7 * direction)
    rates = torch.ones(theta.shape[-1]).double()
    rates[theta.shape[-1] - 9 :] = flow.kappa if isinstance(flow, WeightNormalisedFlow) else 1.0

    def loss(at):
        return problem.residuals(flow.weights(at)).square().sum() / 2

    assert torch.allclose(flow.velocity(problem, theta), -rates * grad(loss)(theta), rtol=1e-12)


def test_the_longest_step_is_within_twice_the_inverse_curvature_at_zero_loss():
    problem, radius, direction = instances(2)
    weights = limit(PlainFlow(), problem, radius * direction, tolerance=1e-12)
    matrix, target = problem.matrix[0], problem.target[0]
    hessian = vmap(
        torch.func.hessian(lambda w: (matrix @ w**2 - target).square().sum() / 2),
    )(weights[0])
    largest = torch.linalg.eigvalsh(hessian)[:, -1:]
    assert torch.allclose(problem.longest_step(weights)[0] * largest, torch.full_like(largest, 2.0), rtol=1e-6)


@pytest.mark.parametrize("flow", [PlainFlow(), WeightNormalisedFlow(0.3)])
def test_the_limit_fits_and_keeps_what_is_conserved(flow):
    problem, radius, direction = instances(2)
    theta = limit(flow, problem, flow.start(radius, direction), tolerance=1e-8)
    weights = flow.weights(theta)
    assert problem.relative_residual(weights).max() <= 1e-8
    last = weights.norm(dim=-1, keepdim=True)
    if isinstance(flow, WeightNormalisedFlow):
        before = direction.log() + flow.kappa * radius**2 / 2
        after = (weights / last).log() + flow.kappa * last**2 / 2
    else:
        before, after = (radius * direction).log(), weights.log()
    kernel = torch.linalg.svd(problem.matrix)[2][:, 4:]
    assert ((after - before) @ kernel.mT).abs().max() < 1e-5  # twice the step leaves 2.5e-5 and more


def test_a_flow_that_is_not_given_enough_steps_is_an_error():
    problem, radius, direction = instances(2)
    with pytest.raises(ValueError, match="after 50 steps; allow more"):
        limit(PlainFlow(), problem, radius * direction, tolerance=1e-12, max_steps=50)
