"""Figure 3: after how many steps the length of the curve drops.

Label noise drives the network along the manifold by eta^2 a step: the drop comes after a number of steps ~ eta^-2. At a
kink the drift is of order eta^(3/2), which would give -3/2; the claim decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from numerics.ensemble import Ensemble, State
from numerics.relu_line import length
from numerics.update_rule import UpdateRule
from verify.claim import STATED, Context, Control, Job, MeasuredClaim
from verify.claims.theorem2.figure3 import SCALES, SETTING, SHORTEST, SOURCE, ensemble
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import half_means
from verify.power_law import log_slopes
from verify.scatter import pseudo_values

WINDOW = 9
"""Observations that a running mean takes together; in the clock each comes 3 % of the steps after the one before."""
GROWTH = 1.03
TRAINED = 20.0
"""Training takes this time, eta times steps; the clock looks from then on."""
REST = 1.25
"""The clock runs on for this factor after the drop, so that it is seen for each part of the replicas."""
PATIENCE = 20.0
"""In units of 1 / (eta sigma)^2: the longest wait for the drop; it comes at about 2.2."""
CLOCK_NOISE = 1.4
CLOCK_LRS = (0.009, 0.0057, 0.0036)
MORE_CLOCK_LRS = (0.009, 0.0057, 0.0036, 0.0025)
"""In the other profiles."""
CLOCK_RUNS = 96


def log_drop_time(steps: Array, curves: Array) -> float:
    """Return log of the step at which a mean length has fallen half-way from its maximum to the shortest; NaN: not yet.

    Args:
        steps: ``[T]``.
        curves: Lengths of single curves, ``[T, R]``.
    """
    mean = np.convolve(curves.mean(1), np.full(WINDOW, 1 / WINDOW), "valid")
    log_steps = np.convolve(np.log(steps), np.full(WINDOW, 1 / WINDOW), "valid")
    top = int(mean.argmax())
    below = np.flatnonzero(mean[top:] < (mean[top] + SHORTEST) / 2)
    if not len(below):
        return np.nan
    after = top + int(below[0])
    share = (mean[after - 1] - (mean[top] + SHORTEST) / 2) / (mean[after - 1] - mean[after])
    return float(log_steps[after - 1] + share * (log_steps[after] - log_steps[after - 1]))


@dataclass(frozen=True)
class Clock:
    """Log of the number of steps to the drop, for all pairs of runs and without each of them in turn.

    Attributes:
        noise_growth: By world: the noise is proportional to this power of the learning rate.
    """

    noise_growth: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        lrs = CLOCK_LRS if context.profile == "quick" else MORE_CLOCK_LRS
        noises = [CLOCK_NOISE * (lr / lrs[0]) ** self.noise_growth[world] for lr in lrs]
        return {f"lr {lr:g}": partial(self.measure, context, lr, noise) for lr, noise in zip(lrs, noises, strict=True)}

    def measure(self, context: Context, lr: float, noise: float) -> Measurement:
        """Return the logs, ``[1 + pairs]``.

        Raises:
            ArithmeticError: If the drop did not come.
        """
        scale = SCALES["quick"]._replace(num_runs=CLOCK_RUNS)
        fit = ensemble(scale, context, lr, ())
        replicas = Ensemble(fit.problem, UpdateRule(lr, noise), fit.num_runs, fit.noise_seed)
        state, steps, found = State(fit.theta_at_start(), 0), [], []
        time, last = TRAINED / lr, PATIENCE / (lr * noise) ** 2
        while time < last:
            state = replicas.advanced(state, round(time) - state.step)
            steps.append(state.step)
            found.append(half_means(length(fit.line(state.theta))))
            if len(steps) > WINDOW and np.isfinite(drop := log_drop_time(np.array(steps), np.array(found))):
                last = min(last, REST * np.exp(drop))
            time *= GROWTH
        curves = np.array(found)
        num_pairs = curves.shape[1]
        parts = [slice(None), *(np.arange(num_pairs) != k for k in range(num_pairs))]
        logs = np.array([log_drop_time(np.array(steps), curves[:, part]) for part in parts])
        if not np.isfinite(logs).all():
            raise ArithmeticError(f"no drop of length within {state.step} steps at lr {lr}")
        spread = pseudo_values(logs).var(ddof=1) / num_pairs
        setting = {"lr": lr, "noise": noise, "width": fit.width, "num_runs": fit.num_runs}
        series = {name: np.array(value) for name, value in setting.items()}
        return Measurement(logs, np.diag([spread, *np.zeros(num_pairs)]), num_pairs, series=series)


def exponent(targets: Mapping[str, float], measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the slope of log steps against log lr; the error is the jackknife's over pairs of runs."""
    records = sorted(measurements.values(), key=lambda record: float(record.series["lr"]))
    lrs = np.array([float(record.series["lr"]) for record in records])
    logs = np.array([record.mean for record in records])
    slopes = log_slopes(lrs, logs)
    of_pairs = pseudo_values(slopes)  # of a second round: the means over pairs of pairs
    error = (of_pairs.var(ddof=1) / len(of_pairs)) ** 0.5
    return Estimate(
        slopes[:1],
        np.array([error]),
        np.array([targets[formula]]),
        records[0].num_samples,
        degrees_of_freedom=len(of_pairs) - 1,
        note=f"the drop at {', '.join(f'{steps:,.0f}' for steps in np.exp(logs[:, 0]))} steps",
        series={
            "lr": lrs,
            "steps": np.exp(logs[:, 0]),
            "log_standard_error": np.array([record.covariance[0, 0] ** 0.5 for record in records]),
            "exponent": slopes[:1],
            "exponent_error": np.array([error]),
            "width": records[0].series["width"],
            "num_runs": records[0].series["num_runs"],
            "noise": records[0].series["noise"],
        },
    )


CLAIMS = (
    MeasuredClaim(
        id="figure3.clock",
        title="The drop comes after a number of steps proportional to eta^-2",
        statement="The number of steps until the mean length has fallen half-way is a power of eta with exponent -2.",
        source=SOURCE,
        hypotheses=(*SETTING, "width 30, sigma = 1.4, eta = .009, .0057 and .0036, in the other profiles also .0025"),
        items=("Figure 3",),
        margin=0.25,
        why_margin="half the distance to -3/2, the exponent of a drift of order eta^(3/2), as at a kink; the next "
        "order in eta bends the power law by about .1 at these learning rates",
        experiment=Clock({STATED: 0.0, "noise-with-lr": -0.5}),
        estimate=partial(exponent, {STATED: -2.0, "kinks": -1.5, "diffusion": -1.0, "cubic": -3.0}),
        controls=(
            Control("kinks", "formula", "-3/2: a drift of order eta^(3/2)"),
            Control("diffusion", "formula", "-1: as long as training itself"),
            Control("cubic", "formula", "-3: a drift of order eta^3"),
            Control("noise-with-lr", "world", "noise of variance proportional to 1 / eta, hence a drift of order eta"),
        ),
    ),
)
