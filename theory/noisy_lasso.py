"""The stochastic mirror flow of a diagonal network at rest, and the Lasso that steps of finite length solve.

**Statement.** Units are those of `noisy_mirror_flow.mirror_flow`: label noise of variance delta / eta, t = eta k.
(1) Let b be the minimiser of the weighted Lasso and S its support, where (X^T (X b - y))_j is a constant c*_j. There
d log beta = -alpha X^T X (beta - b) dt + rho^(1/2) X^T dB, whose stationary law makes the beta_j independent Gamma
variables of mean b_j and variance rho / (2 alpha) b_j. (2) Steps of length eta have the same mean as the minimiser for
penalties delta h_j + eta p_j, up to O(eta^2).
**Hypotheses.** The columns of X that belong to S are independent; beta is 0 off S; noise on all labels, independent,
symmetric, of fourth cumulant kappa_4 at unit variance; the mean of log beta_j is at rest on S.
**Source.** Derived here; the flow is that of Pillaud-Vivien, Reygner, Flammarion (COLT 2022).
**Derivation.** (1) As rho X^T X does not depend on log beta, the law exp(-U) is stationary if the drift is
-rho X^T X grad U / 2, U a function of log beta: dU / d log beta_j = 2 alpha (beta_j - b_j) / rho. (2) One step
multiplies w_j by 1 - eta (c_j - kick_j); the mean of the logarithm of its square is expanded to eta^2, the kick of
order eta^(-1/2). At rest the first order gives E c_j = c*_j, and the second contains E c_j^2, which (1) gives.
"""

from __future__ import annotations

import sympy as sp

from theory.derivation import derivation
from theory.noisy_mirror_flow import CORRELATION, DELTA, FIRST, GRAM, LOSS, WEIGHT, lasso_slope, mirror_flow
from theory.rule import ETA, RESIDUAL

SPREAD = sp.Symbol("v", positive=True)
"""v_j = sum over S of (X^T X)_jk^2 b_k."""
FOURTH = sp.Symbol("s", positive=True)
"""s_j = sum_i x_ij^4."""
CUMULANT = sp.Symbol("kappa_4", real=True)
"""The fourth cumulant of the noise at unit variance; -2 for signs."""

_X, _NOISE = sp.symbols("x z", real=True)
_ROOT = sp.Dummy("r", positive=True)


@derivation("gamma-scale")
def variance_over_mean() -> sp.Expr:
    """Return Var beta_j / b_j in the stationary law on the support of the Lasso.

    Raises:
        ArithmeticError: If the flow is not that of the statement.
    """
    flow = mirror_flow()
    alpha, rho = -sp.diff(flow.mean, CORRELATION), sp.cancel(flow.covariance / GRAM)
    (at_rest,) = sp.solve(lasso_slope(), CORRELATION)
    if sp.expand(flow.mean + alpha * (CORRELATION - at_rest)) != 0 or sp.expand(flow.variance - rho * WEIGHT) != 0:
        raise ArithmeticError(f"expected a drift that is 0 at the Lasso and noise X^T dB, got {flow}")
    return sp.cancel(rho / (2 * alpha))


@derivation("lasso-log-rate")
def log_rate() -> sp.Expr:
    """Return the mean of one step's change of log beta_j over eta, given c_j, to first order in eta."""
    datum = sp.diff(LOSS, RESIDUAL).subs(RESIDUAL, RESIDUAL - _NOISE) * sp.diff(FIRST**2 * _X, FIRST) / FIRST
    kick, by_kick = sp.Dummy("u"), sp.Poly(sp.expand(datum), _X, RESIDUAL, _NOISE)
    by_correlation = by_kick.coeff_monomial(_X * RESIDUAL) * CORRELATION
    slope = by_correlation + by_kick.coeff_monomial(_X * _NOISE) * kick / _ROOT
    change = sp.series(2 * sp.log(1 - _ROOT**2 * slope), _ROOT, 0, 5).removeO()
    variance = DELTA * WEIGHT
    moments = {0: 1, 1: 0, 2: variance, 3: 0, 4: 3 * variance**2 + CUMULANT * DELTA**2 * FOURTH}
    terms = sp.Poly(sp.expand(change), kick).terms()
    mean = sp.Add(*(coefficient * moments[power] for (power,), coefficient in terms))
    return sp.expand(sp.expand(mean / _ROOT**2).subs(_ROOT, sp.sqrt(ETA)))


@derivation("lasso-penalty")
def penalty() -> sp.Expr:
    """Return the weight of beta_j in the Lasso that the mean of beta minimises, to first order in eta."""
    (at_rest,) = sp.solve(lasso_slope(), CORRELATION)
    rate = sp.Poly(log_rate(), CORRELATION)
    squares = {0: 1, 1: at_rest, 2: at_rest**2 + variance_over_mean() * SPREAD}
    correction = sp.Add(*(sp.diff(coefficient, ETA) * squares[power] for (power,), coefficient in rate.terms()))
    leading = log_rate().subs(ETA, 0)
    return sp.expand(-leading.subs(CORRELATION, 0) - ETA * correction)
