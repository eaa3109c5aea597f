"""Claims about the drift along the zero-loss manifold: any model, any rule that the engine can treat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from numerics.drift import drift
from numerics.ensemble import REPLICAS_PER_BLOCK, REPLICAS_PER_CHUNK, Ensemble
from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space, require_zero_loss, tangent_projector
from theory.drift import derive
from theory.rule import SMALL_NOISE, Scaling
from verify.claim import STATED, Claim, Context, Control, Job, MeasuredClaim, Source
from verify.estimate import Array, Estimate, Measurement
from verify.fit import fit
from verify.lowering.drift import mean_drift
from verify.lowering.rule import RuleChoice
from verify.lowering.stationary_covariance import covariance_matrix, require_stable

Place = Callable[[], tuple[Problem, Tensor]]
"""Returns a problem and a point theta* of zero training error."""
MARGIN = 0.01
WHY_MARGIN = (
    "1 %: a lost factor 2, sigma for sigma^2 or a wrong direction is off by tens of per cent, and the line's own bias "
    "over these learning rates is below a tenth of the margin"
)
FORMULAS = (
    Control("half", "formula", "half the derived drift: the factor 2 of the square forgotten once"),
    Control("standard-deviation", "formula", "sigma in place of sigma^2"),
    Control("weight-norm", "formula", "descent on |theta|^2 instead of reg, with the derived length"),
)
WORLD_SHARE = 8
"""A world control runs on this fraction of the replicas: it differs by much more than the margin."""


@dataclass(frozen=True)
class World:
    """What is simulated in place of the stated rule or place; None: as stated."""

    choice: RuleChoice | None = None
    place: Place | None = None


@dataclass(frozen=True)
class DriftExperiment:
    """The drift at theta*, measured at one or several learning rates.

    Attributes:
        place: Returns the problem and theta*.
        choice: The rule that the prediction and the stationary start are for.
        lrs: Learning rates.
        num_replicas: Replicas per learning rate in the quick profile; four times as many in the others.
        relaxations: Length of the window in units of the slowest relaxation, 1 / (2 lr gamma_min).
        discard: What passes before the window, in the same units.
        worlds: What is simulated, by world; a world that is missing is as stated.
        scaling: In which scaling the prediction is derived; small noise puts the exact covariance into it.
    """

    place: Place
    choice: RuleChoice
    lrs: Sequence[float]
    num_replicas: int
    relaxations: float = 8.0
    discard: float = 0.0
    worlds: Mapping[str, World] = field(default_factory=dict)
    scaling: Scaling = SMALL_NOISE

    def preflight(self) -> None:
        """Check the inputs.

        Raises:
            ValueError: If theta* has training error or a learning rate is above the limit of stability.
        """
        require_whole_blocks(self.num_replicas)
        problem, theta = self.place()
        require_zero_loss(problem, theta)
        require_stable(self.choice.symbolic, problem, theta, self.choice.values(problem, max(self.lrs)))

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        return {f"lr {lr:g}": partial(self.measure, world, context, lr) for lr in self.lrs}

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return measured and predicted mean drift per step at one learning rate, ``[P]``."""
        change = self.worlds.get(world, World())
        problem, theta = placed(change.place or self.place, context.device)
        values = self.choice.values(problem, lr)
        derived = derive(self.choice.symbolic, self.scaling)
        relaxation = 1 / (2 * lr * float(normal_space(problem, theta).eigenvalues[-1]))
        num_steps = max(1, round(self.relaxations * relaxation))
        replicas = ensemble(problem, change.choice or self.choice, lr, context, self.num_replicas, world)
        start = covariance_matrix(derived.covariance, problem, theta, values)
        result = drift(replicas, theta, start, num_steps, discard=round(self.discard * relaxation))
        return Measurement(
            to_array(result.mean),
            to_array(result.covariance),
            result.num_samples,
            self.predictions(mean_drift(derived, self.choice, problem, theta, lr, num_steps), problem, theta, lr),
            {"lr": np.array(lr), "tangent": to_array(tangent_projector(problem, theta))},
        )

    def predictions(self, derived: Tensor, problem: Problem, theta: Tensor, lr: float) -> dict[str, Array]:
        """Return the derived mean drift and its wrong variants, ``[P]`` each."""
        del lr
        inward = -tangent_projector(problem, theta) @ theta
        return {
            STATED: to_array(derived),
            "half": to_array(derived / 2),
            "standard-deviation": to_array(derived / self.choice.noise_std),
            "weight-norm": to_array(inward * derived.norm() / inward.norm()),
        }


class Deviation(NamedTuple):
    """Measured minus predicted drift in units of a given size: components ``[lrs, K]`` and their standard errors.

    The first component lies along the given direction, the others along an orthonormal basis of the other tangent
    directions.
    """

    lrs: Array
    components: Array
    standard_errors: Array
    num_samples: int


def deviation(
    measurements: Mapping[str, Measurement], formula: str, along: str, size: Callable[[Measurement], float]
) -> Deviation:
    """Return the deviation of the measured drift from one formula, by increasing learning rate.

    Args:
        measurements: One per learning rate.
        formula: Which prediction to compare with.
        along: The prediction whose direction comes first.
        size: The unit at each learning rate.
    """
    records = sorted(measurements.values(), key=lambda record: float(record.series["lr"]))
    first = records[0].predictions[along] / np.linalg.norm(records[0].predictions[along])
    basis = np.column_stack([first, other_directions(records[0].series["tangent"], first)])
    sizes = np.array([size(record) for record in records])[:, None]
    components = np.array([basis.T @ (record.mean - record.predictions[formula]) for record in records])
    variances = np.array([np.einsum("pk,pq,qk->k", basis, record.covariance, basis) for record in records])
    lrs = np.array([float(record.series["lr"]) for record in records])
    total = sum(record.num_samples for record in records)
    return Deviation(lrs, components / sizes, np.sqrt(variances) / sizes, total)


def at_zero_lr(found: Deviation, offset: float) -> Estimate:
    """Return a deviation extrapolated to learning rate 0 by a line.

    The first value and its target are raised by ``offset``.
    """
    first = fit(found.lrs, offset + found.components[:, 0], found.standard_errors[:, 0], degree=1)
    sideways = first.weights @ found.components[:, 1:]
    errors = np.sqrt(first.weights**2 @ found.standard_errors[:, 1:] ** 2)
    return Estimate(
        np.concatenate([first.coefficients[:1], sideways]),
        np.concatenate([first.standard_errors[:1], errors]),
        np.concatenate([[offset], np.zeros(len(sideways))]),
        found.num_samples,
        misfit=first.p_value,
        note=f"slope {first.coefficients[1]:+.2f} +- {first.standard_errors[1]:.2f} per unit lr; "
        f"largest sideways component {np.abs(sideways).max(initial=0):.4f}",
        series={
            "lr": found.lrs,
            "ratio": offset + found.components[:, 0],
            "standard_error": found.standard_errors[:, 0],
            "fit": first.coefficients,
            "fit_standard_error": first.standard_errors,
        },
    )


def drift_ratio_at_zero_lr(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured over predicted drift at learning rate 0: if right, 1 along the prediction and 0 elsewhere."""

    def predicted_length(record: Measurement) -> float:
        return float(np.linalg.norm(record.predictions[formula]))

    return at_zero_lr(deviation(measurements, formula, formula, predicted_length), offset=1.0)


def drift_claim(
    *,
    id: str,
    title: str,
    statement: str,
    source: Source,
    experiment: DriftExperiment,
    controls: tuple[Control, ...] = (),
    hypotheses: tuple[str, ...] = (),
) -> Claim:
    """Return the claim that the measured drift over the derived one tends to 1 as the learning rate tends to 0.

    Formula controls are supplied (`FORMULAS`), and one world control: label noise 5 % stronger than stated.
    """
    louder = replace(experiment.choice, noise_std=1.05 * experiment.choice.noise_std)
    experiment = replace(experiment, worlds={"louder": World(louder)} | dict(experiment.worlds))
    formulas = tuple(c for c in FORMULAS if c.id != "standard-deviation" or experiment.choice.noise_std != 1)
    return MeasuredClaim(
        id=id,
        title=title,
        statement=statement,
        source=source,
        hypotheses=hypotheses,
        controls=(*formulas, Control("louder", "world", "label noise 5 % stronger than predicted for"), *controls),
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=experiment,
        estimate=drift_ratio_at_zero_lr,
    )


def ensemble(
    problem: Problem, choice: RuleChoice, lr: float, context: Context, num_replicas: int, world: str = STATED
) -> Ensemble:
    """Return the ensemble of one simulation: its size by profile and world, its replica blocks by round."""
    size = num_replicas * (1 if context.profile == "quick" else 4)
    if world != STATED:  # never less than a chunk, so that the same kernel serves
        size = min(size, max(REPLICAS_PER_CHUNK, size // WORLD_SHARE // REPLICAS_PER_CHUNK * REPLICAS_PER_CHUNK))
    first_block = context.round * (size // REPLICAS_PER_BLOCK)
    return Ensemble(problem, choice.at(lr), size, stream(context.seed, world, lr), first_block)


def stream(seed: int, world: str, lr: float) -> int:
    """Return the seed of one simulation of a run: the fit takes different learning rates to be independent."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{world}/{lr!r}".encode()).digest()[:6], "little")


def require_whole_blocks(num_replicas: int) -> None:
    """Check a number of replicas.

    Raises:
        ValueError: If it is no positive multiple of the block size.
    """
    if num_replicas < 1 or num_replicas % REPLICAS_PER_BLOCK:
        raise ValueError(f"num_replicas must be a positive multiple of {REPLICAS_PER_BLOCK}, got {num_replicas}")


@cache
def placed(place: Place, device: str) -> tuple[Problem, Tensor]:
    """Return problem and theta* on a device: always the same objects, so that one process compiles a model once."""
    problem, theta = place()
    target = torch.device(device)
    return Problem(problem.model, problem.inputs.to(target), problem.labels.to(target)), theta.to(target)


def other_directions(tangent: Array, along: Array) -> Array:
    """Return an orthonormal basis of the tangent space without ``along``, ``[P, K]``."""
    remaining = tangent - np.outer(along, along)
    eigenvalues, vectors = np.linalg.eigh((remaining + remaining.T) / 2)
    return vectors[:, eigenvalues > 0.5]


def to_array(tensor: Tensor) -> Array:
    """Return a tensor as a float64 array."""
    return tensor.detach().to("cpu", torch.float64).numpy()
