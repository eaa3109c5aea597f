"""The flattest factorisation of a matrix: the smallest regulariser of a deep linear network with a given product.

**Statement.** The model is <A_a, W_L ... W_1>, W_l of shape d_l x d_{l-1}. (a) For L = 2, reg = mean over the
measurements of |A W_1^T|_F^2 + |W_2^T A|_F^2. (b) If the entries of A have mean 0, variance 1 and no correlations,
reg has the mean sum_l |W_L ... W_{l+1}|_F^2 |W_{l-1} ... W_1|_F^2, an empty product being the identity.
(c) For any A_a and L = 2 its minimum over W_2 W_1 = M is 2 |S_L^(1/2) M S_R^(1/2)|_*, S_L and S_R the means of A A^T
and A^T A. (d) The minimum of (b) is L (d_0 d_L)^(1/L) |M|_*^(2 (L-1)/L).
**Hypotheses.** Inner widths at least the rank of M; in (c) S_L and S_R invertible.
**Source.** Wind (2022), for (d), with x y^T of independent x and y in place of A; for x and y of covariance X^T X and
Y Y^T the dimensions become |X|_F^2 and |Y|_F^2, and |M|_* that of X M Y, in the source's order of the layers.
**Derivation.** (a, b) Differentiate, square, average. (c, d) Lower bound: for Y^T Y + Z^T Z = 1,
|P|^2 + |Q|^2 - 2 <P Q, Y> is the sum of squares |P - Y Q^T|^2 + |Z Q^T|^2; the largest <P Q, Y> over such Y is |P Q|_*;
scaling P against Q, |P|_F |Q|_F >= |P Q|_*. In (c) P = S_L^(1/2) W_2 and Q = W_1 S_R^(1/2). In (d) the L terms are at
least L times the L-th root of their product, which holds each cut P = W_L ... W_{l+1}, Q = W_l ... W_1 once, and the
outer dimensions. Attained: with M = U S V^T, W_1 = c_1 S^(1/2) V^T, W_L = c_L U S^(1/2), inner W_l = c_l on the rank,
each norm of a partial product is that of its scales and of S^(1/2); equal terms fix the c_l.
"""

from __future__ import annotations

from functools import reduce
from operator import mul
from typing import cast

import sympy as sp

from theory.derivation import derivation
from theory.index_algebra import Expr, Head, Space
from theory.index_algebra.gaussian_mean import gaussian_mean

INPUT, OUTPUT, NUCLEAR = sp.symbols("d_0 d_L N", positive=True)
"""The outer dimensions and |M|_*."""


def space(layer: int, depth: int) -> Space:
    """Return the index space behind a layer; layer 0 is the input."""
    dimension = {0: "d_0", depth: "d_L"}.get(layer, f"d_{layer}")
    return Space(f"layer{layer}of{depth}", dimension)


def weight(layer: int, depth: int) -> Head:
    """Return W_l as a head, for l from 1 to L."""
    return Head(f"W{layer}", rank=2, symmetric=False, spaces=(space(layer, depth), space(layer - 1, depth)))


def measurement(depth: int) -> Head:
    """Return A_a as a head."""
    return Head("A", rank=2, labelled=True, symmetric=False, spaces=(space(depth, depth), space(0, depth)))


def partial_product(first: int, last: int, depth: int, left: str, right: str) -> Expr:
    """Return (W_last ... W_first)_{left right}; ``first`` is at most ``last``."""
    names = [left, *(f"{left}{layer}" for layer in range(last - 1, first - 1, -1)), right]
    factors = [weight(layer, depth)(*names[k : k + 2]) for k, layer in enumerate(range(last, first - 1, -1))]
    return reduce(mul, factors)


@derivation("factorisation-reg")
def regulariser(depth: int) -> Expr:
    """Return reg = mean over the measurements of |grad <A, W_L ... W_1>|^2, any measurements."""
    prediction = measurement(depth)("i", "j", label="a") * partial_product(1, depth, depth, "i", "j")
    gradients = [prediction.derivative_by(weight(layer, depth), "p", "q") for layer in range(1, depth + 1)]
    return reduce(lambda one, other: one + other, (g * g for g in gradients)).averaged("a")


@derivation("factorisation-mean-reg")
def mean_regulariser(depth: int) -> Expr:
    """Return the mean of reg over measurements with independent N(0, 1) entries; only their covariance enters."""
    return gaussian_mean(regulariser(depth), measurement(depth))


def cut_bound(depth: int) -> sp.Expr:
    """Return the lower bound of (d): AM-GM over the terms, with each cut replaced by |M|_*^2."""
    left, right = sp.symbols(f"p_1:{depth}", positive=True), sp.symbols(f"q_1:{depth}", positive=True)
    terms = [before * after for before, after in zip((INPUT, *right), (*left, OUTPUT), strict=True)]
    product = sp.Mul(*terms)
    for one, other in zip(left, right, strict=True):
        product = product.subs(one, NUCLEAR**2 / other)  # |P|^2 |Q|^2 >= |P Q|_*^2 for each cut
    if product.free_symbols - {INPUT, OUTPUT, NUCLEAR}:
        raise ArithmeticError(f"{product} holds more than the cuts")
    return sp.powsimp(sp.expand_power_base(depth * product ** sp.Rational(1, depth)), force=True)


@derivation("factorisation-flattest")
def attained(depth: int) -> sp.Expr:
    """Return the mean of reg at the scaled singular factorisation whose terms are equal.

    Raises:
        ArithmeticError: If its factors do not multiply to M.
    """
    scales = sp.symbols(f"c_1:{depth + 1}", positive=True)
    common = sp.Symbol("t", positive=True)
    terms = []
    for layer in range(depth):
        left, right = scales[layer + 1 :], scales[:layer]
        # |c ... S^(1/2)|_F^2 = c^2 ... |M|_*; without a factor, the squared norm of the identity.
        after = sp.Mul(*(c**2 for c in left)) * NUCLEAR if left else OUTPUT
        before = sp.Mul(*(c**2 for c in right)) * NUCLEAR if right else INPUT
        terms.append(after * before)
    # The scales multiply to 1, so that the term of layer l is a constant over c_l^2.
    constants = [
        sp.cancel(term * c**2 / sp.Mul(*(s**2 for s in scales))) for term, c in zip(terms, scales, strict=True)
    ]
    squares = [constant / common for constant in constants]
    (value,) = cast(list[sp.Expr], sp.solve(sp.Eq(common**depth, common**depth * sp.Mul(*squares)), common))
    at = {c**2: square.subs(common, value) for c, square in zip(scales, squares, strict=True)}
    if sp.simplify(sp.Mul(*at.values()) - 1) != 0:
        raise ArithmeticError("the scales do not multiply to 1")
    return sp.simplify(sp.Add(*(term.subs(at) for term in terms)))
