"""The stationary covariance around a point of zero training error: Lemma 7's recursion, exact values, isotropy."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import sympy as sp

from theory.gamma_chain import GAMMA_EIGENVALUE as GAMMA
from theory.gamma_chain import eigenvalue, scalar_equation
from theory.linear_model import enumerated_second_moment, instance
from theory.rule import ETA, SIGMA, SMALL_LR, SMALL_NOISE, B, LabelNoise, N, Rule
from theory.second_moments import S
from theory.stationary_covariance import covariance_equations
from verify import places
from verify.claim import STATED, Control, Exact, ExactClaim, MeasuredClaim, Source
from verify.covariance_claim import CovarianceExperiment, covariance_ratio, covariance_ratio_at_zero_lr
from verify.estimate import Array
from verify.experiment import World
from verify.lowering.rule import RuleChoice

COVARIANCE = eigenvalue(S)
RECURSION = {
    STATED: (1 - 4 * ETA * GAMMA) * COVARIANCE + 4 * ETA**2 * GAMMA * SIGMA**2,
    "slow-reversion": (1 - 2 * ETA * GAMMA) * COVARIANCE + 4 * ETA**2 * GAMMA * SIGMA**2,
    "weak-noise": (1 - 4 * ETA * GAMMA) * COVARIANCE + ETA**2 * GAMMA * SIGMA**2,
    "white-noise": (1 - 4 * ETA * GAMMA) * COVARIANCE + 4 * ETA**2 * SIGMA**2,
}


def check_recursion(variant: str) -> Exact:
    """Compare a recursion for theta_j^2 with the derived one, single-sample steps, leading order in eta."""
    equation = scalar_equation(covariance_equations(Rule(), SMALL_LR)[S])
    if equation is None:
        raise ArithmeticError("the derived equation is no function of Gamma")
    derived = sp.expand(COVARIANCE + equation.subs(B, 1))
    return Exact.equality(RECURSION[variant], derived)


STEPS: tuple[tuple[Rule, int | None], ...] = (
    (Rule(sampling="full"), None),
    (Rule(), 1),
    (Rule(), 2),
    (Rule(noise=LabelNoise("shared")), 2),
)


def moments() -> sp.Matrix:
    """Return any E[x x^T] in two dimensions."""
    a, b, c = sp.symbols("a b c", real=True)
    return sp.Matrix([[a, b], [b, c]])


@cache
def enumerated_changes() -> list[sp.Matrix]:
    """Return the change of E[x x^T] in one step, averaged over all batches and signs, for each of `STEPS`."""
    gradients, before = places.RATIONAL_GRADIENTS, moments()
    return [enumerated_second_moment(rule, gradients, before, size) - before for rule, size in STEPS]


def stated_change(variant: str, rule: Rule, batch_size: int | None) -> sp.Matrix:
    """Return the change of E[x x^T] in one step that a variant states."""
    equation = covariance_equations(rule, SMALL_LR if variant == "small-lr" else SMALL_NOISE)[S]
    if variant == "distinct-draws" and rule.sampling == "iid":
        full = covariance_equations(Rule(sampling="full", noise=rule.noise), SMALL_NOISE)[S]
        equation = full.coefficients(lambda c: c.subs(N, B))
    if variant == "equal-draws" and rule == Rule():
        equation = equation.coefficients(lambda c: c.subs(B, 1).subs(SIGMA, SIGMA / sp.sqrt(B)))
    at_size = equation.coefficients(lambda c: c.subs(B, batch_size or 1))
    return sp.Matrix(instance(places.RATIONAL_GRADIENTS, {S: moments()}).array(at_size, "jk"))


def check_enumeration(variant: str) -> Exact:
    """Compare the change that a variant states with the enumerated one, for any symmetric E[x x^T]."""
    wrong = []
    for (rule, size), enumerated in zip(STEPS, enumerated_changes(), strict=True):
        difference = (enumerated - stated_change(variant, rule, size)).applyfunc(sp.expand)
        if difference != sp.zeros(2):
            wrong.append(f"{rule.sampling}, B = {size}: enumerated - stated = {sp.factor(difference[0, 0])}, ...")
    return Exact(not wrong, f"{len(STEPS)} rules", f"{len(STEPS) - len(wrong)} equal", "; ".join(wrong[:1]))


def isotropic(gamma: Array, values: Mapping[sp.Symbol, float]) -> Array:
    """Return the eta -> 0 limit as if it held at this learning rate."""
    return np.full_like(gamma, values[ETA] * values[SIGMA] ** 2 / values[B])


PAIRS = RuleChoice(noise_std=1.0, sampling="iid", batch_size=2)
SINGLE = RuleChoice(noise_std=1.0, sampling="iid", batch_size=1)
FULL = RuleChoice(noise_std=1.0)
MODEL = "h linear in theta: the recursion of second moments is closed"
MARGIN = 0.01
WHY = "1 %: the correction terms that the controls leave out change the variances by 5 % or more at this learning rate"

CLAIMS = (
    ExactClaim(
        id="lemma7.recursion",
        title="Recursion of the second moment of a decaying coordinate",
        statement="theta_j^2(t) = (1 - 4 eta gamma_j) theta_j^2(t-1) + 4 eta^2 gamma_j Var[e_i] on average, "
        "to leading order",
        source=Source("blanc2020", "eq. (11)"),
        items=("eq. (11)",),
        hypotheses=("zero training error at theta*", "single-sample steps", "leading order in eta"),
        method="all dimensions",
        check=check_recursion,
        controls=(
            Control("slow-reversion", "formula", "the reversion of theta_j taken for that of its square"),
            Control("weak-noise", "formula", "the factor 2 of the square forgotten in the noise"),
            Control("white-noise", "formula", "noise that does not follow Gamma"),
        ),
    ),
    ExactClaim(
        id="covariance.enumeration",
        title="The derived recursion of second moments against every batch and every sign of the noise",
        statement="E[x x^T] after one step is the average over all batches and signs: full batches, single samples, "
        "batches of two, batches of two that share their noise",
        source=Source("implicit-reg", "derived here"),
        hypotheses=(MODEL, "three data points in two dimensions, rational gradients"),
        method="instance",
        check=check_enumeration,
        controls=(
            Control("small-lr", "formula", "the leading order in eta"),
            Control("distinct-draws", "formula", "the full batch's equation with B for n"),
            Control("equal-draws", "formula", "the single samples' equation with sigma^2 / B"),
        ),
    ),
    MeasuredClaim(
        id="covariance.full-batch",
        title="Stationary covariance of full-batch steps at eta gamma_max = .52",
        statement="S = eta sigma^2 / (n (1 - eta Gamma)) on the range of Gamma, exact in eta; its limit is eq. (11)",
        source=Source("implicit-reg", "derived here"),
        hypotheses=(MODEL, "independent label noise, variance sigma^2"),
        margin=MARGIN,
        why_margin=WHY,
        controls=(
            Control("isotropic", "formula", "the eta -> 0 limit eta sigma^2 / n"),
            Control("half-correction", "formula", "1 - eta gamma / 2 for 1 - eta gamma"),
            Control("single-sample", "world", "batches of n drawn with replacement"),
        ),
        experiment=CovarianceExperiment(
            places.linear,
            FULL,
            lrs=(0.2,),
            num_replicas=16384,
            num_observations=200,
            formulas={
                "isotropic": isotropic,
                "half-correction": lambda gamma, v: v[ETA] * v[SIGMA] ** 2 / v[N] / (1 - v[ETA] * gamma / 2),
            },
            worlds={"single-sample": World(RuleChoice(noise_std=1.0, sampling="iid", batch_size=4))},
        ),
        estimate=covariance_ratio,
    ),
    MeasuredClaim(
        id="covariance.single-sample",
        title="Stationary covariance of single-sample steps, multiplicative term included",
        statement="S solves the derived equation with the term E[(g . S g) g g^T], exact in eta",
        source=Source("implicit-reg", "derived here"),
        hypotheses=(MODEL, "independent label noise, variance sigma^2"),
        margin=MARGIN,
        why_margin=WHY,
        controls=(
            Control("isotropic", "formula", "the eta -> 0 limit eta sigma^2 / B"),
            Control("full-batch", "formula", "the full batch's function of Gamma with B for n"),
            Control("full-batch-noise", "world", "full batches whose noise has the single samples' variance"),
        ),
        experiment=CovarianceExperiment(
            places.linear,
            SINGLE,
            lrs=(0.05,),
            num_replicas=16384,
            num_observations=200,
            formulas={
                "isotropic": isotropic,
                "full-batch": lambda gamma, v: v[ETA] * v[SIGMA] ** 2 / v[B] / (1 - v[ETA] * gamma),
            },
            worlds={"full-batch-noise": World(RuleChoice(noise_std=2.0))},
        ),
        estimate=covariance_ratio,
    ),
    MeasuredClaim(
        id="covariance.mini-batch",
        title="Stationary covariance of batches of two, multiplicative term included",
        statement="S solves the derived equation, with 1 / B of E[(g . S g) g g^T] and 1 - 1 / B of Gamma S Gamma",
        source=Source("implicit-reg", "derived here"),
        hypotheses=(MODEL, "independent label noise, variance sigma^2", "batches of two, drawn with replacement"),
        margin=MARGIN,
        why_margin=WHY,
        controls=(
            Control("isotropic", "formula", "the eta -> 0 limit eta sigma^2 / B"),
            Control("distinct-draws", "formula", "the full batch's function of Gamma with B for n: 0 for 1 / B"),
            Control("equal-draws", "world", "single samples with half the noise's variance: 1 for 1 / B"),
        ),
        experiment=CovarianceExperiment(
            places.linear,
            PAIRS,
            lrs=(0.08,),
            num_replicas=16384,
            num_observations=200,
            formulas={
                "isotropic": isotropic,
                "distinct-draws": lambda gamma, v: v[ETA] * v[SIGMA] ** 2 / v[B] / (1 - v[ETA] * gamma),
            },
            worlds={"equal-draws": World(replace(SINGLE, noise_std=0.5**0.5))},
        ),
        estimate=covariance_ratio,
    ),
    MeasuredClaim(
        id="covariance.isotropy",
        title="Isotropy of the stationary covariance as eta -> 0",
        statement="S / (eta sigma^2 / B) tends to the projector onto the range of Gamma as eta -> 0",
        source=Source("blanc2020", "Section 3.3"),
        items=("Section 3.3: isotropy",),
        hypotheses=("independent label noise, variance sigma^2", "batches of two, drawn with replacement"),
        margin=0.03,
        why_margin="3 %: the eigenvalues of Gamma differ by a factor 4.5, and every anisotropic rival by as much",
        controls=(
            Control("langevin", "formula", "variances proportional to 1 / gamma, as for noise that ignores Gamma"),
            Control("halved", "formula", "half the variance"),
            Control("shared-noise", "world", "batches of two that share one noise value"),
        ),
        experiment=CovarianceExperiment(
            places.linear,
            PAIRS,
            lrs=(0.05, 0.035, 0.02, 0.01),  # the parabola's bias is below .007, and further apart its error is smaller
            num_replicas=12288,
            num_observations=200,
            formulas={
                "langevin": lambda gamma, v: v[ETA] * v[SIGMA] ** 2 / v[B] * gamma.mean() / gamma,
                "halved": lambda gamma, v: isotropic(gamma, v) / 2,
            },
            worlds={"shared-noise": World(replace(PAIRS, sharing="shared"))},
            scaling=SMALL_LR,
        ),
        estimate=covariance_ratio_at_zero_lr,
    ),
)
