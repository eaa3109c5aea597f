"""Equation (2): the implicit regulariser of matrix sensing with Gaussian measurements.

The nuclear norm of X = U U^T is its trace, since X has no negative eigenvalue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy as sp
import torch
from torch import Tensor
from torch.func import grad, vmap

from numerics.models import matrix_sensing
from theory.index_algebra import Expr
from theory.index_algebra.instance import Instance
from theory.matrix_sensing import MEASUREMENT, REG, ROWS, TRUTH, U, mean_reg, mean_test_error, reg_variance
from theory.rule import N
from verify.claim import STATED, Context, Control, Exact, ExactClaim, Job, MeasuredClaim, Source
from verify.estimate import Estimate, Measurement
from verify.experiment import to_array
from verify.scatter import mean_of_samples

D = ROWS.symbol
X: Expr = U("i", "m") * U("j", "m")
NUCLEAR_NORM: Expr = U("i", "m") * U("i", "m")
SQUARED_NORM: Expr = X * X


def _mean_square(expr: Expr) -> Expr:
    """Return E_a |M|_F^2 for a matrix with free indices k, b that depends on data point a."""
    return (expr * expr).averaged("a")


_AU, _ATU = MEASUREMENT("k", "j", label="a") * U("j", "b"), MEASUREMENT("j", "k", label="a") * U("j", "b")
_DISTANCE = X - TRUTH("i", "j")

PRINTED: Mapping[str, Mapping[str, Expr]] = {
    "eq2.gradient": {
        STATED: _mean_square(_AU + _ATU),
        "not-symmetrised": _mean_square(2 * _AU),
        "antisymmetric": _mean_square(_AU - _ATU),
    },
    "eq2.expected-reg": {
        STATED: NUCLEAR_NORM * (2 * (D + 1)),
        "no-cross-term": NUCLEAR_NORM * (2 * D),
        "symmetric-measurements": NUCLEAR_NORM * (4 * D),
        "half": NUCLEAR_NORM * (D + 1),
        "squared-norm": SQUARED_NORM * (2 * (D + 1)),
    },
    "eq2.concentration": {
        STATED: (SQUARED_NORM * (D + 2) + NUCLEAR_NORM * NUCLEAR_NORM) * (8 / N),
        "squared-norm-only": SQUARED_NORM * (D + 2) * (8 / N),
        "one-measurement": (SQUARED_NORM * (D + 2) + NUCLEAR_NORM * NUCLEAR_NORM) * 8,
        "no-cross-term": (SQUARED_NORM * D + NUCLEAR_NORM * NUCLEAR_NORM) * (8 / N),
    },
    "sensing.test-error": {
        STATED: _DISTANCE * _DISTANCE,
        "symmetric-measurements": _DISTANCE * _DISTANCE * 2,
        "no-cross-term": SQUARED_NORM + TRUTH("i", "j") * TRUTH("i", "j"),
    },
}


def check(id: str, derived: Callable[[], Expr], variant: str) -> Exact:
    """Compare a formula, dimension-free, with the derived one."""
    return Exact.tensor_equality(PRINTED[id][variant], derived())


DIMENSION = 6
CHUNK = 2**15
LAWS: Mapping[str, Callable[[Tensor], Tensor]] = {
    STATED: lambda entries: entries,
    "uniform": lambda entries: torch.special.ndtr(entries) * 2 - 1,
    "signs": torch.sign,
}
"""The measurements' entries, made of standard normal ones."""


def factor() -> Tensor:
    """Return U, ``[d, d]``, with multiples of 1/4 as entries, so that its exact rationals are short."""
    entries = torch.randint(-4, 5, (DIMENSION, DIMENSION), generator=torch.Generator().manual_seed(0))
    return entries.to(torch.float64) / 4


@dataclass(frozen=True)
class SquaredGradients:
    """Mean and variance of |dh/dU|^2 over independent measurements; four times as many outside the quick profile."""

    num_samples: int = 2**18

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the one simulation."""
        return {"draws": partial(self.measure, world, context)}

    def measure(self, world: str, context: Context) -> Measurement:
        """Return mean and variance with the predictions of every formula, ``[2]``."""
        theta, model = factor().flatten(), matrix_sensing(DIMENSION)
        generator = torch.Generator().manual_seed(context.seed + 1_000_003 * context.round)
        gradients = vmap(grad(model), in_dims=(None, 0))
        size = self.num_samples * (1 if context.profile == "quick" else 4)
        parts = []
        for _ in range(0, size, CHUNK):
            entries = torch.randn(CHUNK, DIMENSION, DIMENSION, dtype=torch.float64, generator=generator)
            parts.append(gradients(theta, LAWS[world](entries)).square().sum(-1))
        squares = to_array(torch.cat(parts))
        # Centred at the sample mean the squared deviations are biased by 1/size, far below the margin.
        influence = np.stack([squares, (squares - squares.mean()) ** 2])
        return mean_of_samples(influence, predictions())


def predictions() -> dict[str, np.ndarray]:
    """Return mean and variance at U by formula: the derived one, and the wrong ones."""
    instance = Instance(tensors={U: [[sp.Rational(u) for u in row] for row in factor().tolist()]}, numbers={N: 1})
    means = {STATED: mean_reg()} | {name: PRINTED["eq2.expected-reg"][name] for name in ("half", "no-cross-term")}
    variances = {STATED: reg_variance(), "squared-norm-only": PRINTED["eq2.concentration"]["squared-norm-only"]}
    pairs = {
        name: (means.get(name, means[STATED]), variances.get(name, variances[STATED])) for name in means | variances
    }
    return {name: np.array([float(instance.value(expr)) for expr in pair]) for name, pair in pairs.items()}


def ratios(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured over predicted mean and variance."""
    (record,) = measurements.values()
    predicted = record.predictions[formula]
    errors = np.sqrt(np.diag(record.covariance)) / predicted
    return Estimate(record.mean / predicted, errors, np.ones(2), record.num_samples)


GAUSSIAN = "A_i with independent N(0, 1) entries, U independent of them"
SOURCE = Source("blanc2020", "eq. (2)")
OWN = Source("implicit-reg", "derived here")
NO_CROSS_TERM = Control("no-cross-term", "formula", "2 d: without the product of A U and A^T U")

CLAIMS = (
    ExactClaim(
        id="eq2.gradient",
        title="reg of matrix sensing, any measurements and dimensions",
        statement="for h(U, A) = <A, U U^T>: reg(U) = mean over the measurements of |(A + A^T) U|_F^2",
        source=SOURCE,
        items=("eq. (2)",),
        method="all dimensions",
        check=partial(check, "eq2.gradient", lambda: REG),
        controls=(
            Control("not-symmetrised", "formula", "2 A U for (A + A^T) U"),
            Control("antisymmetric", "formula", "(A - A^T) U"),
        ),
    ),
    ExactClaim(
        id="eq2.expected-reg",
        title="reg of matrix sensing over Gaussian measurements",
        statement="E |(A + A^T) U|_F^2 = 2 (d + 1) |U|_F^2 = 2 (d + 1) |U U^T|_*, for U of shape d x r",
        source=SOURCE,
        items=("eq. (2)", "Section 1.1: reg of matrix sensing"),
        hypotheses=(GAUSSIAN,),
        method="all dimensions",
        check=partial(check, "eq2.expected-reg", mean_reg),
        controls=(
            NO_CROSS_TERM,
            Control("symmetric-measurements", "formula", "4 d, as if A were symmetric with variances 1"),
            Control("half", "formula", "(d + 1)"),
            Control("squared-norm", "formula", "|U U^T|_F^2 for the nuclear norm"),
        ),
    ),
    ExactClaim(
        id="eq2.concentration",
        title="How closely n Gaussian measurements give the expected reg of matrix sensing",
        statement="Var reg(U) = (8/n) ((d + 2) |U U^T|_F^2 + |U U^T|_*^2)",
        source=OWN,
        hypotheses=(GAUSSIAN,),
        method="all dimensions",
        check=partial(check, "eq2.concentration", reg_variance),
        controls=(
            Control("squared-norm-only", "formula", "without the nuclear norm"),
            Control("one-measurement", "formula", "1 for 1/n"),
            Control("no-cross-term", "formula", "d for d + 2"),
        ),
    ),
    ExactClaim(
        id="sensing.test-error",
        title="Test error of matrix sensing",
        statement="E <A, U U^T - X*>^2 = |U U^T - X*|_F^2 for symmetric X*",
        source=OWN,
        hypotheses=("A with independent N(0, 1) entries, U independent of it",),
        method="all dimensions",
        check=partial(check, "sensing.test-error", mean_test_error),
        controls=(
            Control("symmetric-measurements", "formula", "twice as much, as for A + A^T over the root of 2"),
            Control("no-cross-term", "formula", "|U U^T|_F^2 + |X*|_F^2"),
        ),
    ),
    MeasuredClaim(
        id="eq2.sampled",
        title="Mean and variance of |dh/dU|^2 over random measurements, d = 6",
        statement="Over independent measurements |dh/dU|^2 has the derived mean and variance.",
        source=SOURCE,
        items=("eq. (2)",),
        hypotheses=(GAUSSIAN,),
        margin=0.05,
        why_margin="5 %: the wrong formulas are off by 15 % and more; the identity itself is decided exactly",
        experiment=SquaredGradients(),
        estimate=ratios,
        controls=(
            NO_CROSS_TERM,
            Control("half", "formula", "half the mean"),
            Control("squared-norm-only", "formula", "the variance without the nuclear norm"),
            Control("uniform", "world", "entries uniform on [-1, 1]: variance 1/3"),
            Control("signs", "world", "entries +-1: the same mean, another variance"),
        ),
    ),
)
