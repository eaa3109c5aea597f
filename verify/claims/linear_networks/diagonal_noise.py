"""Diagonal networks with noise, exactly: what label noise pulls at, and what spherical noise does instead.

Both are the noise of HaoChen et al.: +-delta on one random label, beside the gradient of all data; and delta times a
standard normal number on each derivative. Here sigma is their delta.
"""

from __future__ import annotations

from typing import cast

import sympy as sp

from theory.drift import derive
from theory.noisy_mirror_flow import (
    CORRELATION,
    FIRST,
    LOSS,
    PREDICTOR,
    WEIGHT,
    growth,
    regulariser_share,
    step_moments,
)
from theory.regulariser import REG
from theory.rule import ETA, SIGMA, SMALL_LR, N, Rule
from verify.claim import STATED, Control, Exact, ExactClaim, Source

STEP2 = (ETA * SIGMA) ** 2
REGULARISERS = {
    STATED: 4 * WEIGHT * PREDICTOR / N,
    "unweighted": 4 * PREDICTOR,
    "least-squares": 4 * WEIGHT * PREDICTOR**2 / N,
    "half": 2 * WEIGHT * PREDICTOR / N,
}
"""The share of one coordinate."""
POTENTIALS = {
    STATED: STEP2 * WEIGHT * PREDICTOR / (4 * N),
    "all-labels": STEP2 * WEIGHT * PREDICTOR / (4 * N**2),
    "unit-loss": STEP2 * WEIGHT * PREDICTOR / N,
    "whole": STEP2 * WEIGHT * PREDICTOR / (2 * N),
}
SHARES = {STATED: (sp.Rational(1, 4), 0), "half": (sp.Rational(1, 2), 0), "spherical-too": (sp.Rational(1, 4), 1)}
"""Potential over the variance of a step's noise, and the derivative of spherical noise's own, over eta^2 sigma^2."""
GROWTHS = {
    STATED: (STEP2 * WEIGHT * PREDICTOR / N, STEP2),
    "exchanged": (STEP2, STEP2 * WEIGHT * PREDICTOR / N),
    "unbiased": (sp.Integer(0), sp.Integer(0)),
    "twice": (2 * STEP2 * WEIGHT * PREDICTOR / N, 2 * STEP2),
}
"""Of label noise and of spherical noise."""


def check_regulariser(variant: str) -> Exact:
    """Compare a coordinate's share of reg with the derived one."""
    return Exact.equality(REGULARISERS[variant], regulariser_share())


def derived_potential() -> sp.Expr:
    """Return a coordinate's share of the potential that the engine finds, for noise on one random label.

    Raises:
        ArithmeticError: If the potential is no multiple of reg.
    """
    potential = derive(Rule(loss=LOSS, sampling="full"), SMALL_LR).potential
    if potential is None or len(potential.terms) != 1 or potential != potential.terms[0][1] * REG:
        raise ArithmeticError("the potential is no multiple of reg")
    # n sigma on one label that is i with probability 1/n: every label has the variance n sigma^2
    factor = cast(sp.Expr, potential.terms[0][1]).subs(SIGMA**2, N * SIGMA**2)
    return factor * regulariser_share()


def check_potential(variant: str) -> Exact:
    """Compare a coordinate's share of the potential of the drift with the derived one."""
    return Exact.equality(POTENTIALS[variant], derived_potential())


def check_variance(variant: str) -> Exact:
    """Compare the potential with the variance of a step, and the derivative of spherical noise's variance."""
    share, slope = SHARES[variant]
    label, spherical = (step_moments(noise).variance for noise in ("one label", "gradient"))
    stated = share * label.subs(FIRST, sp.sqrt(PREDICTOR))
    return Exact.equalities([(stated, derived_potential()), (slope * STEP2, sp.diff(spherical, FIRST))])


def check_growth(variant: str) -> Exact:
    """Compare the mean growth of beta_j in one step at zero training error with the derived one."""
    derived = [growth(noise).subs(CORRELATION, 0) for noise in ("one label", "gradient")]
    return Exact.equalities(list(zip(GROWTHS[variant], derived, strict=True)))


OWN = Source("implicit-reg", "derived here")
SOURCE = Source("haochen2021", "Abstract")
NETWORK = "f = <w^2, x>, per-sample loss (f - y)^2 / 4; beta = w^2, h = diag(X^T X)"
NOISE = "+-sigma on one random label beside the gradient of all data"
CLAIMS = (
    ExactClaim(
        id="diagonal.regulariser",
        title="The regulariser of a diagonal network",
        statement="reg = (4/n) sum_j h_j beta_j, a weighted l1 norm of the predictor.",
        source=OWN,
        hypotheses=(NETWORK,),
        items=("pillaudvivien2022: weights",),
        method="all dimensions",
        check=check_regulariser,
        controls=(
            Control("unweighted", "formula", "4 sum_j beta_j"),
            Control("least-squares", "formula", "beta_j^2 for beta_j"),
            Control("half", "formula", "half of it"),
        ),
    ),
    ExactClaim(
        id="diagonal.label-noise-drift",
        title="What label noise pulls a diagonal network to",
        statement="To leading order in eta, the drift per step on the zero-loss manifold is minus the projected "
        "gradient of eta^2 sigma^2 / (4 n) sum_j h_j beta_j.",
        source=OWN,
        hypotheses=(NETWORK, NOISE),
        method="all dimensions",
        check=check_potential,
        controls=(
            Control("all-labels", "formula", "as for independent noise +-sigma on all labels"),
            Control("unit-loss", "formula", "as for the loss (f - y)^2 / 2"),
            Control("whole", "formula", "twice it"),
        ),
    ),
    ExactClaim(
        id="diagonal.noise-variance",
        title="Label noise prefers small noise variance; spherical noise has the same variance everywhere",
        statement="The potential of the drift is a quarter of the variance of a step's noise; the variance of "
        "spherical noise does not depend on the place.",
        source=SOURCE,
        hypotheses=(NETWORK, NOISE, "spherical: sigma times a standard normal number on each derivative"),
        items=("haochen2021: Abstract: noise variance", "haochen2021: Abstract: spherical noise"),
        method="all dimensions",
        check=check_variance,
        controls=(
            Control("half", "formula", "half of the variance"),
            Control("spherical-too", "formula", "the variance of spherical noise grows with w_j"),
        ),
    ),
    ExactClaim(
        id="diagonal.growth",
        title="What one noisy step does to coefficients at zero training error",
        statement="E beta_j grows by eta^2 sigma^2 h_j beta_j / n with label noise, which leaves zeros alone, and by "
        "eta^2 sigma^2 with spherical noise, zeros as well.",
        source=OWN,
        hypotheses=(NETWORK, NOISE),
        method="all dimensions",
        check=check_growth,
        controls=(
            Control("exchanged", "formula", "each what the other does"),
            Control("unbiased", "formula", "none: E w_j is unchanged, and so is its square"),
            Control("twice", "formula", "twice it"),
        ),
    ),
)
