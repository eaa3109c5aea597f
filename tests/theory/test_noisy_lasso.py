from itertools import product

import pytest
import sympy as sp
import torch
from torch.func import grad, hessian, jacfwd

from tests.models import normal
from theory.noisy_lasso import CUMULANT, FOURTH, SPREAD, log_rate, penalty, variance_over_mean
from theory.noisy_mirror_flow import CORRELATION, DELTA, WEIGHT
from theory.rule import ETA

STRENGTH = 0.3


@pytest.mark.agreement("gamma-scale")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_independent_gamma_variables_solve_the_stationary_fokker_planck_equation(seed):
    inputs, labels = normal(seed, 4, 3), normal(seed + 10, 4)
    gram, weights = inputs.T @ inputs, inputs.square().sum(0)
    shift = inputs.T @ labels - STRENGTH * weights / 2
    mean = torch.linalg.solve(gram, shift)  # where the Lasso's slope is 0; its sign does not matter to the equation
    scale = float(variance_over_mean().subs(DELTA, STRENGTH))

    def density(log_beta: torch.Tensor) -> torch.Tensor:
        return torch.exp(((mean * log_beta - torch.exp(log_beta)) / scale).sum())

    def flux(log_beta: torch.Tensor) -> torch.Tensor:
        drift = -2 * inputs.T @ (inputs @ torch.exp(log_beta) - labels) - STRENGTH * weights
        return drift * density(log_beta) - 2 * STRENGTH * gram @ grad(density)(log_beta)

    at = 0.3 * normal(seed + 20, 3)
    size = 2 * STRENGTH * (gram * hessian(density)(at)).abs().sum()
    assert abs(float(torch.trace(jacfwd(flux)(at)) / size)) < 1e-10


@pytest.mark.agreement("lasso-log-rate")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_mean_rate_of_the_logarithm_is_that_over_all_signs_of_the_noise(seed):
    x, residuals = normal(seed, 4), normal(seed + 10, 4)
    signs = torch.tensor(list(product((1.0, -1.0), repeat=4)), dtype=torch.float64)

    def mean_change(root: torch.Tensor) -> torch.Tensor:
        kicks = STRENGTH**0.5 * signs @ x
        return (2 * torch.log(1 - root**2 * (x @ residuals) + root * kicks)).mean()

    derivatives, zero = [mean_change], torch.tensor(0.0, dtype=torch.float64)
    for _ in range(4):
        derivatives.append(grad(derivatives[-1]))
    numbers = {CORRELATION: x @ residuals, WEIGHT: x @ x, FOURTH: x.pow(4).sum(), DELTA: STRENGTH, CUMULANT: -2}
    rate = log_rate().subs({symbol: float(number) for symbol, number in numbers.items()})
    assert float(rate.subs(ETA, 0)) == pytest.approx(float(derivatives[2](zero)) / 2, rel=1e-10)
    assert float(sp.diff(rate, ETA)) == pytest.approx(float(derivatives[4](zero)) / 24, rel=1e-10)


def mean_at_rest(lr: float, label: float) -> float:
    """Return E beta for one parameter, one datum x = 1 and signs, from the law of log beta on a fine grid."""
    grid = torch.linspace(-5.0, 1.5, 1500, dtype=torch.float64)
    beta, spacing = torch.exp(grid), grid[1] - grid[0]
    transition = torch.zeros(len(grid), len(grid), dtype=torch.float64)
    for sign in (1.0, -1.0):
        kick = sign * (STRENGTH / lr) ** 0.5
        places = (grid + 2 * torch.log(1 - lr * (beta - label - kick)) - grid[0]) / spacing
        # Cubic interpolation keeps mean and variance of where a step leads
        first = places.floor().long().clamp(1, len(grid) - 3)
        offset = places - first
        for k in (-1, 0, 1, 2):
            others = [m for m in (-1, 0, 1, 2) if m != k]
            weight = torch.stack([(offset - m) / (k - m) for m in others]).prod(0)
            transition[torch.arange(len(grid)), first + k] += weight / 2
    matrix = transition.T - torch.eye(len(grid), dtype=torch.float64)
    matrix[0] = 1.0
    right = torch.zeros(len(grid), dtype=torch.float64)
    right[0] = 1.0
    return float(torch.linalg.solve(matrix, right) @ beta)


@pytest.mark.agreement("lasso-penalty")
def test_the_mean_at_rest_of_one_parameter_moves_as_the_penalty_says():
    label = 2.0
    lasso = label - STRENGTH / 2
    change = penalty().subs({WEIGHT: 1, FOURTH: 1, SPREAD: lasso, DELTA: STRENGTH, CUMULANT: -2})
    predicted = -float(sp.diff(change, ETA)) / 2
    slopes = [(mean_at_rest(lr, label) - lasso) / lr for lr in (0.02, 0.01)]
    assert 2 * slopes[1] - slopes[0] == pytest.approx(predicted, rel=0.02)  # what the second order leaves


def test_the_leading_penalty_is_the_flows():
    assert sp.expand(penalty().subs(ETA, 0) - DELTA * WEIGHT) == 0
