"""Models that are linear in what is trained: no motion along the zero-loss manifold.

**Statement.** If h is linear in theta (only the output layer is trained, say), every increment is a combination of the
gradients h_a^j, which the tangent projector annihilates: P (theta' - theta) = 0 identically, for any learning rate,
noise and batch, before any average.
**Hypotheses.** Zero training error at theta*; a polynomial loss. For ReLU networks with one trained layer the same
holds as long as no pre-activation at a data point changes its sign: between the kinks h is linear in that layer.
**Source.** Blanc et al. (COLT 2020), caption of Figure 2, for ReLU networks with a single layer of trainable weights.
**Derivation.** In the increment of `update_expansion` every derivative h_a^{jk...} of second or higher order is 0. The
residual is then linear in x, so that a loss of degree d has an increment of degree d - 1 in x: nothing is cut off.
"""

from __future__ import annotations

import sympy as sp

from theory.derivation import derivation
from theory.drift import projected
from theory.index_algebra import Expr, H
from theory.rule import RESIDUAL, Rule
from theory.update_expansion import increment


def exact_order(rule: Rule) -> int:
    """Return the degree in x of the increment where h is linear in theta."""
    return int(sp.Poly(rule.loss, RESIDUAL).degree()) - 1


def linear_in_theta(expr: Expr) -> Expr:
    """Return the expression for a model whose derivatives of second and higher order vanish."""
    return expr.map(
        lambda product, c: [] if any(f.head == H and len(f.indices) > 1 for f in product) else [(product, c)]
    )


@derivation("one-layer")
def tangential_increment(rule: Rule) -> Expr:
    """Return P_ij (theta_j' - theta_j) of one step, before any average, for a model linear in theta (free index i).

    Raises:
        ValueError: If the rule has momentum or weight decay.
    """
    rule.require_plain("the tangential increment", ("full", "iid", "reshuffle"))
    return projected(linear_in_theta(increment(rule, exact_order(rule))))
