"""Mini-batch noise on a diagonal network: it shrinks the start of the mirror flow, and stops where the data are fitted.

**Statement.** The predictor is sum_j beta_j x_j, beta_j = w_j^2, the loss (1/(4n)) sum_i (residual of datum i)^2. A
step with the gradient of all data and a noise made of the data multiplies w_j by 1 - eta D_j, D in the span of the
data. log beta_j moves by -2 eta D_j, which adds up to something in that span, and by -eta^2 D_j^2 + O(eta^3). A run
that comes to rest at a predictor that fits the data is hence where the noiseless flow ends from a smaller start,
beta_j(0) exp(-sum eta^2 D_j^2). The mean of eta^2 D_j^2 is the shrinkage. Noise from mini-batches, the gradient of a
random datum less that of another, adds nothing to it where all residuals are 0; label noise adds a constant.
**Hypotheses.** w_j > 0; the data of a batch are drawn uniformly and independently; second order in eta.
**Source.** The two kinds of noise are those of the code of HaoChen et al.; derived here.
**Derivation.** D_j is written down for one datum from the derivative of its loss with respect to w_j, over w_j; the
second order of 2 log(1 - eta D_j) is taken; means over the data become sums over them: h_j = sum_i x_ij^2,
c_j = sum_i x_ij r_i, q_j = sum_i x_ij^2 r_i^2.
"""

from __future__ import annotations

from typing import Literal

import sympy as sp

from theory.derivation import derivation
from theory.noisy_mirror_flow import CORRELATION, FIRST, LOSS, WEIGHT
from theory.rule import ETA, RESIDUAL, SIGMA, N

SQUARES = sp.Symbol("q", nonnegative=True)
"""q_j = sum_i x_ij^2 (x_i . beta - y_i)^2."""
Noise = Literal["mini-batch", "one label"]
"""Beside the gradient of all data: sigma times a random datum's less another's; +-sigma on one random label."""

_X = sp.Symbol("x", real=True)
_SUMS: dict[tuple[int, ...], sp.Symbol] = {(2, 0): WEIGHT, (1, 1): CORRELATION, (2, 2): SQUARES}


def _mean(expr: sp.Expr) -> sp.Expr:
    """Return the mean over the data of a polynomial in one datum's input x_ij and its residual.

    Raises:
        ValueError: If another monomial than x^2, x r or x^2 r^2 occurs.
    """
    terms = sp.Poly(expr, _X, RESIDUAL).terms()
    if any(powers not in _SUMS for powers, _ in terms):
        raise ValueError(f"expected the powers {list(_SUMS)} of x and the residual, got {expr}")
    return sp.Add(*(coefficient * _SUMS[powers] / N for powers, coefficient in terms))


@derivation("mini-batch-shrinkage")
def shrinkage(noise: Noise) -> sp.Expr:
    """Return the mean of eta^2 D_j^2, what one step takes off the logarithm of the effective start beta_j."""
    over_w = sp.diff(FIRST**2 * _X, FIRST) / FIRST
    datum = sp.diff(LOSS, RESIDUAL) * over_w
    mean = _mean(sp.expand(datum))
    if noise == "mini-batch":  # two independent draws
        variance = 2 * SIGMA**2 * (_mean(sp.expand(datum**2)) - mean**2)
    else:
        kick = sp.expand(datum.subs(RESIDUAL, RESIDUAL - SIGMA) - datum)
        variance = _mean(sp.expand(kick**2))
    factor = sp.Dummy("D")
    second_order = sp.diff(2 * sp.log(1 - ETA * factor), ETA, 2).subs(ETA, 0) / 2
    return sp.expand(-(ETA**2) * second_order.coeff(factor, 2) * (mean**2 + variance))
