"""Mini-batches in random order, and drawn with replacement: how far the mean iterate is from its modified flow.

Nothing is sampled: an epoch's sequences are all gone through, and over a fixed time the mean of the iterates comes from
the transfer operator of a model with two parameters (`numerics.mean_iterate`).
"""

from collections.abc import Callable
from functools import cache, partial

import sympy as sp
import torch
from torch import Tensor
from torch.func import grad, vmap

from numerics.mean_iterate import Map, Order, mean_after_epoch, mean_iterate
from numerics.problem import Problem
from theory.epoch_mean import BATCH_LOSS, epoch_field
from theory.index_algebra.instance import Instance
from theory.mean_path import moment_field
from theory.second_moments import S
from verify.claim import STATED, Control, MeasuredClaim
from verify.claims.update_rules.shuffling import DERIVED
from verify.error_orders import ErrorOrders


def distance_model(theta: Tensor, x: Tensor) -> Tensor:
    """Return 1 + |theta - x|^2 / 2; a small step down its square leads straight towards x."""
    return 1 + (theta - x).square().sum() / 2


PLACES = ((-0.8, -0.5), (0.9, -0.3), (0.1, 0.7))


def location() -> Problem:
    """Return the model with three points of the square [-1, 1]^2 and labels 0: L_k = h(theta, x_k)^2."""
    return Problem(distance_model, torch.tensor(PLACES, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))


def single_steps(problem: Problem, lr: float) -> list[Map]:
    """Return the step of each data point by itself."""

    def loss(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (problem.model(at, x) - y).square()

    def step(x: Tensor, y: Tensor, at: Tensor) -> Tensor:
        return at - lr * vmap(grad(loss), in_dims=(0, None, None))(at, x, y)

    return [partial(step, x, y) for x, y in zip(problem.inputs, problem.labels, strict=True)]


def epochs(order: Order, problem: Problem, start: Tensor, lr: float, num_epochs: int) -> Tensor:
    """Return the mean of theta after epochs of single-sample steps."""
    steps = single_steps(problem, lr)
    return mean_after_epoch(steps, start, order) if num_epochs == 1 else mean_iterate(steps, start, num_epochs, order)


_X, _Y, _P, _Q = sp.symbols("x y p q", real=True)
_SXX, _SXY, _SYY = sp.symbols("s_xx s_xy s_yy", real=True)
STATE = (_X, _Y, _SXX, _SXY, _SYY)
NUM_DATA = len(PLACES)
TERMS = {
    "reshuffle": lambda: epoch_field("reshuffle"),
    "iid": lambda: epoch_field("iid"),
    "moments": moment_field,
}


def location_terms(kind: str, problem: Problem, num_terms: int) -> Callable[[Tensor], Tensor]:
    """Return the derived field's coefficients at states ``[M, rows]``, in a time in which an epoch lasts lr.

    The states are theta or, for ``moments``, theta and the covariance over lr (xx, xy, yy).
    """
    del problem
    fields = location_polynomials(kind)[:num_terms]

    def terms(state: Tensor) -> Tensor:
        columns = state.unbind(1)
        zero = torch.zeros_like(columns[0])
        return NUM_DATA * torch.stack([torch.stack([c + zero for c in field(*columns)], dim=1) for field in fields])

    return terms


@cache
def location_polynomials(kind: str) -> list[Callable[..., list[Tensor]]]:
    """Return the derived field on the three points, lowered: a function of the state for each coefficient."""
    h = 1 + ((_X - _P) ** 2 + (_Y - _Q) ** 2) / 2
    data = [[sp.Rational(str(c)) for c in place] for place in PLACES]
    tensors = {S: [[_SXX, _SXY], [_SXY, _SYY]]}
    instance = Instance({BATCH_LOSS: h**2}, {_X: _X, _Y: _Y}, (_P, _Q), data, tensors)
    fields = [[instance.component(expr, j=j) for j in (0, 1)] for expr in TERMS[kind]()[:2]]
    if kind != "moments":
        return [sp.lambdify((_X, _Y), field) for field in fields]
    derived = moment_field()
    spread = [
        [instance.component(expr, j=j, k=k) for j, k in ((0, 0), (0, 1), (1, 1))]
        for expr in (derived.relaxation, derived.noise)
    ]
    bend = [instance.component(derived.bend, j=j) for j in (0, 1)]
    growth, still = [a + b for a, b in zip(*spread, strict=True)], [sp.Integer(0)] * 3
    return [sp.lambdify(STATE, row) for row in ([*fields[0], *growth], [*fields[1], *still], [*bend, *still])]


ORDERS = partial(
    ErrorOrders,
    problem=location,
    num_parameters=2,
    spread=0.2,
    lrs=[0.02 / 2**k for k in range(5)],
    num_starts=32,
)
WITHOUT_REPETITION, WITH_REPETITION = partial(epochs, "reshuffle"), partial(epochs, "iid")
PENALTIES = {STATED: ((1.0, 1.0), (1.0,)), "loss-only": ((1.0,), (1.0,)), "double": ((1.0, 2.0), (1.0,))}
RESHUFFLED = {STATED: WITHOUT_REPETITION, "replacement": WITH_REPETITION}
REPLACED = {STATED: WITH_REPETITION, "reshuffled": WITHOUT_REPETITION}
ONE_EPOCH = {
    "reshuffle": ORDERS(
        terms=partial(location_terms, "reshuffle"), fields=PENALTIES, worlds=RESHUFFLED, time=None, orders=(3, 2)
    ),
    "iid": ORDERS(terms=partial(location_terms, "iid"), fields=PENALTIES, worlds=REPLACED, time=None, orders=(3, 2)),
}
FIXED_TIME = {
    "reshuffle": ORDERS(
        terms=partial(location_terms, "reshuffle"),
        fields=PENALTIES,
        worlds=RESHUFFLED,
        time=0.16,
        orders=(2, 1),
        num_flow_steps=4,
    ),
    "iid": ORDERS(
        terms=partial(location_terms, "moments"),
        fields={
            STATED: ((1.0, 1.0, 1.0), (1.0, 1.0), (1.0,)),
            "no-covariance": ((1.0, 1.0), (1.0, 1.0), (1.0,)),
            "whole-bend": ((1.0, 1.0, 2.0), (1.0, 1.0), (1.0,)),
            "covariance-only": ((1.0, 0.0, 1.0), (1.0, 1.0), (1.0,)),
        },
        powers=(0, 1, 1),
        num_extra=3,
        worlds=REPLACED,
        time=0.16,
        orders=(2, 1, 1),
        num_flow_steps=4,
    ),
}
MARGIN = 0.05
WHY_MARGIN = "a missing or wrong term changes an order by 1; the extrapolation's bias is below .005"
MODEL = ("three points x_k of the plane, L_k = (1 + |theta - x_k|^2 / 2)^2", "random starts")
LADDER = "eta = .02 ... .00125, extrapolated to 0"
SINGLE = "m batches of one data point"
LOSS_ONLY = Control("loss-only", "formula", "the flow of L alone")
DOUBLE = Control("double", "formula", "eta/2 for eta/4")


def order_claim(id: str, title: str, statement: str, experiment: ErrorOrders, *controls: Control) -> MeasuredClaim:
    """Return the claim that the mean iterate's distances from flows have the stated orders."""
    return MeasuredClaim(
        id=id,
        title=title,
        statement=statement,
        source=DERIVED,
        items=("smith2021: Abstract: mean iterate",) if id.startswith("shuffling") else (),
        hypotheses=(SINGLE, *MODEL, LADDER),
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=experiment,
        estimate=experiment.estimate,
        controls=controls,
    )


WITH = Control("replacement", "world", "batches drawn with replacement")
WITHOUT = Control("reshuffled", "world", "each batch once in an epoch")


CLAIMS = (
    order_claim(
        "shuffling.one-epoch",
        "The mean after one epoch in random order against its modified loss",
        "|mean after an epoch - flow| has order 3 in eta for L + (eta/(4m)) sum |grad L_k|^2, 2 for L",
        ONE_EPOCH["reshuffle"],
        LOSS_ONLY,
        DOUBLE,
        WITH,
    ),
    order_claim(
        "shuffling.fixed-time",
        "The mean over a fixed time in random order against its modified loss",
        "|mean after time .48 - flow| has order 2 in eta for L + (eta/(4m)) sum |grad L_k|^2, 1 for L",
        FIXED_TIME["reshuffle"],
        LOSS_ONLY,
        DOUBLE,
        WITH,
    ),
    order_claim(
        "replacement.one-epoch",
        "The mean after m draws with replacement against its modified loss",
        "|mean after m steps - flow| has order 3 in eta for L + (eta/4) |grad L|^2, 2 for L",
        ONE_EPOCH["iid"],
        LOSS_ONLY,
        DOUBLE,
        WITHOUT,
    ),
    order_claim(
        "replacement.fixed-time",
        "The mean over a fixed time with replacement: the covariance acts at the modified loss's order",
        "|mean after time .48 - flow| has order 2 in eta with -T[S]/2, 1 for L + (eta/4) |grad L|^2 alone, 1 for L",
        FIXED_TIME["iid"],
        Control("no-covariance", "formula", "without S"),
        Control("whole-bend", "formula", "T[S] for its half"),
        Control("covariance-only", "formula", "with S, without the modified loss"),
        WITHOUT,
    ),
)
