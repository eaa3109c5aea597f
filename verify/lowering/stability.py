"""The limit of mean-square stability: the learning rate from which on the second moments grow without bound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache

import sympy as sp
import torch
from torch import Tensor

from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space
from theory.gamma_chain import GAMMA_EIGENVALUE, eigenvalue, scalar_equation
from theory.index_algebra import Expr, Head
from theory.rule import ETA, SMALL_NOISE, Rule
from theory.second_moments import S
from theory.stationary_covariance import covariance_equations
from verify.lowering.expression import number
from verify.lowering.moment_equations import MomentEquations, Term, Values


def stability_limit(rule: Rule, problem: Problem, theta: Tensor, values: Values) -> float:
    """Return the learning rate from which on the second moments of the linearised recursion grow without bound.

    One step maps the moments linearly, and positive matrices to such, so its spectral radius is an eigenvalue of it
    (Krein and Rutman) and passes 1 where the map less the identity, L(eta), is first singular. With C and W in units of
    eta every row of L is eta times a polynomial A_0 + eta A_1 + ...; its roots are the eigenvalues of a companion
    matrix. Where the equations are scalar in Gamma, the positive matrix that belongs to the radius has a diagonal, so
    that the moments of Gamma's single modes decide. Steps of an epoch are taken to be independent.
    """
    equations = covariance_equations(rule, SMALL_NOISE)
    modes = _modes(equations)
    if modes is not None:
        gamma = normal_space(problem, theta).eigenvalues.tolist()
        return min(_first_root([_evaluated(a, {**values, GAMMA_EIGENVALUE: g}) for a in modes]) for g in gamma)
    lowered = MomentEquations.at(equations, normal_space(problem, theta).gradients)
    entries = [_in_eta(term) for term in lowered.terms if term.moment]

    def power(k: int) -> Tensor:
        return lowered.linear(lambda term: number(_in_eta(term).coeff_monomial(ETA**k), values))

    return _first_root([power(k) for k in range(_num_powers(entries))])


def require_stable(rule: Rule, problem: Problem, theta: Tensor, values: Values) -> None:
    """Check that the learning rate is below the limit of mean-square stability.

    Raises:
        ValueError: If not; the message shows the limit.
    """
    limit = stability_limit(rule, problem, theta, values)
    if not values[ETA] < limit:
        raise ValueError(
            f"lr {values[ETA]:.4g} is above the limit of mean-square stability, {limit:.4g} at this theta; lower it"
        )


def _first_root(powers: list[Tensor]) -> float:
    """Return the smallest eta > 0 at which A_0 + eta A_1 + eta^2 A_2 + ... is singular: 1 / eta is an eigenvalue."""
    constant, *others = powers
    first = torch.cat([-torch.linalg.solve(constant, other) for other in others], dim=1)
    shifted = torch.eye(first.shape[1] - len(first), first.shape[1], dtype=first.dtype, device=first.device)
    inverse = torch.linalg.eigvals(torch.cat([first, shifted]))
    real = inverse.real[inverse.imag.abs() <= 1e-8 * inverse.abs()]
    largest = float(real.max()) if len(real) else 0.0
    return 1 / largest if largest > 0 else math.inf


def _modes(equations: Mapping[Head, Expr]) -> list[sp.Matrix] | None:
    """Return A_0, A_1, ... for the moments of one mode of Gamma, or None where the equations are not scalar in it."""
    scalars = {row: scalar_equation(equation) for row, equation in equations.items()}
    if any(scalar is None for scalar in scalars.values()):
        return None
    rows = [
        [_polynomial(sp.diff(scalar, eigenvalue(moment)), row, moment) for moment in equations]
        for row, scalar in scalars.items()
    ]
    num_powers = _num_powers(entry for row in rows for entry in row)
    return [sp.Matrix([[entry.coeff_monomial(ETA**k) for entry in row] for row in rows]) for k in range(num_powers)]


def _evaluated(matrix: sp.Matrix, values: Values) -> Tensor:
    return torch.tensor([[number(entry, values) for entry in row] for row in matrix.tolist()], dtype=torch.float64)


def _num_powers(entries: Iterable[sp.Poly]) -> int:
    return max([3, *(1 + int(entry.degree()) for entry in entries if entry)])


def _in_eta(term: Term) -> sp.Poly:
    assert term.moment is not None
    return _polynomial(term.coefficient, term.row, term.moment)


@cache
def _polynomial(coefficient: sp.Expr, row: Head, moment: Head) -> sp.Poly:
    """Return an entry as a polynomial in eta, once C and W are in units of eta and the row is divided by it.

    Raises:
        ValueError: If the entry is not such a polynomial.
    """
    scaled = sp.expand(coefficient * (ETA if moment != S else 1) / ETA)
    if not scaled.is_polynomial(ETA):
        raise ValueError(f"the change of {row.name} holds {moment.name} with the coefficient {coefficient}")
    return sp.Poly(scaled, ETA)
