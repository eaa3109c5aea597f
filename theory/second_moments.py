"""Second moments of the state of an update rule, and what one step makes of them.

The state is the displacement x = theta - theta* and, with momentum, the velocity v; their moments are S = E[x x^T],
C = E[x v^T] and W = E[v v^T].

**Derivation.** One step adds p v + q D to x and (beta - 1) v + D to v, with the plain step D of `update_expansion` and
p, q read off the rule's definition. The change of E[a_j b_k] is E[a_j (db)_k + (da)_j b_k + (da)_j (db)_k], to second
order in x and v.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import sympy as sp

from theory.index_algebra import Expr, Factor, Head, Product
from theory.rule import BETA, Rule, Scaling
from theory.update_expansion import X, mean_increment, part, second_moment_increment

V = Head("v", rank=1, derivative="constant")
"""The velocity."""
S = Head("S", rank=2)
"""E[x x^T], the stationary covariance."""
C = Head("C", rank=2, symmetric=False)
"""E[x v^T]."""
W = Head("W", rank=2)
"""E[v v^T]."""
MOMENTS = {(X, X): S, (X, V): C, (V, V): W}


class Increment(NamedTuple):
    """One step adds ``velocity`` v + ``step`` D to a part of the state."""

    velocity: sp.Expr
    step: sp.Expr


def increments(rule: Rule) -> dict[Head, Increment]:
    """Return what one step adds to x and, with momentum, to v."""
    momentum = rule.momentum
    moved = {X: Increment(momentum.of_velocity * BETA, momentum.of_velocity + momentum.of_step)}
    return moved | {V: Increment(BETA - 1, sp.Integer(1))} if momentum.keeps_velocity else moved


def effective_step(rule: Rule) -> sp.Expr:
    """Return how many plain steps D the motion along the manifold makes in one step.

    It is the motion of x + c v, with c such that the velocity itself does not move it: in a stationary state the
    velocity has no part in a lasting motion.
    """
    moved = increments(rule)
    if V not in moved:
        return moved[X].step
    c = -moved[X].velocity / moved[V].velocity
    return cast(sp.Expr, sp.factor(moved[X].step + c * moved[V].step))


def moment_changes(rule: Rule) -> dict[Head, Expr]:
    """Return the mean change in one step of each second moment of the state, free indices j, k, to second order."""
    moved = increments(rule)
    drift = {name: part(mean_increment(rule, 2), 1).reindexed({"j": name}) for name in "jk"}
    square = second_moment_increment(rule, 2)

    def added(head: Head, name: str) -> Expr:
        return V(name) * moved[head].velocity + drift[name] * moved[head].step

    changes = {}
    for (a, b), moment in MOMENTS.items():
        if a not in moved or b not in moved:
            continue
        (p, q), (r, s) = moved[a], moved[b]
        both = V("j") * V("k") * (p * r) + V("j") * drift["k"] * (p * s) + drift["j"] * V("k") * (q * r)
        changes[moment] = with_moments(a("j") * added(b, "k") + added(a, "j") * b("k") + both + square * (q * s))
    return changes


def with_moments(expr: Expr) -> Expr:
    """Replace each pair of x and v by its second moment; a single one averages to higher order and is dropped."""

    def pair(product: Product, coefficient: sp.Expr):
        vectors = sorted((f for f in product if f.head in (X, V)), key=lambda f: f.head == V)
        if len(vectors) not in (0, 2):
            return
        rest = [f for f in product if f.head not in (X, V)]
        if vectors:
            (first, (i,)), (second, (j,)) = ((f.head, f.indices) for f in vectors)
            rest.append(Factor(MOMENTS[first, second], None, (i, j)))
        yield rest, coefficient

    return expr.map(pair)


def leading(expr: Expr, scaling: Scaling) -> tuple[int, Expr]:
    """Return the lowest order that occurs and the terms of that order.

    Noise drives the velocity anew in each step, by lr * noise, so C and W are smaller than S by one order of lr.
    """
    size = 2 * scaling.displacement
    sizes = {X: scaling.displacement, S: size, C: size + scaling.lr, W: size + scaling.lr}
    by_order: dict[int, list[tuple[Product, sp.Expr]]] = {}
    for product, coefficient in expr.terms:
        base = sum(sizes.get(f.head, 0) for f in product)
        for order, value in scaling.parts(coefficient).items():
            by_order.setdefault(base + order, []).append((product, value))
    if not by_order:
        return 0, expr
    lowest = min(by_order)
    return lowest, Expr.collect(by_order[lowest])
