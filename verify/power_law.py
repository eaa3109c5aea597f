"""Powers of the learning rate, measured over a ladder of learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from numerics.ensemble import Ensemble
from numerics.problem import Problem
from verify.claim import STATED, Context, Job
from verify.estimate import Array
from verify.experiment import PlacedExperiment, World, ensemble
from verify.fit import fit


@dataclass(frozen=True, kw_only=True)
class LadderExperiment(PlacedExperiment):
    """Something measured at many learning rates, each in an ensemble of the same size.

    The smallest learning rates take most of the time. So the larger profiles add some of them, not replicas, and the
    world controls, which are off by much more than the margin, do without some.

    Attributes:
        small_lrs: The learning rates that the larger profiles add.
        num_world_lrs: The largest learning rates, so many, are those of the world controls.
    """

    small_lrs: Sequence[float] = ()
    num_world_lrs: int = 4

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        lrs = [*self.lrs, *(() if context.profile == "quick" else self.small_lrs)]
        if world != STATED:
            lrs = sorted(lrs, reverse=True)[: self.num_world_lrs]
        return {f"lr {lr:g}": partial(self.measure, world, context, lr) for lr in lrs}

    def replicas(self, problem: Problem, lr: float, context: Context, world: str) -> Ensemble:
        """Return the ensemble of one simulation: of the same size in every profile."""
        choice = self.worlds.get(world, World()).choice or self.choice
        return ensemble(problem, choice, lr, replace(context, profile="quick"), self.num_replicas, world)


class PowerLaw(NamedTuple):
    """The power of a size that goes as a power of the learning rate, its standard error, and how well the law fits."""

    exponent: float
    standard_error: float
    p_value: float


def power_law(lrs: Array, sizes: Array, standard_errors: Array) -> PowerLaw:
    """Return the power in sizes = constant lr^power, by a weighted line through their logarithms.

    The p-value tells whether the law holds exactly. An asymptotic law bends by more than a small standard error at the
    larger learning rates, which a margin has to allow for, not the p-value.
    """
    line = fit(np.log(lrs), np.log(sizes), standard_errors / sizes, degree=1)
    return PowerLaw(float(line.coefficients[1]), float(line.standard_errors[1]), line.p_value)


def log_slopes(lrs: Array, log_sizes: Array) -> Array:
    """Return the power of each of several sizes, ``[lrs, K] -> [K]``, by unweighted lines against ln lr."""
    logs = np.log(lrs)
    weights = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum()
    return weights @ log_sizes
