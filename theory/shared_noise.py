"""Curl of the drift along the zero-loss manifold, exactly, for a polynomial model at a rational point.

**Statement.** A drift P f is descent on a function of the manifold only if the one-form u -> <f, u> has no exterior
derivative in tangent directions: d_u <f, v> = d_v <f, u> for all u, v in the kernel of Gamma. Under one noise shared
by all data it has one in general.
**Hypotheses.** Those of `stationary_covariance`; h polynomial in theta; gradients of the data linearly independent.
**Source.** Derived here.
**Derivation.** The covariance S has the range of Gamma, S = J^T C J with J the Jacobian of the predictions, and solves
the derived equation. Along theta + t u that equation is linear in C at each order in t, so S, the force f and its
derivative at t = 0 are rational numbers. The exterior derivative in tangent directions depends on the form along the
manifold only: how S and f are continued off it does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import product
from math import prod

import sympy as sp
from sympy.polys.rings import PolyElement, PolyRing

from theory.derivation import derivation
from theory.index_algebra import Expr, Factor, H
from theory.rule import ETA, SIGMA, SMALL_LR, N, Rule
from theory.second_moments import S, leading, with_moments
from theory.update_expansion import mean_increment, part


@dataclass(frozen=True)
class Instance:
    """The predictions h(x_i, theta), polynomials in the parameters, and a point theta with rational coordinates."""

    predictions: tuple[sp.Expr, ...]
    parameters: tuple[sp.Symbol, ...]
    theta: tuple[sp.Rational, ...]

    def tangent(self) -> sp.Matrix:
        """Return a rational basis of the kernel of Gamma, in columns.

        Raises:
            ValueError: If the gradients of the data are linearly dependent.
        """
        jacobian = sp.Matrix(self.predictions).jacobian(self.parameters)
        jacobian = jacobian.subs(dict(zip(self.parameters, self.theta, strict=True)))
        if jacobian.rank() < len(self.predictions):
            raise ValueError(f"the gradients of the data are linearly dependent at theta = {self.theta}")
        return sp.Matrix.hstack(*jacobian.nullspace())


def mean_force(rule: Rule) -> Expr:
    """Return the mean second-order increment (free index j) at small learning rates, in terms of the covariance S."""
    return leading(with_moments(part(mean_increment(rule, 2), 2)), SMALL_LR)[1]


@derivation("tangential-curl")
def tangential_curl(force: Expr, equation: Expr, instance: Instance) -> sp.Matrix:
    """Return d_u <force, v> - d_v <force, u> for u, v in the basis of the tangent space, at eta = sigma = 1.

    Args:
        force: A force in terms of h and S (free index j).
        equation: The equation that S solves (free indices j, k).
        instance: Model, data and theta.

    Raises:
        ValueError: If the gradients of the data are linearly dependent at theta.
    """
    basis = instance.tangent()
    slopes = [force_slope(force, equation, instance, list(basis.col(k))) for k in range(basis.cols)]
    circulation = sp.Matrix.hstack(*slopes).T * basis  # [u, v]: the derivative along u of the component along v
    return circulation - circulation.T


def force_slope(force: Expr, equation: Expr, instance: Instance, direction: Sequence[sp.Expr]) -> sp.Matrix:
    """Return the derivative of the force along a direction, ``[p, 1]``; S solves its equation all along."""
    num_data, t = len(instance.predictions), sp.Symbol("t")
    line = [a + t * u for a, u in zip(instance.theta, direction, strict=True)]
    pairs = [(a, b) for a in range(num_data) for b in range(a + 1)]
    constants, slopes = ([sp.Symbol(f"c{order}_{a}_{b}") for a, b in pairs] for order in (0, 1))
    ring = PolyRing([t, *constants, *slopes], sp.QQ)
    core = {p: ring(c) + ring(t) * ring(s) for p, c, s in zip(pairs, constants, slopes, strict=True)}

    @cache
    def model_derivative(label: int, indices: tuple[int, ...]) -> PolyElement:
        symbols = [instance.parameters[i] for i in indices]
        derivative = sp.Poly(reduce(sp.diff, symbols, instance.predictions[label]), *instance.parameters)
        return ring.from_expr(sp.expand(derivative(*line)))

    @cache
    def covariance(j: int, k: int) -> PolyElement:
        terms = [
            model_derivative(a, (j,)) * core[max(a, b), min(a, b)] * model_derivative(b, (k,))
            for a, b in product(range(num_data), repeat=2)
        ]
        return sum(terms, ring(0))

    def entry(factor: Factor, label: int | None, indices: tuple[int, ...]) -> PolyElement:
        if factor.head == H and label is not None:
            return model_derivative(label, tuple(sorted(indices)))
        if factor.head == S:
            return covariance(*sorted(indices))
        raise ValueError(f"head {factor.head.name!r} has no components at an instance")

    def order(k: int, expr: Expr, indices: str) -> list[sp.Expr]:
        found = components(expr, indices, instance, entry, ring)
        return [polynomial.coeff_wrt(0, k).as_expr() for polynomial in found]

    unknowns = [*constants, *slopes]
    (solution,) = sp.linsolve([*order(0, equation, "jk"), *order(1, equation, "jk")], unknowns)
    values = [(unknown, value) for unknown, value in zip(unknowns, solution.args, strict=True)]
    return sp.Matrix(order(1, force, "j")).subs(values)


def components(
    expr: Expr,
    indices: str,
    instance: Instance,
    entry: Callable[[Factor, int | None, tuple[int, ...]], PolyElement],
    ring: PolyRing,
) -> list[PolyElement]:
    """Return the components of an expression, at eta = sigma = 1, the last of the free indices running fastest.

    ``entry`` gives a factor's component for a data point and values of its indices.
    """
    num_data, num_parameters = len(instance.predictions), len(instance.parameters)
    result = dict.fromkeys(product(range(num_parameters), repeat=len(indices)), ring(0))
    for factors, coefficient in expr.terms:
        labels = sorted({f.label for f in factors if isinstance(f.label, int)})
        bound = sorted({i for f in factors for i in f.indices if isinstance(i, int)})
        weight = ring(coefficient.subs({ETA: 1, SIGMA: 1, N: num_data}) / num_data ** len(labels))
        for data in product(range(num_data), repeat=len(labels)):
            point: dict[str | int | None, int] = dict(zip(labels, data, strict=True))
            for values in product(range(num_parameters), repeat=len(indices) + len(bound)):
                at = dict(zip([*indices, *bound], values, strict=True))
                parts = (entry(f, point.get(f.label), tuple(at[i] for i in f.indices)) for f in factors)
                result[values[: len(indices)]] += prod(parts, start=weight)
    return list(result.values())
