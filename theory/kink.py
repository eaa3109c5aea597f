"""The mean push along the zero-loss manifold at the kink of a ReLU unit.

**Statement.** Only the first layer is trained. At theta* the pre-activation u of one unit is 0 at one data point, whose
residual without that unit is r; the unit's output weight is c, and phi = grad u. For Gaussian x = theta - theta* of
mean 0 the mean tangential increment of one full-batch step is a multiple of P phi, and the multiple is
-(2 eta / n) c (Cov(r, u) + c Var u) / sqrt(2 pi Var u).
As Var x is of order eta, it is of order eta^(3/2), where a smooth model's drift is of order eta^2.
**Hypotheses.** The ReLU's derivative at its kink is 0; no other pre-activation at a data point is near 0; x is Gaussian
and independent of the step's label noise.
**Source.** Derived here. The convention at the kink is that of Blanc et al. (COLT 2020), Theorem 2.
**Derivation.** P annihilates every gradient at theta*, where the unit counts as off, so that the loss changes along
P phi through u alone, and only while u > 0, where the point's residual is r + c u. The step is differentiated, averaged
over the noise, and integrated over the joint density of r and u on the half-plane u > 0.
"""

from __future__ import annotations

from typing import cast

import sympy as sp

from theory.derivation import derivation
from theory.rule import ETA, RESIDUAL, N

OUTPUT_WEIGHT = sp.Symbol("c", positive=True)
"""The unit's output weight c; for c < 0 change the sign of the model and its labels."""
VARIANCE_U = sp.Symbol("v_u", positive=True)
"""Var u."""
COVARIANCE_RU = sp.Symbol("k_ru", real=True)
"""Cov(r, u)."""


@derivation("kink")
def mean_push() -> sp.Expr:
    """Return the mean increment of one step along P phi, in units of P phi."""
    r, u, noise = RESIDUAL, sp.Symbol("u", positive=True), sp.Symbol("z", real=True)
    loss_while_on = (r + OUTPUT_WEIGHT * u - noise) ** 2 / N
    push = -ETA * sp.diff(loss_while_on, u).subs(noise, 0)  # linear in the noise, whose mean is 0
    # r given u is Gaussian; its mean is all that a push linear in r needs.
    push_given_u = push.subs(r, COVARIANCE_RU / VARIANCE_U * u)
    density = sp.exp(-(u**2) / (2 * VARIANCE_U)) / sp.sqrt(2 * sp.pi * VARIANCE_U)
    return cast(sp.Expr, sp.simplify(sp.integrate(sp.expand(push_given_u) * density, (u, 0, sp.oo))))
