"""The modified equation of gradient descent: its first terms and its error orders."""

from functools import partial

import sympy as sp
import torch

from numerics.models import tanh_network
from numerics.problem import Problem
from theory.index_algebra import Expr
from theory.index_algebra.instance import Instance
from theory.loss import LOSS
from theory.modified_equation import lie_series_term, modified_vector_field
from theory.rule import ETA
from verify.claim import STATED, Control, Exact, ExactClaim, MeasuredClaim, Source
from verify.error_orders import ErrorOrders, Steps, gradient_descent, midpoint_descent

SOURCE = Source("implicit-reg", "derived here")
SMOOTH = ("L smooth", "formal power series in h")

# g, H and T: first, second and third derivatives of L.
_Hg = LOSS("j", "k") * LOSS("k")
_HHg = LOSS("j", "k") * LOSS("k", "l") * LOSS("l")
_Tgg = LOSS("j", "k", "l") * LOSS("k") * LOSS("l")


PRINTED = {
    STATED: (_Hg * sp.Rational(-1, 2), -1 * (_HHg * sp.Rational(1, 3) + _Tgg * sp.Rational(1, 12))),
    "quarter": (_Hg * sp.Rational(-1, 4), -1 * (_HHg * sp.Rational(1, 3) + _Tgg * sp.Rational(1, 12))),
    "sign": (_Hg * sp.Rational(1, 2), -1 * (_HHg * sp.Rational(1, 3) + _Tgg * sp.Rational(1, 12))),
    "no-third-derivative": (_Hg * sp.Rational(-1, 2), _HHg * sp.Rational(-1, 3)),
    "quadratic-flow": (_Hg * sp.Rational(-1, 2), -1 * (_HHg * sp.Rational(1, 6) + _Tgg * sp.Rational(1, 6))),
}


def check_printed(variant: str) -> Exact:
    """Compare the coefficients of h and h^2 with those derived from rooted trees and from the Lie series."""
    derived = tuple(modified_vector_field(order) for order in (1, 2))
    if derived != tuple(lie_series_term(order) for order in (1, 2)):
        raise ArithmeticError("the two derivations differ")
    return identity(PRINTED[variant], derived)


def identity(printed: tuple[Expr, ...], derived: tuple[Expr, ...]) -> Exact:
    """Return whether expressions are those derived; the counterexample is the first difference."""
    found = [d - p for p, d in zip(printed, derived, strict=True) if d != p]
    left, right = (", ".join(expr.latex() for expr in side) for side in (printed, derived))
    return Exact(not found, left, right, f"derived - stated = {found[0].latex()}" if found else "")


RATE_ORDERS = 7
RATE = sp.Symbol("lambda", positive=True)
RATES = {
    STATED: -sp.log(1 - ETA * RATE) / ETA,
    "implicit": sp.log(1 + ETA * RATE) / ETA,
    "first-correction": RATE + ETA * RATE**2 / 2,
    "pade": RATE / (1 - ETA * RATE / 2),
}


def check_quadratic(variant: str) -> Exact:
    """Compare a rate of decay on L = lambda x^2 / 2 with the derived field at x = 1, order by order."""
    x = sp.Symbol("x", real=True)
    parabola = Instance({LOSS: RATE * x**2 / 2}, {x: 1})
    derived = sum(-(ETA**k) * parabola.component(modified_vector_field(k), j=0) for k in range(RATE_ORDERS))
    stated = sp.series(RATES[variant], ETA, 0, RATE_ORDERS).removeO()
    return Exact.equality(stated, sp.expand(derived))


def unit() -> Problem:
    """Return c tanh(w x + b) with three data points that it cannot fit: P = 3."""
    inputs, labels = torch.tensor([[-1.0], [0.5], [2.0]]), torch.tensor([1.0, -0.5, 0.5])
    return Problem(tanh_network(1, 1), inputs.double(), labels.double())


FIELDS = {
    STATED: ((1.0, 1.0, 1.0), (1.0, 1.0), (1.0,)),
    "one-term-less": ((1.0, 1.0), (1.0,), (1.0,)),
    "half": ((1.0, 2.0, 1.0), (1.0, 2.0), (1.0,)),
    "half-second": ((1.0, 1.0, 0.5), (1.0, 1.0), (1.0,)),
}
WORLDS: dict[str, Steps] = {STATED: gradient_descent, "midpoint": midpoint_descent}
ORDERS = partial(
    ErrorOrders,
    problem=unit,
    num_parameters=3,
    spread=0.5,
    lrs=[0.04 / 2**k for k in range(5)],
    fields=FIELDS,
    worlds=WORLDS,
)
ONE_STEP = ORDERS(time=None, orders=(4, 3, 2), num_starts=64)
FIXED_TIME = ORDERS(time=0.32, orders=(3, 2, 1), num_starts=16, num_flow_steps=5)
MARGIN = 0.02
WHY_MARGIN = "a missing term or a wrong coefficient changes an order by 1; the extrapolation's bias is below .002"
ORDER_CONTROLS = (
    Control("one-term-less", "formula", "each field with its last term missing"),
    Control("half", "formula", "the gradient of (h/2) |grad L|^2 for that of (h/4) |grad L|^2"),
    Control("half-second", "formula", "half the coefficient of h^2"),
    Control("midpoint", "world", "steps of the explicit midpoint rule, which follow the gradient flow to order 2"),
)

CLAIMS = (
    ExactClaim(
        id="modified-equation.printed",
        title="Modified equation of gradient descent to h^2, any loss and dimension",
        statement="theta - h g is the time-h flow of -g - (h/2) H g - h^2 (H^2 g / 3 + T[g, g] / 12) + O(h^3)",
        source=SOURCE,
        hypotheses=SMOOTH,
        method="all dimensions",
        check=check_printed,
        controls=(
            Control("quarter", "formula", "h/4 before H g"),
            Control("sign", "formula", "+h/2 before H g"),
            Control("no-third-derivative", "formula", "T[g, g] dropped: right for quadratic losses"),
            Control("quadratic-flow", "formula", "the second-order term of the flow itself, (H^2 g + T[g, g]) / 6"),
        ),
    ),
    ExactClaim(
        id="modified-equation.quadratic",
        title="Rate on a quadratic loss",
        statement="on L = lambda x^2 / 2 the modified equation is x' = -r x with r = -ln(1 - h lambda) / h",
        source=SOURCE,
        hypotheses=("h lambda < 1", f"compared to h^{RATE_ORDERS - 1}"),
        method="all dimensions",
        check=check_quadratic,
        controls=(
            Control("implicit", "formula", "ln(1 + h lambda) / h, the rate of the implicit step"),
            Control("first-correction", "formula", "lambda + h lambda^2 / 2"),
            Control("pade", "formula", "lambda / (1 - h lambda / 2)"),
        ),
    ),
    MeasuredClaim(
        id="modified-equation.one-step",
        title="One gradient step against the modified flow",
        statement="|one step - time-h flow| has order 4, 3, 2 in h for the field with 3, 2, 1 terms",
        source=SOURCE,
        hypotheses=("tanh unit, P = 3, N = 3", "random starts", "h = .04 ... .0025, extrapolated to 0"),
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=ONE_STEP,
        estimate=ONE_STEP.estimate,
        controls=ORDER_CONTROLS,
    ),
    MeasuredClaim(
        id="modified-equation.fixed-time",
        title="Gradient descent over a fixed time against the modified flow",
        statement="|theta after time .32 - flow| has order 3, 2, 1 in h for the field with 3, 2, 1 terms",
        source=SOURCE,
        hypotheses=("tanh unit, P = 3, N = 3", "random starts", "h = .04 ... .0025, extrapolated to 0"),
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=FIXED_TIME,
        estimate=FIXED_TIME.estimate,
        controls=ORDER_CONTROLS,
    ),
)
