"""The stationary covariance that theory derived, as numbers at a point of the zero-loss manifold.

Its equation holds first derivatives h_a^j of the model and S only. Both live on the range of Gamma, so the equation is
evaluated in the coordinates of Gamma's eigenbasis V: the model that is linear in V^T h_a, with as many parameters as
Gamma has rank, has the same equation and the covariance C of S = V C V^T.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import sympy as sp
import torch
from torch import Tensor

from numerics.models import linear_model
from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space
from theory.index_algebra import DELTA, Expr, Factor, H, Product
from theory.rule import ETA, SMALL_NOISE, Rule
from theory.stationary_covariance import (
    COVARIANCE_EIGENVALUE,
    GAMMA_EIGENVALUE,
    S,
    StationaryCovariance,
    covariance_equation,
    scalar_equation,
)
from verify.lowering.expression import lower, number
from verify.lowering.low_rank import LowRank

Values = Mapping[sp.Symbol, float]


def covariance_matrix(covariance: StationaryCovariance, problem: Problem, theta: Tensor, values: Values) -> LowRank:
    """Return S on the range of Gamma: the function of Gamma that was derived, or the solution of the equation."""
    eigenvalues, basis = normal_space(problem, theta)
    if covariance.spectral is None:
        equation = LoweredEquation.at(covariance.equation, problem.jacobian(theta) @ basis)
        constant, linear = equation.affine(values)
        return LowRank(basis, torch.einsum("m,mjk->jk", torch.linalg.solve(linear, -constant), equation.units))
    diagonal = [number(covariance.spectral, {**values, GAMMA_EIGENVALUE: float(g)}) for g in eigenvalues]
    return LowRank(basis, torch.diag(torch.tensor(diagonal, dtype=theta.dtype, device=theta.device)))


def stability_limit(rule: Rule, problem: Problem, theta: Tensor, values: Values) -> float:
    """Return the learning rate from which on E[x x^T] of the linearised recursion grows without bound.

    One step maps S to E[A S A^T] = S + eta L_1 S + eta^2 L_2 S. It maps positive matrices to such, so its spectral
    radius is an eigenvalue of it (Krein and Rutman), and passes 1 where L_1 + eta L_2 is first singular. Where
    the map is a function of Gamma, the positive matrix that belongs to the radius has a diagonal, so that the variances
    of Gamma's eigenvectors decide.
    """
    equation = covariance_equation(rule, SMALL_NOISE)
    scalar = scalar_equation(equation)
    gamma, basis = normal_space(problem, theta)
    if scalar is not None:
        first, second = _powers_of_lr(sp.diff(scalar, COVARIANCE_EIGENVALUE))
        points = [{**values, GAMMA_EIGENVALUE: float(g)} for g in gamma]
        ratios = [-number(second, at) / number(first, at) for at in points]
    else:
        lowered = LoweredEquation.at(equation, problem.jacobian(theta) @ basis)
        powers = zip(*map(_powers_of_lr, lowered.coefficients), strict=True)
        one, two = (lowered._replace(coefficients=power).affine(values)[1] for power in powers)
        eigenvalues = torch.linalg.eigvals(torch.linalg.solve(-one, two))
        real = eigenvalues.imag.abs() <= 1e-8 * eigenvalues.abs()
        ratios = eigenvalues.real[real].tolist()
    largest = max(ratios, default=0.0)
    return 1 / largest if largest > 0 else math.inf


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
    """The terms of an equation affine in S, on symmetric matrices in the coordinates of Gamma's eigenbasis.

    Attributes:
        coefficients: One SymPy coefficient per term.
        constants: The terms at S = 0, each ``[m]``.
        linear: Their linear parts, each ``[m, m]``.
        units: An orthonormal basis of the symmetric matrices on ``r`` coordinates, ``[m, r, r]``, m = r (r + 1) / 2.
    """

    coefficients: tuple[sp.Expr, ...]
    constants: tuple[Tensor, ...]
    linear: tuple[Tensor, ...]
    units: Tensor

    @classmethod
    def at(cls, equation: Expr, features: Tensor) -> LoweredEquation:
        """Lower every term of the equation.

        Args:
            equation: The equation, free indices j and k.
            features: V^T h_a, ``[N, r]``.

        Raises:
            ValueError: If a term holds other heads than S and first derivatives, or several S.
        """
        reduced = Problem(linear_model, features, torch.zeros_like(features[:, 0]))
        units = symmetric_units(features.shape[1], features)
        constants, linear = [], []
        for product, _ in equation.terms:
            term = _slope(product)
            value = lower(term, reduced, torch.zeros_like(features[0]), indices="".join(sorted(term.free_indices)))
            if value.ndim == 2:
                constants.append(torch.einsum("mjk,jk->m", units, value))
                linear.append(torch.zeros(len(units), len(units), dtype=units.dtype, device=units.device))
            else:
                constants.append(torch.zeros_like(units[:, 0, 0]))
                linear.append(torch.einsum("mjk,jkpq,npq->mn", units, value, units))
        return cls(tuple(c for _, c in equation.terms), tuple(constants), tuple(linear), units)

    def affine(self, values: Values) -> tuple[Tensor, Tensor]:
        """Return c ``[m]`` and L ``[m, m]``: for C = sum_m s_m units_m the equation is c + L s = 0."""
        numbers = [number(c, values) for c in self.coefficients]
        constant = sum(
            (a * t for a, t in zip(numbers, self.constants, strict=True)), torch.zeros_like(self.constants[0])
        )
        linear = sum((a * t for a, t in zip(numbers, self.linear, strict=True)), torch.zeros_like(self.linear[0]))
        return constant, linear


def symmetric_units(size: int, like: Tensor) -> Tensor:
    """Return orthonormal symmetric matrices ``[size (size + 1) / 2, size, size]``, dtype and device as of ``like``."""
    rows, columns = torch.triu_indices(size, size)
    units = torch.zeros(len(rows), size, size, dtype=like.dtype, device=like.device)
    units[torch.arange(len(rows)), rows, columns] = 1
    symmetric = units + units.transpose(1, 2)
    return symmetric / torch.linalg.matrix_norm(symmetric)[:, None, None]


def _slope(product: Product) -> Expr:
    """Return a product's derivative by S_pq, free indices j, k, p, q; without S the product itself."""
    covariances = [f for f in product if f.head == S]
    gradients = [f for f in product if f.head == H and len(f.indices) == 1]
    if len(covariances) > 1 or len(covariances) + len(gradients) < len(product):
        raise ValueError(
            f"the covariance's equation must be affine in S and hold first derivatives of the model else, got the term "
            f"{Expr(((product, sp.Integer(1)),)).latex()}"
        )
    ends = [Factor(DELTA, None, (i, end)) for f in covariances for i, end in zip(f.indices, "pq", strict=True)]
    return Expr.of(*gradients, *ends)


def _powers_of_lr(coefficient: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return the coefficients of eta and eta^2, of which one step's second moment consists.

    Raises:
        ValueError: If another power occurs.
    """
    powers = {power: c for (power,), c in sp.Poly(sp.expand(coefficient), ETA).terms()}
    if unknown := set(powers) - {1, 2}:
        raise ValueError(f"the change of S in one step must consist of eta and eta^2, got the powers {sorted(unknown)}")
    return powers.get(1, sp.Integer(0)), powers.get(2, sp.Integer(0))
