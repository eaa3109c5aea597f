from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch
from torch.func import grad, vmap

from theory.kink import COVARIANCE_RU, OUTPUT_WEIGHT, VARIANCE_U, mean_push
from theory.rule import ETA, N

LR = 0.05


def integrated_push(weight: float, covariance: np.ndarray, num_data: int) -> float:
    """Return E[-lr d/du (r + c relu(u))^2 / n] over the Gaussian (r, u), by quadrature of autograd's gradient."""

    def loss(point: torch.Tensor) -> torch.Tensor:
        return (point[0] + weight * torch.relu(point[1])) ** 2 / num_data

    std_u = covariance[1, 1] ** 0.5
    std_r = (covariance[0, 0] - covariance[0, 1] ** 2 / covariance[1, 1]) ** 0.5
    nodes, weights = np.polynomial.legendre.leggauss(80)
    spread, spread_weights = np.polynomial.hermite_e.hermegauss(8)
    total = 0.0
    for side in (-1, 1):
        u = side * 5 * std_u * (1 + nodes)  # half the line, to ten standard deviations
        density = 5 * std_u * weights * np.exp(-(u**2) / (2 * std_u**2)) / (2 * np.pi * std_u**2) ** 0.5
        r = covariance[0, 1] / covariance[1, 1] * u[:, None] + std_r * spread[None, :]
        points = torch.tensor(np.stack([r.ravel(), np.repeat(u, len(spread))], axis=1))
        gradients = vmap(grad(loss))(points)[:, 1].numpy().reshape(r.shape)
        total += density @ (-LR * gradients) @ spread_weights / (2 * np.pi) ** 0.5
    return float(total)


@pytest.mark.agreement("kink")
@pytest.mark.parametrize("seed", range(3))
def test_the_push_is_the_integral_of_the_autograd_gradient(seed):
    generator = np.random.default_rng(seed)
    root = generator.standard_normal((2, 2))
    covariance, weight, num_data = root @ root.T, float(generator.uniform(0.3, 2)), int(generator.integers(1, 6))
    values = {
        ETA: LR,
        N: num_data,
        OUTPUT_WEIGHT: weight,
        VARIANCE_U: covariance[1, 1],
        COVARIANCE_RU: covariance[0, 1],
    }
    assert float(mean_push().subs(values)) == pytest.approx(integrated_push(weight, covariance, num_data), rel=1e-10)


def test_the_push_turns_the_unit_off_and_grows_with_the_square_of_its_weight():
    push = mean_push().subs(COVARIANCE_RU, 0)
    assert push.is_negative
    assert sp.simplify(push.subs(OUTPUT_WEIGHT, 2 * OUTPUT_WEIGHT) / push) == 4
