"""Equations (1), (3), (4), (5): what the other claims call reg, objective and update is what is printed.

The printed formulas are differentiated by SymPy, without the index algebra, for a model of degree 2 in theta: the
update's expansion then ends. They hold for any theta, displacement, labels and noise, which are symbols.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp
import torch

from numerics.ensemble import Ensemble, State
from numerics.problem import Problem
from numerics.update_rule import UpdateRule
from theory.averages import NOISE
from theory.index_algebra import H
from theory.index_algebra.instance import Instance
from theory.loss import LABEL, SQUARED_ERROR
from theory.regulariser import REG, reg_gradient
from theory.rule import ETA, N, Rule
from theory.update_expansion import X, increment
from verify.claim import STATED, Control, Exact, ExactClaim, Source
from verify.experiment import to_array

POINT = sp.symbols("c w", real=True)
DISPLACEMENT = sp.symbols("u v", real=True)
NOISE_VALUE = sp.Symbol("z", real=True)
LABELS = sp.symbols("y_1:4", real=True)
INPUT = sp.Symbol("x", real=True)
INPUTS = (-1, sp.Rational(1, 2), 2)
ORDER = 3
"""The degree of the update in the displacement: a model of degree 2 times its gradient."""


def model(theta, x):
    """Return h(theta, x), for SymPy's numbers and torch's alike."""
    c, w = theta
    return c * w * x[0] + w**2


def gradient(function: sp.Expr) -> list[sp.Expr]:
    """Return the derivatives by the parameters."""
    return [sp.diff(function, parameter) for parameter in POINT]


def instance(**more) -> Instance:
    """Return the model with its data, at any theta."""
    return Instance({H: model(POINT, (INPUT,))}, {p: p for p in POINT}, (INPUT,), tuple((x,) for x in INPUTS), **more)


def _squares(a: int) -> sp.Expr:
    return sp.Add(*(g**2 for g in gradient(model(POINT, (INPUTS[a],)))))


REGS: dict[str, Callable[[], sp.Expr]] = {
    STATED: lambda: sp.Add(*map(_squares, range(3))) / 3,
    "sum": lambda: sp.Add(*map(_squares, range(3))),
    "not-squared": lambda: sp.Add(*(sp.sqrt(_squares(a)) for a in range(3))) / 3,
    "mean-gradient": lambda: sp.Add(*(g**2 for g in gradient(sp.Add(*(model(POINT, (x,)) for x in INPUTS)) / 3))),
}


def check_reg(variant: str) -> Exact:
    """Compare a printed reg, and its gradient, with the ones that the drift's potential is compared with."""
    stated, at = REGS[variant](), instance()
    value = Exact.equality(stated, at.value(REG))
    slopes = [Exact.equality(d, at.component(reg_gradient(), j=j)) for j, d in enumerate(gradient(stated))]
    return Exact.every([*slopes, value])


OBJECTIVES: dict[str, tuple[sp.Expr, sp.Expr]] = {
    STATED: (N, 1 / N),
    "half": (N / 2, 1 / N),
    "mean": (sp.Integer(1), 1 / N),
    "whole-step": (N, sp.Integer(1)),
}
"""The objective over the mean squared error, and the mean step over -eta times the objective's gradient."""


def check_objective(variant: str) -> Exact:
    """Compare a multiple of the mean squared error with the printed sum, a share of its gradient with the mean step.

    The labels are those of zero error at theta for the step, and any for the sum.
    """
    errors = [model(POINT, (x,)) - y for x, y in zip(INPUTS, LABELS, strict=True)]
    printed = sp.Add(*(e**2 for e in errors))
    multiple, share = (number.subs(N, 3) for number in OBJECTIVES[variant])
    value = Exact.equality(multiple * instance(tensors={LABEL: LABELS}).value(SQUARED_ERROR), printed)
    at_zero_error = {y: model(POINT, (x,)) for x, y in zip(INPUTS, LABELS, strict=True)}
    moved = dict(zip(POINT, (p + d for p, d in zip(POINT, DISPLACEMENT, strict=True)), strict=True))
    at = instance(tensors={X: DISPLACEMENT, NOISE: [0, 0, 0]})
    derived = [at.component(increment(Rule(), ORDER), j=j) for j in range(2)]
    steps = [
        Exact.equality(-ETA * share * d.subs(moved, simultaneous=True).subs(at_zero_error), step)
        for d, step in zip(gradient(printed), derived, strict=True)
    ]
    return Exact.every([*steps, value])


FACTORS = {STATED: -ETA, "half-square": -ETA / 2, "ascent": ETA}
LR, NOISE_STD = sp.Rational(1, 8), sp.Rational(1, 2)
AT = (sp.Rational(3, 2), sp.Rational(-3, 4))
ROUNDING = 1e-14
"""Some ten operations in float64 on numbers of order 1."""


def check_update(variant: str) -> Exact:
    """Compare a printed step of one data point with the expanded one, and with a simulated one at dyadic numbers."""
    for x in INPUTS:
        point = Instance(
            {H: model(POINT, (INPUT,))},
            {p: p for p in POINT},
            (INPUT,),
            ((x,),),
            {X: DISPLACEMENT, NOISE: [NOISE_VALUE]},
        )
        label = sp.Symbol("y", real=True)
        printed = [FACTORS[variant] * g for g in gradient((model(POINT, (x,)) - label - NOISE_VALUE) ** 2)]
        moved = dict(zip(POINT, (p + d for p, d in zip(POINT, DISPLACEMENT, strict=True)), strict=True))
        for j, step in enumerate(printed):
            at_displacement = step.subs(moved, simultaneous=True).subs(label, model(POINT, (x,)))
            exact = Exact.equality(at_displacement, point.component(increment(Rule(), ORDER), j=j))
            if not exact.holds:
                return exact
        numbers = {ETA: LR, label: sp.Rational(1, 4)} | dict(zip(POINT, AT, strict=True))
        stated = sorted(
            [float(step.subs(numbers).subs(NOISE_VALUE, z)) for step in printed] for z in (-NOISE_STD, NOISE_STD)
        )
        simulated = simulated_steps(float(x), 0.25)
        if not np.allclose(stated, simulated, rtol=0, atol=ROUNDING):
            return Exact(False, str(stated), str(simulated), f"x = {x}: simulated {simulated}")
    return Exact(True, "the expanded and the simulated step", "the same at every data point")


def simulated_steps(x: float, label: float) -> list[list[float]]:
    """Return the two steps that the signs of the noise make of one data point, sorted."""
    problem = Problem(model, torch.tensor([[x]], dtype=torch.float64), torch.tensor([label], dtype=torch.float64))
    replicas = Ensemble(problem, UpdateRule(float(LR), float(NOISE_STD)), 2, seed=0, compiled=False)
    start = torch.tensor([[float(p)] * 2 for p in AT], dtype=torch.float64)
    return sorted(to_array((replicas.advanced(State(start, 0), 1).theta - start).T).tolist())


POLYNOMIAL = "h = c w x + w^2, three data points; any theta, displacement, labels and noise"
CLAIMS = (
    ExactClaim(
        id="definitions.reg",
        title="The implicit regulariser",
        statement="reg(theta) = (1/n) sum_i |grad h(x_i, theta)|^2",
        source=Source("blanc2020", "eqs. (1), (3)"),
        items=("eq. (1)", "eq. (3)"),
        hypotheses=(POLYNOMIAL,),
        method="instance",
        kind="definition",
        check=check_reg,
        controls=(
            Control("sum", "formula", "the sum for the mean"),
            Control("not-squared", "formula", "the norm for its square"),
            Control("mean-gradient", "formula", "the squared norm of the mean gradient"),
        ),
    ),
    ExactClaim(
        id="definitions.objective",
        title="The objective, n times the mean squared error",
        statement="The objective is sum_i (h(x_i, theta) - y_i)^2; the update of one data point drawn uniformly moves "
        "theta on average by -(eta / n) times its gradient.",
        source=Source("blanc2020", "eq. (4)"),
        items=("eq. (4)",),
        hypotheses=(POLYNOMIAL,),
        method="instance",
        kind="definition",
        check=check_objective,
        controls=(
            Control("half", "formula", "half the sum"),
            Control("mean", "formula", "the mean, as in Theorem 1 (informal)"),
            Control("whole-step", "formula", "the mean step is -eta times the sum's gradient"),
        ),
    ),
    ExactClaim(
        id="definitions.update",
        title="The update of one data point, as it is expanded and as it is simulated",
        statement="theta <- theta - eta grad (h(x_i, theta) - y_i)^2, the label y_i with its noise",
        source=Source("blanc2020", "eq. (5)"),
        items=("eq. (5)",),
        hypotheses=(POLYNOMIAL,),
        method="instance",
        kind="definition",
        check=check_update,
        controls=(
            Control("half-square", "formula", "the gradient of half the square"),
            Control("ascent", "formula", "a step upwards"),
        ),
    ),
)
