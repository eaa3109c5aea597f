"""Rounding to the nearest whole number, the unit being that in the last place.

**Claim.** The error round(x) - x has period 1 in x. Of x spread evenly over a period it has mean 0 and variance 1/12.
Of x that is normal with mean m and standard deviation s its mean is

    sum_k (-1)^k / (pi k) exp(-2 pi^2 k^2 s^2) sin(2 pi k m),  k = 1, 2, ...     (1)

so that numbers that vary by a unit or more are rounded without a bias (1e-9 of a unit at s = 1), wherever their mean
lies.

**Hypotheses.** None besides that of the normal law.
**Source.** Derived here; known in signal processing, where what varies is called dither.
**Derivation.** The error is -x for |x| < 1/2: an odd function, so a series of sines, with coefficients by integration.
The mean of each sine over the normal law is by integration as well.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from theory.derivation import derivation

K = sp.Symbol("k", positive=True, integer=True)
"""Number of a harmonic."""
MEAN = sp.Symbol("m", real=True)
"""Mean of the number that is rounded, in units."""
SPREAD = sp.Symbol("s", positive=True)
"""Its standard deviation, in units."""


_X, _Z = sp.symbols("x z", real=True)
_RATE = sp.Symbol("b", positive=True)
_ERROR, _HALF = -_X, sp.Rational(1, 2)


@derivation("rounding-variance")
def variance() -> sp.Expr:
    """Return the variance of the error of an evenly spread number, in square units."""
    return sp.integrate(_ERROR**2, (_X, -_HALF, _HALF))


@derivation("rounding-mean")
@cache
def mean_error_term() -> sp.Expr:
    """Return the k-th term of the mean error of a normal number, in units."""
    frequency = 2 * sp.pi * K
    coefficient = 2 * sp.integrate(_ERROR * sp.sin(_RATE * _X), (_X, -_HALF, _HALF)).subs(_RATE, frequency)
    # sin(a + b z) = sin a cos(b z) + cos a sin(b z): the first is even in z, the second odd.
    density = sp.exp(-(_Z**2) / 2) / sp.sqrt(2 * sp.pi)
    left = 2 * sp.integrate(sp.cos(_RATE * _Z) * density, (_Z, 0, sp.oo)).subs(_RATE, frequency * SPREAD)
    return sp.simplify(coefficient * sp.sin(frequency * MEAN) * left)
