"""Diagonal networks with noise: their regulariser, the moments of a noisy step, and the stochastic mirror flow.

**Statement.** The predictor is sum_j beta_j x_j, beta_j = w_j^2, the loss (1/(4n)) sum_i (residual of datum i)^2.
(1) reg is a weighted l1 norm of beta, the weights h = diag(X^T X) up to a constant. (2) Noise z_i on the labels gives
a step D_j a variance that is proportional to h_j beta_j, noise on the gradient itself one that is the same everywhere;
E beta_j grows by that variance in each step. (3) To first order in eta, with a noise of variance ~ 1 / eta, log beta_j
drifts by -2 (X^T residual)_j and by what Ito's formula adds; for label noise that is a constant, -h_j up to a factor.
**Hypotheses.** w_j > 0; noise of mean 0, uncorrelated between labels, or between parameters.
**Source.** Pillaud-Vivien, Reygner, Flammarion (COLT 2022) for (3); derived here.
**Derivation.** Differentiate one datum's loss with respect to one w_j and to its noise, and add up over the data;
expand log (w + D)^2 to second order in D. Data enter through sums over them only: h_j, (X^T X)_jk, (X^T residual)_j.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import sympy as sp

from theory.derivation import derivation
from theory.rule import ETA, RESIDUAL, SIGMA, N

PREDICTOR = sp.Symbol("beta", positive=True)
"""beta_j."""
WEIGHT = sp.Symbol("h", positive=True)
"""h_j = sum_i x_ij^2."""
GRAM = sp.Symbol("K", real=True)
"""(X^T X)_jk of two different coordinates."""
CORRELATION = sp.Symbol("c", real=True)
"""(X^T residual)_j = sum_i x_ij (x_i . beta - y_i)."""
FIRST, SECOND = sp.symbols("w_j w_k", positive=True)
"""The parameters of two different coordinates."""
LOSS = RESIDUAL**2 / 4
"""Of one datum, averaged over the n data."""
Noise = Literal["labels", "one label", "gradient"]
"""On all labels; n times on one random label; on the gradient."""

_X, _X_SECOND = sp.symbols("x_j x_k", real=True)
_NOISE = sp.Symbol("z", real=True)
_SMALL = sp.Dummy("s", positive=True)


def _predictor(w: sp.Symbol) -> sp.Expr:
    """Return beta as a function of its parameter."""
    return w**2


def _summed(expr: sp.Expr) -> sp.Expr:
    """Return the sum over the data of a quadratic form in one datum's inputs and residual.

    Raises:
        ValueError: If another monomial occurs.
    """
    sums: dict[tuple[int, ...], sp.Expr] = {(2, 0, 0): WEIGHT, (1, 1, 0): GRAM, (1, 0, 1): CORRELATION}
    total = sp.Integer(0)
    for powers, coefficient in sp.Poly(expr, _X, _X_SECOND, RESIDUAL).terms():
        if powers not in sums:
            raise ValueError(f"expected x_j^2, x_j x_k and x_j r only, got the powers {powers} in {expr}")
        total += coefficient * sums[powers]
    return total


def _slope(w: sp.Symbol, x: sp.Symbol) -> sp.Expr:
    """Return the derivative of one datum's prediction with respect to a parameter."""
    return sp.diff(_predictor(w) * x, w)


@derivation("diagonal-regulariser")
def regulariser_share() -> sp.Expr:
    """Return what one coordinate adds to reg, the mean over the data of the squared derivative of the prediction."""
    return cast(sp.Expr, (_summed(_slope(FIRST, _X) ** 2) / N).subs(FIRST, sp.sqrt(PREDICTOR)))


class Moments(NamedTuple):
    """Mean and variance for one coordinate, and the covariance of two different ones."""

    mean: sp.Expr
    variance: sp.Expr
    covariance: sp.Expr


@derivation("diagonal-step-moments")
def step_moments(noise: Noise) -> Moments:
    """Return the moments of a step D given w, exactly; sigma is the standard deviation of the noise."""
    outer = sp.diff(LOSS, RESIDUAL).subs(RESIDUAL, RESIDUAL - _NOISE)
    first, second = (-ETA / N * outer * _slope(w, x) for w, x in ((FIRST, _X), (SECOND, _X_SECOND)))
    mean = _summed(cast(sp.Expr, first.subs(_NOISE, 0)))
    if noise == "gradient":
        return Moments(mean, (ETA * SIGMA) ** 2, sp.Integer(0))
    # n times on one label that is i with probability 1/n: E of n^2 squares / n
    times = SIGMA**2 * (1 if noise == "labels" else N)
    by_noise, by_noise_second = sp.diff(first, _NOISE), sp.diff(second, _NOISE)
    return Moments(mean, times * _summed(by_noise**2), times * _summed(by_noise * by_noise_second))


@derivation("diagonal-growth")
def growth(noise: Noise) -> sp.Expr:
    """Return E beta_j' - beta_j of one step, exactly, as a function of beta_j."""
    moments, step = step_moments(noise), sp.Dummy("D")
    change = sp.Poly(_predictor(FIRST + step) - _predictor(FIRST), step)
    powers = {1: moments.mean, 2: moments.mean**2 + moments.variance}
    total = sp.Add(*(coefficient * powers[power] for (power,), coefficient in change.terms()))
    return sp.expand(total.subs(FIRST, sp.sqrt(PREDICTOR)))


@derivation("diagonal-log-moments")
def log_moments(noise: Noise) -> Moments:
    """Return the moments of one step's change of log beta to first order in eta, the noise's variance being ~ 1/eta."""
    step = step_moments(noise)
    shift, kick = sp.Dummy("m"), sp.Dummy("u")
    moved = sp.log(_predictor(FIRST + _SMALL * kick + _SMALL**2 * shift))
    second_order = sp.expand(sp.diff(moved, _SMALL, 2).subs(_SMALL, 0) / 2)
    mean = second_order.coeff(kick, 2) * step.variance + second_order.coeff(shift, 1) * step.mean
    slope = sp.diff(sp.log(_predictor(FIRST)), FIRST)
    covariance = slope * slope.subs(FIRST, SECOND) * step.covariance
    found = (mean, slope**2 * step.variance, covariance)
    return Moments(*(sp.expand(entry.subs({FIRST: sp.sqrt(PREDICTOR)})) for entry in found))


DELTA = sp.Symbol("delta", positive=True)
"""The strength of the noise in the units of the flow."""


@derivation("stochastic-mirror-flow")
def mirror_flow() -> Moments:
    """Return the moments of d log beta per unit of time under label noise, t = eta k.

    In units that make n and eta go away: X and the labels over n^(1/2), and sigma^2 = n delta / eta.
    """
    units = {WEIGHT: N * WEIGHT, GRAM: N * GRAM, CORRELATION: N * CORRELATION, SIGMA: sp.sqrt(N * DELTA / ETA)}
    return Moments(*(sp.expand(entry.subs(units, simultaneous=True) / ETA) for entry in log_moments("labels")))


@derivation("lasso-slope")
def lasso_slope() -> sp.Expr:
    """Return the derivative of |X beta - y|^2 + delta sum_j h_j beta_j with respect to beta_j."""
    change = sp.Dummy("db")
    fit = _summed(sp.diff((RESIDUAL + _X * change) ** 2, change).subs(change, 0))
    return fit + sp.diff(DELTA * WEIGHT * PREDICTOR, PREDICTOR)
