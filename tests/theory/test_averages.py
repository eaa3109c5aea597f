"""Averages over noise and draws against brute force: every sign of the noise and every draw of the data."""

from itertools import product
from math import prod

import pytest
import sympy as sp
import torch
from torch import Tensor

from tests.models import interpolated, normal
from tests.oracles import all_batches, gradients
from theory.averages import NOISE, SHARED_NOISE, average, average_over_draws, average_over_noise
from theory.index_algebra import Expr, H
from theory.rule import SIGMA, B, LabelNoise, Rule, kappa
from theory.update_expansion import X
from verify.lowering.expression import lower

STD = 0.7
TOLERANCE = 1e-12  # sums of at most 64 terms of order 1 in float64
VALUES = {SIGMA: STD, **{kappa(order): c * STD**order for order, c in {4: -2, 6: 16}.items()}}
"""Cumulants of a sign: the Taylor coefficients of log cosh."""


def h(label: str) -> Expr:
    return H(label=label)


def g(index: str, label: str) -> Expr:
    return H(index, label=label)


def z(labels: str) -> Expr:
    return prod((NOISE(label=label) for label in labels), start=Expr.number(1))


def shared(power: int) -> Expr:
    return prod([SHARED_NOISE()] * power, start=Expr.number(1))


PRODUCTS = {
    "z_a z_a g_a": (z("aa") * g("j", "a"), "a"),
    "z_a z_b g_a g_b": (z("ab") * g("j", "a") * g("k", "b"), "ab"),
    "z_a z_a z_b z_b h_a g_b": (z("aabb") * h("a") * g("j", "b"), "ab"),
    "z_a z_b z_c z_a h_a g_b g_c": (z("abca") * h("a") * g("j", "b") * g("k", "c"), "abc"),
    "z_a z_b z_c z_a g_a h_b h_c": (z("abca") * g("j", "a") * h("b") * h("c"), "abc"),
    "z_a z_b z_c z_a h_b g_c": (z("abca") * h("b") * g("k", "c"), "abc"),
    "z_a z_b z_c z_d h_a h_b h_c g_d": (z("abcd") * h("a") * h("b") * h("c") * g("j", "d"), "abcd"),
    "z_a^3 z_b^3 h_a h_b": (z("aaabbb") * h("a") * h("b"), "ab"),
    "z_a^2 z_b^4 h_a g_b": (z("aabbbb") * h("a") * g("j", "b"), "ab"),
    "z_a^2 h_b": (z("aa") * h("b"), "ab"),
    "h_a h_b g_b": (h("a") * h("b") * g("j", "b"), "ab"),
    "h_a h_b h_c h_c": (h("a") * h("b") * h("c") * h("c"), "abc"),
    "h_a h_b h_c h_d": (h("a") * h("b") * h("c") * h("d"), "abcd"),
    "z_a h_a + 2 h_b": (z("a") * h("a") + 2 * h("b"), "ab"),
}
SHARED = {
    "z^2 g_a": (shared(2) * g("j", "a"), "a"),
    "z^4 h_a h_b": (shared(4) * h("a") * h("b"), "ab"),
    "z^6 g_a": (shared(6) * g("j", "a"), "a"),
    "z h_a + z^2 h_a h_b": (shared(1) * h("a") + shared(2) * h("a") * h("b"), "ab"),
}
SAMPLINGS = [
    *(("full", 2, None), ("full", 3, None)),
    *(("iid", 2, 1), ("iid", 3, 1), ("iid", 2, 2), ("iid", 3, 2)),
    *(("reshuffle", 4, 1), ("reshuffle", 4, 2), ("reshuffle", 5, 2)),
]


def bound(expr: Expr, labels: str) -> Expr:
    for label in labels:
        expr = expr.averaged(label)
    return expr


def brute_force_mean(expr: Expr, heads: dict[int, Tensor], draws: Tensor, noise: Tensor) -> Tensor:
    """Return the mean over all batches of a sum of products, each label running over every draw of the batch."""
    total = torch.zeros(())
    for data, signs in zip(draws, noise, strict=True):
        for factors, coefficient in expr.terms:
            labels = sorted({f.label for f in factors if f.label is not None})
            for chosen in product(range(len(data)), repeat=len(labels)):
                at = dict(zip(labels, chosen, strict=True))
                value = torch.ones((), dtype=torch.float64)
                for factor in sorted(factors, key=lambda f: f.indices):
                    if factor.head == H:
                        value = torch.tensordot(value, heads[len(factor.indices)][data[at[factor.label]]], dims=0)
                    else:
                        value = value * signs[at.get(factor.label, 0)]
                total = total + value * float(coefficient) / len(data) ** len(labels)
    return total / len(draws)


@pytest.mark.parametrize(("sampling", "num_data", "batch_size"), SAMPLINGS)
@pytest.mark.parametrize("sharing", ["independent", "shared"])
def test_averages_equal_enumeration_of_all_signs_and_draws(sampling, num_data, batch_size, sharing):
    problem, theta = interpolated(lambda t, x: torch.tanh(t @ x) * t[0], normal(1, num_data, 2), normal(2, 2))
    heads = {0: problem.predictions(theta), 1: gradients(problem, theta)}
    rule = Rule(sampling=sampling, noise=LabelNoise(sharing))
    values = VALUES | {B: batch_size or num_data}
    batches = all_batches(num_data, batch_size, sharing, STD, replacement=sampling == "iid")
    for name, (unbound, labels) in (PRODUCTS if sharing == "independent" else SHARED).items():
        expr = bound(unbound, labels)
        mean = average(expr, rule)
        indices = "".join(sorted(expr.free_indices))
        lowered = lower(mean, problem, theta, indices=indices, values=values)
        torch.testing.assert_close(
            lowered, brute_force_mean(expr, heads, *batches), rtol=TOLERANCE, atol=TOLERANCE, msg=name
        )


def test_enumeration_tells_iid_draws_from_a_full_batch():
    problem, theta = interpolated(lambda t, x: torch.tanh(t @ x) * t[0], normal(1, 3, 2), normal(2, 2))
    expr = bound(h("a") * h("b"), "ab")
    iid = brute_force_mean(expr, {0: problem.predictions(theta)}, *all_batches(3, 2, "independent", STD))
    as_if_full = lower(average(expr, Rule(sampling="full")), problem, theta)
    assert abs(iid - as_if_full) > 1e-3


def test_merging_two_noises_costs_one_over_the_batch_size():
    expr = bound(z("ab") * g("j", "a") * g("k", "b"), "ab")
    merged = (g("j", "a") * g("k", "a")).averaged("a")
    assert average_over_noise(expr, Rule()) == merged * (SIGMA**2 / B)


def test_shared_noise_merges_nothing():
    expr = shared(2) * bound(g("j", "a") * g("k", "b"), "ab")
    unmerged = bound(g("j", "a") * g("k", "b"), "ab")
    assert average_over_noise(expr, Rule(noise=LabelNoise("shared"))) == unmerged * SIGMA**2


def test_single_draws_always_coincide():
    expr = average_over_draws(bound(h("a") * h("b"), "ab"), Rule())
    assert expr.coefficients(lambda c: c.subs(B, 1)) == (h("a") * h("a")).averaged("a")


def test_iid_weights_of_a_product_add_up_to_one():
    expr = average_over_draws(bound(h("a") * h("b") * h("c") * h("d"), "abcd"), Rule())
    assert len(expr.terms) == 5  # one per partition of 4 into a sum
    assert sp.expand(sum(c for _, c in expr.terms)) == 1


def test_full_batches_hold_the_data_themselves():
    expr = bound(h("a") * h("b"), "ab")
    assert average_over_draws(expr, Rule(sampling="full")) == expr


def test_odd_moments_vanish_only_for_symmetric_noise():
    cube = z("aaa").averaged("a")
    assert not average_over_noise(cube, Rule())
    assert average_over_noise(cube, Rule(noise=LabelNoise(symmetric=False))) == Expr.number(kappa(3))


def test_fourth_moment_is_its_cumulants():
    fourth = z("aaaa").averaged("a")
    assert average_over_noise(fourth, Rule()) == Expr.number(kappa(4) + 3 * SIGMA**4)


def test_quantities_without_noise_are_left_alone_by_the_noise_average():
    expr = X("j") * bound(h("a") * h("b"), "ab")
    assert average_over_noise(expr, Rule()) == expr
