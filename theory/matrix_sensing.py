"""The implicit regulariser of matrix sensing with Gaussian measurements.

**Statement.** For h(U, A) = <A, U U^T>, U of shape d x r and measurements A_1, ..., A_n with independent N(0, 1)
entries, the mean over the measurements of reg = (1/n) sum_a |dh(U, A_a)/dU|^2 is a multiple of |U|_F^2, and its
variance is 1/n times that of a single measurement. The mean test error of U U^T against a symmetric matrix X* is the
squared Frobenius distance.
**Hypotheses.** U does not depend on the measurements.
**Source.** Blanc et al. (COLT 2020), Section 1.1, equation (2), for the mean.
**Derivation.** Differentiate h by U, square, sum over the entries, and average by Wick's theorem. The nuclear norm of
U U^T, which has no negative eigenvalue, is its trace, |U|_F^2.
"""

from theory.derivation import derivation
from theory.index_algebra import Expr, Head, Space
from theory.index_algebra.gaussian_mean import gaussian_mean

ROWS = Space("rows", "d")
COLUMNS = Space("columns", "r")
U = Head("U", rank=2, symmetric=False, spaces=(ROWS, COLUMNS))
"""The parameters, as a matrix."""
MEASUREMENT = Head("A", rank=2, labelled=True, symmetric=False, spaces=(ROWS, ROWS))
"""A_a: the measurement matrix of data point a."""
TRUTH = Head("X", rank=2, spaces=(ROWS, ROWS))
"""X*: the symmetric matrix that is to be recovered."""

PREDICTION: Expr = MEASUREMENT("i", "j", label="a") * U("i", "m") * U("j", "m")
"""h(U, A_a), its label free."""
REG: Expr = (PREDICTION.derivative_by(U, "k", "b") * PREDICTION.derivative_by(U, "k", "b")).averaged("a")
"""reg for given measurements."""


@derivation("sensing-mean-reg")
def mean_reg() -> Expr:
    """Return E reg over the measurements."""
    return gaussian_mean(REG, MEASUREMENT)


@derivation("sensing-reg-variance")
def reg_variance() -> Expr:
    """Return Var reg over the measurements."""
    mean = mean_reg()
    return gaussian_mean(REG * REG, MEASUREMENT) - mean * mean


@derivation("sensing-test-error")
def mean_test_error() -> Expr:
    """Return E <A, U U^T - X*>^2 over one measurement A that U does not depend on."""
    error = PREDICTION - MEASUREMENT("i", "j", label="a") * TRUTH("i", "j")
    return gaussian_mean(error * error, MEASUREMENT)
