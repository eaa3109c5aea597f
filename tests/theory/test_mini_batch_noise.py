import pytest
import sympy as sp
import torch
from torch.func import grad

from tests.models import normal
from theory.mini_batch_noise import SQUARES, Noise, shrinkage
from theory.noisy_mirror_flow import CORRELATION, WEIGHT
from theory.rule import ETA, SIGMA, N

SIZE = 0.3


def steps(noise: Noise, inputs: torch.Tensor, labels: torch.Tensor, w: torch.Tensor) -> list[torch.Tensor]:
    """Return the derivatives that all equally likely draws of the noise follow."""

    def total(w: torch.Tensor, weights: torch.Tensor, noises: torch.Tensor) -> torch.Tensor:
        return (weights * (inputs @ w.square() - labels - noises).square() / 4).sum()

    num_data = len(labels)
    one = torch.eye(num_data, dtype=torch.float64)
    zero, all_data = 0 * one[0], one.mean(0)
    slope = grad(total)
    if noise == "mini-batch":
        pairs = [(i, k) for i in range(num_data) for k in range(num_data)]
        return [slope(w, all_data + SIZE * (one[i] - one[k]), zero) for i, k in pairs]
    signed = [(one[i], sign * SIZE * one[i]) for i in range(num_data) for sign in (1, -1)]
    return [slope(w, all_data, zero) + slope(w, at, z) - slope(w, at, zero) for at, z in signed]


@pytest.mark.agreement("mini-batch-shrinkage")
@pytest.mark.parametrize("noise", ["mini-batch", "one label"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_shrinkage_is_the_mean_second_order_of_the_logarithm_over_all_draws(noise, seed):
    inputs, labels, w = normal(seed, 4, 3), normal(seed + 10, 4), normal(seed + 20, 3).abs() + 0.1
    draws = torch.stack(steps(noise, inputs, labels, w)) / w
    residuals = inputs @ w.square() - labels

    def log_factor(lr: torch.Tensor, j: int) -> torch.Tensor:
        return (2 * torch.log(1 - lr * draws[:, j])).mean()

    numbers = (WEIGHT, CORRELATION, SQUARES, N, ETA, SIGMA)
    formula = sp.lambdify(numbers, shrinkage(noise))
    for j in range(3):
        x = inputs[:, j]
        found = formula(*map(float, (x @ x, x @ residuals, x.square() @ residuals.square(), 4, 1, SIZE)))
        second = grad(grad(lambda lr, j=j: log_factor(lr, j)))(torch.tensor(0.0, dtype=torch.float64))
        assert found == pytest.approx(-float(second) / 2, rel=1e-10)


def test_mini_batch_noise_is_quiet_where_the_data_are_fitted_and_label_noise_is_not():
    fitted = {CORRELATION: 0, SQUARES: 0}
    assert shrinkage("mini-batch").subs(fitted) == 0
    assert shrinkage("one label").subs(fitted).is_positive


def test_a_single_datum_has_no_mini_batch_noise():
    x, r = sp.symbols("x r", real=True)
    at_one = {N: 1, CORRELATION: x * r, SQUARES: x**2 * r**2}
    assert sp.simplify(shrinkage("mini-batch").subs(at_one) - (ETA * x * r) ** 2) == 0
