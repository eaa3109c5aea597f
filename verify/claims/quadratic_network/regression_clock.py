"""The two clocks of Wind's blog post: 1 / eta steps to fit the data, 1 / eta^2 steps to lower the regulariser.

On a regression of the post's kind, small enough for many starts and for learning rates where the powers show: at its
own, eta times the largest eigenvalue of the loss is near 1, and the second clock is up to half a power faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from numerics.ensemble import Ensemble, State
from numerics.models import quadratic_network
from numerics.problem import Problem
from numerics.regulariser import reg
from numerics.update_rule import UpdateRule
from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.crossing import crossing
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import half_means, stream
from verify.power_law import log_slopes
from verify.scatter import over_samples, pseudo_values

DIMENSION, WIDTH, NUM_DATA = 8, 16, 20
LRS = (0.004, 0.002, 0.001)
FITTED = 1e-4
"""The mean squared error at which the post's training ends."""
LOWERED = 0.6
"""The regulariser has been lowered where it is at this fraction of its value after training without noise."""
TRAINED = 150.0
"""Training takes at most this time, eta times steps."""
FIT_INTERVAL, REG_INTERVAL = 0.5, 0.03
"""Between two looks: times, eta times steps and (eta sigma)^2 times steps; the levels come at about 40 and .7."""
PATIENCE = 3.0
"""The longest wait for the regulariser, (eta sigma)^2 times steps."""


@cache
def problem() -> Problem:
    """Return a network of 16 units and 20 of the 36 points that would determine the quadratic form, y = x_1^2."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(NUM_DATA, DIMENSION, generator=generator, dtype=torch.float64)
    return Problem(quadratic_network(DIMENSION, WIDTH), inputs, inputs[:, 0] ** 2)


def starts(size: int, seed: int) -> Tensor:
    """Return Glorot's starts with output weights 0, ``[P, R]``, each twice: for noise of either sign."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(DIMENSION * WIDTH, size // 2, generator=generator, dtype=torch.float64)
    hidden *= (2 / (DIMENSION + WIDTH)) ** 0.5
    return torch.cat([hidden, torch.zeros(WIDTH, size // 2, dtype=torch.float64)]).repeat(1, 2)


def losses(theta: Tensor) -> Tensor:
    """Return the mean squared error of each replica, ``[R]``."""
    model, inputs, labels = problem().model, problem().inputs, problem().labels
    return (vmap(vmap(model, in_dims=(None, 0)), in_dims=(-1, None))(theta, inputs) - labels).square().mean(-1)


@dataclass(frozen=True)
class Clocks:
    """The logarithms of the times at which two means over the starts reach their levels; the same starts at each lr.

    Attributes:
        exponents: By world, the power of the learning rate to which the noise's variance is proportional.
        num_replicas: Replicas in the quick profile; four times as many, and a further learning rate, in the others.
    """

    exponents: Mapping[str, float]
    num_replicas: int = 16

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        lrs = LRS if context.profile == "quick" else (*LRS, LRS[-1] / 2)
        return {f"lr {lr:g}": partial(self.measure, world, context, lr) for lr in lrs}

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return the logarithms, a pseudo-value for each start: the regulariser's, then the fit's, ``[2 pairs]``.

        Raises:
            ArithmeticError: If a level is not reached.
        """
        size = self.num_replicas * (1 if context.profile == "quick" else 4)
        noise_std = (lr / LRS[0]) ** (self.exponents[world] / 2)
        start = State(starts(size, stream(context.seed, f"clock {context.round}", 0.0)), 0)
        quiet = Ensemble(problem(), UpdateRule(lr, 0.0), size, 0)
        noisy = Ensemble(
            problem(), UpdateRule(lr, noise_std), size, stream(context.seed, f"{world} {context.round}", lr)
        )

        every, state, errors = round(FIT_INTERVAL / lr), start, [without_each(losses(start.theta)) / FITTED]
        while len(errors) * FIT_INTERVAL < TRAINED and not (errors[-1] < 1).all():
            state = quiet.advanced(state, every)
            errors.append(without_each(losses(state.theta)) / FITTED)
        fit = every * crossing(np.log(errors))

        level = reg(problem(), state.theta)
        every, state, regs = round(REG_INTERVAL / (lr * noise_std) ** 2), start, [np.full(size // 2 + 1, 1 / LOWERED)]
        while len(regs) * REG_INTERVAL < PATIENCE and not (regs[-1] < 1).all():
            state = noisy.advanced(state, every)
            regs.append(without_each(reg(problem(), state.theta) / level) / LOWERED)
        lowered = every * crossing(np.log(regs))
        logs = np.concatenate([pseudo_values(np.log(times)) for times in (lowered, fit)])
        return Measurement(logs, np.zeros((len(logs), len(logs))), size // 2)


def without_each(values: Tensor) -> Array:
    """Return the mean over all starts, then those without one of them, ``[1 + R / 2]``; of values ``[R]``."""
    pairs = half_means(values)
    return np.array([pairs.mean(), *(pairs.sum() - pairs) / (len(pairs) - 1)])


def exponents(
    targets: Mapping[str, tuple[float, float]], measurements: Mapping[str, Measurement], formula: str
) -> Estimate:
    """Return the slopes of both log times against log learning rate, the means over the starts' pseudo-values."""
    lrs = np.array([float(name.removeprefix("lr ")) for name in measurements])
    times = np.stack([record.mean for record in measurements.values()])
    slopes = log_slopes(lrs, times).reshape(2, -1).T
    regulariser, fit = slopes.mean(0)
    return over_samples(
        slopes,
        np.array(targets[formula]),
        len(slopes),
        note=f"exponents {regulariser:.3f} of the regulariser's time, {fit:.4f} of the fit's",
        series={"lr": lrs, "log_times": times.reshape(len(lrs), 2, -1).mean(-1)},
    )


CLAIMS = (
    MeasuredClaim(
        id="regression.clock",
        title="Steps to lower the regulariser and steps to fit the data, against the learning rate",
        statement="With label noise the regulariser has fallen to .6 of its value after plain training in a number of "
        "steps proportional to eta^-2; without noise the data are fitted in a number proportional to eta^-1.",
        source=Source("blog2022", "Label noise"),
        items=("blog2022: Label noise: clock",),
        hypotheses=("d = 8, n = 20, width 16, y = x_1^2", "full batches, noise of random signs of variance 1"),
        margin=0.2,
        why_margin="a fifth of the distance to the next power; at these rates the regulariser's exponent itself is off "
        "by .06",
        experiment=Clocks({STATED: 0.0, "louder-noise": -0.5}),
        estimate=partial(exponents, {STATED: (-2, -1), "both-first": (-1, -1), "both-second": (-2, -2)}),
        controls=(
            Control("both-first", "formula", "both in proportion to 1 / eta"),
            Control("both-second", "formula", "both in proportion to 1 / eta^2"),
            Control("louder-noise", "world", "noise with a variance proportional to eta^(-1/2)"),
        ),
    ),
)
