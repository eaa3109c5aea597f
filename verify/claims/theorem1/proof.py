"""Theorem 1 from Lemmas 6 and 8, in exponents: what Definitions 4 and 5 ask of the lemmas' bounds."""

from __future__ import annotations

import sympy as sp

from theory.asymptotic_size import below
from verify.claim import STATED, Control, Exact, ExactClaim, Source
from verify.claims.lemmas.lemma8_proof import HALF, NORMAL, PRINTED
from verify.decision import Verdict
from verify.proof import EPSILON, POSITIVE, Proof, Step

FROM_LEMMA8 = {
    STATED: PRINTED.remainder,
    "proof": sp.Rational(9, 20) - 4 * EPSILON,
    "four-tenths": sp.Rational(2, 5),
    "forty-three": sp.Rational(43, 100),
}


def check_theorem(variant: str) -> Exact:
    """Check Definitions 4 and 5 with Lemma 8's error O(eta^remainder) and Lemma 6's bound."""
    distance, moved, remainder = sp.Rational(11, 25), sp.Rational(2, 5), FROM_LEMMA8[variant]
    others = (HALF, NORMAL)  # theta(0), and the directions with gamma_k > 0
    steps = (
        Step("Definition 5, flat directions", (below(remainder, distance),)),
        Step("Definition 5, theta(0) and the other directions", tuple(below(e, distance) for e in others)),
        Step("Definition 4, distance", tuple(below(e, moved) for e in (remainder, *others))),
        Step(
            "Definition 4, reg to first and second order",
            tuple(below(e, moved) for e in (remainder, *others, 2 * moved)),
        ),
    )
    return Proof((POSITIVE,), PRINTED.hypotheses, steps).checked()


CLAIMS = (
    ExactClaim(
        id="theorem1.proof",
        title="From Lemmas 6 and 8 to Definitions 4 and 5",
        statement="Lemma 8's error O(eta^.44) and Lemma 6's bound give |theta - theta*| <= eta^.44 where the drift is "
        "0, and a distance and a drop of reg of order eta^.4 where it is not",
        source=Source("blanc2020", "Theorem 1, from Lemma 8"),
        items=("Theorem 1",),
        hypotheses=("|theta(0)| <= eta^.5", "0 < epsilon < 1/400"),
        method="certificate",
        check=check_theorem,
        expected=Verdict.REFUTED,
        consequence="O(eta^.44) with an unknown constant does not give Definition 5's constant 1. The proof of Lemma 8 "
        "does: its error is O(eta^(.45 - 4 epsilon)), which is o(eta^.44).",
        controls=(
            Control("proof", "correction", "the error O(eta^(.45 - 4 epsilon)) of the proof"),
            Control("four-tenths", "formula", "an error O(eta^.4)"),
            Control("forty-three", "formula", "an error O(eta^.43)"),
        ),
    ),
)
