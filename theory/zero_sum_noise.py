"""Drift of full-batch steps whose label noise sums to zero over two steps: z, then -z.

**Statement.** From zero training error, two steps with noise z and then -z move theta along the zero-loss manifold, on
average and per step, by -(eta^2 / 4) P grad tr Sigma, with Sigma the covariance of the gradient noise at zero error.
**Hypotheses.** Zero training error at theta*; E l'(z) = 0, so that theta* is stationary on average; full batches.
Started at theta*, or anywhere within O(eta) of it: the displacements are of order eta (the noise's is taken back in
the next step), hence there is no stationary covariance of order eta to average over.
**Source.** Derived here.
**Derivation.** The second increment is evaluated where the first one has led: x in it is the first increment at x = 0.
Averaged over z, its lowest order in eta is projected onto the tangent space and shared by the two steps. For the
potential, tr Sigma is taken from the second moment of one increment; that it is one is checked, for every rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp

from theory.averages import NOISE, SHARED_NOISE, average_over_noise
from theory.derivation import derivation
from theory.drift import projected, simplified
from theory.index_algebra import ZERO, Expr, Product
from theory.rule import ETA, SMALL_LR, Rule
from theory.second_moments import leading
from theory.update_expansion import X, increment, mean_increment, part, second_moment_increment


@dataclass(frozen=True)
class ZeroSumDrift:
    """The mean motion per step under noise that sums to zero over two steps.

    Attributes:
        force: The mean increment per step, to leading order along the manifold, before the projection (free index j).
        drift: P_ij force_j (free index i).
        potential: (eta^2 / 4) tr Sigma: its negative gradient, projected, is the drift.
        remainder: The order of what was dropped from ``drift``.
    """

    force: Expr
    drift: Expr
    potential: Expr
    remainder: sp.Expr


@derivation("zero-sum-noise")
@cache
def zero_sum_drift(rule: Rule) -> ZeroSumDrift:
    """Derive the drift per step for noise that sums to zero over two steps, at small learning rates.

    Raises:
        ValueError: If batches are drawn, or theta* is not stationary on average.
        ArithmeticError: If a quarter of tr Sigma is not the potential.
    """
    rule.require_plain("the drift of zero-sum noise, which repeats a step's data,", ("full",))
    if mean_force := part(mean_increment(rule, 0), 0):
        raise ValueError(
            f"the label noise exerts a mean force at zero error, {mean_force.latex()}: theta* is not stationary"
        )
    first = part(increment(rule, 0), 0)  # O(eta), so x^2 in the second increment is of order eta^3
    second = composed(reflected(increment(rule, 1)), first)
    order, both = leading(average_over_noise(first + second, rule), SMALL_LR)
    force = simplified(both * sp.Rational(1, 2))
    drift = projected(force)
    variance = part(second_moment_increment(rule, 0), 0).reindexed({"k": "j"})  # eta^2 tr Sigma
    potential = variance * sp.Rational(1, 4)
    if projected(-1 * potential.derivative("j")) != drift:
        raise ArithmeticError(f"the drift {drift.latex()} is not that of a quarter of tr Sigma, {potential.latex()}")
    return ZeroSumDrift(force, drift, potential, ETA ** sp.Rational(order + SMALL_LR.lr, SMALL_LR.lr))


def composed(outer: Expr, inner: Expr) -> Expr:
    """Return ``outer`` with the vector ``inner`` (free index j) in the place of x."""

    def inserted(product: Product, coefficient: sp.Expr) -> Expr:
        places = [f.indices[0] for f in product if f.head == X]
        names = {i: i if isinstance(i, str) else f"x{i}" for i in places}
        result = Expr.of(*(f.renamed(names, {}) for f in product if f.head != X), coefficient=coefficient)
        for index in places:
            result = result * inner.reindexed({"j": names[index]})
        return result

    return sum((inserted(product, coefficient) for product, coefficient in outer.terms), ZERO)


def reflected(expr: Expr) -> Expr:
    """Return the expression with -z for z."""

    def signed(product: Product, coefficient: sp.Expr):
        yield product, coefficient * (-1) ** sum(f.head in (NOISE, SHARED_NOISE) for f in product)

    return expr.map(signed)
