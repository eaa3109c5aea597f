import pytest
import sympy as sp
import torch
from torch.func import grad

from numerics.models import product_model
from tests.models import normal
from theory.balancedness import ERROR, imbalance_factor
from theory.rule import ETA


def test_imbalance_shrinks_by_four_eta_squared_times_the_squared_error():
    assert sp.expand(imbalance_factor() - (1 - 4 * ETA**2 * ERROR**2)) == 0


@pytest.mark.agreement("balancedness")
@pytest.mark.parametrize("seed", range(3))
def test_one_autograd_step_changes_the_imbalance_by_the_derived_factor(seed):
    theta, (target, lr) = normal(seed, 2), normal(seed + 10, 2).abs() / 4
    one = torch.ones((), dtype=torch.float64)
    after = theta - lr * grad(lambda at: (product_model(at, one) - target) ** 2)(theta)
    factor = imbalance_factor().subs({ETA: float(lr), ERROR: float(product_model(theta, one) - target)})
    before, imbalance = (float(v[0] ** 2 - v[1] ** 2) for v in (theta, after))
    assert imbalance == pytest.approx(before * float(factor), rel=1e-10)
