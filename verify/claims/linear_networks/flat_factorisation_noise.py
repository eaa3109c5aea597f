"""Label noise on two linear layers: reg falls to the closed form of its smallest value, but for O(eta).

The measurements determine the product M; every replica starts from a factorisation of its own. What is measured is reg
at theta itself, which fluctuates along the manifold and across it, where its product is not M. So the stationary mean
is off by O(eta), to either side, and is extrapolated to learning rate 0 by a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from numerics.deep_linear import deep_linear_network
from numerics.drift import estimate, pair_means
from numerics.problem import Problem
from numerics.regulariser import reg
from numerics.trajectory import trajectory
from theory.rule import ETA, SIGMA, B
from verify.claim import STATED, Context, Control, MeasuredClaim, Source
from verify.claims.linear_networks.flat_factorisation_descent import (
    COLUMNS,
    INNER,
    ROWS,
    predicted,
    products,
    starts,
    widths,
)
from verify.estimate import Estimate, Measurement
from verify.experiment import World, placed, stream, to_array
from verify.fit import constant_terms, fit
from verify.lowering.rule import RuleChoice
from verify.power_law import LadderExperiment

SEED = 4
"""Of the measurements and M."""
SCALE, START_SPREAD = 0.6, 0.15
"""Of W_1 at the start, which is near a multiple of the unit matrix: its norm is then about that of W_2."""
LOOKS = np.concatenate([np.arange(1, 10) / 40, np.arange(5, 31) / 20])
"""Slow times eta^2 sigma^2 t / B at which reg is looked at."""
RELAXED = 0.8
"""Slow time from which on reg is averaged: the slow flow has .1 % of reg left to fall."""


def two_layers(factor: float = 1.0) -> tuple[Problem, Tensor]:
    """Return two linear layers with as many measurements as M has entries, and one factorisation of M.

    The first column of every measurement is multiplied by ``factor``; M stays what it is.
    """
    generator = torch.Generator().manual_seed(SEED)
    inputs = torch.randn(ROWS * COLUMNS, ROWS, COLUMNS, generator=generator, dtype=torch.float64)
    inputs = inputs * torch.tensor([factor, *(1.0,) * (COLUMNS - 1)], dtype=torch.float64)
    (theta,) = starts(2, 1, generator)
    problem = Problem(deep_linear_network(widths(2)), inputs, torch.zeros(len(inputs), dtype=torch.float64))
    return Problem(problem.model, inputs, problem.predictions(theta)), theta


def lopsided() -> tuple[Problem, Tensor]:
    """Return the same with the first column of every measurement 30 % larger."""
    return two_layers(1.3)


def factorisations(matrix: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return random W_1 and W_2 = M W_1^-1, ``[P, size]``, on the device of M: the same ones on each."""
    noise = torch.randn(size, INNER, COLUMNS, generator=generator, dtype=torch.float64)
    first = SCALE * (torch.eye(INNER, COLUMNS, dtype=torch.float64) + START_SPREAD * noise).to(matrix.device)
    last = torch.linalg.solve(first, matrix.expand(size, -1, -1), left=False)
    return torch.cat([first.flatten(1), last.flatten(1)], dim=1).T


@dataclass(frozen=True, kw_only=True)
class Floors(LadderExperiment):
    """reg on average over late times, at several learning rates."""

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return the late mean of reg, ``[1]``, and the smallest value by each formula."""
        problem, theta = placed(self.place, context.device)
        change = self.worlds.get(world, World())
        seen, _ = placed(change.place or self.place, context.device)
        values = self.choice.values(problem, lr)
        per_step = values[ETA] ** 2 * values[SIGMA] ** 2 / values[B]
        replicas = self.replicas(seen, lr, context, world)
        matrices = products(theta[None], 2)
        generator = torch.Generator().manual_seed(stream(replicas.seed, f"starts {context.round}", lr))
        start = factorisations(matrices[0], replicas.num_replicas, generator)
        steps = np.round(LOOKS / per_step).astype(int).tolist()
        found = pair_means(replicas, trajectory(replicas, start, steps, partial(reg, seen)))
        late = estimate(found[torch.from_numpy(LOOKS >= RELAXED)].mean(0, keepdim=True))
        smallest = predicted(2, problem.inputs, matrices)
        first = reg(seen, start).mean()
        return Measurement(
            to_array(late.mean),
            to_array(late.covariance),
            late.num_samples,
            {name: to_array(value) for name, value in smallest.items()},
            {
                "lr": np.array(lr),
                "time": np.concatenate([[0.0], LOOKS]),
                "way": to_array(torch.cat([first[None], found.mean(1)]) / smallest[STATED]),
            },
        )


def ratio_at_zero_lr(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the late mean of reg over a formula's smallest value, extrapolated to learning rate 0; 1 if right."""
    records = sorted(measurements.values(), key=lambda record: float(record.series["lr"]))
    lrs = np.array([float(record.series["lr"]) for record in records])
    smallest = np.array([record.predictions[formula][0] for record in records])
    ratios = np.array([record.mean[0] for record in records]) / smallest
    errors = np.array([record.covariance[0, 0] ** 0.5 for record in records]) / smallest
    found = fit(lrs, ratios, errors, degree=1)
    return constant_terms(
        [found],
        np.ones(1),
        sum(record.num_samples for record in records),
        ", ".join(f"{ratio:.4f} at eta = {lr:g}" for ratio, lr in zip(ratios, lrs, strict=True)),
        {
            "lr": lrs,
            "ratio": ratios,
            "standard_error": errors,
            "fit": found.coefficients,
            "fit_standard_error": found.standard_errors,
            "time": records[0].series["time"],
            "ways": np.array([record.series["way"] for record in records]),
        },
    )


CLAIMS = (
    MeasuredClaim(
        id="factorisation.sgd",
        title="Where label noise leads two linear layers",
        statement="The stationary mean of reg(theta_t) tends to 2 |S_L^(1/2) M S_R^(1/2)|_* as eta -> 0.",
        source=Source("implicit-reg", "derived here"),
        items=("gatmiry2023: Abstract: Schatten 1-norm",),
        hypotheses=(
            f"d_0 = {COLUMNS}, d_2 = {ROWS}, inner width {INNER}; as many random measurements as M has entries",
            "full batches, independent label noise of signs",
            f"slow time eta^2 sigma^2 t / B from {RELAXED:g} to {LOOKS[-1]:g}, each replica from a start of its own",
        ),
        margin=0.01,
        why_margin="1 %: the wrong formulas and worlds are off by 10 % and more",
        experiment=Floors(
            place=two_layers,
            choice=RuleChoice(),
            lrs=(0.05, 0.04, 0.03, 0.025),
            small_lrs=(0.02, 0.015),
            num_world_lrs=3,
            num_replicas=256,
            worlds={
                "no-noise": World(RuleChoice(noise_std=0.0)),
                "lopsided": World(place=lopsided),
            },
        ),
        estimate=ratio_at_zero_lr,
        controls=(
            Control("half", "formula", "half of it"),
            Control("frobenius", "formula", "the Frobenius norm"),
            Control("isotropic", "formula", "as if the measurements were isotropic"),
            Control("no-noise", "world", "no label noise, hence no slow flow"),
            Control("lopsided", "world", "the first column of every measurement 30 % larger"),
        ),
    ),
)
