"""Paths in single precision beside those in double: from the same start, with the same noise.

What they differ by is what rounding does, and has none of the noise's own scatter: it is found to a part in 10^6 of the
drift. A step under label noise varies by many units in the last place, from place to place and with the noise, so that
it is rounded without a bias, however small its mean is beside that unit (`verify.claims.precision.dither`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from numerics.drift import estimate, pair_means, stationary_start
from numerics.ensemble import Ensemble, State
from numerics.problem import Problem
from numerics.rounding import HALF_BITS, SINGLE_BITS, Downwards, ToNearest, unit_in_last_place
from numerics.trajectory import states
from numerics.zero_loss_manifold import normal_space, tangent_projector
from theory.drift import derive
from verify import places
from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.drift_claim import deviation
from verify.estimate import Estimate, Measurement
from verify.experiment import PlacedExperiment, World, ensemble, placed, to_array
from verify.lowering.drift import mean_drift
from verify.lowering.rule import RuleChoice
from verify.lowering.stationary_covariance import state_root


def kept(state: State, dtype: torch.dtype) -> State:
    """Return a state in another precision."""
    velocity = None if state.velocity is None else state.velocity.to(dtype)
    return State(state.theta.to(dtype), state.step, velocity)


@dataclass(frozen=True, kw_only=True)
class Paired(PlacedExperiment):
    """The difference of paths in single precision, or of a world's steps in double, from the stated ones in double.

    Attributes:
        relaxations: Length of the window in units of the slowest relaxation, 1 / (2 lr gamma_min).
    """

    relaxations: float = 8.0

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate; a world is off by so much that its first one does."""
        jobs = super().jobs(world, context)
        return jobs if world == STATED else dict([*jobs.items()][:1])

    def paths(self, world: str, context: Context, lr: float, times: list[int]) -> tuple[Ensemble, Tensor, Tensor]:
        """Return replicas and paths in double, and how the others differ from them, ``[times, P, R]`` each."""
        problem, theta = placed(self.place, context.device)
        exact = ensemble(problem, self.choice, lr, context, self.num_replicas, world)
        other = self.worlds.get(world, World()).choice
        single = problem.to(dtype=torch.float32)
        rounded = replace(exact, rule=other.at(lr)) if other else replace(exact, problem=single)
        covariance = derive(self.choice.symbolic, self.scaling).covariance
        root = state_root(covariance, problem, theta, self.choice.values(problem, lr))
        start = kept(stationary_start(exact, theta, root), torch.float32)
        path, beside = (
            torch.stack(
                [at.theta.double() for at in states(replicas, kept(start, replicas.problem.labels.dtype), times)]
            )
            for replicas in (exact, rounded)
        )
        return exact, path, beside - path

    def window(self, problem: Problem, theta: Tensor, lr: float) -> int:
        """Return the number of steps."""
        return round(self.relaxations / (2 * lr * float(normal_space(problem, theta).eigenvalues[-1])))

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return the mean difference per step along the manifold, and what is predicted for it, ``[P]`` each."""
        problem, theta = placed(self.place, context.device)
        num_steps, projector = self.window(problem, theta, lr), tangent_projector(problem, theta)
        replicas, _, differences = self.paths(world, context, lr, [num_steps])
        found = estimate(pair_means(replicas, projector @ differences[0] / num_steps))
        drift = mean_drift(derive(self.choice.symbolic, self.scaling), self.choice, problem, theta, lr, num_steps)
        unit = unit_in_last_place(theta, SINGLE_BITS)
        is_small = drift.abs() < unit / 2
        predictions = {
            STATED: torch.zeros_like(drift),
            "drift": drift,
            "ten-thousandth": -1e-4 * drift,
            "towards-zero": projector @ (-theta.sign() * unit / 2),
            "small-lost": projector @ torch.where(is_small, -drift, 0),
        }
        return Measurement(
            to_array(found.mean),
            to_array(found.covariance),
            found.num_samples,
            {name: to_array(vector) for name, vector in predictions.items()},
            {"lr": np.array(lr), "tangent": to_array(projector), "small": to_array(is_small)},
        )


def relative_difference(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured minus predicted mean differences in millionths of the drift, along it first; if right, all 0."""
    found = deviation(measurements, formula, "drift", millionth)
    along, errors = found.components[:, 0], found.standard_errors[:, 0]
    listed = (
        f"{value:+.2f} +- {error:.2f} at eta = {lr:g}"
        for lr, value, error in zip(found.small, along, errors, strict=True)
    )
    small = min(measurements.values(), key=lambda record: float(record.series["lr"])).series["small"]
    return Estimate(
        found.components.T.ravel(),
        found.standard_errors.T.ravel(),
        np.zeros(found.components.size),
        found.num_samples,
        note=f"along the drift {', '.join(listed)}; across {np.abs(found.components[:, 1:]).max():.2f} at most; "
        f"the drift per step is below half a unit in {small.sum():.0f} of {len(small)} parameters"
        f"{' at the smallest eta' if len(along) > 1 else ''}",
        series={"lr": found.small, "difference": along, "standard_error": errors},
    )


def millionth(record: Measurement) -> float:
    """Return a millionth of the derived drift's length."""
    return 1e-6 * float(np.linalg.norm(record.predictions["drift"]))


SOURCE = Source("implicit-reg", "derived here")
HYPOTHESES = (
    "zero training error at theta*, for data that single precision holds",
    "a stationary start that single precision holds",
    "label noise of signs, sigma = 1/2, the same in both precisions",
)
STATEMENT = (
    "Along the zero-loss manifold the mean displacement per step in single precision, less that in double from the "
    "same start with the same noise, is 0, in millionths of the drift, along it and across."
)
FULL = RuleChoice(noise_std=0.5)
HALF = Control("half-precision", "world", "each step rounded to the 11 digits of half precision")
DOWNWARDS = Control("downwards", "world", "each step rounded down to a multiple of 2^-24")
FEWER = Control("21-digits", "world", "each step rounded to 21 digits, three fewer")
STEPS = {"half-precision": ToNearest(HALF_BITS), "downwards": Downwards(SINGLE_BITS), "21-digits": ToNearest(21)}
TOWARDS_ZERO = Control("towards-zero", "formula", "half a unit in the last place lost in each step")


def rounded_worlds(choice: RuleChoice, *controls: Control) -> dict[str, World]:
    """Return the worlds in which a rule's steps are rounded."""
    return {control.id: World(replace(choice, step=STEPS[control.id])) for control in controls}


def bias_claim(
    id: str, rule: str, choice: RuleChoice, lrs: tuple[float, ...], num_replicas: int, *worlds: Control
) -> MeasuredClaim:
    """Return the claim that single precision leaves the mean displacement along the manifold as it is."""
    return MeasuredClaim(
        id=f"precision.bias.{id}",
        title=f"Single precision beside double: no bias of the drift, {rule}, tanh network (P = 32, N = 3)",
        statement=STATEMENT,
        source=SOURCE,
        hypotheses=(*HYPOTHESES, rule),
        margin=10.0,
        why_margin="10 millionths: a thousandth of what claims about the drift allow; the learning rate alone is "
        "rounded by up to .06 millionths, and the drift goes with its square",
        experiment=Paired(
            place=places.single_tanh,
            choice=choice,
            lrs=lrs,
            num_replicas=num_replicas,
            worlds=rounded_worlds(choice, *worlds),
        ),
        estimate=relative_difference,
        controls=(Control("ten-thousandth", "formula", "a ten-thousandth of the drift lost"), TOWARDS_ZERO, *worlds),
    )


CLAIMS = (
    bias_claim("full-batch", "full batches", FULL, (0.02, 0.01, 0.005), 4096, DOWNWARDS, HALF),
    bias_claim("heavy-ball", "heavy ball, beta = 1/2", replace(FULL, momentum=0.5), (0.01,), 2048, HALF),
    bias_claim("single-sample", "single samples", replace(FULL, sampling="iid", batch_size=1), (0.01,), 2048, HALF),
    MeasuredClaim(
        id="precision.small-drift",
        title="Single precision where the drift per step is below half a unit in the last place, tanh network (P = 32)",
        statement=STATEMENT + " Nothing is lost where a step's mean is too small to be seen by itself: the noise moves "
        "theta by many units.",
        source=SOURCE,
        hypotheses=(*HYPOTHESES, "full batches", "eta = 4e-4"),
        margin=2000.0,
        why_margin="2000 millionths: a fifth of what claims about the drift allow, and a hundredth of what the "
        "parameters would lose whose drift is too small",
        experiment=Paired(
            place=places.single_tanh,
            choice=FULL,
            lrs=(4e-4,),
            num_replicas=1024,
            relaxations=4,
            worlds=rounded_worlds(FULL, FEWER),
        ),
        estimate=relative_difference,
        controls=(
            Control("small-lost", "formula", "no drift of the parameters in which it is below half a unit per step"),
            TOWARDS_ZERO,
            FEWER,
        ),
    ),
)
