import pytest
import torch

from tests.models import normal
from theory.flat_factorisation import INPUT, NUCLEAR, OUTPUT
from verify.claim import STATED
from verify.claims.linear_networks.flat_factorisation import (
    DEPTHS,
    MULTIPLES,
    check_mean,
    check_two_layer_minimum,
    check_two_layers,
    stated_minimum,
)


@pytest.mark.parametrize("seed", range(3))
def test_no_two_layers_lie_below_the_stated_multiple_of_the_nuclear_norm(seed):
    last, first = normal(seed, 4, 3), normal(seed + 10, 3, 5)
    value = 2 * (last.square().sum() + first.square().sum())
    assert value > float(MULTIPLES[STATED]) * torch.linalg.svdvals(last @ first).sum()


@pytest.mark.parametrize("depth", DEPTHS)
def test_balanced_layers_of_a_square_matrix_attain_the_stated_minimum(depth):
    # All layers are M^(1/L), M = s 1: reg is the sum of |M^((l-1)/L)|_F^2 |M^((L-l)/L)|_F^2
    size, strength = 3, 0.7
    root = strength ** (1 / depth)
    attained = sum(size * root ** (2 * (k - 1)) * size * root ** (2 * (depth - k)) for k in range(1, depth + 1))
    stated = stated_minimum(STATED, depth).subs({INPUT: size, OUTPUT: size, NUCLEAR: size * strength})
    assert float(stated) == pytest.approx(attained, rel=1e-12)


def test_the_minimum_is_linear_in_the_nuclear_norm_for_two_layers_only():
    assert [stated_minimum(STATED, depth) == stated_minimum("linear", depth) for depth in DEPTHS] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("check", "variant"),
    [(check_mean, "inner-only"), (check_two_layers, "output-only"), (check_two_layer_minimum, "frobenius")],
)
def test_wrong_variants_are_rejected_with_a_counterexample(check, variant):
    found = check(variant)
    assert not found.holds
    assert found.counterexample
