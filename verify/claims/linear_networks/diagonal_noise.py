"""Diagonal networks with noise, exactly: what label noise pulls at, and what spherical noise does instead.

Both are the noise of HaoChen et al.: +-delta on one random label, beside the gradient of all data; and delta times a
standard normal number on each derivative. Here sigma is their delta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast

import numpy as np
import sympy as sp
import torch

from numerics.drift import pair_means
from numerics.ensemble import Ensemble, State
from numerics.models import diagonal_network
from numerics.problem import Problem
from theory.drift import derive
from theory.noisy_mirror_flow import (
    CORRELATION,
    FIRST,
    LOSS,
    PREDICTOR,
    WEIGHT,
    Noise,
    growth,
    regulariser_share,
    step_moments,
)
from theory.regulariser import REG
from theory.rule import ETA, SIGMA, SMALL_LR, N, Rule
from verify.claim import STATED, Context, Control, Exact, ExactClaim, Job, MeasuredClaim, Source
from verify.claims.linear_networks.diagonal_recovery import LR, NUM_DATA, NUM_INPUTS, Run
from verify.estimate import Estimate, Measurement
from verify.experiment import stream, to_array

STEP2 = (ETA * SIGMA) ** 2
REGULARISERS = {
    STATED: 4 * WEIGHT * PREDICTOR / N,
    "unweighted": 4 * PREDICTOR,
    "least-squares": 4 * WEIGHT * PREDICTOR**2 / N,
    "half": 2 * WEIGHT * PREDICTOR / N,
}
"""The share of one coordinate."""
POTENTIALS = {
    STATED: STEP2 * WEIGHT * PREDICTOR / (4 * N),
    "all-labels": STEP2 * WEIGHT * PREDICTOR / (4 * N**2),
    "unit-loss": STEP2 * WEIGHT * PREDICTOR / N,
    "whole": STEP2 * WEIGHT * PREDICTOR / (2 * N),
}
SHARES = {STATED: (sp.Rational(1, 4), 0), "half": (sp.Rational(1, 2), 0), "spherical-too": (sp.Rational(1, 4), 1)}
"""Potential over the variance of a step's noise, and the derivative of spherical noise's own, over eta^2 sigma^2."""
GROWTHS = {
    STATED: (STEP2 * WEIGHT * PREDICTOR / N, STEP2),
    "exchanged": (STEP2, STEP2 * WEIGHT * PREDICTOR / N),
    "unbiased": (sp.Integer(0), sp.Integer(0)),
    "twice": (2 * STEP2 * WEIGHT * PREDICTOR / N, 2 * STEP2),
}
"""Of label noise and of spherical noise."""


def check_regulariser(variant: str) -> Exact:
    """Compare a coordinate's share of reg with the derived one."""
    return Exact.equality(REGULARISERS[variant], regulariser_share())


def derived_potential() -> sp.Expr:
    """Return a coordinate's share of the potential that the engine finds, for noise on one random label.

    Raises:
        ArithmeticError: If the potential is no multiple of reg.
    """
    potential = derive(Rule(loss=LOSS, sampling="full"), SMALL_LR).potential
    if potential is None or len(potential.terms) != 1 or potential != potential.terms[0][1] * REG:
        raise ArithmeticError("the potential is no multiple of reg")
    # n sigma on one label that is i with probability 1/n: every label has the variance n sigma^2
    factor = cast(sp.Expr, potential.terms[0][1]).subs(SIGMA**2, N * SIGMA**2)
    return factor * regulariser_share()


def check_potential(variant: str) -> Exact:
    """Compare a coordinate's share of the potential of the drift with the derived one."""
    return Exact.equality(POTENTIALS[variant], derived_potential())


def check_variance(variant: str) -> Exact:
    """Compare the potential with the variance of a step, and the derivative of spherical noise's variance."""
    share, slope = SHARES[variant]
    label, spherical = (step_moments(noise).variance for noise in ("one label", "gradient"))
    stated = share * label.subs(FIRST, sp.sqrt(PREDICTOR))
    return Exact.equalities([(stated, derived_potential()), (slope * STEP2, sp.diff(spherical, FIRST))])


def check_growth(variant: str) -> Exact:
    """Compare the mean growth of beta_j in one step at zero training error with the derived one."""
    derived = [growth(noise).subs(CORRELATION, 0) for noise in ("one label", "gradient")]
    return Exact.equalities(list(zip(GROWTHS[variant], derived, strict=True)))


Kind = Literal["label", "spherical"]
KINDS: Mapping[Kind, Noise] = {"label": "one label", "spherical": "gradient"}
"""The kinds of noise by their names in the simulation and in the derivation."""
OTHER: Mapping[Kind, Kind] = {"label": "spherical", "spherical": "label"}


@dataclass(frozen=True)
class Growth:
    """The growth of sum_j beta_j in one step from a random place of zero training error, by kind of noise.

    ``sizes``: of the noise, by world, where it is not 1.
    """

    sizes: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each kind of noise."""
        return {kind: partial(self.measure, world, context, kind) for kind in KINDS}

    def measure(self, world: str, context: Context, kind: Kind) -> Measurement:
        """Return measured and predicted growth."""
        seed = stream(context.seed, f"{world} {kind}, round {context.round}", LR)
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(NUM_DATA, NUM_INPUTS, generator=generator, dtype=torch.float64)
        # At half the usual size label noise has a quarter of its variance, spherical noise all of it
        w = torch.randn(NUM_INPUTS, generator=generator, dtype=torch.float64).abs() / 2
        problem = Problem(diagonal_network, inputs, inputs @ w.square())
        run = Run(kind, self.sizes.get(world, 1.0), num_steps=3)
        size = 1024 if context.profile == "quick" else 4096
        replicas = Ensemble(problem, run.rule(NUM_DATA), size, seed)
        moved = replicas.advanced(State(w[:, None].repeat(1, size), 0), 1).theta
        growths = to_array(pair_means(replicas, (moved.square() - w[:, None].square()).sum(0, keepdim=True)))[0]
        count = len(growths)
        weights, beta = (to_array(values) for values in (inputs.square().sum(0), w.square()))
        derived = {
            name: sp.lambdify((PREDICTOR, WEIGHT, ETA, SIGMA, N), growth(KINDS[name]).subs(CORRELATION, 0))
            for name in KINDS
        }
        numbers = (beta, weights, LR, 1.0, NUM_DATA)
        values = {name: np.sum(np.broadcast_to(f(*numbers), NUM_INPUTS)) for name, f in derived.items()}
        predictions = {STATED: values[kind], "exchanged": values[OTHER[kind]], "half": values[kind] / 2}
        return Measurement(
            np.array([growths.mean()]),
            np.array([[growths.var(ddof=1) / count]]),
            count,
            {name: np.array([value]) for name, value in predictions.items()},
        )


def growth_ratios(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured over predicted growth, by kind of noise."""
    records = list(measurements.values())
    predicted = np.array([record.predictions[formula][0] for record in records])
    means = np.array([record.mean[0] for record in records]) / predicted
    errors = np.array([record.covariance[0, 0] ** 0.5 for record in records]) / predicted
    return Estimate(means, errors, np.ones(len(records)), sum(record.num_samples for record in records))


OWN = Source("implicit-reg", "derived here")
SOURCE = Source("haochen2021", "Abstract")
NETWORK = "f = <w^2, x>, per-sample loss (f - y)^2 / 4; beta = w^2, h = diag(X^T X)"
NOISE = "+-sigma on one random label beside the gradient of all data"
CLAIMS = (
    ExactClaim(
        id="diagonal.regulariser",
        title="The regulariser of a diagonal network",
        statement="reg = (4/n) sum_j h_j beta_j, a weighted l1 norm of the predictor.",
        source=OWN,
        hypotheses=(NETWORK,),
        items=("pillaudvivien2022: weights",),
        method="all dimensions",
        check=check_regulariser,
        controls=(
            Control("unweighted", "formula", "4 sum_j beta_j"),
            Control("least-squares", "formula", "beta_j^2 for beta_j"),
            Control("half", "formula", "half of it"),
        ),
    ),
    ExactClaim(
        id="diagonal.label-noise-drift",
        title="What label noise pulls a diagonal network to",
        statement="To leading order in eta, the drift per step on the zero-loss manifold is minus the projected "
        "gradient of eta^2 sigma^2 / (4 n) sum_j h_j beta_j.",
        source=OWN,
        hypotheses=(NETWORK, NOISE),
        method="all dimensions",
        check=check_potential,
        controls=(
            Control("all-labels", "formula", "as for independent noise +-sigma on all labels"),
            Control("unit-loss", "formula", "as for the loss (f - y)^2 / 2"),
            Control("whole", "formula", "twice it"),
        ),
    ),
    ExactClaim(
        id="diagonal.noise-variance",
        title="Label noise prefers small noise variance; spherical noise has the same variance everywhere",
        statement="The potential of the drift is a quarter of the variance of a step's noise; the variance of "
        "spherical noise does not depend on the place.",
        source=SOURCE,
        hypotheses=(NETWORK, NOISE, "spherical: sigma times a standard normal number on each derivative"),
        items=("haochen2021: Abstract: noise variance", "haochen2021: Abstract: spherical noise"),
        method="all dimensions",
        check=check_variance,
        controls=(
            Control("half", "formula", "half of the variance"),
            Control("spherical-too", "formula", "the variance of spherical noise grows with w_j"),
        ),
    ),
    ExactClaim(
        id="diagonal.growth",
        title="What one noisy step does to coefficients at zero training error",
        statement="E beta_j grows by eta^2 sigma^2 h_j beta_j / n with label noise, which leaves zeros alone, and by "
        "eta^2 sigma^2 with spherical noise, zeros as well.",
        source=OWN,
        hypotheses=(NETWORK, NOISE),
        method="all dimensions",
        check=check_growth,
        controls=(
            Control("exchanged", "formula", "each what the other does"),
            Control("unbiased", "formula", "none: E w_j is unchanged, and so is its square"),
            Control("twice", "formula", "twice it"),
        ),
    ),
    MeasuredClaim(
        id="diagonal.growth-measured",
        title="Both kinds of noise, simulated, make coefficients grow as derived",
        statement="Measured over derived growth of sum_j beta_j in one step at zero training error is 1.",
        source=OWN,
        hypotheses=(NETWORK, NOISE, f"d = {NUM_INPUTS}, {NUM_DATA} standard normal data, eta = {LR:g}, sigma = 1"),
        margin=0.1,
        why_margin="10 %: the identity is exact; a lost factor, or the other noise, is off by a third or more",
        experiment=Growth({"louder": 1.25}),
        estimate=growth_ratios,
        controls=(
            Control("half", "formula", "half of it"),
            Control("exchanged", "formula", "each what the other noise does"),
            Control("louder", "world", "noise 25 % stronger"),
        ),
    ),
)
