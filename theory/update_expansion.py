"""One step of (stochastic) gradient descent, expanded about a point of zero training error.

**Source.** Blanc, Gupta, Valiant, Valiant (COLT 2020), Section 3.1, equations (5), (6).
**Hypotheses.** h(x_i, theta*) = y_i for all i; h smooth enough for the orders that are kept.
**Derivation.** Write theta = theta* + x. The residual of draw a is its Taylor series in x less the label noise,
r_a = sum_k h_a^{j1...jk} x_j1 ... x_jk / k! - z_a; the plain step D is -eta d/dx of the batch mean of loss(r_a), less
eta lambda (theta* + x) with weight decay.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from theory.averages import NOISE, SHARED_NOISE, average
from theory.derivation import derivation
from theory.index_algebra import THETA, ZERO, Expr, Factor, H, Head
from theory.rule import DECAY, ETA, RESIDUAL, Rule

X = Head("x", rank=1, derivative="constant")
"""x = theta - theta*."""


def num_displacements(product: tuple[Factor, ...]) -> int:
    """Return how many factors x a product has."""
    return sum(factor.head == X for factor in product)


def residual(rule: Rule, order: int) -> Expr:
    """Return the residual of draw ``a`` to the given order in x; its label ``a`` is free."""
    noise = NOISE(label="a") if rule.noise.sharing == "independent" else SHARED_NOISE()
    taylor = [
        Expr.of(
            Factor(H, "a", tuple(range(k))),
            *(Factor(X, None, (i,)) for i in range(k)),
            coefficient=sp.Rational(1, sp.factorial(k)),
        )
        for k in range(1, order + 1)
    ]
    return sum(taylor, ZERO) - noise


@cache
def increment(rule: Rule, order: int) -> Expr:
    """Return the plain step D_j (free index ``j``) to the given order in x, before any average.

    The draw's label is bound: it stands for the average over the batch.
    """
    r = residual(rule, order + 1)
    powers = [Expr.number(1)]
    coefficients = sp.Poly(rule.loss, RESIDUAL).all_coeffs()[::-1]
    for _ in coefficients[1:]:
        powers.append(truncated(powers[-1] * r, order + 1))
    loss = sum((c * power for c, power in zip(coefficients, powers, strict=True)), ZERO)
    step = loss.derivative_by(X, "j").averaged("a") * -ETA
    return step - truncated(THETA("j") + X("j"), order) * (ETA * DECAY) if rule.weight_decay else step


@derivation("update-expansion")
@cache
def mean_increment(rule: Rule, order: int) -> Expr:
    """Return E[D_j | x] to the given order in x."""
    return average(increment(rule, order), rule)


@cache
def second_moment_increment(rule: Rule, order: int) -> Expr:
    """Return E[D_j D_k | x] to the given order in x."""
    step = increment(rule, order)
    return average(truncated(step * step.reindexed({"j": "k"}), order), rule)


def truncated(expr: Expr, order: int) -> Expr:
    """Return the terms with at most ``order`` factors x."""
    return expr.map(lambda product, c: [(product, c)] if num_displacements(product) <= order else [])


def part(expr: Expr, order: int) -> Expr:
    """Return the terms with exactly ``order`` factors x."""
    return expr.map(lambda product, c: [(product, c)] if num_displacements(product) == order else [])
