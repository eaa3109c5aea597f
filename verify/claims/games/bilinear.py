"""The bilinear zero-sum game E = x y: what each update keeps or multiplies, exactly, and the flow that it is."""

from __future__ import annotations

import numpy as np
import sympy as sp
from scipy.linalg import expm

from theory.bilinear_game import STEP, X, Y, cosine, growth, logarithm, matrix, quadratic_form, truncated
from theory.index_algebra.instance import Instance
from theory.two_players import FIELDS, JACOBIANS, NUM_STEPS, PLAYERS, RATES, Update, modified_field
from verify.claim import STATED, Control, Exact, ExactClaim
from verify.claims.games.modified_field import DERIVED, PAPER_ITEMS, UPDATES
from verify.estimate import Array

A, B = (RATES[player] for player in PLAYERS)
KAPPA = STEP * sp.sqrt(A * B)
ELLIPSE = B * X**2 + A * Y**2
GAME = Instance(
    tensors={
        FIELDS["phi"]: [-Y],
        FIELDS["theta"]: [X],
        JACOBIANS["phi", "phi"]: [[0]],
        JACOBIANS["phi", "theta"]: [[-1]],
        JACOBIANS["theta", "phi"]: [[1]],
        JACOBIANS["theta", "theta"]: [[0]],
    },
    numbers=dict.fromkeys(NUM_STEPS.values(), 1),
)

Stated = tuple[sp.Expr, sp.Expr, sp.Expr]
"""The quadratic form, what an update multiplies it by, and the angle of the turn."""
PRINTED: dict[str, dict[Update, Stated]] = {
    STATED: {
        "simultaneous": (ELLIPSE, 1 + KAPPA**2, sp.atan(KAPPA)),
        "alternating": (ELLIPSE - A * B * STEP * X * Y, sp.Integer(1), 2 * sp.asin(KAPPA / 2)),
    },
    "circle": {
        "simultaneous": (ELLIPSE, 1 + KAPPA**2, sp.atan(KAPPA)),
        "alternating": (ELLIPSE, sp.Integer(1), 2 * sp.asin(KAPPA / 2)),
    },
    "y-first": {
        "simultaneous": (ELLIPSE, 1 + KAPPA**2, sp.atan(KAPPA)),
        "alternating": (ELLIPSE + A * B * STEP * X * Y, sp.Integer(1), 2 * sp.asin(KAPPA / 2)),
    },
    "first-order-growth": {
        "simultaneous": (ELLIPSE, sp.exp(KAPPA**2), sp.atan(KAPPA)),
        "alternating": (ELLIPSE - A * B * STEP * X * Y, sp.Integer(1), 2 * sp.asin(KAPPA / 2)),
    },
    "flow-angle": {
        "simultaneous": (ELLIPSE, 1 + KAPPA**2, KAPPA),
        "alternating": (ELLIPSE - A * B * STEP * X * Y, sp.Integer(1), KAPPA),
    },
}


def check_printed(variant: str) -> Exact:
    """Compare form, factor and cosine of the angle (at most pi, of both) with those of the update's matrix."""
    pairs = []
    for update in UPDATES:
        form, factor, angle = PRINTED[variant][update]
        turned = sp.expand(sp.expand_trig(sp.cos(angle)))
        pairs += [(form, quadratic_form(update)), (factor, growth(update)), (turned, cosine(update))]
    found = Exact.equalities(pairs)
    return found._replace(series=paths()) if variant == STATED else found


SHOWN_STEP, NUM_UPDATES, POINTS_PER_UPDATE = sp.Rational(1, 4), 28, 8
START = (1.0, 0.0)


def paths() -> dict[str, Array]:
    """Return paths from (1, 0) at u_x = u_y = 1, ``[points, 2]``: flow, updates, and flows of their modified fields."""
    numbers = {A: 1, B: 1, STEP: SHOWN_STEP}
    times = np.arange(NUM_UPDATES * POINTS_PER_UPDATE + 1) / POINTS_PER_UPDATE
    found = {"step": np.array(float(SHOWN_STEP))}
    for update in UPDATES:
        step = np.array(matrix(update).subs(numbers), dtype=float)
        found[update] = np.array([np.linalg.matrix_power(step, n) @ START for n in range(NUM_UPDATES + 1)])
        for order, name in ((1, "flow"), (2, f"{update} modified")):
            generator = np.array(logarithm(update, order).subs(numbers), dtype=float)
            found[name] = np.array([expm(time * generator) @ START for time in times])
    return found


ORDERS = 4
Z = sp.Symbol("kappa", positive=True)
Logarithm = tuple[sp.Expr, sp.Expr, sp.Expr]
"""a, c and s, by kappa, of a 1 + c (M - s 1)."""
_SPIRAL: Logarithm = (sp.log(1 + Z**2) / 2, sp.atan(Z) / Z, sp.Integer(1))
_ELLIPSE: Logarithm = (sp.Integer(0), 2 * sp.asin(Z / 2) / (Z * sp.sqrt(1 - Z**2 / 4)), 1 - Z**2 / 2)
LOGARITHMS: dict[str, dict[Update, Logarithm]] = {
    STATED: {"simultaneous": _SPIRAL, "alternating": _ELLIPSE},
    "first-order": {"simultaneous": (Z**2 / 2, *_SPIRAL[1:]), "alternating": _ELLIPSE},
    "no-growth": {"simultaneous": (sp.Integer(0), *_SPIRAL[1:]), "alternating": _ELLIPSE},
    "angle": {"simultaneous": _SPIRAL, "alternating": (_ELLIPSE[0], sp.atan(Z) / Z, _ELLIPSE[2])},
}


def check_logarithm(variant: str) -> Exact:
    """Compare the logarithm's series to h^4 with a closed form, and its first two terms with the derived fields."""
    pairs = []
    for update in UPDATES:
        derived = logarithm(update, ORDERS)
        scale, factor, shift = (sp.series(part, Z, 0, ORDERS + 1).removeO() for part in LOGARITHMS[variant][update])
        stated = scale * sp.eye(2) + factor * (matrix(update) - shift * sp.eye(2))
        for row, player in enumerate(PLAYERS):
            terms = [GAME.component(expr, i=0) for expr in modified_field(update, player)]
            field = sum((term * STEP ** (k + 1) for k, term in enumerate(terms)), sp.Integer(0))
            pairs.append((sp.expand(field), sp.expand((logarithm(update, 2) * sp.Matrix([X, Y]))[row])))
            for column in (0, 1):
                pairs.append((truncated(stated[row, column].subs(Z, KAPPA), ORDERS), derived[row, column]))
    return Exact.equalities(pairs)


CLAIMS = (
    ExactClaim(
        id="games.bilinear",
        title="The bilinear zero-sum game: simultaneous updates spiral outwards, alternating ones stay on an ellipse",
        statement="E = x y, kappa = h sqrt(u_x u_y): a simultaneous update multiplies u_y x^2 + u_x y^2 by 1 + kappa^2 "
        "and turns by atan kappa; an alternating one, x first, keeps u_y x^2 + u_x y^2 - u_x u_y h x y and turns by "
        "2 asin(kappa / 2).",
        source=DERIVED,
        items=("rosca2021: Abstract: components of the drift",),
        hypotheses=("x descends, y ascends", "one step each", "kappa < 2 for alternating updates"),
        method="instance",
        check=check_printed,
        controls=(
            Control("circle", "formula", "the flow's own u_y x^2 + u_x y^2 kept by alternating updates"),
            Control("y-first", "formula", "the ellipse of the other order of the players"),
            Control("first-order-growth", "formula", "exp(kappa^2), by the first correction alone"),
            Control("flow-angle", "formula", "the flow's angle kappa"),
        ),
    ),
    ExactClaim(
        id="games.bilinear-logarithm",
        title="The bilinear zero-sum game: the modified fields to all orders",
        statement="h times the modified field is log M = (1/2) ln(1 + kappa^2) + (atan kappa / kappa) (M - 1) for "
        "simultaneous and 2 asin(kappa / 2) / (kappa sqrt(1 - kappa^2 / 4)) (M - 1 + kappa^2 / 2) for alternating "
        "updates with the matrix M; its first two terms are those of the modified field of any game.",
        source=DERIVED,
        items=PAPER_ITEMS,
        hypotheses=("E = x y; x descends, y ascends", "one step each", f"compared to h^{ORDERS}"),
        method="instance",
        check=check_logarithm,
        controls=(
            Control("first-order", "formula", "the growth kappa^2 / 2 of the first correction"),
            Control("no-growth", "formula", "no growth"),
            Control("angle", "formula", "atan kappa / kappa for alternating updates"),
        ),
    ),
)
