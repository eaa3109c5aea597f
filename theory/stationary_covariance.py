"""Stationary covariance of an update rule about a point of zero training error.

**Statement.** To leading order in the scaling, S = E[x x^T] solves an equation that is affine in S. Where every term
is a chain in S and Gamma = E_a[h_a h_a^T], S is a function of Gamma, found by solving one scalar equation:
for small eta the constant eta sigma^2 / B on the range of Gamma (isotropy), for full batches at fixed eta a rational
function of Gamma. Otherwise S stays a head of its own, defined by the equation.
**Hypotheses.** Zero training error at theta*; h bounded to third order; the noise is frozen at theta*; stationary,
that is, the eigenvalues of the linear step on the range of Gamma lie inside the unit circle.
**Source.** Blanc et al. (COLT 2020), Sections 3.2, 3.3 and (11), for small eta.
**Derivation.** E[(x + d)_j (x + d)_k] - E[x_j x_k] = 0 with the increment d of `update_expansion`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import sympy as sp

from theory.derivation import derivation
from theory.index_algebra import Expr, Factor, H, Head, Product
from theory.rule import Rule, Scaling
from theory.update_expansion import X, mean_increment, num_displacements, part, second_moment_increment

S = Head("S", rank=2)
"""The stationary covariance E[x x^T]."""
RANGE = Head("Pi", rank=2)
"""The orthogonal projector onto the range of Gamma."""
TANGENT = Head("P", rank=2)
"""The orthogonal projector onto the kernel of Gamma: the tangent space of the zero-loss manifold."""
GAMMA_EIGENVALUE = sp.Symbol("gamma", positive=True)
COVARIANCE_EIGENVALUE = sp.Symbol("s", positive=True)


@dataclass(frozen=True)
class StationaryCovariance:
    """S, as the equation it solves and, where it is a function of Gamma, that function.

    Attributes:
        equation: E[S' - S] with free indices j, k; 0 at stationarity.
        spectral: S as a function of ``GAMMA_EIGENVALUE`` on the range of Gamma; None where it is no function of Gamma.
        expression: What replaces E[x_j x_k]: a multiple of ``RANGE`` where ``spectral`` is constant, else ``S`` itself.
    """

    equation: Expr
    spectral: sp.Expr | None
    expression: Expr


@derivation("stationary-covariance")
def stationary_covariance(rule: Rule, scaling: Scaling) -> StationaryCovariance:
    """Derive the stationary covariance.

    Raises:
        ValueError: If theta* is not stationary on average, or the scaling leaves nothing that balances the noise.
    """
    if force := part(mean_increment(rule, 2), 0):
        raise ValueError(
            f"the label noise exerts a mean force at zero error, {force.latex()}: theta* is not stationary"
        )
    equation = covariance_equation(rule, scaling)
    has_source = any(not _has(S, product) for product, _ in equation.terms)
    has_damping = any(_has(S, product) for product, _ in equation.terms)
    if not (has_source and has_damping):
        raise ValueError(
            f"scaling {scaling.name!r}: leading order has no balance of noise and damping: {equation.latex()}"
        )
    spectral = spectral_solution(equation)
    if spectral is None or spectral.has(GAMMA_EIGENVALUE):
        return StationaryCovariance(equation, spectral, S("j", "k"))
    return StationaryCovariance(equation, spectral, RANGE("j", "k") * spectral)


def covariance_equation(rule: Rule, scaling: Scaling) -> Expr:
    """Return the change of S = E[x x^T] in one step, to leading order in the scaling (free indices j, k)."""
    linear = part(mean_increment(rule, 2), 1)
    cross = X("k") * linear
    cross = cross + X("j") * linear.reindexed({"j": "k"})
    change = with_covariance(cross + second_moment_increment(rule, 2))
    return leading(change, scaling)[1]


def leading(expr: Expr, scaling: Scaling) -> tuple[int, Expr]:
    """Return the lowest order that occurs and the terms of that order; S counts as two displacements."""
    by_order: dict[int, list[tuple[Product, sp.Expr]]] = {}
    for product, coefficient in expr.terms:
        displacements = sum(2 for f in product if f.head == S) + num_displacements(product)
        for order, value in scaling.order(coefficient, displacements).items():
            by_order.setdefault(order, []).append((product, value))
    if not by_order:
        return 0, expr
    lowest = min(by_order)
    restored = [(p, c.subs(sp.Symbol("_small", positive=True), 1)) for p, c in by_order[lowest]]
    return lowest, Expr.collect(restored)


def with_covariance(expr: Expr) -> Expr:
    """Replace each pair x_k x_l by S_kl; terms with a single x average to higher order and are dropped."""

    def pair(product: Product, coefficient: sp.Expr):
        vectors = [f for f in product if f.head == X]
        if len(vectors) not in (0, 2):
            return
        rest = [f for f in product if f.head != X]
        covariance = [Factor(S, None, (vectors[0].indices[0], vectors[1].indices[0]))] if vectors else []
        yield [*rest, *covariance], coefficient

    return expr.map(pair)


def spectral_solution(equation: Expr) -> sp.Expr | None:
    """Return S as a function s(gamma), if it is one; otherwise None."""
    scalar = scalar_equation(equation)
    if scalar is None:
        return None
    (solution,) = sp.solve(scalar, COVARIANCE_EIGENVALUE)
    return cast(sp.Expr, sp.factor(solution))


def scalar_equation(equation: Expr) -> sp.Expr | None:
    """Return the equation in gamma and s, if every term is a chain of Gamma and S from j to k; otherwise None."""
    scalar = sp.Integer(0)
    for product, coefficient in equation.terms:
        word = _chain(product)
        if word is None:
            return None
        scalar += coefficient * GAMMA_EIGENVALUE ** word.count("G") * COVARIANCE_EIGENVALUE ** word.count("S")
    return scalar


def _has(head: Head, product: Product) -> bool:
    return any(factor.head == head for factor in product)


def _chain(product: Product) -> str | None:
    """Return the word of a product such as Gamma_jm S_mk, 'GS'; None if it is not a single chain from j to k."""
    edges: list[tuple[str, tuple]] = [("S", f.indices) for f in product if f.head == S]
    for label in {f.label for f in product if f.label is not None}:
        gradients = [f for f in product if f.label == label]
        if len(gradients) != 2 or any(f.head != H or len(f.indices) != 1 for f in gradients):
            return None
        edges.append(("G", (gradients[0].indices[0], gradients[1].indices[0])))
    if sum(2 if f.head == S else 1 for f in product) != 2 * len(edges):
        return None
    word, here = "", "j"
    while edges:
        found = next((edge for edge in edges if here in edge[1]), None)
        if found is None:
            return None
        edges.remove(found)
        kind, (left, right) = found
        word, here = word + kind, right if left == here else left
    return word if here == "k" else None
