"""Plain SGD on data that no model can fit, without label noise: does it lower reg as label noise does?

Each data point of a problem is replaced by several of the same x, whose labels are off by amounts of mean 0: on two
copies with labels y + delta and y - delta that is label noise exactly. Here the amounts are of many sizes and of a
skewed law, and in some cases of another size for each x, or the inputs differ slightly. Where they do, descent by full
batches moves along the manifold too: the fall beyond that is what sampling causes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from numerics.ensemble import Ensemble, State
from numerics.problem import Problem
from numerics.regulariser import reg
from numerics.update_rule import UpdateRule
from verify import places
from verify.claim import Context, Control, Exploration, Job, Source
from verify.estimate import Estimate, Measurement
from verify.experiment import placed, stream

COPIES = 16
LR = 0.005
TIME = 0.1
"""Length of the runs, in units of 1 / (eta^2 times the mean variance of the labels); reg falls from 8.9 to about 6."""
NUM_RUNS = 64
"""Runs on each data set; without label noise a run and its mirror are the same."""
VARIANCE = 0.25
"""Of the amounts, their mean over the data."""


class Copies(NamedTuple):
    """How the copies differ: the labels' standard deviations for the three x, relative, and that of the inputs."""

    spreads: tuple[float, float, float]
    jitter: float


EQUAL = (1.0, 1.0, 1.0)
KINDS: Mapping[str, Copies] = {
    "same inputs": Copies(EQUAL, 0.0),
    "unequal spreads": Copies((0.3, 1.0, 1.3), 0.0),
    "inputs off by .1": Copies(EQUAL, 0.1),
    "inputs off by .3": Copies(EQUAL, 0.3),
}
REFERENCE = "label noise"


def hard_to_fit(problem: Problem, theta: Tensor, copies: Copies, seed: int) -> Problem:
    """Return a problem of `COPIES` points for each of the given one; theta minimises its error if there is no jitter.

    The labels are the model's predictions at theta plus exponential amounts of mean 0.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = problem.inputs.repeat_interleave(COPIES, 0)
    inputs = inputs + copies.jitter * torch.randn(inputs.shape, dtype=inputs.dtype, generator=generator)
    amounts = -torch.rand(problem.num_data, COPIES, dtype=inputs.dtype, generator=generator).log()
    amounts = amounts - amounts.mean(1, keepdim=True)
    amounts = amounts / amounts.std(1, keepdim=True, correction=0) * torch.tensor(copies.spreads)[:, None]
    amounts = amounts * (VARIANCE / amounts.square().mean()).sqrt()
    labels = Problem(problem.model, inputs, amounts.flatten()).predictions(theta) + amounts.flatten()
    return Problem(problem.model, inputs, labels)


class Fall(NamedTuple):
    """The fall of reg, the mean over some runs: in all, and beyond that of full batches."""

    whole: float
    beyond: float


@dataclass(frozen=True)
class Falls:
    """The fall of reg from theta* on, by kind of data.

    Attributes:
        num_sets: Data sets of each kind in the quick profile; four times as many in the others.
    """

    num_sets: int

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each kind of data, and that with label noise."""
        return {name: partial(self.measure, world, context, name) for name in (*KINDS, REFERENCE)}

    def measure(self, world: str, context: Context, name: str) -> Measurement:
        """Return the `Fall`, averaged over the data sets; of label noise over as many sets of runs."""
        original, theta = placed(places.tanh, "cpu")
        num_sets = self.num_sets * (1 if context.profile == "quick" else 4)
        seeds = [stream(context.seed, f"{world} {name} {context.round} {number}", LR) for number in range(num_sets)]
        by_noise, by_sgd = UpdateRule(LR, VARIANCE**0.5, "iid", 1), UpdateRule(LR, 0.0, "iid", 1)
        rows = []
        for seed in seeds:
            if name == REFERENCE:
                whole = fall(original, by_noise, seed)
                rows.append(Fall(whole, whole))
            else:
                problem = hard_to_fit(original, theta, KINDS[name], seed)
                alone = fall(problem, UpdateRule(LR, 0.0), seed)
                whole = alone if world == "full-batch" else fall(problem, by_sgd, seed)
                rows.append(Fall(whole, whole - alone))
        table = np.array(rows)
        return Measurement(table.mean(0), np.cov(table.T) / num_sets, num_sets)


def fall(problem: Problem, rule: UpdateRule, seed: int) -> float:
    """Return the mean fall of reg of the original data from theta* on."""
    original, theta = placed(places.tanh, "cpu")
    size = NUM_RUNS if rule.sampling == "iid" else 2  # full batches are not random
    start = theta[:, None].expand(-1, size).contiguous()
    end = Ensemble(problem, rule, size, seed).advanced(State(start, 0), round(TIME / (LR**2 * VARIANCE))).theta
    return float((reg(original, start) - reg(original, end)).mean())


def shares(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the falls of reg in units of that with label noise of the same mean variance, by kind of data.

    First the whole falls, then those beyond full batches.
    """
    del formula
    reference = measurements[REFERENCE]
    scale, its_share = reference.mean[0], reference.covariance[0, 0] / reference.mean[0] ** 2
    whole, beyond = (np.array([measurements[name].mean[part] for name in KINDS]) / scale for part in (0, 1))
    variances = [np.array([measurements[name].covariance[part, part] for name in KINDS]) for part in (0, 1)]
    errors = [np.sqrt(v / scale**2 + of**2 * its_share) for v, of in zip(variances, (whole, beyond), strict=True)]
    parts = (
        f"{name}: {w:.3f} +- {e:.3f}, {b:.3f} +- {f:.3f} of it beyond full batches"
        for name, w, e, b, f in zip(KINDS, whole, errors[0], beyond, errors[1], strict=True)
    )
    return Estimate(
        np.concatenate([whole, beyond]),
        np.concatenate(errors),
        np.ones(2 * len(KINDS)),
        sum(record.num_samples for record in measurements.values()),
        degrees_of_freedom=min(record.num_samples for record in measurements.values()) - 1,
        note=f"reg falls by {scale:.2f} with label noise; in units of that, " + "; ".join(parts),
    )


CLAIMS = (
    Exploration(
        id="open-questions.plain-sgd",
        title="Plain SGD on data that cannot be fitted, tanh network (P = 32)",
        statement="Does plain SGD on data that no model fits lower reg as label noise of the same mean variance does?",
        source=Source("blanc2020", "Section 1.2"),
        hypotheses=(
            f"three x, {COPIES} points for each, labels off by exponential amounts of mean variance {VARIANCE:g}",
            f"from theta*; single samples drawn anew, eta = {LR:g}; reg is that of the three x",
            "six data sets of each kind, in the larger profiles 24",
        ),
        experiment=Falls(num_sets=6),
        estimate=shares,
        controls=(Control("full-batch", "world", "all data in each step: no sampling noise"),),
    ),
)
