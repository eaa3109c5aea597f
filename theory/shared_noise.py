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

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from theory.derivation import derivation
from theory.index_algebra import Expr
from theory.index_algebra.instance import Instance
from theory.rule import ETA, SIGMA, SMALL_LR, Rule
from theory.second_moments import S, leading, with_moments
from theory.update_expansion import mean_increment, part

TIME = sp.Symbol("t")


def mean_force(rule: Rule) -> Expr:
    """Return the mean second-order increment (free index j) at small learning rates, in terms of the covariance S."""
    rule.require_plain("the mean force", ("full", "iid", "reshuffle"))
    return leading(with_moments(part(mean_increment(rule, 2), 2)), SMALL_LR)[1]


@derivation("tangential-curl")
def tangential_curl(force: Expr, equation: Expr, instance: Instance) -> sp.Matrix:
    """Return d_u <force, v> - d_v <force, u> for u, v in the basis of the tangent space, at eta = sigma = 1.

    Args:
        force: A force in terms of h and S (free index j).
        equation: The equation that S solves (free indices j, k).
        instance: Model, data and theta.

    Raises:
        ValueError: If the gradients of the data are linearly dependent at theta, or a head has no value there.
    """
    basis = tangent_basis(instance)
    slopes = [force_slope(force, equation, instance, list(basis.col(k))) for k in range(basis.cols)]
    circulation = sp.Matrix.hstack(*slopes).T * basis  # [u, v]: the derivative along u of the component along v
    return circulation - circulation.T


def tangent_basis(instance: Instance) -> sp.Matrix:
    """Return a rational basis of the kernel of Gamma, in columns.

    Raises:
        ValueError: If the gradients of the data are linearly dependent.
    """
    gradients = instance.gradients()
    if gradients.rank() < gradients.cols:
        raise ValueError(f"the gradients of the data are linearly dependent at {dict(instance.point)}")
    return sp.Matrix.hstack(*gradients.T.nullspace())


def force_slope(force: Expr, equation: Expr, instance: Instance, direction: Sequence[sp.Expr]) -> sp.Matrix:
    """Return the derivative of the force along a direction, ``[p, 1]``; S solves its equation all along."""
    line = {s: at + TIME * u for (s, at), u in zip(instance.point.items(), direction, strict=True)}
    moved = replace(instance, point=line, numbers={ETA: 1, SIGMA: 1})
    gradients = moved.gradients().applyfunc(lambda entry: _order(entry, 0) + TIME * _order(entry, 1))
    num_data = gradients.cols
    unknowns = [
        [sp.Symbol(f"c{k}_{max(a, b)}_{min(a, b)}") for a in range(num_data) for b in range(num_data)] for k in (0, 1)
    ]
    core = sum((TIME**k * sp.Matrix(num_data, num_data, c) for k, c in enumerate(unknowns)), sp.zeros(num_data))
    covariance = (gradients * core * gradients.T).applyfunc(sp.expand)
    settled = replace(moved, tensors={S: covariance})

    def components(expr: Expr, indices: str, k: int) -> list[sp.Expr]:
        return [_order(component, k) for component in sp.flatten(settled.array(expr, indices))]

    balance = [component for k in (0, 1) for component in components(equation, "jk", k)]
    (solution,) = sp.solve(balance, sorted({c for cs in unknowns for c in cs}, key=str), dict=True)
    return sp.Matrix(components(force, "j", 1)).subs(solution)


def _order(polynomial: sp.Expr, k: int) -> sp.Expr:
    return sp.expand(polynomial).coeff(TIME, k)
