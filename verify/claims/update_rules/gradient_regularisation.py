"""Implicit gradient regularisation on a model of two parameters: E = (a b - 3/5)^2 / 2.

The reading of lambda: the source adds lambda times a regulariser; here that is the mean, over the two parameters, of
the squared partial derivatives, with which lambda = h/2 is the (h/4) |grad E|^2 that is derived for any loss.
"""

from collections.abc import Callable
from functools import cache, partial

import sympy as sp
import torch
from torch import Tensor

from numerics.problem import Problem
from theory.index_algebra.instance import Instance
from theory.loss import LOSS
from theory.modified_equation import modified_vector_field
from theory.modified_potential import modified_loss
from theory.rule import ETA
from verify.claim import STATED, Control, Exact, ExactClaim, MeasuredClaim, Source
from verify.claims.update_rules.modified_equation import FIELDS, MARGIN, ORDER_CONTROLS, WHY_MARGIN, WORLDS
from verify.error_orders import ErrorOrders

DERIVED = Source("implicit-reg", "derived here")
FIGURE = Source("barrett2021", "Figure 1")
A, B = sp.symbols("a b", real=True)
LABEL = sp.Rational(3, 5)
TOY = (A * B - LABEL) ** 2 / 2
AT_ANY_POINT = Instance({LOSS: TOY}, {A: A, B: B})
START = (2.8, 3.5)

PENALTIES = {
    STATED: ETA / 2 * (sp.diff(TOY, A) ** 2 + sp.diff(TOY, B) ** 2) / 2,
    "sum": ETA / 2 * (sp.diff(TOY, A) ** 2 + sp.diff(TOY, B) ** 2),
    "half": ETA / 4 * (sp.diff(TOY, A) ** 2 + sp.diff(TOY, B) ** 2) / 2,
    "sharpness": ETA / 2 * (A**2 + B**2),
}


def check_penalty(variant: str) -> Exact:
    """Compare E + lambda R with the derived modified loss, and its closed form E (1 + (h/2) (a^2 + b^2))."""
    derived = AT_ANY_POINT.value(modified_loss(1))
    closed = TOY * (1 + ETA / 2 * (A**2 + B**2))
    return Exact.equalities([(TOY + PENALTIES[variant], derived), (closed, derived)])


FLATTEST = {STATED: (LABEL, LABEL), "one": (sp.Integer(1), LABEL**2), "norm-only": (LABEL, LABEL**2)}


def check_flattest(variant: str) -> Exact:
    """Check that tr H - min tr H and |theta|^2 - min |theta|^2 are squares on a b = 3/5 that vanish at a^2, b^2."""
    a_squared, b_squared = FLATTEST[variant]
    on_line = {B: LABEL / A}
    trace = sp.expand((sp.diff(TOY, A, 2) + sp.diff(TOY, B, 2)).subs(on_line))
    norm = sp.expand((A**2 + B**2).subs(on_line))
    square = sp.expand((A - LABEL / A) ** 2)
    certificate = [(square, sp.expand(value - a_squared - b_squared)) for value in (trace, norm)]
    place = (sp.Integer(0), sp.expand(square.subs(A, sp.sqrt(a_squared))))
    return Exact.equalities([*certificate, place, (LABEL**2, a_squared * b_squared)])


IMBALANCE_RATES = {STATED: (0, -1), "half": (0, sp.Rational(-1, 2)), "grows": (0, 1), "by-the-flow": (-1, -1)}


def check_imbalance(variant: str) -> Exact:
    """Compare d(a^2 - b^2)/dt along the derived field, coefficients of h^0 and h, with multiples of E-terms."""
    scale = (A * B - LABEL) ** 2 * (A**2 - B**2)
    pairs = []
    for order, rate in enumerate(IMBALANCE_RATES[variant]):
        field = [AT_ANY_POINT.component(modified_vector_field(order), j=j) for j in (0, 1)]
        pairs.append((sp.expand(rate * scale), sp.expand(2 * A * field[0] - 2 * B * field[1])))
    return Exact.equalities(pairs)


def product_model(theta: Tensor, x: Tensor) -> Tensor:
    """Return a b / sqrt 2 for (a, b) = the source's start + theta: the squared error is E."""
    return (START[0] + theta[0]) * (START[1] + theta[1]) * x[0]


def toy() -> Problem:
    """Return the model with its one data point."""
    scale = torch.tensor([[0.5]], dtype=torch.float64).sqrt()
    return Problem(product_model, scale, float(LABEL) * scale[0])


def toy_terms(problem: Problem, num_terms: int) -> Callable[[Tensor], Tensor]:
    """Return theta ``[M, 2]`` -> the derived field's coefficients on E, ``[num_terms, M, 2]``: polynomials."""
    del problem
    fields = [_polynomials(order) for order in range(num_terms)]

    def terms(theta: Tensor) -> Tensor:
        a, b = START[0] + theta[:, 0], START[1] + theta[:, 1]
        return torch.stack([torch.stack(field(a, b), dim=1) for field in fields])

    return terms


@cache
def _polynomials(order: int) -> Callable[[Tensor, Tensor], list[Tensor]]:
    return sp.lambdify((A, B), [AT_ANY_POINT.component(modified_vector_field(order), j=j) for j in (0, 1)])


ORDERS = partial(
    ErrorOrders,
    problem=toy,
    terms=toy_terms,
    num_parameters=2,
    spread=0.1,
    lrs=[0.004 / 2**k for k in range(5)],
    fields=FIELDS,
    worlds=WORLDS,
)
ONE_STEP = ORDERS(time=None, orders=(4, 3, 2), num_starts=64)
FIXED_TIME = ORDERS(time=0.128, orders=(3, 2, 1), num_starts=16, num_flow_steps=32)


TOY_PLACE = ("E = (a b - 3/5)^2 / 2",)
ORDER_HYPOTHESES = (*TOY_PLACE, "starts around (2.8, 3.5)", "h = .004 ... .00025, extrapolated to 0")
CLAIMS = (
    ExactClaim(
        id="igr.penalty",
        title="The modified loss of the two-parameter model",
        statement="E + (h/2) R with R the mean square of the two partial derivatives; it is E (1 + (h/2) (a^2 + b^2))",
        source=FIGURE,
        items=("barrett2021: Abstract: size of the regularisation", "barrett2021: Figure 1: modified flow"),
        hypotheses=TOY_PLACE,
        method="instance",
        check=check_penalty,
        controls=(
            Control("sum", "formula", "the sum of the squares for their mean"),
            Control("half", "formula", "lambda = h/4"),
            Control("sharpness", "formula", "(h/2) (a^2 + b^2), not multiplied by E"),
        ),
    ),
    ExactClaim(
        id="igr.flattest",
        title="The flattest minimum of the two-parameter model has the lowest norm",
        statement="On a b = 3/5 the trace of the Hessian is |theta|^2, and both exceed their least value 6/5 by "
        "(a - b)^2: one point up to sign, a^2 = b^2 = 3/5.",
        source=FIGURE,
        items=("barrett2021: Figure 1: flattest minima",),
        hypotheses=TOY_PLACE,
        method="certificate",
        check=check_flattest,
        controls=(
            Control("one", "formula", "at a = 1"),
            Control("norm-only", "formula", "a^2 = 3/5 and b^2 = 9/25, which is off the line"),
        ),
    ),
    ExactClaim(
        id="igr.imbalance",
        title="Why gradient descent ends in a flatter place",
        statement="a^2 - b^2 is constant along the flow of E and along the modified flow decays at the rate "
        "h (a b - 3/5)^2; at a minimum (tr H)^2 = (a^2 - b^2)^2 + 36/25.",
        source=DERIVED,
        hypotheses=(*TOY_PLACE, "to first order in h"),
        method="instance",
        check=check_imbalance,
        controls=(
            Control("half", "formula", "half the rate"),
            Control("grows", "formula", "growth"),
            Control("by-the-flow", "formula", "decay along the flow of E as well"),
        ),
    ),
    MeasuredClaim(
        id="igr.one-step",
        title="One gradient step of the two-parameter model against the modified flow",
        statement="|one step - time-h flow| has order 4, 3, 2 in h for the field with 3, 2, 1 terms",
        source=DERIVED,
        items=("barrett2021: Abstract: size of the regularisation",),
        hypotheses=ORDER_HYPOTHESES,
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=ONE_STEP,
        estimate=ONE_STEP.estimate,
        controls=ORDER_CONTROLS,
    ),
    MeasuredClaim(
        id="igr.fixed-time",
        title="Gradient descent on the two-parameter model over a fixed time against the modified flow",
        statement="|theta after time .128 - flow| has order 3, 2, 1 in h for the field with 3, 2, 1 terms",
        source=DERIVED,
        items=("barrett2021: Abstract: size of the regularisation",),
        hypotheses=ORDER_HYPOTHESES,
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=FIXED_TIME,
        estimate=FIXED_TIME.estimate,
        controls=ORDER_CONTROLS,
    ),
)
