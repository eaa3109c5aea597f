"""Matrix equations in Gamma = E_a[h_a h_a^T] and second moments, as scalar equations in the eigenvalues of Gamma.

Where every term is a single chain such as Gamma_jl S_lm Gamma_mk, the unknown moments commute with Gamma: they are
functions of Gamma, found by solving scalar equations for each eigenvalue gamma.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import sympy as sp

from theory.index_algebra import Expr, H, Head, Product
from theory.second_moments import MOMENTS

GAMMA_EIGENVALUE = sp.Symbol("gamma", positive=True)


def eigenvalue(moment: Head) -> sp.Symbol:
    """Return the symbol of a second moment's eigenvalue: s for S."""
    return sp.Symbol(moment.name.lower(), real=True)


def functions_of_gamma(equations: Mapping[Head, Expr]) -> dict[Head, sp.Expr] | None:
    """Return the moments that solve the equations, as functions of gamma, if they are such; otherwise None."""
    scalars = [scalar_equation(equation) for equation in equations.values()]
    if any(scalar is None for scalar in scalars):
        return None
    unknowns = [eigenvalue(moment) for moment in equations]
    solutions = sp.solve(scalars, unknowns, dict=True)
    if len(solutions) != 1 or set(solutions[0]) != set(unknowns):
        return None
    return {moment: cast(sp.Expr, sp.factor(solutions[0][eigenvalue(moment)])) for moment in equations}


def scalar_equation(equation: Expr) -> sp.Expr | None:
    """Return the equation in gamma and the moments' eigenvalues, if every term is a chain from j to k; else None."""
    scalar = sp.Integer(0)
    for product, coefficient in equation.terms:
        chain = _chain(product)
        if chain is None:
            return None
        scalar += coefficient * sp.prod(chain)
    return scalar


def _chain(product: Product) -> list[sp.Symbol] | None:
    """Return the eigenvalues of a product such as Gamma_jm S_mk; None if it is not a single chain from j to k."""
    moments = [f for f in product if f.head in MOMENTS.values()]
    edges: list[tuple[sp.Symbol, tuple]] = [(eigenvalue(f.head), f.indices) for f in moments]
    num_factors = len(moments)
    for label in {f.label for f in product if f.label is not None}:
        gradients = [f for f in product if f.label == label]
        if len(gradients) != 2 or any(f.head != H or len(f.indices) != 1 for f in gradients):
            return None
        edges.append((GAMMA_EIGENVALUE, (gradients[0].indices[0], gradients[1].indices[0])))
        num_factors += 2
    if num_factors != len(product):
        return None
    chain, here = [], "j"
    while edges:
        found = next((edge for edge in edges if here in edge[1]), None)
        if found is None:
            return None
        edges.remove(found)
        symbol, (left, right) = found
        chain.append(symbol)
        here = right if left == here else left
    return chain if here == "k" else None
