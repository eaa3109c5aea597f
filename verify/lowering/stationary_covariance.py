"""The stationary covariance that theory derived, as numbers at a point of the zero-loss manifold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sympy as sp
import torch
from torch import Tensor
from torch.func import vmap

from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space
from theory.index_algebra import Expr
from theory.rule import ETA, SMALL_NOISE, Rule
from theory.stationary_covariance import GAMMA_EIGENVALUE, S, StationaryCovariance, covariance_equation
from verify.lowering.expression import lower, number

Values = Mapping[sp.Symbol, float]


def covariance_matrix(covariance: StationaryCovariance, problem: Problem, theta: Tensor, values: Values) -> Tensor:
    """Return S, ``[P, P]``: the function of Gamma that was derived, or the solution of the derived equation."""
    eigenvalues, basis = normal_space(problem, theta)
    if covariance.spectral is None:
        equation = LoweredEquation.at(covariance.equation, problem, theta)
        constant, linear = equation.affine(values)
        return torch.einsum("m,mjk->jk", torch.linalg.solve(linear, -constant), equation.units)
    diagonal = [number(covariance.spectral, {**values, GAMMA_EIGENVALUE: float(g)}) for g in eigenvalues]
    return basis * torch.tensor(diagonal, dtype=theta.dtype, device=theta.device) @ basis.T


def stability_limit(rule: Rule, problem: Problem, theta: Tensor, values: Values) -> float:
    """Return the learning rate from which on E[x x^T] of the linearised recursion grows without bound."""
    equation = LoweredEquation.at(covariance_equation(rule, SMALL_NOISE), problem, theta)

    def contracts(lr: float) -> bool:
        _, linear = equation.affine({**values, ETA: lr})
        step = linear + torch.eye(len(linear), dtype=linear.dtype, device=linear.device)
        return float(torch.linalg.eigvals(step).abs().max()) < 1

    low, high = 0.0, 1 / float(normal_space(problem, theta).eigenvalues[0])
    while contracts(high):
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if contracts(middle) else (low, middle)
    return high


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


class LoweredEquation(NamedTuple):
    """The terms of an equation affine in S, on symmetric matrices over the range of Gamma.

    Attributes:
        coefficients: One SymPy coefficient per term.
        constants: The terms at S = 0, each ``[m]``.
        linear: Their linear parts, each ``[m, m]``.
        units: An orthonormal basis of the symmetric matrices on the range of Gamma, ``[m, P, P]``.
    """

    coefficients: tuple[sp.Expr, ...]
    constants: tuple[Tensor, ...]
    linear: tuple[Tensor, ...]
    units: Tensor

    @classmethod
    def at(cls, equation: Expr, problem: Problem, theta: Tensor) -> LoweredEquation:
        """Lower every term of the equation at theta."""
        units = symmetric_units(normal_space(problem, theta).basis)
        constants, linear = [], []
        for product, _ in equation.terms:
            term = Expr(((product, sp.Integer(1)),))

            def coordinates(covariance: Tensor, term: Expr = term) -> Tensor:
                return torch.einsum(
                    "mjk,jk->m", units, lower(term, problem, theta, indices="jk", tensors={S: covariance})
                )

            constants.append(coordinates(torch.zeros_like(units[0])))
            linear.append((vmap(coordinates)(units) - constants[-1]).T)
        return cls(tuple(c for _, c in equation.terms), tuple(constants), tuple(linear), units)

    def affine(self, values: Values) -> tuple[Tensor, Tensor]:
        """Return c ``[m]`` and L ``[m, m]``: for S = sum_m s_m units_m the equation is c + L s = 0."""
        numbers = [number(c, values) for c in self.coefficients]
        constant = sum(
            (a * t for a, t in zip(numbers, self.constants, strict=True)), torch.zeros_like(self.constants[0])
        )
        linear = sum((a * t for a, t in zip(numbers, self.linear, strict=True)), torch.zeros_like(self.linear[0]))
        return constant, linear


def symmetric_units(basis: Tensor) -> Tensor:
    """Return orthonormal symmetric matrices on the span of ``basis`` ``[P, r]``: ``[r (r + 1) / 2, P, P]``."""
    rows, columns = torch.triu_indices(basis.shape[1], basis.shape[1])
    outer = torch.einsum("pm,qm->mpq", basis[:, rows], basis[:, columns])
    symmetric = outer + outer.transpose(1, 2)
    return symmetric / torch.linalg.matrix_norm(symmetric)[:, None, None]
