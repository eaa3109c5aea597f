"""The stochastic mirror flow at rest: its law, and how far steps of finite length move its mean.

The time average of label noise on a diagonal network solves a weighted Lasso as eta -> 0 (`diagonal.lasso`). At rest
the coefficients of its support are independent Gamma variables, and to first order in eta their fluctuations add to the
penalties: about a tenth at the source's step, .1, where the next orders add to that. Units are those of the flow.
Coefficients off the support rest at 0 and matter no more: fewer of them than in the source's experiment will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import sympy as sp
import torch

from numerics.drift import pair_means
from numerics.ensemble import Ensemble, State
from numerics.label_noise import RADEMACHER
from numerics.models import diagonal_network
from numerics.problem import Problem
from theory.noisy_lasso import CUMULANT, FOURTH, SPREAD, penalty, variance_over_mean
from theory.noisy_mirror_flow import DELTA, LOSS, PREDICTOR, WEIGHT
from theory.rule import ETA
from verify.claim import STATED, Context, Control, Exact, ExactClaim, Job, MeasuredClaim, Source
from verify.claims.linear_networks.stochastic_mirror_flow import FLOW
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import stream, to_array
from verify.fit import constant_terms, fit
from verify.lowering.rule import STANDARD_CUMULANTS, RuleChoice
from verify.weighted_lasso import weighted_lasso

VARIANCES = {
    STATED: DELTA * PREDICTOR,
    "half": DELTA * PREDICTOR / 2,
    "square": DELTA * PREDICTOR**2,
    "weighted": DELTA * WEIGHT * PREDICTOR,
}
"""Of beta_j at rest, beta being the Lasso's coefficient."""
LEADING = DELTA * WEIGHT
FLUCTUATIONS = DELTA * SPREAD + DELTA**2 * (3 * WEIGHT**2 + 2 * CUMULANT * FOURTH) / 4
PENALTIES = {
    STATED: LEADING + ETA * FLUCTUATIONS,
    "flow": LEADING,
    "at-rest": LEADING + ETA * (FLUCTUATIONS - DELTA * SPREAD),
    "normal": LEADING + ETA * FLUCTUATIONS.subs(CUMULANT, 0),
    "half": LEADING + ETA * FLUCTUATIONS / 2,
}


def check_law(variant: str) -> Exact:
    """Compare the variance at rest with the derived one."""
    return Exact.equality(VARIANCES[variant], variance_over_mean() * PREDICTOR)


def check_penalty(variant: str) -> Exact:
    """Compare the Lasso's weights at step eta with the derived ones."""
    return Exact.equality(PENALTIES[variant], penalty())


NUM_INPUTS, NUM_DATA, NUM_ONES = 16, 24, 3
STRENGTH = 0.2
"""delta."""
LRS = (0.1, 0.08, 0.06, 0.05, 0.04)
NUM_REPLICAS = 1024
NUM_LOOKS = 800
PAUSE = 0.2
"""Between two looks, in units of the flow's time, in which a coefficient's memory is about 1/2.

The mean over a long time, the noise of pairs being opposite, is known much better than from as many separate looks.
"""
SMALL = 1e-8
"""Parameters off the support at the start, which are 0 at rest; it is far below what their logarithms' walk can climb.

From 1e-4 some reach the support's size within the run, although they fall in the mean.
"""
DECAY = 0.05
"""The least rate at which log beta_j falls off the support as eta -> 0; steps of .1 change it by less than half."""
FORMULAS = (STATED, "half-correction", "half-variance", "at-rest")
QUANTITIES = 2


class Rest(NamedTuple):
    """A problem, the Lasso's coefficients ``[d]``, and the derived displacement of their mean over eta, by formula."""

    problem: Problem
    beta: Array
    slopes: Mapping[str, Array]


@cache
def rest(seed: int) -> Rest:
    """Return a random problem with what the flow's limit is and where steps of finite length move it.

    It is the first one that is drawn where no coefficient lies between 0 and delta, such a one comes to rest slowly,
    and where those off the support decay at `DECAY` or faster: others join the support at steps of finite length.
    """
    generator = torch.Generator().manual_seed(seed)
    truth = torch.zeros(NUM_INPUTS, dtype=torch.float64)
    truth[:NUM_ONES] = 1
    while True:
        inputs = torch.randn(NUM_DATA, NUM_INPUTS, generator=generator, dtype=torch.float64)
        problem = Problem(diagonal_network, inputs, inputs @ truth)
        scaled, labels = (to_array(data) / NUM_DATA**0.5 for data in (inputs, problem.labels))
        weights = STRENGTH * np.sum(scaled**2, 0)
        beta = weighted_lasso(scaled, labels, weights)
        decay = 2 * scaled.T @ (scaled @ beta - labels) + weights
        if np.where(beta > 0, beta > STRENGTH, decay > DECAY).all():
            break
    columns = scaled[:, beta > 0]
    gram = columns.T @ columns
    numbers = (np.diag(gram), gram**2 @ beta[beta > 0], np.sum(columns**4, 0), STRENGTH)

    def slope(stated: sp.Expr) -> Array:
        change = sp.lambdify((WEIGHT, SPREAD, FOURTH, DELTA, CUMULANT), sp.diff(stated, ETA))
        found = np.zeros(NUM_INPUTS)
        found[beta > 0] = -np.linalg.solve(gram, change(*numbers, STANDARD_CUMULANTS[RADEMACHER.name][4])) / 2
        return found

    derived = slope(penalty())
    slopes = {STATED: derived, "half-variance": derived, "half-correction": derived / 2}
    return Rest(problem, beta, {**slopes, "at-rest": slope(PENALTIES["at-rest"])})


@dataclass(frozen=True)
class AtRest:
    """Displacement and mean square deviation of beta from the Lasso's minimiser, over the derived ones.

    ``excess``: by how much the noise's standard deviation exceeds the stated one, over eta, by world.
    """

    excess: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        return {f"lr {lr:g}": partial(self.measure, world, context, lr) for lr in LRS}

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return both ratios for each formula."""
        problem, beta, slopes = rest(stream(context.seed, "problem at rest", 0))
        size = NUM_REPLICAS * (1 if context.profile == "quick" else 4) // (1 if world == STATED else 8)
        num_looks = NUM_LOOKS // (1 if world == STATED else 4)
        std = (1 + self.excess.get(world, 0.0) * lr) * (NUM_DATA * STRENGTH / lr) ** 0.5
        seed = stream(context.seed, f"{world}, round {context.round}", lr)
        replicas = Ensemble(problem, RuleChoice(std, loss=LOSS).at(lr), size, seed)
        start = torch.from_numpy(np.where(beta > 0, np.sqrt(beta), SMALL))
        between = round(PAUSE / lr)
        state = replicas.advanced(State(start[:, None].repeat(1, size), 0), 100 * between)
        moved, squares = torch.zeros_like(state.theta), torch.zeros_like(state.theta)
        for _ in range(num_looks):
            state = replicas.advanced(state, between)
            away = state.theta.square() - torch.from_numpy(beta)[:, None]
            moved, squares = moved + away / num_looks, squares + away.square() / num_looks
        moved, squares = (to_array(pair_means(replicas, values)) for values in (moved, squares.sum(0, keepdim=True)))
        variance = float(variance_over_mean().subs(DELTA, STRENGTH)) * beta.sum()
        rows = []
        for formula in FORMULAS:
            slope = slopes[formula]
            rows.append(slope @ moved / (lr * slope @ slope))
            rows.append(squares[0] / (variance / 2 if formula == "half-variance" else variance))
        ratios = np.array(rows)
        return Measurement(ratios.mean(1), np.cov(ratios) / ratios.shape[1], ratios.shape[1])


def ratios_at_zero(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return both ratios at learning rate 0, from a line each."""
    records, first = list(measurements.values()), QUANTITIES * FORMULAS.index(formula)
    values = np.array([record.mean[first : first + QUANTITIES] for record in records])
    errors = np.array([np.diag(record.covariance)[first : first + QUANTITIES] ** 0.5 for record in records])
    count = min(record.num_samples for record in records)
    fits = [
        fit(np.array(LRS), values[:, k], errors[:, k], degree=1, degrees_of_freedom=count - 1)
        for k in range(QUANTITIES)
    ]
    return constant_terms(
        fits,
        np.ones(QUANTITIES),
        count,
        f"displacement {values[0, 0]:.3f} at eta = {LRS[0]:g}, {values[-1, 0]:.3f} at {LRS[-1]:g}; variance "
        f"{fits[1].coefficients[0]:.3f}",
    )


OWN = Source("implicit-reg", "derived here")
SETTING = "b is the minimiser of |X beta - y|^2 + delta <h, beta> over beta >= 0, S its support, where beta is not 0"
PENALTY = "delta h_j + eta (delta sum_k K_jk^2 b_k + delta^2 (3 h_j^2 + 2 kappa_4 sum_i x_ij^4) / 4)"
CLAIMS = (
    ExactClaim(
        id="diagonal.law-at-rest",
        title="At rest, the coefficients that label noise keeps are independent Gamma variables",
        statement="The stationary law of the mirror flow on S is that of independent Gamma variables with the means "
        "b_j and the variances delta b_j.",
        source=OWN,
        hypotheses=(FLOW, SETTING, "the columns of X in S are independent"),
        method="all dimensions",
        check=check_law,
        controls=(
            Control("half", "formula", "half the variance"),
            Control("square", "formula", "delta b_j^2, a standard deviation in proportion to the mean"),
            Control("weighted", "formula", "delta h_j b_j"),
        ),
    ),
    ExactClaim(
        id="diagonal.lasso-step-penalty",
        title="The Lasso that label noise solves with steps of finite length",
        statement=f"To first order in eta the mean of beta at rest is the minimiser for the penalties {PENALTY}, "
        "K = X^T X, the sum over S.",
        source=OWN,
        hypotheses=(FLOW, SETTING, "noise symmetric, of fourth cumulant kappa_4 at unit variance"),
        method="all dimensions",
        check=check_penalty,
        controls=(
            Control("flow", "formula", "the flow's own"),
            Control("at-rest", "formula", "without the fluctuations of beta"),
            Control("normal", "formula", "kappa_4 = 0, normal noise"),
            Control("half", "formula", "half of the correction"),
        ),
    ),
    MeasuredClaim(
        id="diagonal.lasso-step",
        title="How far steps of finite length move the mean from the Lasso's minimiser, and the spread around it",
        statement="As eta -> 0, the displacement of the time average from b, along the derived one, is eta times it, "
        "and the mean of |beta - b|^2 is delta sum_j b_j: both ratios are 1.",
        source=OWN,
        hypotheses=(
            FLOW,
            SETTING,
            f"d = {NUM_INPUTS}, {NUM_DATA} standard normal data, {NUM_ONES} ones, delta = {STRENGTH:g}; no b_j between "
            f"0 and delta; off S, 2 (X^T (X b - y))_j + delta h_j > {DECAY:g}",
        ),
        margin=0.2,
        why_margin="20 %, several standard errors of the extrapolation; half the correction, or half the variance, is "
        "off by a factor 2",
        experiment=AtRest({"louder": 1.0}),
        estimate=ratios_at_zero,
        controls=(
            Control("half-correction", "formula", "half of the displacement"),
            Control("half-variance", "formula", "half of the variance"),
            Control("at-rest", "formula", "the displacement without the fluctuations of beta"),
            Control("louder", "world", "noise stronger by a factor 1 + eta"),
        ),
    ),
)
