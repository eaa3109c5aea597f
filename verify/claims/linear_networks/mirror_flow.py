"""Diagonal networks without noise: what gradient flow conserves, and the potential that the start's scale sets."""

from __future__ import annotations

from functools import cache

import sympy as sp

from theory.mirror_flow import (
    DIFFERENCE,
    PREDICTOR,
    SLOPE,
    SQUARE,
    START,
    invariants,
    mirror_potential,
    step_factor,
)
from theory.rule import ETA
from verify.claim import STATED, Control, Exact, ExactClaim, Source

POSITIVE, NEGATIVE = DIFFERENCE.parameters
_z = PREDICTOR / START**2
PRINTED = START**2 * (2 - sp.sqrt(4 + _z**2) + _z * sp.asinh(_z / 2))
"""alpha^2 q(beta / alpha^2), as printed; the flow's own potential is a quarter of it."""
CONSERVED = {
    STATED: POSITIVE * NEGATIVE,
    "ratio": POSITIVE / NEGATIVE,
    "imbalance": POSITIVE**2 - NEGATIVE**2,
    "sum": POSITIVE**2 + NEGATIVE**2,
}
POTENTIALS = {
    STATED: PRINTED,
    "unhalved": START**2 * (2 - sp.sqrt(4 + _z**2) + _z * sp.asinh(_z)),
    "standard-deviation": PRINTED.subs(START, sp.sqrt(START)),
    "entropy": 4 * mirror_potential(SQUARE),
}
ENTROPIES = {
    STATED: (PREDICTOR * sp.log(PREDICTOR / START**2) - PREDICTOR + START**2) / 4,
    "start": (PREDICTOR * sp.log(PREDICTOR / START) - PREDICTOR + START) / 4,
    "reversed": (START**2 * sp.log(START**2 / PREDICTOR) - START**2 + PREDICTOR) / 4,
}
FACTORS = {
    STATED: 1 - 4 * ETA**2 * SLOPE**2,
    "conserved": sp.Integer(1),
    "half": 1 - 2 * ETA**2 * SLOPE**2,
    "one-layer": 1 - 2 * ETA * SLOPE,
}
_size = sp.Symbol("b", positive=True)
LIMITS = {
    STATED: (2 * _size, _size**2 / 4),
    "swapped": (_size**2 / 4, 2 * _size),
    "half": (_size, _size**2 / 8),
    "square-root": (sp.sqrt(_size), _size**2 / 4),
}
"""Of alpha^2 q(beta / alpha^2), over log(1 / alpha) as alpha -> 0, times alpha^2 as alpha -> oo; b = |beta|."""


def check_invariant(variant: str) -> Exact:
    """Compare the rate of a function of the parameters along the flow with 0, and the function with the derived one."""
    stated = CONSERVED[variant]
    flow = zip(DIFFERENCE.parameters, DIFFERENCE.slopes, strict=True)
    rate = sp.Add(*(-SLOPE * slope * sp.diff(stated, w) for w, slope in flow))
    return Exact.equalities([(sp.Integer(0), rate), (stated, invariants(DIFFERENCE)[0])])


def check_potential(variant: str) -> Exact:
    """Compare a potential with four times the derived one, on the positive half-line: both are even in beta."""
    derived = 4 * mirror_potential(DIFFERENCE)
    for expr in (derived, PRINTED):
        if sp.simplify(expr.xreplace({PREDICTOR: -PREDICTOR}) - expr) != 0:
            raise ArithmeticError(f"{expr} is not even in beta")
    return Exact.equality(POTENTIALS[variant].subs(PREDICTOR, _size), derived.subs(PREDICTOR, _size))


def check_entropy(variant: str) -> Exact:
    """Compare a potential with the derived one of beta = w^2."""
    pair = ENTROPIES[variant], mirror_potential(SQUARE)
    stated, derived = (sp.expand_log(expr.subs(PREDICTOR, _size)) for expr in pair)
    return Exact.equality(stated, derived)


def check_step(variant: str) -> Exact:
    """Compare the factor of w_+ w_- in one step with the derived one."""
    return Exact.equality(FACTORS[variant], step_factor(DIFFERENCE))


@cache
def derived_limits() -> tuple[sp.Expr, sp.Expr]:
    """Return the limits of four times the derived potential."""
    derived = 4 * mirror_potential(DIFFERENCE).subs(PREDICTOR, _size)
    return sp.limit(derived / sp.log(1 / START), START, 0), sp.limit(derived * START**2, START, sp.oo)


def check_limits(variant: str) -> Exact:
    """Compare the two limits with the derived ones."""
    return Exact.equalities(list(zip(LIMITS[variant], derived_limits(), strict=True)))


SOURCE = Source("woodworth2020", "Theorem on the limit of the flow")
OWN = Source("implicit-reg", "derived here")
FLOW = ("gradient flow of any loss of the predictions", "beta = w_+^2 - w_-^2, w_+ = w_- = alpha at the start")

CLAIMS = (
    ExactClaim(
        id="mirror-flow.invariant",
        title="What gradient flow of a two-layer diagonal network conserves",
        statement="w_+ w_- is constant in every coordinate.",
        source=OWN,
        hypotheses=FLOW[:1],
        method="all dimensions",
        check=check_invariant,
        controls=(
            Control("ratio", "formula", "w_+ / w_-"),
            Control("imbalance", "formula", "w_+^2 - w_-^2, conserved for beta = w_+ w_-"),
            Control("sum", "formula", "w_+^2 + w_-^2"),
        ),
    ),
    ExactClaim(
        id="mirror-flow.step",
        title="What one gradient step of a two-layer diagonal network does to the invariant",
        statement="One step multiplies w_+ w_- by 1 - 4 eta^2 g^2, g the loss's derivative with respect to beta.",
        source=OWN,
        method="all dimensions",
        check=check_step,
        controls=(
            Control("conserved", "formula", "1, as under the flow"),
            Control("half", "formula", "1 - 2 eta^2 g^2"),
            Control("one-layer", "formula", "1 - 2 eta g, the factor of w in beta = w^2"),
        ),
    ),
    ExactClaim(
        id="mirror-flow.potential",
        title="The potential of the two-layer diagonal network",
        statement="Along the flow d/dt Q'(beta) = -4 g with Q = alpha^2 q(beta / alpha^2), "
        "q(z) = 2 - sqrt(4 + z^2) + z asinh(z/2); Q is convex with its minimum at the start.",
        source=SOURCE,
        hypotheses=FLOW,
        items=("woodworth2020: q",),
        method="all dimensions",
        check=check_potential,
        controls=(
            Control("unhalved", "formula", "asinh(z) for asinh(z/2)"),
            Control("standard-deviation", "formula", "alpha for alpha^2"),
            Control("entropy", "formula", "the potential of beta = w^2"),
        ),
    ),
    ExactClaim(
        id="mirror-flow.entropy",
        title="The potential of the diagonal network with coefficients >= 0",
        statement="For beta = w^2, d/dt Q'(beta) = -g with Q = (beta log(beta / alpha^2) - beta + alpha^2) / 4.",
        source=OWN,
        hypotheses=("gradient flow of any loss of the predictions", "w = alpha at the start"),
        method="all dimensions",
        check=check_entropy,
        controls=(
            Control("start", "formula", "alpha for alpha^2"),
            Control("reversed", "formula", "the relative entropy the other way round"),
        ),
    ),
    ExactClaim(
        id="mirror-flow.regimes",
        title="The potential at small and at large scale of the start",
        statement="Q / log(1 / alpha) -> 2 |beta|_1 as alpha -> 0, alpha^2 Q -> |beta|_2^2 / 4 as alpha -> oo.",
        source=SOURCE,
        hypotheses=FLOW[1:],
        items=("woodworth2020: Abstract: transition",),
        method="all dimensions",
        check=check_limits,
        controls=(
            Control("swapped", "formula", "l2 for small starts, l1 for large ones"),
            Control("half", "formula", "half of both"),
            Control("square-root", "formula", "sum |beta|^(1/2) for small starts"),
        ),
    ),
)
