"""Rounding to nearest is without a bias where the rounded number varies by a unit in the last place or more."""

import sympy as sp

from theory.rounding import MEAN, SPREAD, K, mean_error_term, variance
from verify.claim import STATED, Control, Exact, ExactClaim, Source

_sine = (-1) ** K / (sp.pi * K) * sp.sin(2 * sp.pi * K * MEAN)
TERMS = {
    STATED: _sine * sp.exp(-2 * sp.pi**2 * K**2 * SPREAD**2),
    "without-2": _sine * sp.exp(-(sp.pi**2) * K**2 * SPREAD**2),
    "linear": _sine * sp.exp(-2 * sp.pi * K * SPREAD),
    "downwards": _sine * (-1) ** K * sp.exp(-2 * sp.pi**2 * K**2 * SPREAD**2),
}
VARIANCES = {STATED: sp.Rational(1, 12), "one-sided": sp.Rational(1, 3)}


def check_dither(variant: str) -> Exact:
    """Compare a term of the mean error of a normal number, and the variance of an evenly spread one's, with a form."""
    term, square = TERMS.get(variant, TERMS[STATED]), VARIANCES.get(variant, VARIANCES[STATED])
    return Exact.equalities([(square, variance()), (term, mean_error_term())])


CLAIMS = (
    ExactClaim(
        id="precision.dither",
        title="Error of rounding a number that varies",
        statement="In units in the last place: rounded to nearest, a number with mean m and normal deviations of "
        "standard deviation s has the mean error sum_k (-1)^k / (pi k) exp(-2 pi^2 k^2 s^2) sin(2 pi k m); an "
        "evenly spread one has an error of variance 1/12.",
        source=Source("implicit-reg", "derived here"),
        hypotheses=("as many digits before the last one as it takes",),
        method="all dimensions",
        check=check_dither,
        controls=(
            Control("without-2", "formula", "exp(-pi^2 k^2 s^2)"),
            Control("linear", "formula", "exp(-2 pi k s), the law with density 1 / (1 + x^2) in place of the normal"),
            Control("downwards", "formula", "no (-1)^k: the sines of rounding down"),
            Control("one-sided", "formula", "variance 1/3: the mean square of an error between 0 and a unit"),
        ),
    ),
)
