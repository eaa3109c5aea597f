"""The modified loss of gradient descent with noisy labels, averaged over the noise and the batch.

**Statement.** One step on the loss L_z of a batch with label noise z follows, to second order in eta, the flow of
L~_z = L_z + (eta/4) |grad L_z|^2. Its mean over noise and batch is L + sigma^2 + (eta/4) E|grad L_z|^2; for full
batches and independent noise the noise adds (eta sigma^2 / n) reg, and for one noise shared by all labels
eta sigma^2 |E_a grad h_a|^2.
**Hypotheses.** h smooth. Nothing is assumed of the errors h_a - y_a: this holds off the zero-loss manifold too.
**Source.** Derived here.
**Derivation.** Insert L_z = (1/B) sum_a loss(h_a - y_a - z_a) into the potential of `modified_potential` and average.

That the mean of the process *follows* the flow of E[L~_z] is another statement: the drift along the zero-loss manifold
comes from the stationary covariance (`drift`). `manifold_descent` is what E[L~_z] would predict for it.
"""

from __future__ import annotations

from functools import cache, reduce

import sympy as sp

from theory.averages import NOISE, SHARED_NOISE, average
from theory.derivation import derivation
from theory.drift import projected
from theory.index_algebra import ZERO, Expr
from theory.loss import PREDICTION_ERROR, at_zero_loss, with_loss
from theory.modified_potential import modified_loss
from theory.rule import ETA, RESIDUAL, Rule


def batch_loss(rule: Rule) -> Expr:
    """Return L_z, the mean loss of one batch with its label noise; the bound label stands for its draws."""
    noise = NOISE(label="a") if rule.noise.sharing == "independent" else SHARED_NOISE()
    residual = PREDICTION_ERROR - noise
    coefficients = sp.Poly(rule.loss, RESIDUAL).all_coeffs()
    return reduce(lambda value, c: value * residual + Expr.number(c), coefficients, ZERO).averaged("a")


@derivation("modified-loss")
@cache
def mean_modified_loss(rule: Rule) -> Expr:
    """Return E[L~_z] to first order in eta.

    Raises:
        ValueError: If the rule has momentum or weight decay, or reshuffles: then one step is not the unit of the mean.
    """
    rule.require_plain("the mean modified loss")
    return average(with_loss(modified_loss(1), batch_loss(rule)), rule)


@derivation("descent-of-modified-loss")
def manifold_descent(rule: Rule) -> Expr:
    """Return -eta P_ij d_j E[L~_z] where h_a = y_a (free index ``i``): the drift, if the mean followed E[L~_z]."""
    return projected(at_zero_loss(mean_modified_loss(rule).derivative("j")) * -ETA)
