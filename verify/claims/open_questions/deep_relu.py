"""ReLU networks with more than one hidden layer on the line: does label noise lead to few changes of convexity?

Of one hidden layer Theorem 2 says so; Section 1.2 finds a like result plausible for any greater depth, and holds that
it is seen in experiments. The networks here have a linear unit beside them, as in Theorem 2. They run through a
schedule of learning rates and noises, as in Figure 2, and at the end the noise is taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from numerics.convexity_changes import convexity_changes
from numerics.deep_relu import heights, network, random_start
from numerics.problem import Problem
from numerics.regulariser import reg
from numerics.trajectory import Leg, annealed
from verify.claim import STATED, Context, Control, Exploration, Job, Source
from verify.estimate import Estimate, Measurement
from verify.experiment import stream, to_array

LABELS = torch.tensor([-4, 3, 0, 0, 4, 2, 0], dtype=torch.float64) / 4
"""The first seven points of Figure 2."""
INPUTS = torch.linspace(-1, 1, len(LABELS), dtype=torch.float64)
GRID = torch.linspace(-1, 1, 1001, dtype=torch.float64)
SWINGS = (0.3, 0.6)
"""Least turns of the slope that count as changes of convexity; the data's slopes run from -2.25 to 5.25."""
FITTED = 0.02
"""Largest residual of a network that is counted; some trainings get stuck far above it."""
MORE_WITHOUT_NOISE = 4
"""Without noise a quarter of the trainings or more is left out, and each is a small part of the work."""
DRAWN = 6
"""Networks whose functions are kept for the figure."""

TRAINING = (Leg(0.001, 0.0, 20_000), Leg(0.002, 0.0, 80_000))
RAISED = (
    Leg(0.002, 1.4, 80_000),
    Leg(0.005, 1.0, 80_000),
    Leg(0.01, 1.0, 100_000),
    Leg(0.02, 0.7, 150_000),
    Leg(0.03, 0.7, 100_000),
)
LOWERED = (Leg(0.03, 0.3, 60_000), Leg(0.03, 0.1, 30_000), Leg(0.03, 0.0, 5_000))
"""As reg falls, the learning rate is raised; at the end the noise is lowered."""
ONE_LAYER = (20,)


class Scale(NamedTuple):
    """Widths of the hidden layers of each kind of network, numbers of networks, and what the noisy legs' steps become.

    The first kind gives the first value.
    """

    widths: tuple[tuple[int, ...], ...]
    num_runs: int
    factor: int


SCALES: Mapping[str, Scale] = {
    "quick": Scale(((10, 10),), 48, 1),
    "full": Scale(((10, 10), (20, 20), (8, 8, 8)), 32, 4),
    "paper": Scale(((10, 10), (20, 20), (8, 8, 8)), 64, 16),
}
GAIN = 1.2


@dataclass(frozen=True)
class Annealed:
    """Changes of convexity of trained networks, each from a random start of its own.

    Attributes:
        is_noisy: Whether there is label noise, by world.
        widths: Widths of the hidden layers, by world; where missing, those of the profile.
    """

    is_noisy: Mapping[str, bool]
    widths: Mapping[str, tuple[int, ...]]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each kind of network."""
        kinds = (self.widths[world],) if world in self.widths else SCALES[context.profile].widths
        return {"-".join(map(str, widths)): partial(self.measure, world, context, widths) for widths in kinds}

    def measure(self, world: str, context: Context, widths: tuple[int, ...]) -> Measurement:
        """Return the changes of convexity by `SWINGS`, and reg, averaged over the networks that fit."""
        scale = SCALES[context.profile]
        problem = Problem(network(widths), INPUTS[:, None], LABELS)
        seed = stream(context.seed, f"{world} {widths} {context.round}", RAISED[0].lr)
        num_runs = scale.num_runs * (1 if self.is_noisy[world] else MORE_WITHOUT_NOISE)
        start = random_start(widths, num_runs, gain=GAIN, seed=seed)
        noisy = [leg._replace(num_steps=scale.factor * leg.num_steps) for leg in RAISED + LOWERED]
        trained = annealed(problem, start, TRAINING, seed)
        theta = annealed(problem, trained, noisy, seed + 1) if self.is_noisy[world] else trained
        (before, was_fit), (found, fits) = (seen(problem, widths, at) for at in (trained, theta))
        samples = found[:, fits]
        if self.is_noisy[world]:  # networks in the two halves have opposite noise: a pair of them is one sample
            samples = found.unflatten(1, (2, -1))[:, :, fits.unflatten(0, (2, -1)).all(0)].mean(1)
        both = was_fit & fits
        series = {
            "inputs": to_array(INPUTS),
            "labels": to_array(LABELS),
            "places": to_array(GRID),
            "heights before": to_array(heights(widths, trained, GRID)[:, both][:, :DRAWN]),
            "heights": to_array(heights(widths, theta, GRID)[:, both][:, :DRAWN]),
            "before": to_array(before[:, was_fit]),
            "after": to_array(found[:, fits]),
            "fewest": np.array(fewest_changes()),
        }
        return Measurement(
            to_array(samples.mean(1)),
            np.cov(to_array(samples)) / samples.shape[1],
            samples.shape[1],
            {STATED: np.array([float(fewest_changes())] * len(SWINGS))},
            series,
        )


def seen(problem: Problem, widths: tuple[int, ...], theta: Tensor) -> tuple[Tensor, Tensor]:
    """Return changes of convexity by `SWINGS`, then reg, ``[..., R]``, and whether the networks fit, ``[R]``."""
    slopes = heights(widths, theta, GRID).diff(dim=0) / (GRID[1] - GRID[0])
    found = torch.stack([*(convexity_changes(slopes, swing) for swing in SWINGS), reg(problem, theta)])
    return found, (heights(widths, theta, INPUTS) - LABELS[:, None]).abs().amax(0) < FITTED


def fewest_changes() -> int:
    """Return how often every function through the points changes between convex and concave, at least."""
    return int(convexity_changes((LABELS.diff() / INPUTS.diff())[:, None], 1e-9))


def described(name: str, record: Measurement) -> str:
    """Return what was seen of one kind of network in words."""
    before, after = record.series["before"], record.series["after"]
    share = (after[0] <= fewest_changes()).mean()
    return (
        f"{name}: after training {before[0].mean():.2f} changes and reg {before[-1].mean():.0f}, in the end "
        f"{record.mean[0]:.2f} ({after[0].min():.0f} to {after[0].max():.0f}) and {record.mean[-1]:.1f}; {share:.0%} "
        f"of {after.shape[1]} have the fewest"
    )


def changes(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the mean numbers of changes of convexity, by kind of network and swing, beside the fewest possible."""
    records = list(measurements.values())
    last = len(SWINGS)
    return Estimate(
        np.concatenate([record.mean[:last] for record in records]),
        np.concatenate([np.sqrt(np.diag(record.covariance))[:last] for record in records]),
        np.concatenate([record.predictions[formula] for record in records]),
        sum(record.num_samples for record in records),
        degrees_of_freedom=min(record.num_samples for record in records) - 1,
        note="; ".join(described(*item) for item in measurements.items()),
        series=records[0].series,
    )


CLAIMS = (
    Exploration(
        id="open-questions.deep-relu",
        title="Changes of convexity of deep ReLU networks after label noise",
        statement="Do ReLU networks with more than one hidden layer, annealed with label noise, end with as few "
        "changes of convexity as the data allow?",
        source=Source("blanc2020", "Section 1.2"),
        hypotheses=(
            "the first seven points of Figure 2, which need two changes",
            "two hidden layers of width 10 and a linear unit; in the larger profiles also wider and deeper ones",
            "full batches; eta raised from .002 to .03, sigma lowered from 1.4 to 0",
            "a change counts if the slope turns by .3, or by .6, between the first and the last point",
            "networks with a residual above .02 at the end are left out",
        ),
        experiment=Annealed(
            {STATED: True, "no-noise": False, "one-hidden-layer": True}, {"one-hidden-layer": ONE_LAYER}
        ),
        estimate=changes,
        controls=(
            Control("no-noise", "world", "starts trained without label noise"),
            Control("one-hidden-layer", "world", "one hidden layer of width 20, as in Theorem 2"),
        ),
    ),
)
