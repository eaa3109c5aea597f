"""Mean-square stability of a step: up to which learning rate E[x x^T] contracts.

**Statement.** Without label noise E[x x^T] is multiplied, in one step, by a linear map. Let x lie along a gradient g_a
that is orthogonal to the gradients of all other data points, G = |g_a|^2. Then E[x x^T] stays along it and is
multiplied by 1 - 4 eta G / n + 4 eta^2 G^2 (n + B - 1) / (n^2 B) for batches of B drawn with replacement. It
contracts for eta G (n + B - 1) / (n B) < 1; for one data point the factor is (1 - 2 eta G)^2, whatever B. For full
batches it is (1 - 2 eta G / n)^2.
**Hypotheses.** h linear in theta, or linearised. The map keeps matrices positive semidefinite, so its spectral radius
belongs to such a matrix (Krein and Rutman); for orthogonal gradients the variance along the longest one decides.
**Source.** Derived here.
**Derivation.** In the equation of `stationary_covariance` at fixed learning rate put S = g g^T / G and contract both
free indices with g: every data label must be a, which costs 1/n, and every chain of gradients becomes a power of G.
"""

from __future__ import annotations

from typing import cast

import sympy as sp

from theory.derivation import derivation
from theory.index_algebra import H
from theory.rule import ETA, SMALL_NOISE, N, Rule
from theory.second_moments import S
from theory.stationary_covariance import covariance_equations

GRADIENT = sp.Symbol("G", positive=True)
"""|g_a|^2, the squared norm of a data point's gradient."""


@derivation("stability")
def orthogonal_factor(rule: Rule) -> sp.Expr:
    """Return the factor of E[(g . x)^2] in one step, for a gradient g orthogonal to all others.

    Raises:
        ValueError: If the rule has momentum or weight decay, or reshuffles.
    """
    rule.require_plain("the factor of a second moment")
    factor = sp.Integer(1)
    for term, coefficient in covariance_equations(rule, SMALL_NOISE)[S].terms:
        if any(f.head == S for f in term):
            labels = {f.label for f in term if f.label is not None}
            num_gradients = sum(f.head == H for f in term)
            factor += coefficient * GRADIENT ** sp.Rational(num_gradients, 2) / N ** len(labels)
    return cast(sp.Expr, sp.expand(factor))


def limit(factor: sp.Expr) -> sp.Expr:
    """Return the learning rate > 0 at which a factor 1 - a eta + b eta^2 of a second moment is 1 again.

    Raises:
        ValueError: If the factor is no such parabola.
    """
    constant, *rest = sp.Poly(factor, ETA).all_coeffs()[::-1]
    if constant != 1 or len(rest) != 2 or not rest[0].is_negative or rest[1].is_negative:
        raise ValueError(f"factor must be 1 - a eta + b eta^2 with a, b > 0, got {factor}")
    return cast(sp.Expr, sp.factor(-rest[0] / rest[1]))
