"""Whole paths of steps that take several gradients: the same noise lowers reg, leaves it alone, or raises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from numerics.drift import estimate, pair_means
from numerics.limit_map import limit_map
from numerics.regulariser import reg
from numerics.slow_flow import slow_path
from numerics.trajectory import trajectory
from theory.drift import derive
from theory.rule import SMALL_LR, SMALL_NOISE, Scaling
from verify import places
from verify.claim import STATED, Context, Control, Job, MeasuredClaim
from verify.claims.update_rules.several_gradients import (
    HYPOTHESES,
    SHOWN_RATIO,
    SOURCE,
    extragradient,
    heun,
    midpoint,
    repeated,
    sharpness_aware,
)
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import ensemble, placed, stream, to_array
from verify.lowering.drift import drift_field
from verify.lowering.rule import RuleChoice

LR, NOISE_STD, LOUDER = 0.06, 0.1, 1.05
NUM_REPLICAS = 1024
HORIZON, NUM_TIMES = 0.3, 6
"""Slow time eta^2 sigma^2 t / n at the end, and at how many times the paths are looked at."""
RULES: Mapping[str, RuleChoice] = {
    "sharpness-aware": RuleChoice(NOISE_STD, step=sharpness_aware, parameters={"ratio": float(SHOWN_RATIO)}),
    "repeated": RuleChoice(NOISE_STD, step=repeated),
    "plain": RuleChoice(NOISE_STD),
    "heun": RuleChoice(NOISE_STD, step=heun),
    "midpoint": RuleChoice(NOISE_STD, step=midpoint),
    "extragradient": RuleChoice(NOISE_STD, step=extragradient),
}


FORMULAS = {STATED: SMALL_NOISE, "leading-order": SMALL_LR}


@dataclass(frozen=True)
class Paths:
    """E reg at Phi(theta_t) of one rule after another, from one theta*, against the rule's slow flow."""

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each rule."""
        return {name: partial(self.measure, world, context, name) for name in RULES}

    def measure(self, world: str, context: Context, name: str) -> Measurement:
        """Return the mean change of reg at each time and what the slow flows make of it, ``[times]``."""
        problem, theta = placed(places.steady_tanh, context.device)
        times = np.linspace(0, HORIZON, NUM_TIMES + 1)
        steps = np.round(times[1:] * problem.num_data / (LR * NOISE_STD) ** 2).astype(int).tolist()
        executed = replace(RULES[name], noise_std=LOUDER * NOISE_STD) if world == "louder" else RULES[name]
        own = replace(context, seed=stream(context.seed, name, LR))  # else all rules would see the same noise
        replicas = ensemble(problem, executed, LR, own, NUM_REPLICAS, world)
        start = theta[:, None].repeat(1, replicas.num_replicas)
        before = reg(problem, theta[:, None])
        found = trajectory(replicas, start, steps, lambda at: reg(problem, limit_map(replicas, at)) - before)
        mean = estimate(pair_means(replicas, found))
        flows = {formula: _flow(name, scaling, tuple(steps), context.device) for formula, scaling in FORMULAS.items()}
        predictions = flows | {"plain": _flow("plain", SMALL_NOISE, tuple(steps), context.device)}
        return Measurement(
            to_array(mean.mean), to_array(mean.covariance), mean.num_samples, predictions, {"time": times}
        )


@cache
def _flow(name: str, scaling: Scaling, steps: tuple[int, ...], device: str) -> Array:
    """Return the change of reg along a rule's slow flow after each number of steps, ``[times]``."""
    problem, theta = placed(places.steady_tanh, device)
    choice = RULES[name]
    field = drift_field(derive(choice.symbolic, scaling), choice, problem, LR)
    path = slow_path(problem, field, theta, steps)
    return to_array(reg(problem, path.T) - reg(problem, theta[:, None]))


def changes(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return each rule's change of reg over the horizon, in units of what plain steps are derived to lower it by."""
    unit = -measurements["plain"].predictions[STATED][-1]
    series = {"time": next(iter(measurements.values())).series["time"]}
    for name, record in measurements.items():
        series |= {
            f"{name} flow": record.predictions[STATED],
            f"{name} measured": record.mean,
            f"{name} standard error": np.sqrt(np.diag(record.covariance)),
        }
    values = np.array([record.mean[-1] for record in measurements.values()])
    errors = np.array([record.covariance[-1, -1] for record in measurements.values()]) ** 0.5
    targets = np.array([record.predictions[formula][-1] for record in measurements.values()])
    found = ", ".join(f"{name} {value / unit:+.3f}" for name, value in zip(measurements, values, strict=True))
    num = sum(record.num_samples for record in measurements.values())
    return Estimate(values / unit, errors / unit, targets / unit, num, note=found, series=series)


CLAIMS = (
    MeasuredClaim(
        id="several-gradients.paths",
        title="Six rules from one theta*: whole paths, tanh network (P = 12, N = 2)",
        statement="Over a horizon of 1 / eta^2 each rule's mean of reg follows its own slow flow: down for plain, "
        "sharpness-aware and repeated steps, up for extragradient, and hardly at all for Heun's and midpoint steps.",
        source=SOURCE,
        hypotheses=(*HYPOTHESES, "full batches", f"eta = {LR:g}, sigma = {NOISE_STD:g}, start at theta*"),
        margin=0.03,
        why_margin="3 % of what plain steps lower reg by: the mean differs from the flow by O(eta sigma^2), below 1 %",
        experiment=Paths(),
        estimate=changes,
        controls=(
            Control("plain", "formula", "the slow flow of plain steps for every rule"),
            Control("leading-order", "formula", "the drifts to leading order in eta"),
            Control("louder", "world", "label noise 5 % stronger than predicted for"),
        ),
    ),
)
