"""The proof of Lemma 7 up to the choice of S: how large a step's terms are, and what revealing S updates moves.

The notation is that of `verify.claims.lemmas.lemma7`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import sympy as sp

from theory.asymptotic_size import Power, exponents, negligible, product, within
from theory.linear_arithmetic import above, at_least
from verify.claim import STATED, Control, Exact, ExactClaim
from verify.claims.lemmas.lemma7 import (
    DOMAIN,
    FORGETTING,
    HYPOTHESES,
    PRINTED,
    PROOF,
    TAU,
    TERM,
    Exponents,
    R,
    X,
    balance,
    refuted,
)
from verify.proof import Proof, Step


def sizes(noise: tuple[Power, ...], error: tuple[Power, ...]) -> Step:
    """Return the step that z and w of a product are as large as printed."""
    derived, goals = product(), []
    for found, printed in ((derived.noise, noise), (derived.error, error)):
        for power in found:
            bound = next((p for p in printed if p.contains(power)), printed[0])
            goals.append(within(power.exponent(R), bound.exponent(R)))
    return Step("the bounds on z and w", tuple(goals))


def forgetting(batch: sp.Expr, remainder: tuple[sp.Expr, ...]) -> Step:
    """Return the step (12), (13): after eta^-batch updates the start is forgotten and w has added up to a remainder."""
    derived = product()
    (reversion,) = derived.reversion
    added = exponents(derived.error, R)
    goals = [within(e - reversion.lr, printed) for e, printed in zip(added, remainder, strict=True)]
    return Step("eqs. (12), (13)", (negligible(reversion.lr - batch), *goals))


ETA_THETA, ETA_ETA, CUBE, ETA_ETA_THETA = Power(1, 1), Power(2, 0), Power(1, 3), Power(2, 1)
REMAINDER = (3 * R, 1 + R)
OPENING: Mapping[str, list[Step]] = {
    STATED: [sizes((ETA_THETA, ETA_ETA), (CUBE, ETA_ETA_THETA)), forgetting(FORGETTING, REMAINDER), *balance(PRINTED)],
    "quadratic-noise": [sizes((Power(1, 2), ETA_ETA), (CUBE, ETA_ETA_THETA))],
    "quartic-error": [sizes((ETA_THETA, ETA_ETA), (Power(1, 4), ETA_ETA_THETA))],
    "relaxation-time": [forgetting(sp.Integer(1), REMAINDER)],
    "quartic-remainder": [forgetting(FORGETTING, (4 * R, 1 + R))],
    "same-balance": balance(replace(PRINTED, balance=dict.fromkeys(TERM, PRINTED.balance["mixed"]))),
}


def check_opening(variant: str) -> Exact:
    """Check the steps before the choice of S meets its condition."""
    return Proof(DOMAIN, PRINTED.hypotheses, tuple(OPENING[variant])).checked()


def check_revealed(terms: Mapping[str, Exponents], variant: str) -> Exact:
    """Check the printed size of one term of the sum, by kind of pair."""
    steps = tuple(Step(f"a term, {k}", (within(TERM[k], bound),)) for k, bound in terms[variant].items())
    return Proof(DOMAIN, PRINTED.hypotheses, steps).checked()


REVEALED: Mapping[str, Exponents] = {
    STATED: {"squares": TERM["mixed"], "mixed": TERM["squares"]},
    "exchanged": TERM,
    "both-normal": dict.fromkeys(TERM, TERM["squares"]),
    "learning-rate": dict.fromkeys(TERM, sp.Integer(1)),
}
WEIGHTS = {STATED: sp.Integer(0), "average": TAU, "root": TAU / 2, "per-batch": TAU - 2 * X}
"""The exponent of what multiplies the sum in Z_i."""
LENGTHS = (*DOMAIN, above(X, 0), at_least(TAU, 1))


def check_martingale(variant: str) -> Exact:
    """Check that revealing S terms moves Z_i by no more than S / T times a term."""
    steps = tuple(
        Step(f"the difference, {k}", (within(2 * X - TAU + WEIGHTS[variant] + term, 2 * X + term),))
        for k, term in TERM.items()
    )
    return Proof(LENGTHS, (), steps).checked()


CLAIMS = (
    ExactClaim(
        id="lemma7.differences",
        title="Lemma 7: the steps up to the choice of S",
        statement="z = O(eta |theta| + eta^2), w = O(eta |theta|^3 + eta^2 |theta|); (12) and (13) with the remainder "
        "O(R^3 + eta R) after eta^-(1 + epsilon) updates; d (T/S)^(1/2) = O(eta^(1 - 2 epsilon) (S/T)^(1/2) + "
        "eta^(1.5 - 3 beta) (T/S)^(1/2)), the first exponent 1 - epsilon - beta for mixed pairs; the two terms are "
        "equal at (S/T)^(1/2) = eta^(.25 - 1.5 beta + epsilon) and eta^(.25 - beta + .5 epsilon), S < T",
        source=PROOF,
        items=("Lemma 7", "eq. (12)", "eq. (13)"),
        hypotheses=HYPOTHESES,
        method="certificate",
        check=check_opening,
        controls=(
            Control("quadratic-noise", "formula", "z = O(eta |theta|^2 + eta^2)"),
            Control("quartic-error", "formula", "w = O(eta |theta|^4 + eta^2 |theta|)"),
            Control("relaxation-time", "formula", "the start forgotten after 1/eta updates"),
            Control("quartic-remainder", "formula", "R^4 for R^3 in the remainder"),
            Control("same-balance", "formula", "the mixed pairs' S for the squares"),
        ),
    ),
    refuted(
        "cases",
        "Lemma 7: what the revealed updates contribute",
        "Contributions 1) and 2) are O(S R_{gamma>0} R / T) where both gamma_j, gamma_k > 0 and O(S R_{gamma>0}^2 / T) "
        "where exactly one is",
        partial(check_revealed, REVEALED),
        Control("exchanged", "correction", "the other way round, as in the sentence after it and in the formula"),
        Control("both-normal", "formula", "S R_{gamma>0}^2 / T in both cases"),
        Control("learning-rate", "formula", "S eta / T in both cases"),
        consequence="None: a slip, the formula that is used has the cases right.",
    ),
    refuted(
        "doob-martingale",
        "Lemma 7: the Doob martingale",
        "Z_i = E[sum_t theta_j theta_k(t) | the first i S updates] has differences O(S / T) times a term of the sum, "
        "apart from the remainder",
        check_martingale,
        Control("average", "correction", "the mean over T in place of the sum, as in the words below the formula"),
        Control("root", "formula", "1 / T^(1/2) times the sum"),
        Control("per-batch", "formula", "1 / S times the sum"),
        items=("Appendix A.1: Doob martingale",),
        consequence="None: the factor 1 / T is missing in the formula and present in the words.",
    ),
)
