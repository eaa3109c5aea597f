"""Label noise on all labels of a diagonal network: a stochastic mirror flow, whose time average solves a Lasso.

Units are those of the flow: X and y over n^(1/2), time t = eta k, noise of variance n delta / eta on every label. Over
a long time log beta_j cannot grow, and where beta_j stays its mean rate is 0; the rate is affine in beta, so that the
time average obeys the optimality conditions of the weighted Lasso. Steps of finite length add a term of order eta,
which is extrapolated away here and derived in `diagonal.lasso-step-penalty`. The source's delta is 1e-3; that its units
are the flow's is our reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy as sp
import torch

from numerics.ensemble import Ensemble
from numerics.models import diagonal_network
from numerics.problem import Problem
from numerics.trajectory import trajectory
from theory.noisy_mirror_flow import CORRELATION, DELTA, GRAM, LOSS, WEIGHT, lasso_slope, mirror_flow
from verify.claim import STATED, Context, Control, Exact, ExactClaim, Job, MeasuredClaim, Source
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import stream, to_array
from verify.lowering.rule import RuleChoice
from verify.weighted_lasso import weighted_lasso

_pull, _noise = -2 * CORRELATION, 2 * sp.sqrt(DELTA)
FLOWS = {
    STATED: (_pull - DELTA * WEIGHT, _noise),
    "no-ito": (_pull, _noise),
    "gradient-only": (_pull + DELTA * WEIGHT, _noise),
    "parameter": ((_pull - DELTA * WEIGHT) / 2, _noise / 2),
    "variance": (_pull - DELTA * WEIGHT, 2 * DELTA),
}
"""Drift of log beta_j, and the factor before X^T dB."""
SLOPES = {
    STATED: lasso_slope(),
    "half": lasso_slope().subs(DELTA, DELTA / 2),
    "unweighted": lasso_slope().subs(WEIGHT, 1),
    "least-squares": lasso_slope().subs(DELTA, 0),
}
"""Of the objective."""


def check_flow(variant: str) -> Exact:
    """Compare drift and noise of d log beta with the derived moments: X^T dB has the covariance X^T X dt."""
    drift, factor = FLOWS[variant]
    derived = mirror_flow()
    stated = (drift, factor**2 * WEIGHT, factor**2 * GRAM)
    return Exact.equalities(list(zip(stated, derived, strict=True)))


def check_lasso(variant: str) -> Exact:
    """Compare the mean rate of log beta_j with minus the derivative of the objective."""
    return Exact.equality(-SLOPES[variant], mirror_flow().mean)


NUM_INPUTS, NUM_DATA, NUM_ONES = 100, 40, 4
LRS = (0.1, 0.05)
"""The result is extrapolated to 0 along a line."""
NUM_REPLICAS = 8
DURATION = 200.0
"""Of the time before the average is taken, and of that over which it is, times 1 / delta."""
NUM_LOOKS = 1000
DELTAS = {"quick": 0.2, "full": 0.02, "paper": 0.001}
NUM_PROBLEMS = 12
NEARLY_NONE = 1e-6
"""Of the penalty: what is left of it where only its weights count."""


def penalties(delta: float, weights: Array) -> dict[str, Array]:
    """Return the Lasso's weights by formula: the derived drift's constant part, and wrong variants."""
    derived = sp.lambdify((DELTA, WEIGHT), -mirror_flow().mean.subs(CORRELATION, 0))(delta, weights)
    return {
        STATED: derived,
        "half": derived / 2,
        "unweighted": np.full(len(weights), derived.mean()),
        "interpolation": NEARLY_NONE * derived,
    }


FORMULAS = tuple(penalties(1.0, np.ones(1)))


@dataclass(frozen=True)
class TimeAverages:
    """Where the time average of beta lies along two directions from a Lasso's minimiser.

    They lead from where delta -> 0 to the stated minimiser, and from there to the one of the plain l1 norm.
    ``noise``: the standard deviation of the noise by world, as a multiple of the stated one.
    """

    noise: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each problem."""
        count = NUM_PROBLEMS if world == STATED else NUM_PROBLEMS // 2
        return {f"problem {k}": partial(self.measure, world, context, k) for k in range(count)}

    def measure(self, world: str, context: Context, number: int) -> Measurement:
        """Return the inner products with both directions, for each formula; then those at each learning rate."""
        delta = DELTAS[context.profile]
        seed = stream(context.seed, f"{world}, round {context.round}", number)
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(NUM_DATA, NUM_INPUTS, generator=generator, dtype=torch.float64)
        truth = torch.zeros(NUM_INPUTS, dtype=torch.float64)
        truth[:NUM_ONES] = 1
        problem = Problem(diagonal_network, inputs, inputs @ truth)
        std, duration = self.noise.get(world, 1.0) * (NUM_DATA * delta) ** 0.5, DURATION / delta
        coarse, fine = (average(problem, lr, std / lr**0.5, duration, stream(seed, "noise", lr)) for lr in LRS)
        limit = (LRS[0] * fine - LRS[1] * coarse) / (LRS[0] - LRS[1])
        scaled, labels = (to_array(data) / NUM_DATA**0.5 for data in (inputs, problem.labels))
        found = {
            formula: weighted_lasso(scaled, labels, penalty)
            for formula, penalty in penalties(delta, np.sum(scaled**2, 0)).items()
        }
        directions = np.array([found[STATED] - found["interpolation"], found["unweighted"] - found[STATED]])
        parts = [directions @ (limit - found[formula]) for formula in FORMULAS]
        parts += [directions @ (beta - found[STATED]) for beta in (coarse, fine)]
        products = np.concatenate(parts)
        squares = np.sum(directions**2, axis=1)
        return Measurement(products, np.zeros((len(products), len(products))), 1, series={"squares": squares})


def average(problem: Problem, lr: float, noise_std: float, duration: float, seed: int) -> Array:
    """Return the mean of beta over all replicas and a time, which as much time precedes, ``[d]``."""
    replicas = Ensemble(problem, RuleChoice(noise_std, loss=LOSS).at(lr), NUM_REPLICAS, seed)
    between = round(duration / lr / NUM_LOOKS)
    start = torch.ones(NUM_INPUTS, NUM_REPLICAS, dtype=torch.float64)
    looks = range((NUM_LOOKS + 1) * between, (2 * NUM_LOOKS + 1) * between, between)
    return to_array(trajectory(replicas, start, looks, lambda theta: theta.square().mean(1)).mean(0))


def positions(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return how far along both directions the averages are from the formula's minimisers, in the directions' lengths.

    Problems count with the squared lengths, which do not depend on the noise.
    """
    products = np.array([record.mean.reshape(-1, 2) for record in measurements.values()])
    squares = np.array([record.series["squares"] for record in measurements.values()])
    count, total = len(squares), squares.sum(0)
    means = products.sum(0) / total
    place = FORMULAS.index(formula)
    left = products[:, place] - means[place] * squares
    errors = np.sqrt((left**2).sum(0) * count / (count - 1)) / total
    rates = ", ".join(f"{means[len(FORMULAS) + k, 0]:+.3f} at eta = {lr:g}" for k, lr in enumerate(LRS))
    samples = sum(record.num_samples for record in measurements.values())
    return Estimate(means[place], errors, np.zeros(2), samples, count - 1, note=f"from the stated one {rates}")


def source(locator: str) -> Source:
    """Return a place in the source."""
    return Source("pillaudvivien2022", locator)


FLOW = "f = <w^2, x>, loss |X beta - y|^2 / (4 n), eta -> 0 with label noise of variance n delta / eta; h = diag(X^T X)"
CLAIMS = (
    ExactClaim(
        id="diagonal.mirror-flow",
        title="Label noise on a diagonal network is a stochastic mirror flow",
        statement="d log beta = -(2 X^T (X beta - y) + delta h) dt + 2 sqrt(delta) X^T dB.",
        source=source("stochastic flow"),
        hypotheses=(FLOW,),
        items=("pillaudvivien2022: stochastic flow", "pillaudvivien2022: weights"),
        method="all dimensions",
        check=check_flow,
        controls=(
            Control("no-ito", "formula", "without delta h: the chain rule of ordinary calculus"),
            Control("gradient-only", "formula", "+delta h"),
            Control("parameter", "formula", "that of log w"),
            Control("variance", "formula", "delta for sqrt(delta)"),
        ),
    ),
    ExactClaim(
        id="diagonal.lasso-objective",
        title="The mirror flow descends on a weighted Lasso",
        statement="The mean rate of log beta is minus the gradient of |X beta - y|^2 + delta <h, beta>.",
        source=source("Abstract"),
        hypotheses=(FLOW,),
        items=("pillaudvivien2022: Abstract: Lasso", "pillaudvivien2022: weights"),
        method="all dimensions",
        check=check_lasso,
        controls=(
            Control("half", "formula", "delta / 2"),
            Control("unweighted", "formula", "the plain l1 norm"),
            Control("least-squares", "formula", "without the l1 norm"),
        ),
    ),
    MeasuredClaim(
        id="diagonal.lasso",
        title="The time average of the noisy run solves the weighted Lasso",
        statement="As eta -> 0 the time average of beta is the minimiser of |X beta - y|^2 + delta <h, beta>: it is 0 "
        "off along the way from delta = 0 to there, and along the way from there to equal weights, in their lengths.",
        source=source("Abstract"),
        hypotheses=(
            FLOW,
            f"d = {NUM_INPUTS}, {NUM_DATA} standard normal data, {NUM_ONES} ones, w = 1 at the start; delta = "
            f"{DELTAS['quick']:g}, {DELTAS['full']:g} in the full profile, {DELTAS['paper']:g} in the paper's; "
            f"eta = {LRS[0]:g} and {LRS[1]:g}",
        ),
        items=("pillaudvivien2022: Abstract: Lasso", "pillaudvivien2022: weights", "pillaudvivien2022: experiment"),
        margin=0.25,
        why_margin="25 %: half the penalty is off by half the way, the plain l1 norm by the whole; a finite time and "
        "the line through two learning rates leave a few per cent",
        experiment=TimeAverages({"louder": 1.5}),
        estimate=positions,
        controls=(
            Control("half", "formula", "half the penalty"),
            Control("unweighted", "formula", "the same penalty for all coefficients, the mean of the weights"),
            Control("interpolation", "formula", "the least weighted l1 norm of a predictor that fits the data"),
            Control("louder", "world", "noise 1.5 times as strong"),
        ),
    ),
)
