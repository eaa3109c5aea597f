"""The modified equation of gradient descent, to any order.

**Statement.** n steps x -> x + eta f(x) are the time-(n eta) flow of F = sum_tau eta^(|tau|-1) b(tau) / sigma(tau)
F(tau), summed over rooted trees, with b(tau) = Phi_tau'(0) and Phi_tau(n) the strict order polynomial of tau: the
number of ways to number the vertices from 0 to n - 1 such that every parent has a larger number than its children.
**Hypotheses.** f smooth; formal series in eta, no convergence claimed.
**Source.** Derived here.
**Derivation.** Write the n-th iterate as the B-series x + sum_tau eta^|tau| Phi_tau(n) / sigma(tau) F(tau). Then eta f
of it is the B-series in which the coefficient of tau is the product of those of the trees that hang on its root
(Taylor's formula; sigma counts the equal terms). Hence Phi_tau(n + 1) - Phi_tau(n) = prod Phi_child(n) and
Phi_tau(0) = 0, so that Phi_tau is a polynomial in n. The formal flow of F at time n eta is a B-series too, whose
coefficients are polynomials in n and equal to Phi_tau(n) at every whole n (elementary differentials of different trees
are independent), so the two polynomials are one. The derivative of the flow at time 0 is F: eta F = sum eta^|tau|
Phi_tau'(0) / sigma(tau) F(tau). Finally d/dn = log(1 + Delta) for the difference Delta, which needs whole n only.

`lie_series_term` derives the same field for f_j = -d_j L without trees: it solves the flow's Lie series
sum_m eta^m / m! (F . grad)^(m-1) F = eta f for one power of eta after the other.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import accumulate, pairwise
from math import prod

import sympy as sp

from theory.derivation import derivation
from theory.index_algebra import ZERO, Expr
from theory.loss import LOSS
from theory.rooted_trees import Tree, elementary_differential, num_vertices, rooted_trees, symmetry


@cache
def iterate_coefficients(tree: Tree, last: int) -> tuple[int, ...]:
    """Return Phi_tau(n) for n = 0, ..., ``last``: the coefficients of the n-th iterate of x -> x + eta f(x)."""
    steps = (prod(iterate_coefficients(child, last)[n] for child in tree) for n in range(last))
    return tuple(accumulate(steps, initial=0))


@cache
def coefficient(tree: Tree) -> Fraction:
    """Return b(tau) = Phi_tau'(0), by d/dn = Delta - Delta^2 / 2 + Delta^3 / 3 - ...; Phi_tau has degree |tau|."""
    differences = iterate_coefficients(tree, num_vertices(tree))
    derivative = Fraction(0)
    for k in range(1, len(differences)):
        differences = [after - before for before, after in pairwise(differences)]
        derivative += Fraction((-1) ** (k - 1) * differences[0], k)
    return derivative


@derivation("modified-equation")
@cache
def modified_vector_field(order: int) -> Expr:
    """Return the coefficient of eta^order of F for f_j = -d_j L (free index ``j``)."""
    terms = (elementary_differential(tree) * weight(tree) for tree in rooted_trees(order + 1))
    return sum(terms, ZERO)


def weight(tree: Tree) -> sp.Expr:
    """Return b(tau) / sigma(tau), what multiplies eta^(|tau|-1) F(tau)."""
    value = coefficient(tree) / symmetry(tree)
    return sp.Rational(value.numerator, value.denominator)


@derivation("lie-series")
@cache
def lie_series_term(order: int) -> Expr:
    """Return the same coefficient by the Lie series, from the definition."""
    step = -1 * LOSS("j") if order == 0 else ZERO
    iterated = (_iterated(m, order + 1) * sp.Rational(1, sp.factorial(m)) for m in range(2, order + 2))
    return step - sum(iterated, ZERO)


@cache
def _iterated(times: int, power: int) -> Expr:
    """Return the coefficient of eta^power of (eta F . grad)^(times-1) eta F."""
    if times == 1:
        return lie_series_term(power - 1)
    along = ZERO
    for first in range(1, power - times + 2):
        slope = _iterated(times - 1, power - first).derivative("k")
        along = along + lie_series_term(first - 1).reindexed({"j": "k"}) * slope
    return along
