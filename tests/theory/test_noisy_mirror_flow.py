from itertools import product
from typing import NamedTuple, get_args

import pytest
import sympy as sp
import torch
from torch import Tensor
from torch.func import grad, jacrev

from tests.models import normal
from theory import noisy_mirror_flow
from theory.noisy_mirror_flow import (
    CORRELATION,
    DELTA,
    FIRST,
    GRAM,
    PREDICTOR,
    SECOND,
    WEIGHT,
    Noise,
    growth,
    lasso_slope,
    log_moments,
    mirror_flow,
    regulariser_share,
    step_moments,
)
from theory.rule import ETA, RESIDUAL, SIGMA, N

NUM_DATA, STD = 3, 0.7
every_noise = pytest.mark.parametrize("noise", get_args(Noise))
three_places = pytest.mark.parametrize("seed", range(3))


class Place(NamedTuple):
    inputs: Tensor
    labels: Tensor
    w: Tensor

    def loss(self, w: Tensor, noise: Tensor | float = 0.0) -> Tensor:
        return (self.inputs @ (w * w) - self.labels - noise).square().mean() / 4

    def values(self, lr: float, std: float) -> dict[sp.Symbol, float]:
        beta, residual = self.w.square(), self.inputs @ self.w.square() - self.labels
        gram = self.inputs.T @ self.inputs
        symbols = (FIRST, SECOND, PREDICTOR, WEIGHT, GRAM, CORRELATION, ETA, SIGMA, N)
        numbers = (*self.w.tolist(), beta[0], gram[0, 0], gram[0, 1], self.inputs[:, 0] @ residual, lr, std, NUM_DATA)
        return {symbol: float(number) for symbol, number in zip(symbols, numbers, strict=True)}

    def steps(self, noise: str, lr: float, std: float) -> Tensor:
        """Return every step that the noise's signs and places can make, all equally likely."""
        gradient = grad(self.loss)
        if noise == "labels":
            draws = [std * torch.tensor(z).double() for z in product((-1, 1), repeat=NUM_DATA)]
            return torch.stack([-lr * gradient(self.w, z) for z in draws])
        if noise == "one label":
            draws = [sign * std * NUM_DATA * row for sign in (-1, 1) for row in torch.eye(NUM_DATA).double()]
            return torch.stack([-lr * gradient(self.w, z) for z in draws])
        draws = [std * torch.tensor(z).double() for z in product((-1, 1), repeat=2)]
        return torch.stack([-lr * (gradient(self.w) + z) for z in draws])


def place(seed: int) -> Place:
    return Place(normal(seed, NUM_DATA, 2), normal(seed + 10, NUM_DATA), normal(seed + 20, 2).abs() + 0.3)


def moments(samples: Tensor) -> list[float]:
    """Return mean and variance of the first column and its covariance with the second."""
    centred = samples - samples.mean(0)
    covariance = centred.T @ centred / len(samples)
    return [float(samples[:, 0].mean()), float(covariance[0, 0]), float(covariance[0, 1])]


def numbers(expressions, values: dict[sp.Symbol, float]) -> list[float]:
    return [float(expr.subs(values)) for expr in expressions]


@three_places
@pytest.mark.agreement("diagonal-regulariser")
def test_regulariser_is_the_mean_squared_derivative_of_autograd(seed):
    at = place(seed)
    slopes = jacrev(lambda w: at.inputs @ (w * w))(at.w)
    assert numbers([regulariser_share()], at.values(0, 0)) == pytest.approx([float(slopes[:, 0].square().mean())])


@three_places
@every_noise
@pytest.mark.agreement("diagonal-step-moments")
def test_moments_of_a_step_are_those_of_all_its_draws(seed, noise):
    at = place(seed)
    derived = numbers(step_moments(noise), at.values(0.1, STD))
    assert derived == pytest.approx(moments(at.steps(noise, 0.1, STD)), rel=1e-10, abs=1e-14)


@three_places
@every_noise
@pytest.mark.agreement("diagonal-growth")
def test_growth_is_the_mean_change_of_the_squared_parameter(seed, noise):
    at = place(seed)
    after = at.w + at.steps(noise, 0.1, STD)
    change = float((after.square() - at.w.square())[:, 0].mean())
    assert numbers([growth(noise)], at.values(0.1, STD)) == pytest.approx([change], rel=1e-10)


def at_small_lr(rates) -> list[float]:
    """Return a function of the learning rate at 0, to second order."""
    coarse, fine = (torch.tensor(rates(lr)) for lr in (2e-5, 1e-5))
    return (2 * fine - coarse).tolist()


@three_places
@every_noise
@pytest.mark.agreement("diagonal-log-moments")
def test_log_moments_are_those_of_all_draws_at_a_small_learning_rate(seed, noise):
    at = place(seed)

    def rates(lr: float) -> list[float]:
        logs = (at.w + at.steps(noise, lr, STD / lr**0.5)).square().log() - at.w.square().log()
        return [value / lr for value in moments(logs)]

    derived = [value / 1e-5 for value in numbers(log_moments(noise), at.values(1e-5, STD / 1e-5**0.5))]
    assert derived == pytest.approx(at_small_lr(rates), rel=1e-6, abs=1e-6)


@three_places
@pytest.mark.agreement("stochastic-mirror-flow")
def test_mirror_flow_is_what_small_steps_do_in_its_units(seed):
    at = place(seed)
    large = at._replace(inputs=at.inputs * NUM_DATA**0.5, labels=at.labels * NUM_DATA**0.5)

    def rates(lr: float) -> list[float]:
        steps = large.steps("labels", lr, (NUM_DATA * STD / lr) ** 0.5)
        return [value / lr for value in moments((at.w + steps).square().log() - at.w.square().log())]

    derived = numbers(mirror_flow(), at.values(0, 0) | {DELTA: STD})
    assert derived == pytest.approx(at_small_lr(rates), rel=1e-6, abs=1e-6)


@three_places
@pytest.mark.agreement("lasso-slope")
def test_lasso_slope_is_that_of_autograd(seed):
    at = place(seed)
    weights = at.inputs.square().sum(0)

    def objective(beta: Tensor) -> Tensor:
        return (at.inputs @ beta - at.labels).square().sum() + 0.3 * weights @ beta

    slope = float(grad(objective)(at.w.square())[0])
    assert numbers([lasso_slope()], at.values(0, 0) | {DELTA: 0.3}) == pytest.approx([slope], rel=1e-10)


def test_another_sum_over_the_data_is_refused():
    with pytest.raises(ValueError, match=r"expected x_j\^2, x_j x_k and x_j r only"):
        noisy_mirror_flow._summed(RESIDUAL**2)
