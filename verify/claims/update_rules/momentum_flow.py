"""Momentum's modified loss: its factor, where it ends, and descent with the heavy ball against the modified flow."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import sympy as sp
import torch
from torch import Tensor
from torch.func import grad, vmap

from numerics.ensemble import Ensemble, State
from numerics.flow import flow
from numerics.problem import Problem
from numerics.update_rule import UpdateRule
from theory.index_algebra import Expr
from theory.loss import LOSS
from theory.momentum_flow import momentum_field, rest_offset
from theory.rule import BETA, ETA
from verify.claim import STATED, Control, Exact, ExactClaim, MeasuredClaim, Source
from verify.claims.update_rules.gradient_regularisation import AT_ANY_POINT, START, A, B, toy
from verify.error_orders import ErrorOrders

DERIVED = Source("implicit-reg", "derived here")
KAPPA = (1 + BETA) / (1 - BETA)
FACTORS = {STATED: KAPPA, "none": sp.Integer(1), "effective": 1 / (1 - BETA), "square": KAPPA**2}


def check_loss(variant: str) -> Exact:
    """Compare -grad of L + (h/4) factor |grad L|^2 with the derived field to first order."""
    loss = LOSS() + LOSS("j") * LOSS("j") * (ETA / 4 * FACTORS[variant])
    return Exact.tensor_equality(loss.derivative("j") * -1, momentum_field(0) + momentum_field(1) * ETA)


_HHg = LOSS("j", "k") * LOSS("k", "l") * LOSS("l")
_Tgg = LOSS("j", "k", "l") * LOSS("k") * LOSS("l")
_curl = (LOSS("j", "n") * LOSS("n", "k", "m") * LOSS("m")).antisymmetric("j", "k")
_second = -1 * (_HHg * (KAPPA**2 / 2 - sp.Rational(1, 6)) + _Tgg * (KAPPA**2 / 4 - sp.Rational(1, 6)))
SECOND: dict[str, tuple[Expr, Expr]] = {
    STATED: (_second, _curl * sp.Rational(-1, 6)),
    "scaled": (-1 * (_HHg * sp.Rational(1, 3) + _Tgg * sp.Rational(1, 12)) * KAPPA**2, _curl * sp.Rational(-1, 6)),
    "scaled-curl": (_second, _curl * (-(KAPPA**2) / 6)),
    "no-curl": (_second, _curl * 0),
}


def check_second(variant: str) -> Exact:
    """Compare the coefficient of h^2 and its curl with the derived ones."""
    field, curl = SECOND[variant]
    derived = momentum_field(2)
    found = Exact.tensor_equality(field, derived)
    return found if not found.holds else Exact.tensor_equality(curl, derived.derivative("k").antisymmetric("j", "k"))


MOMENTUM = 0.5


def toy_terms(beta: float, problem: Problem, num_terms: int) -> Callable[[Tensor], Tensor]:
    """Return theta ``[M, 2]`` -> the derived field's coefficients on E, ``[num_terms, M, 2]``: polynomials."""
    del problem
    fields = [_polynomials(momentum_field(order), beta) for order in range(num_terms)]

    def terms(theta: Tensor) -> Tensor:
        a, b = START[0] + theta[:, 0], START[1] + theta[:, 1]
        return torch.stack([torch.stack(field(a, b), dim=1) for field in fields])

    return terms


@cache
def _polynomials(expr: Expr, beta: float) -> Callable[[Tensor, Tensor], list[Tensor]]:
    at = expr.coefficients(lambda c: c.subs(BETA, sp.nsimplify(beta, rational=True)))
    return sp.lambdify((A, B), [AT_ANY_POINT.component(at, j=j) for j in (0, 1)])


def heavy_ball(problem: Problem, start: Tensor, velocity: Tensor, lr: float, num_steps: int, beta: float) -> Tensor:
    """Return parameters ``[M, P]`` after full-batch steps with momentum at the effective learning rate ``lr``."""
    rule = UpdateRule(lr * (1 - beta), noise_std=0.0, momentum=beta)
    replicas = Ensemble(problem, rule, len(start), seed=0)
    return replicas.advanced(State(start.T, 0, velocity.T), num_steps).theta.T


def on_the_flow(beta: float, stepped: float, problem: Problem, start: Tensor, lr: float, num_steps: int) -> Tensor:
    """Return where steps with momentum ``stepped`` lead whose velocity at the start is that of the flow of ``beta``.

    The velocity is theta_0 - theta_{-1}.
    """
    terms = toy_terms(beta, problem, 3)
    powers = torch.tensor([1.0, lr, lr**2], dtype=start.dtype)[:, None, None]
    before = flow(lambda at: -(powers * terms(at)).sum(0), start, lr, num_steps=2)
    return heavy_ball(problem, start, start - before, lr, num_steps, stepped)


def from_rest(is_shifted: bool, problem: Problem, start: Tensor, lr: float, num_steps: int) -> Tensor:
    """Return where steps from rest lead; if shifted, from theta_0 = phi - h times the derived offset at phi.

    The offset is taken from autograd's gradient and the derived multiple of it.
    """

    def loss(at: Tensor) -> Tensor:
        return (vmap(problem.model, in_dims=(None, 0))(at, problem.inputs) - problem.labels).square().mean()

    multiple = float(rest_offset().terms[0][1].subs(BETA, MOMENTUM)) if is_shifted else 0.0
    placed = start - lr * multiple * vmap(grad(loss))(start)
    return heavy_ball(problem, placed, torch.zeros_like(start), lr, num_steps, MOMENTUM)


def fields(beta: float) -> Mapping[str, tuple[tuple[float, ...], ...]]:
    """Return the fields with 3, 2, 1 terms; in the wrong ones the factor is 1, or 1 / (1 - beta)."""
    shares = {STATED: 1.0, "plain": (1 - beta) / (1 + beta), "effective": 1 / (1 + beta)}
    return {name: ((1.0, share, 1.0), (1.0, share), (1.0,)) for name, share in shares.items()}


ORDERS = partial(ErrorOrders, problem=toy, num_parameters=2, spread=0.1, num_starts=16, time=0.128, num_flow_steps=32)


def along(beta: float, lrs: Sequence[float]) -> ErrorOrders:
    """Return the experiment on steps whose velocity at the start is the flow's."""
    return ORDERS(
        lrs=lrs,
        terms=partial(toy_terms, beta),
        fields=fields(beta),
        orders=(3, 2, 1),
        worlds={STATED: partial(on_the_flow, beta, beta), "beta": partial(on_the_flow, beta, beta - 0.1)},
    )


LRS = [0.004 / 2**k for k in range(5)]
ALONG = {
    0.5: along(0.5, LRS),
    0.8: along(0.8, [0.001 / 2**k for k in range(4)]),
    0.9: along(0.9, [0.0005 / 2**k for k in range(4)]),
}
"""By beta: the larger it is, the smaller h has to be for the corrections to be small."""
JOINED = ORDERS(
    lrs=LRS,
    terms=partial(toy_terms, MOMENTUM),
    fields={name: chosen[1:] for name, chosen in fields(MOMENTUM).items()},
    orders=(2, 1),
    worlds={STATED: partial(from_rest, True), "unshifted": partial(from_rest, False)},
)

MARGIN = 0.02
WHY_MARGIN = "a missing term or a wrong coefficient changes an order by 1; the extrapolation's bias is below .002"


def hypotheses(beta: float, lrs: Sequence[float]) -> tuple[str, ...]:
    """Return what the measured claims assume."""
    return (
        "E = (a b - 3/5)^2 / 2, starts around (2.8, 3.5)",
        f"beta = {beta:g}",
        f"h = eta / (1 - beta) = {lrs[0]:g} ... {lrs[-1]:g}, extrapolated to 0",
    )


FACTOR_CONTROLS = (
    Control("plain", "formula", "the first correction of plain steps, factor 1"),
    Control("effective", "formula", "1 / (1 - beta) for the factor"),
)


def along_claim(beta: float) -> MeasuredClaim:
    """Return the claim on steps whose velocity at the start is the flow's."""
    experiment = ALONG[beta]
    return MeasuredClaim(
        id="momentum-flow.fixed-time" + ("" if beta == MOMENTUM else f".beta-{100 * beta:g}"),
        title=f"The heavy ball on the two-parameter model over a fixed time against its modified flow, beta = {beta:g}",
        statement="|theta after time .128 - flow| has order 3, 2, 1 in h for the field with 3, 2, 1 terms",
        source=DERIVED,
        items=("ghosh2023: Abstract: modified loss", "ghosh2023: Abstract: factor"),
        hypotheses=(*hypotheses(beta, experiment.lrs), "the velocity at the start is that of the flow"),
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=experiment,
        estimate=experiment.estimate,
        controls=(*FACTOR_CONTROLS, Control("beta", "world", f"beta = {beta - 0.1:g} at the same h")),
    )


CLAIMS = (
    ExactClaim(
        id="momentum-flow.loss",
        title="Modified loss of the heavy ball, any loss and dimension",
        statement="L + (h/4) (1 + beta) / (1 - beta) |grad L|^2, with h = eta / (1 - beta)",
        source=Source("ghosh2023", "Abstract"),
        items=("ghosh2023: Abstract: modified loss", "ghosh2023: Abstract: factor"),
        hypotheses=("L smooth", "formal power series in h", "after the velocity's transient"),
        method="all dimensions",
        check=check_loss,
        controls=(
            Control("none", "formula", "the factor 1 of plain steps"),
            Control("effective", "formula", "1 / (1 - beta)"),
            Control("square", "formula", "the factor's square"),
        ),
    ),
    ExactClaim(
        id="momentum-flow.second-order",
        title="Second correction of the heavy ball, and its curl",
        statement="With k = (1 + beta) / (1 - beta) the coefficient of h^2 is -((k^2/2 - 1/6) H^2 g + (k^2/4 - 1/6) "
        "T[g, g]); its curl is -[H, T[g]] / 6, whatever beta is.",
        source=DERIVED,
        hypotheses=("L smooth", "formal power series in h"),
        method="all dimensions",
        check=check_second,
        controls=(
            Control("scaled", "formula", "k^2 times that of plain steps"),
            Control("scaled-curl", "formula", "k^2 times the curl"),
            Control("no-curl", "formula", "no curl"),
        ),
    ),
    *(along_claim(beta) for beta in ALONG),
    MeasuredClaim(
        id="momentum-flow.rest",
        title="The heavy ball from rest: which modified flow it joins",
        statement="From rest at phi - h beta / (1 - beta) grad L(phi) the distance after time .128 from the flow that "
        "starts at phi has order 2 in h for the modified loss, 1 for the loss.",
        source=DERIVED,
        items=("ghosh2023: Abstract: modified loss",),
        hypotheses=hypotheses(MOMENTUM, LRS),
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=JOINED,
        estimate=JOINED.estimate,
        controls=(*FACTOR_CONTROLS, Control("unshifted", "world", "from rest at phi itself")),
    ),
)
