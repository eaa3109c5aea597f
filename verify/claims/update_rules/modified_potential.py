"""The modified equation of gradient descent as a gradient: its potential to first order, and where that ends."""

import sympy as sp

from theory.index_algebra import ZERO
from theory.index_algebra.instance import Instance
from theory.loss import LOSS
from theory.modified_potential import PRODUCT_LOSS, certificate, modified_loss
from theory.rule import ETA
from verify.claim import STATED, Control, Exact, ExactClaim
from verify.claims.update_rules.modified_equation import SOURCE, identity

_T_g = LOSS("j", "k", "m") * LOSS("m")
POTENTIALS = {
    STATED: sp.Rational(1, 4),
    "half": sp.Rational(1, 2),
    "eighth": sp.Rational(1, 8),
    "ascent": sp.Rational(-1, 4),
}


def check_potential(variant: str) -> Exact:
    """Compare L + c h |grad L|^2 with the modified loss that was found."""
    stated = LOSS() + LOSS("j") * LOSS("j") * (ETA * POTENTIALS[variant])
    return identity((stated,), (modified_loss(1),))


HAS_POTENTIAL = {
    STATED: (True, True, False, False, False),
    "second-order": (True, True, True, False, False),
    "third-order": (True, True, False, True, False),
    "plain-loss": (True, False, False, False, False),
}


def check_orders(variant: str) -> Exact:
    """Compare which coefficients have a potential for every loss; each answer has its certificate."""
    found = [certificate(order) for order in range(len(HAS_POTENTIAL[variant]))]
    answers = tuple(c.potential is not None for c in found)
    curls = ", ".join(f"h^{c.order}: {c.value}" for c in found if c.potential is None)
    wrong = [str(k) for k, (a, b) in enumerate(zip(answers, HAS_POTENTIAL[variant], strict=True)) if a is not b]
    return Exact(
        not wrong,
        f"potential: {HAS_POTENTIAL[variant]}",
        f"potential: {answers}; curls at (a b - 3/5)^2 / 2, (7/10, -2/5): {curls}",
        f"order {', '.join(wrong)}" if wrong else "",
    )


_H_T_g = LOSS("j", "n") * _T_g.reindexed({"j": "n"})
_commutator = _H_T_g.antisymmetric("j", "k")
CURLS = {
    STATED: (_commutator * sp.Rational(1, 6), ".0629"),
    "third": (_commutator * sp.Rational(1, 3), ".0629"),
    "order": (_commutator * sp.Rational(-1, 6), ".0629"),
    "half-value": (_commutator * sp.Rational(1, 6), ".0315"),
    "none": (ZERO, ".0000"),
}


def check_curl(variant: str) -> Exact:
    """Compare d_k v_j - d_j v_k for v = H^2 g / 3 + T[g, g] / 12, and its value at an instance."""
    (curl, printed), derived = CURLS[variant], -1 * certificate(2).curl
    value = PRODUCT_LOSS.component(derived, j=0, k=1)
    found = identity((curl,), (derived,))
    agrees = sp.Abs(value - sp.Rational(printed)) < sp.Rational(1, 20_000)  # four digits are printed
    return Exact(
        found.holds and bool(agrees),
        f"{found.predicted}; {printed}",
        f"{found.measured}; {value}",
        found.counterexample or ("" if agrees else f"{value}, not {printed}"),
    )


_X, _Y = sp.symbols("x y", real=True)
_U, _V = sp.Function("u"), sp.Function("v")
_P, _Q, _R = sp.symbols("p q r", real=True)
LOSSES = {
    STATED: (
        _U(_X) + _V(_Y),
        _U(_X**2 + _Y**2),
        _U(_X + _P * _Y),
        (_P * _X**2 + 2 * _Q * _X * _Y + _R * _Y**2) / 2,
    ),
    "product": (_U(_X * _Y),),
    "ellipse": (_U(_X**2 + 2 * _Y**2),),
    "cubic": (_X**2 * _Y,),
}


def check_without_curl(variant: str) -> Exact:
    """Evaluate the curls of the coefficients of h^2 and h^3 for losses of two parameters."""
    instances = {str(loss): Instance({LOSS: loss}, {_X: _X, _Y: _Y}) for loss in LOSSES[variant]}
    pairs = [(loss, order) for loss in instances for order in (2, 3)]
    bad = [
        f"{loss}, h^{order}" for loss, order in pairs if instances[loss].component(certificate(order).curl, j=0, k=1)
    ]
    measured = f"{len(bad)} of {len(pairs)} curls are not 0"
    return Exact(not bad, f"no curl for {', '.join(instances)}", measured, "; ".join(bad))


CLAIMS = (
    ExactClaim(
        id="modified-equation.potential",
        title="Modified loss to first order, found as a potential",
        statement="-g - (h/2) H g = -grad(L + (h/4) |grad L|^2)",
        source=SOURCE,
        method="all dimensions",
        check=check_potential,
        controls=(
            Control("half", "formula", "h/2"),
            Control("eighth", "formula", "h/8"),
            Control("ascent", "formula", "-h/4"),
        ),
    ),
    ExactClaim(
        id="modified-equation.orders",
        title="Which orders have a potential for every loss",
        statement="the coefficients of h^0 and h^1 have one, those of h^2, h^3 and h^4 have none",
        source=SOURCE,
        method="certificate",
        check=check_orders,
        controls=(
            Control("second-order", "formula", "h^2 has one"),
            Control("third-order", "formula", "h^3 has one"),
            Control("plain-loss", "formula", "h has none"),
        ),
    ),
    ExactClaim(
        id="modified-equation.curl",
        title="Curl of the second correction",
        statement="d_k v_j - d_j v_k = [H, T[g]]_jk / 6 for v = H^2 g / 3 + T[g, g] / 12; "
        ".0629 for j = a, k = b at L = (a b - .6)^2 / 2, (a, b) = (.7, -.4)",
        source=SOURCE,
        method="all dimensions",
        check=check_curl,
        controls=(
            Control("third", "formula", "1/3 for 1/6"),
            Control("order", "formula", "[T[g], H]"),
            Control("half-value", "formula", "half the value at the instance"),
            Control("none", "formula", "no curl"),
        ),
    ),
    ExactClaim(
        id="modified-equation.without-curl",
        title="Losses on which the second and third corrections have a potential",
        statement="no curl at h^2 and h^3 for u(x) + v(y), u(x^2 + y^2), u(x + p y) and quadratic losses",
        source=SOURCE,
        hypotheses=("u, v any smooth functions", "two parameters"),
        method="all dimensions",
        check=check_without_curl,
        controls=(
            Control("product", "formula", "u(x y)"),
            Control("ellipse", "formula", "u(x^2 + 2 y^2)"),
            Control("cubic", "formula", "x^2 y"),
        ),
    ),
)
