"""Rounding to the nearest whole number, the unit being that in the last place.

**Claim.** The error round(x) - x has period 1 in x. Of x spread evenly over a period it has mean 0 and variance 1/12.
Of x that is normal with mean m and standard deviation s its mean is

    sum_k (-1)^k / (pi k) exp(-2 pi^2 k^2 s^2) sin(2 pi k m),  k = 1, 2, ...     (1)

so that numbers that vary by a unit or more are rounded without a bias, wherever their mean lies between the multiples.

**Hypotheses.** None besides that of the normal law.
**Source.** Derived here; known in signal processing, where what varies is called dither.
**Derivation.** The error is -x for |x| < 1/2: an odd function, so a series of sines, with coefficients by integration.
The mean of each sine over the normal law is by integration as well.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import sympy as sp

from theory.derivation import derivation

K = sp.Symbol("k", positive=True, integer=True)
"""Number of a harmonic."""
MEAN = sp.Symbol("m", real=True)
"""Mean of the number that is rounded, in units."""
SPREAD = sp.Symbol("s", positive=True)
"""Its standard deviation, in units."""


class Rounding(NamedTuple):
    """Variance of an evenly spread number's error, the k-th sine's coefficient, the k-th term of the mean error."""

    variance: sp.Expr
    coefficient: sp.Expr
    mean_term: sp.Expr


@cache
@derivation("rounding")
def derive() -> Rounding:
    """Return what the error of rounding is made of, in units."""
    x, z = sp.symbols("x z", real=True)
    error, half = -x, sp.Rational(1, 2)
    frequency = 2 * sp.pi * K
    coefficient = 2 * sp.integrate(error * sp.sin(frequency * x), (x, -half, half))
    # sin(a + b z) = sin a cos(b z) + cos a sin(b z); the second is odd in z.
    rate = sp.Symbol("b", positive=True)
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    left = sp.integrate(sp.cos(rate * z) * density, (z, -sp.oo, sp.oo)).subs(rate, frequency * SPREAD)
    return Rounding(
        sp.integrate(error**2, (x, -half, half)),
        sp.simplify(coefficient),
        sp.simplify(coefficient * sp.sin(frequency * MEAN) * left),
    )
