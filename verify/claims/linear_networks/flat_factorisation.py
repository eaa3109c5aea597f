"""Flat factorisations: what the smallest regulariser of a deep linear network says of the product of its layers.

Wind's post has the layers in the other order, and x y^T with independent x and y in place of A. Isotropic A are
X = Y = 1 there, so that |X|_F^2 and |Y|_F^2 are the dimensions d_0 and d_L.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from theory.flat_factorisation import (
    INPUT,
    NUCLEAR,
    OUTPUT,
    attained,
    cut_bound,
    mean_regulariser,
    measurement,
    partial_product,
    regulariser,
    space,
    weight,
)
from theory.index_algebra import Expr, Head, Space
from theory.index_algebra.heads import delta
from verify.claim import STATED, Control, Exact, ExactClaim, Source

DEPTHS = (2, 3, 4)


def squared_norm(first: int, last: int, depth: int) -> Expr:
    """Return |W_last ... W_first|_F^2; the dimension of the layer between them where the product is empty."""
    if first > last:
        return Expr.number(space(last, depth).symbol)
    product = partial_product(first, last, depth, "i", "j")
    return product * product


def stated_mean(variant: str, depth: int) -> Expr:
    """Return a formula for the mean of reg."""
    terms = []
    for layer in range(1, depth + 1):
        before, after = squared_norm(1, layer - 1, depth), squared_norm(layer + 1, depth, depth)
        terms.append(before * after if variant != "inner-only" or 1 < layer < depth else Expr.number(0))
    total = sum(terms[1:], terms[0])
    if variant == "whole-product":
        return squared_norm(1, depth, depth) * depth
    return total * {"half": sp.Rational(1, 2)}.get(variant, sp.Integer(1))


def check_mean(variant: str) -> Exact:
    """Compare a formula with the derived mean for each depth."""
    return Exact.every(Exact.tensor_equality(stated_mean(variant, depth), mean_regulariser(depth)) for depth in DEPTHS)


def check_two_layers(variant: str) -> Exact:
    """Compare a formula with reg of two layers, for any measurements and dimensions."""
    a, first, last = measurement(2), weight(1, 2), weight(2, 2)
    by_last = a("i", "j", label="a") * first("k", "j")
    by_first = a("i", "j", label="a") * last("i", "k")
    squares = [part * part for part in (by_last, by_first)]
    stated = {
        STATED: squares[0] + squares[1],
        "output-only": squares[0],
        "half": (squares[0] + squares[1]) * sp.Rational(1, 2),
        "product": partial_product(1, 2, 2, "i", "j") * partial_product(1, 2, 2, "i", "j"),
    }[variant]
    if variant != "product":
        stated = stated.averaged("a")
    return Exact.tensor_equality(stated, regulariser(2))


ROWS, COLUMNS, INNER, SLACK = Space("rows", "d_L"), Space("columns", "d_0"), Space("inner", "d_1"), Space("slack", "s")
P = Head("P", rank=2, symmetric=False, spaces=(ROWS, INNER))
Q = Head("Q", rank=2, symmetric=False, spaces=(INNER, COLUMNS))
Y = Head("Y", rank=2, symmetric=False, spaces=(ROWS, COLUMNS))
Z = Head("Z", rank=2, symmetric=False, spaces=(SLACK, COLUMNS))
MULTIPLES = {STATED: sp.Integer(4), "reg": sp.Integer(2), "frobenius": sp.Integer(4), "eight": sp.Integer(8)}


def check_two_layer_minimum(variant: str) -> Exact:
    """Compare a multiple of a norm of P Q with the smallest 2 (|P|_F^2 + |Q|_F^2), by a lower bound that is attained.

    P = S_L^(1/2) W_2 and Q = W_1 S_R^(1/2). |P|^2 + |Q|^2 - 2 <P Q, Y> is a sum of squares if Y^T Y + Z^T Z = 1: that
    identity is checked for all dimensions. The largest <P Q, Y> is the sum of the singular values, and
    P = U S^(1/2), Q = S^(1/2) V^T attain it.
    """
    residual = P("i", "k") - Y("i", "j") * Q("k", "j")
    slack = Z("i", "j") * Q("k", "j")
    inner = P("i", "k") * Q("k", "j") * Y("i", "j")
    gap = P("i", "k") * P("i", "k") + Q("k", "j") * Q("k", "j") - 2 * inner - residual * residual - slack * slack
    unit = delta(COLUMNS)("j", "l") - Y("i", "j") * Y("i", "l") - Z("i", "j") * Z("i", "l")
    if gap - Q("k", "j") * Q("k", "l") * unit:
        raise ArithmeticError("the lower bound is no sum of squares")
    values = sp.symbols("s_1:4", positive=True)
    root = sp.diag(*(sp.sqrt(s) for s in values))
    squares = (root.T * root).trace()  # |P|_F^2, and |Q|_F^2 as well
    smallest = 2 * (squares + squares)
    norm = sp.sqrt(sp.Add(*(s**2 for s in values))) if variant == "frobenius" else sp.Add(*values)
    return Exact.equality(MULTIPLES[variant] * norm, smallest)


def stated_minimum(variant: str, depth: int) -> sp.Expr:
    """Return a formula for the smallest mean of reg."""
    share = sp.Rational(1, depth)
    powers: Mapping[str, sp.Expr] = {
        STATED: 2 * (1 - share),
        "schatten-2-over-L": 2 * share,
        "no-dimensions": 2 * (1 - share),
        "linear": sp.Integer(1),
        "trace": 2 * (1 - share),
    }
    outer = sp.Integer(1) if variant == "no-dimensions" else (INPUT * OUTPUT) ** share
    factor = 2 * depth if variant == "trace" else depth
    return factor * outer * NUCLEAR ** powers[variant]


def check_minimum(variant: str) -> Exact:
    """Compare a formula with the derived lower bound and with what the scaled singular factorisation attains."""
    pairs = []
    for depth in DEPTHS:
        stated = stated_minimum(variant, depth)
        pairs += [(sp.powdenest(stated, force=True), derived(depth)) for derived in (cut_bound, attained)]
    return Exact.every(_equality(*pair) for pair in pairs)


def _equality(stated: sp.Expr, derived: sp.Expr) -> Exact:
    ratio = sp.simplify(sp.expand_log(sp.log(stated / derived), force=True))
    return Exact(ratio == 0, str(stated), str(derived), "" if ratio == 0 else f"ln(stated / derived) = {ratio}")


OWN = Source("implicit-reg", "derived here")
ISOTROPIC = "entries of A with mean 0, variance 1 and no correlations"
WIDTHS = "inner widths at least the rank of M"
CLAIMS = (
    ExactClaim(
        id="factorisation.two-layers",
        title="reg of two linear layers, any measurements",
        statement="For <A, W_2 W_1>: reg = mean of |A W_1^T|_F^2 + |W_2^T A|_F^2.",
        source=OWN,
        method="all dimensions",
        check=check_two_layers,
        controls=(
            Control("output-only", "formula", "the gradient by W_2 alone"),
            Control("half", "formula", "half of it"),
            Control("product", "formula", "the squared norm of the product"),
        ),
    ),
    ExactClaim(
        id="factorisation.mean-reg",
        title="reg of a deep linear network over isotropic measurements",
        statement="The mean of reg is sum_l |W_L ... W_(l+1)|_F^2 |W_(l-1) ... W_1|_F^2, an empty product 1.",
        source=Source("wind2022", "Deep Linear Networks (DLNs), the regulariser R and its split by layers"),
        items=("wind2022: Regulariser",),
        hypotheses=(ISOTROPIC, "X = Y = 1 in the source's terms", f"L = {', '.join(map(str, DEPTHS))}"),
        method="all dimensions",
        check=check_mean,
        controls=(
            Control("half", "formula", "half of it"),
            Control("inner-only", "formula", "the inner layers alone"),
            Control("whole-product", "formula", "L times the squared norm of the whole product"),
        ),
    ),
    ExactClaim(
        id="factorisation.flattest-two-layers",
        title="The flattest factorisation, two layers, any measurements",
        statement="The smallest trace of the loss's Hessian, 2 reg, over W_2 W_1 = M is 4 |S_L^(1/2) M S_R^(1/2)|_*, "
        "S_L and S_R the means of A A^T and A^T A.",
        source=Source("gatmiry2023", "abstract, for the Schatten 1-norm; the exact form is derived here"),
        items=("gatmiry2023: Abstract: Schatten 1-norm",),
        hypotheses=("(h - y)^2 for each measurement, zero loss", WIDTHS, "S_L and S_R invertible"),
        method="certificate",
        check=check_two_layer_minimum,
        controls=(
            Control("reg", "formula", "2 for 4: reg, not the trace of the Hessian"),
            Control("eight", "formula", "8 for 4"),
            Control("frobenius", "formula", "the Frobenius norm"),
        ),
    ),
    ExactClaim(
        id="factorisation.flattest",
        title="The flattest factorisation, any number of layers, isotropic measurements",
        statement="The smallest mean of reg over W_L ... W_1 = M is L (d_0 d_L)^(1/L) |M|_*^(2 - 2/L).",
        source=Source("wind2022", "Lower bound; Construction achieving the bound; Conclusion"),
        items=(
            "wind2022: Lower bound",
            "wind2022: Construction",
            "wind2022: Conclusion",
            "gatmiry2023: Abstract: Schatten 1-norm",
        ),
        hypotheses=(
            ISOTROPIC,
            WIDTHS,
            "|X|_F^2 = d_0 and |Y|_F^2 = d_L in the source's terms",
            f"L = {', '.join(map(str, DEPTHS))}",
        ),
        method="certificate",
        check=check_minimum,
        controls=(
            Control("schatten-2-over-L", "formula", "the power 2/L, as under weight decay"),
            Control("no-dimensions", "formula", "without d_0 d_L"),
            Control("linear", "formula", "the norm itself"),
            Control("trace", "formula", "twice as much: the trace of the Hessian"),
        ),
    ),
)
