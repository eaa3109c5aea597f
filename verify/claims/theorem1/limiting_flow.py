"""The limiting flow of label-noise SGD: the trace of the Hessian falls, by the covariance of the noise."""

import sympy as sp

from theory.drift import derive, projected, simplified
from theory.index_algebra import Expr
from theory.limiting_flow import NOISE_RATIO, limiting_drift
from theory.loss import LOSS, SQUARED_ERROR, at_zero_loss, with_loss
from theory.rule import ETA, SIGMA, SMALL_LR, B, Rule
from theory.update_expansion import part, second_moment_increment
from verify.claim import STATED, Control, Exact, ExactClaim, Source

DERIVED = Source("implicit-reg", "derived here")
ABSTRACT = Source("li2022", "Abstract")

_sharpening = projected(LOSS("j", "k", "k"))
FLOWS = {
    STATED: -NOISE_RATIO / 4,
    "half": -NOISE_RATIO / 2,
    "langevin": sp.Rational(-1, 4),
    "ascent": NOISE_RATIO / 4,
}


def check_flow(variant: str) -> Exact:
    """Compare eta^2 times a multiple of P grad tr H with the derived drift."""
    return Exact.tensor_equality(_sharpening * (ETA**2 * FLOWS[variant]), limiting_drift())


RATIOS = {STATED: 2 * SIGMA**2 / B, "four": 4 * SIGMA**2 / B, "one": SIGMA**2 / B, "any-batch": 2 * SIGMA**2}


def squared_error(expr: Expr, ratio: sp.Expr) -> Expr:
    """Return an expression in derivatives of L for the mean squared error, on the zero-loss manifold."""
    at_zero = at_zero_loss(with_loss(expr, SQUARED_ERROR))
    return simplified(at_zero.coefficients(lambda c: c.subs(NOISE_RATIO, ratio)))


def check_main_paper(variant: str) -> Exact:
    """Compare noise covariance and drift of batches drawn with replacement with c H and the limiting flow at that c."""
    ratio = RATIOS[variant]
    hessian = squared_error(LOSS("j", "k"), ratio) * (ETA**2 * ratio)
    noise = Exact.tensor_equality(hessian, part(second_moment_increment(Rule(), 0), 0))
    flow = Exact.tensor_equality(squared_error(limiting_drift(), ratio), derive(Rule(), SMALL_LR).drift)
    return Exact.every([noise, flow])


_X, _Y = sp.symbols("x y", real=True)
_CURVE, _STIFFNESS = sp.Function("f")(_X), sp.Function("q")(_X, _Y)
DIRECTIONS = {
    STATED: ((0, 0, 0),),
    "one-normal": ((0, 0, 0), (0, 0, 1)),
    "two-normals": ((0, 0, 0), (0, 1, 1)),
}


def check_tangents(variant: str) -> Exact:
    """Evaluate third derivatives of q (y - f)^2 on the curve y = f along tangent (0) and normal (1) directions."""
    loss = _STIFFNESS * (_Y - _CURVE) ** 2
    slope = sp.diff(_CURVE, _X)
    vectors = ((sp.Integer(1), slope), (-slope, sp.Integer(1)))
    pairs = []
    for directions in DIRECTIONS[variant]:
        value = sp.Integer(0)
        for i, first in enumerate((_X, _Y)):
            for j, second in enumerate((_X, _Y)):
                for k, third in enumerate((_X, _Y)):
                    weight = vectors[directions[0]][i] * vectors[directions[1]][j] * vectors[directions[2]][k]
                    value += weight * sp.diff(loss, first, second, third)
        pairs.append((sp.Integer(0), value.subs(_Y, _CURVE).doit()))
    return Exact.equalities(pairs)


CLAIMS = (
    ExactClaim(
        id="limiting-flow.drift",
        title="Limiting flow where the noise's covariance is c times the Hessian, any loss and dimension",
        statement="dY = -(c/4) P grad tr H dt in the time t = k eta^2",
        source=ABSTRACT,
        items=("li2022: Abstract: sharpness", "li2022: Abstract: noise covariance"),
        hypotheses=("a manifold of minima whose tangent space is the kernel of H", "leading order in eta"),
        method="all dimensions",
        check=check_flow,
        controls=(
            Control("half", "formula", "c/2"),
            Control("langevin", "formula", "no dependence on c"),
            Control("ascent", "formula", "the opposite direction"),
        ),
    ),
    ExactClaim(
        id="limiting-flow.main-paper",
        title="The limiting flow is the drift of Theorem 1",
        statement="For the mean squared error on the zero-loss manifold label noise has c = 2 sigma^2 / B, and the "
        "limiting flow is -(sigma^2 / B) P grad reg per eta^2.",
        source=DERIVED,
        items=("li2022: Abstract: sharpness",),
        hypotheses=("independent label noise", "batches drawn with replacement", "leading order in eta"),
        method="all dimensions",
        check=check_main_paper,
        controls=(
            Control("four", "formula", "c = 4 sigma^2 / B: a Hessian Gamma for 2 Gamma"),
            Control("one", "formula", "c = sigma^2 / B"),
            Control("any-batch", "formula", "c = 2 sigma^2 for any batch"),
        ),
    ),
    ExactClaim(
        id="limiting-flow.tangents",
        title="Along a curve of minima the third derivative vanishes on three tangents",
        statement="T[t, t, t] = 0 at y = f(x) for L = q(x, y) (y - f(x))^2; with one or two normals for t it need not.",
        source=DERIVED,
        hypotheses=("q, f any smooth functions",),
        method="all dimensions",
        check=check_tangents,
        controls=(
            Control("one-normal", "formula", "T[t, t, n] = 0 too"),
            Control("two-normals", "formula", "T[t, n, n] = 0 too, as if nothing drifted"),
        ),
    ),
)
