"""The clock of Figure 1: the time until label noise has recovered the matrix goes with 1 / eta^2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from numerics.ensemble import State
from numerics.label_noise import GAUSSIAN
from numerics.matrix_sensing import Planted
from numerics.update_rule import UpdateRule
from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.crossing import crossing
from verify.estimate import Estimate, Measurement
from verify.experiment import to_array
from verify.power_law import log_slopes
from verify.scatter import of_samples, over_samples
from verify.sensing import identity, random_problems, runs

DIMENSION, RANK, NUM_DATA = 20, 2, 100
NOISE_STD = 2.0
LRS = {"quick": (0.008, 0.0064, 0.005, 0.004)}
WIDER_LRS = (0.008, 0.005, 0.0032, 0.002)
LEVEL = 0.05
"""The time is read off where the test error has fallen to this fraction of its start."""
PLATEAU = 0.25
"""Only problems count where the test error without noise ends above this fraction of its start."""
QUIET_RULE, NUM_QUIET = UpdateRule(0.02, 0.0), 2_000
INTERVAL = 0.02
"""Slow time eta^2 sigma^2 t between two looks at the error; the level is reached at about .8."""
LIMIT = 0.09
"""Bound on eta rho / B, for rho = |grad h|^2: beyond it the batch's own noise changes the clock."""


@dataclass(frozen=True)
class Clock:
    """The logarithm of the time until recovery, at several learning rates, on the same problems.

    Attributes:
        exponents: By world, the power of the learning rate to which the noise's variance is proportional.
        num_problems: Problems, each with one run per learning rate; nearly all of them have a plateau.
    """

    exponents: Mapping[str, float]
    num_problems: int = 12

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        lrs = LRS.get(context.profile, WIDER_LRS)
        return {f"lr {lr:g}": partial(self.measure, world, context, lr, max(lrs)) for lr in lrs}

    def measure(self, world: str, context: Context, lr: float, largest: float) -> Measurement:
        """Return the logarithm of the time for each problem.

        Raises:
            ArithmeticError: If a run is too slow, or eta rho / B exceeds its bound on the way.
        """
        noise_std = NOISE_STD * (lr / largest) ** (self.exponents[world] / 2)
        candidates = random_problems(DIMENSION, RANK, NUM_DATA, self.num_problems, context, "clock")
        problems = with_plateau(list(candidates), context)
        ensemble = runs(problems, UpdateRule(lr, noise_std, noise=GAUSSIAN), context, f"clock, {world}")
        state = State(identity(DIMENSION, len(problems)), 0)
        every = round(INTERVAL / (lr * noise_std) ** 2)
        errors, batch_noise = [to_array(ensemble.errors(state.theta)[1])], 0.0
        while not (np.array(errors) < LEVEL * errors[0]).any(0).all():
            batch_noise = max(batch_noise, lr / NUM_DATA * float(ensemble.reg(state.theta).max()))
            if batch_noise > LIMIT or len(errors) > 10 / INTERVAL:
                raise ArithmeticError(f"eta rho / B = {batch_noise:.3f} after {state.step} steps, or no recovery")
            state = ensemble.advanced(state, every)
            errors.append(to_array(ensemble.errors(state.theta)[1]))
        return of_samples(np.log(every * crossing(np.log(np.array(errors) / (LEVEL * errors[0])))))


def with_plateau(problems: list[Planted], context: Context) -> list[Planted]:
    """Return the problems that a run without noise does not solve."""
    ensemble, start = runs(problems, QUIET_RULE, context, "plateau"), State(identity(DIMENSION, len(problems)), 0)
    first, last = (ensemble.errors(state.theta)[1] for state in (start, ensemble.advanced(start, NUM_QUIET)))
    return [problem for problem, ratio in zip(problems, (last / first).tolist(), strict=True) if ratio > PLATEAU]


def exponent(targets: Mapping[str, float], measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the slope of log time against log learning rate, the mean over problems of each one's own."""
    lrs = np.array([float(name.removeprefix("lr ")) for name in measurements])
    slopes = log_slopes(lrs, np.stack([record.mean for record in measurements.values()]))
    num_samples = min(record.num_samples for record in measurements.values())
    return over_samples(slopes[:, None], np.array([targets[formula]]), num_samples)


CLAIMS = (
    MeasuredClaim(
        id="sensing.clock",
        title="The time until label noise recovers the matrix, against the learning rate",
        statement="The number of steps until the test error has fallen to a twentieth is proportional to eta^-2.",
        source=Source("blanc2020", "Figure 1, caption: inversely proportional to the square of the learning rate"),
        hypotheses=(
            "d = 20, r = 2, n = 100, full batches, U_0 = I",
            "problems that a run without noise does not solve",
            "eta rho / B <= .09 all along, rho the largest mean of |grad h|^2",
        ),
        items=("Figure 1",),
        margin=0.1,
        why_margin="a tenth of the distance to the next power; at these rates the exponent itself is off by .03",
        experiment=Clock({STATED: 0.0, "constant-update-noise": -1.0}),
        estimate=partial(exponent, {STATED: -2.0, "first-order": -1.0, "third-order": -3.0}),
        controls=(
            Control("first-order", "formula", "proportional to 1 / eta, as the training itself"),
            Control("third-order", "formula", "proportional to eta^-3"),
            Control("constant-update-noise", "world", "noise with a variance proportional to 1 / eta"),
        ),
    ),
)
