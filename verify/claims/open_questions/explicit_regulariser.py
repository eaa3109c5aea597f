"""The second phase made faster: gradient descent on loss + mu reg against label noise, by the steps to a value of reg.

On the manifold of zero error label noise moves by -(eta^2 sigma^2 / n) P grad reg a step (full batches), descent by
-eta mu P grad reg: eta^-2 steps against eta^-1 / mu, and the same way to leading order. Descent ends at a mean squared
error of order mu^2, label noise at one of eta sigma^2 reg / n; with mu = eta sigma^2 / n descent is as slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from torch import Tensor

from numerics.ensemble import Ensemble, State
from numerics.explicit_regulariser import penalised
from numerics.problem import Problem
from numerics.regulariser import reg
from numerics.replica_blocks import REPLICAS_PER_BLOCK
from numerics.trajectory import trajectory
from numerics.update_rule import UpdateRule
from verify import places
from verify.claim import STATED, Context, Control, Exploration, Job, Source
from verify.crossing import crossing
from verify.estimate import Estimate, Measurement
from verify.experiment import placed, stream, to_array
from verify.power_law import power_law

LEVEL = 5.0
"""reg is about 8.9 at the start; the slow flow takes a time of about .21 to this value."""
HORIZON, NUM_LOOKS = 0.3, 50
"""Length of the runs in the slow flow's time, and times at which reg is looked at."""
SPREAD, TRAINING, TRAINING_LR = 0.1, 3000, 0.05
"""Starts are this far from theta*, in each parameter, and then trained for so many steps without noise."""
NUM_GROUPS = 16
"""Groups of a replica block, whose replicas' mean reg falls to the level at one time."""
LRS = (0.02, 0.014, 0.01, 0.007)
MORE_LRS = (0.005, 0.0035)
"""In the larger profiles."""
NUM_WORLD_LRS = 3
"""Learning rates in the other world, the largest."""
NOISE_STD, MULTIPLIER = 0.5, 0.01
PROPORTIONAL = "proportional"
"""The world in which the multiplier is proportional to the learning rate."""


@dataclass(frozen=True)
class StepsToLevel:
    """The logarithm of the number of steps until reg has fallen to `LEVEL`, by way and learning rate."""

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each way and learning rate."""
        lrs = LRS[:NUM_WORLD_LRS] if world != STATED else LRS if context.profile == "quick" else (*LRS, *MORE_LRS)
        ways = {"noise": self.by_noise, "explicit": self.by_descent}
        return {f"{name}, lr {lr:g}": partial(way, world, context, lr) for name, way in ways.items() for lr in lrs}

    def by_noise(self, world: str, context: Context, lr: float) -> Measurement:
        """Return the measurement of full-batch steps with label noise."""
        problem, theta = placed(places.tanh, context.device)
        seed = self.seed(world, context, "noise", lr)
        replicas = Ensemble(problem, UpdateRule(lr, NOISE_STD), self.size(context), seed)
        return log_steps(replicas, starts(replicas, theta), problem, lr**2 * NOISE_STD**2 / problem.num_data)

    def by_descent(self, world: str, context: Context, lr: float) -> Measurement:
        """Return the measurement of descent on loss + multiplier reg."""
        multiplier = MULTIPLIER * (lr / LRS[0] if world == PROPORTIONAL else 1.0)
        problem, theta = placed(places.tanh, context.device)
        seed = self.seed(world, context, "explicit", lr)
        replicas = Ensemble(problem, UpdateRule(lr, 0.0), self.size(context), seed)
        start = starts(replicas, theta)
        return log_steps(replace(replicas, problem=penalised(problem, multiplier)), start, problem, lr * multiplier)

    def size(self, context: Context) -> int:
        """Return the number of replicas."""
        return REPLICAS_PER_BLOCK * (1 if context.profile == "quick" else 4)

    def seed(self, world: str, context: Context, way: str, lr: float) -> int:
        """Return the seed of one simulation: all of them are independent, starts included."""
        return stream(context.seed, f"{world} {way} {context.round}", lr)


def starts(replicas: Ensemble, theta: Tensor) -> Tensor:
    """Return random points of zero error near theta, ``[P, R]``."""
    quiet = replace(replicas, rule=UpdateRule(TRAINING_LR, 0.0))
    return quiet.advanced(State(theta[:, None] + SPREAD * quiet.normal(len(theta)), 0), TRAINING).theta


def log_steps(replicas: Ensemble, theta: Tensor, problem: Problem, drift: float) -> Measurement:
    """Return the mean over the groups of the logarithm of their number of steps to `LEVEL`.

    Args:
        replicas: The steps.
        theta: The starts, ``[P, R]``.
        problem: Whose reg it is.
        drift: How far a step goes in the slow flow's time.
    """
    every = max(1, round(HORIZON / NUM_LOOKS / drift))
    times = [every * look for look in range(NUM_LOOKS + 1)]
    curves = trajectory(replicas, theta, times, lambda at: groups(reg(problem, at), replicas.block_size))
    logs = np.log(every * crossing(to_array(curves) - LEVEL))
    return Measurement(
        logs.mean(keepdims=True),
        logs.var(ddof=1).reshape(1, 1) / len(logs),
        len(logs),
        series={"lr": np.array(replicas.rule.lr), "drift": np.array(drift)},
    )


def groups(values: Tensor, block_size: int) -> Tensor:
    """Return the means over groups of replicas, ``[R] -> [groups]``, antithetic pairs together."""
    pairs = REPLICAS_PER_BLOCK // 2 // NUM_GROUPS
    return values.unflatten(0, (-1, 2, block_size // 2 // pairs, pairs)).mean((1, 3)).flatten()


def powers(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the powers of the learning rate in the ratio of the numbers of steps, and in either number."""
    del formula
    sizes, errors, drifts, laws = {}, {}, {}, {}
    for way in ("noise", "explicit"):
        records = [record for name, record in measurements.items() if name.startswith(way)]
        lrs, drifts[way] = (np.array([float(r.series[name]) for r in records]) for name in ("lr", "drift"))
        sizes[way] = np.exp([r.mean[0] for r in records])
        errors[way] = sizes[way] * np.sqrt([r.covariance[0, 0] for r in records])
        laws[way] = power_law(lrs, sizes[way], errors[way])
    noise, explicit = laws["noise"], laws["explicit"]
    ratios = sizes["noise"] / sizes["explicit"]
    scaled = ratios * drifts["noise"] / drifts["explicit"]
    uncertain = scaled * np.hypot(*(errors[way] / sizes[way] for way in sizes))
    return Estimate(
        np.array([noise.exponent - explicit.exponent, noise.exponent, explicit.exponent]),
        np.array(
            [np.hypot(noise.standard_error, explicit.standard_error), noise.standard_error, explicit.standard_error]
        ),
        np.array([-1.0, -2.0, -1.0]),
        sum(record.num_samples for record in measurements.values()),
        degrees_of_freedom=min(record.num_samples for record in measurements.values()) - 1,
        note=f"noise takes {ratios.min():.1f} to {ratios.max():.1f} times the steps; in units of mu n / (eta sigma^2): "
        + ", ".join(f"{value:.3f} +- {error:.3f}" for value, error in zip(scaled, uncertain, strict=True)),
    )


CLAIMS = (
    Exploration(
        id="open-questions.explicit-regulariser",
        title="The second phase with an explicit regulariser, tanh network (P = 32, N = 3)",
        statement="Is reg brought to a given value in eta^-1 steps by descent on loss + mu reg, against eta^-2 by "
        "label noise, and is the ratio mu n / (eta sigma^2)?",
        source=Source("blanc2020", "Section 1.2"),
        hypotheses=(
            "random starts of zero error near one point; reg falls from about 8.9 to 5",
            f"full batches; sigma = {NOISE_STD:g} against mu = {MULTIPLIER:g}, for all learning rates",
            "steps are counted; one with the regulariser's gradient costs more",
        ),
        experiment=StepsToLevel(),
        estimate=powers,
        controls=(Control(PROPORTIONAL, "world", "mu proportional to eta"),),
    ),
)
