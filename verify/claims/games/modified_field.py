"""The modified fields of two players, and the drift coefficients of the authors' code.

The code reads coefficients off for each player's own learning rate. Two readings are possible. With a clock for each
player they are right for one update. With one clock, as a sequence of updates needs it, an interaction term's
coefficient has the other player's learning rate in it.

The code divides by the number of a player's steps, so that its learning rate is here that of all of them together. Its
training loop takes every step with the whole of it; but its configurations have one step each, where this is no matter.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from theory.index_algebra import Expr
from theory.two_players import (
    FIELDS,
    JACOBIANS,
    NUM_STEPS,
    ONE_CLOCK,
    PLAYERS,
    RATES,
    Player,
    Update,
    modified_field,
    term,
)
from verify.claim import STATED, Control, Exact, ExactClaim, Source
from verify.decision import Verdict

DERIVED = Source("implicit-reg", "derived here")
COEFFICIENTS = Source("rosca2021", "code: drift_utils.py, get_dd_coeffs")
SMOOTH = ("f, g smooth", "to second order in h")
PAPER_ITEMS = ("rosca2021: Abstract: modified systems",)
UPDATES: tuple[Update, Update] = ("simultaneous", "alternating")
A, B = RATES["phi"], RATES["theta"]
M, K = NUM_STEPS["phi"], NUM_STEPS["theta"]

ByPlayer = Mapping[Player, sp.Expr]
Coefficients = Mapping[Player, tuple[sp.Expr, sp.Expr]]
"""By player, what multiplies the own term (f_phi f, g_theta g) and the interaction term (f_theta g, g_phi f)."""


def correction(coefficients: Coefficients, player: Player) -> Expr:
    """Return a player's component of a correction of order h from its two coefficients."""
    (other,) = set(PLAYERS) - {player}
    own, interaction = coefficients[player]
    return term(player, player) * own + term(player, other) * interaction


def comparison(
    stated: Mapping[Update, Coefficients], leading: Mapping[Player, sp.Expr], clocks: Mapping[Player, sp.Expr]
) -> Exact:
    """Compare both updates' fields, f and g times ``leading`` and the corrections, with the derived ones."""
    outcomes = []
    for update in UPDATES:
        for player in PLAYERS:
            first, second = modified_field(update, player, clocks)
            outcomes.append(Exact.tensor_equality(FIELDS[player]("i") * leading[player], first))
            outcomes.append(Exact.tensor_equality(correction(stated[update], player), second))
    return Exact.every(outcomes)


_SIMULTANEOUS: Coefficients = {"phi": (-(A**2) / 2, -A * B / 2), "theta": (-(B**2) / 2, -A * B / 2)}
_SELF_PHI, _SELF_THETA = -(A**2) / (2 * M), -(B**2) / (2 * K)
FIELD: dict[str, dict[Update, Coefficients]] = {
    STATED: {
        "simultaneous": _SIMULTANEOUS,
        "alternating": {"phi": (_SELF_PHI, -A * B / 2), "theta": (_SELF_THETA, A * B / 2)},
    },
    "same-sign": {
        "simultaneous": _SIMULTANEOUS,
        "alternating": {"phi": (_SELF_PHI, -A * B / 2), "theta": (_SELF_THETA, -A * B / 2)},
    },
    "second-first": {
        "simultaneous": _SIMULTANEOUS,
        "alternating": {"phi": (_SELF_PHI, A * B / 2), "theta": (_SELF_THETA, -A * B / 2)},
    },
    "own-rate": {
        "simultaneous": {"phi": (-(A**2) / 2, -(A**2) / 2), "theta": (-(B**2) / 2, -(B**2) / 2)},
        "alternating": {"phi": (_SELF_PHI, -(A**2) / 2), "theta": (_SELF_THETA, B * (2 * A - B) / 2)},
    },
    "one-step": {
        "simultaneous": _SIMULTANEOUS,
        "alternating": {"phi": (-(A**2) / 2, -A * B / 2), "theta": (-(B**2) / 2, A * B / 2)},
    },
}


def check_field(variant: str) -> Exact:
    """Compare the fields, read off at one clock."""
    return comparison(FIELD[variant], RATES, ONE_CLOCK)


# The code's coefficients are those of a penalty on what a player descends: the field has their negatives.
_CODE: Coefficients = {"phi": (-A / 2, -A / 2), "theta": (-B / 2, -B / 2)}
_OWN_PHI, _OWN_THETA = -A / (2 * M), -B / (2 * K)
PUBLISHED: dict[str, dict[Update, Coefficients]] = {
    STATED: {
        "simultaneous": _CODE,
        "alternating": {"phi": (_OWN_PHI, -A / 2), "theta": (_OWN_THETA, B / 2 * (2 * A / B - 1))},
    },
    "equal-rates": {
        "simultaneous": _CODE,
        "alternating": {"phi": (_OWN_PHI, -A / 2), "theta": (_OWN_THETA, B / 2)},
    },
    "ratio": {
        "simultaneous": _CODE,
        "alternating": {"phi": (_OWN_PHI, -A / 2), "theta": (_OWN_THETA, B / 2 * (2 * B / A - 1))},
    },
    "other-rate": {
        "simultaneous": {"phi": (-A / 2, -B / 2), "theta": (-B / 2, -A / 2)},
        "alternating": {"phi": (_OWN_PHI, -B / 2), "theta": (_OWN_THETA, A / 2)},
    },
}


def check_published(variant: str) -> Exact:
    """Compare the code's coefficients with the field whose players are read off at times u_phi h and u_theta h."""
    return comparison(PUBLISHED[variant], dict.fromkeys(PLAYERS, sp.Integer(1)), RATES)


CANCELLING: dict[str, dict[Update, ByPlayer]] = {
    STATED: {
        "simultaneous": {"phi": A / 2, "theta": B / 2},
        "alternating": {"phi": A / 2, "theta": B / 2 * (1 - 2 * A / B)},
    },
    "other-rate": {"simultaneous": {"phi": B / 2, "theta": A / 2}, "alternating": {"phi": B / 2, "theta": -A / 2}},
    "other-rate-same-sign": {
        "simultaneous": {"phi": B / 2, "theta": A / 2},
        "alternating": {"phi": B / 2, "theta": A / 2},
    },
    "twice": {"simultaneous": {"phi": B, "theta": A}, "alternating": {"phi": B, "theta": -A}},
}


def check_cancelling(variant: str) -> Exact:
    """Add h times multiples of the interaction terms to f and g, and see what the modified field keeps of them."""
    left = {}
    for update in UPDATES:
        for player in PLAYERS:
            (other,) = set(PLAYERS) - {player}
            added = term(player, other) * (RATES[player] * CANCELLING[variant][update][player])
            total = modified_field(update, player)[1] + added
            slope = JACOBIANS[player, other]
            left[f"{update} updates, {player}"] = total.map(
                lambda product, c, slope=slope: [(product, c)] if any(f.head == slope for f in product) else []
            )
    said = next((f"{name}: {rest.latex()} is left" for name, rest in left.items() if rest), "")
    return Exact(not said, "nothing is left", said or "nothing is left", said)


CLAIMS = (
    ExactClaim(
        id="games.modified-field",
        title="Modified fields of two players' updates, any fields, dimensions and learning rates",
        statement="phi' = u_phi f - (h/2) (u_phi^2 f_phi f / m + u_phi u_theta f_theta g) and "
        "theta' = u_theta g - (h/2) (+-u_phi u_theta g_phi f + u_theta^2 g_theta g / k): + for simultaneous updates "
        "(m = k = 1), - for alternating ones, phi first with m steps, theta with k.",
        source=DERIVED,
        items=PAPER_ITEMS,
        hypotheses=SMOOTH,
        method="all dimensions",
        check=check_field,
        controls=(
            Control("same-sign", "formula", "the simultaneous updates' sign for the alternating ones"),
            Control("second-first", "formula", "the other sign of the first player's interaction term instead"),
            Control("own-rate", "formula", "interaction terms with the player's own learning rate alone"),
            Control("one-step", "formula", "own terms without 1/m and 1/k"),
        ),
    ),
    ExactClaim(
        id="games.published-coefficients",
        title="The drift coefficients of the authors' code, a clock for each player",
        statement="An update ends at phi(u_phi h), theta(u_theta h) of the flow of f - h (c_1 f_phi f + c_2 f_theta g) "
        "and g - h (c_3 g_theta g + c_4 g_phi f) with c_1 = u_phi / (2 m), c_2 = u_phi / 2, c_3 = u_theta / (2 k), "
        "c_4 = u_theta / 2 for simultaneous, (u_theta / 2) (1 - 2 u_phi / u_theta) for alternating updates.",
        source=COEFFICIENTS,
        items=(
            *PAPER_ITEMS,
            "rosca2021: code: drift_utils.py, simultaneous",
            "rosca2021: code: drift_utils.py, alternating",
        ),
        hypotheses=(*SMOOTH, "u_phi h, u_theta h: the total of a player's steps", "one update"),
        method="all dimensions",
        check=check_published,
        controls=(
            Control("equal-rates", "formula", "-u_theta / 2 for alternating updates: right for equal learning rates"),
            Control("ratio", "formula", "the inverse ratio of the learning rates"),
            Control("other-rate", "formula", "the coefficients of one clock"),
        ),
    ),
    ExactClaim(
        id="games.published-cancellation",
        title="Cancelling the interaction terms of the drift",
        statement="When f_theta g and g_phi f are added to f and g with the code's coefficients, whatever the learning "
        "rates are, the interaction terms drop out of the modified field that the updates follow.",
        source=Source("rosca2021", "code: README.md, drift_utils.py"),
        items=("rosca2021: code: README.md, cancelling",),
        hypotheses=(*SMOOTH, "one clock: a sequence of updates"),
        method="all dimensions",
        check=check_cancelling,
        expected=Verdict.REFUTED,
        consequence="None where the learning rates are equal, or where each update is looked at by itself with a clock "
        "for each player. In a sequence of updates (h/2) u_phi (u_phi - u_theta) f_theta g is left, for example. With "
        "the learning rates .01 and .005 of the code's configuration sgd_cifar_config.py, whose updates are "
        "simultaneous, the first player's interaction term is not cancelled but reversed, and half of the second "
        "player's is left.",
        controls=(
            Control("other-rate", "correction", "u_theta / 2 for phi; for theta u_phi / 2, alternating -u_phi / 2"),
            Control("other-rate-same-sign", "formula", "u_phi / 2 for theta, alternating updates too"),
            Control("twice", "formula", "twice the coefficients that cancel"),
        ),
    ),
)
