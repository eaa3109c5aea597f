"""Claims about the drift along the zero-loss manifold: any model, any rule that the engine can treat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from numerics.drift import drift
from numerics.ensemble import REPLICAS_PER_BLOCK, Ensemble
from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space, require_zero_loss, tangent_projector
from theory.drift import Drift, derive
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
class DriftExperiment:
    """The drift at theta*, measured at several learning rates.

    Attributes:
        place: Returns the problem and theta*.
        choice: The rule.
        lrs: Learning rates.
        num_replicas: Replicas per learning rate in the quick profile; four times as many in the others.
        relaxations: Length of the window in units of the slowest relaxation, 1 / (2 lr gamma_min).
        worlds: Wrong rules by control id.
        scaling: In which scaling the prediction is derived; small noise puts the exact covariance into it.
    """

    place: Place
    choice: RuleChoice
    lrs: Sequence[float]
    num_replicas: int
    relaxations: float = 8.0
    worlds: Mapping[str, RuleChoice] | None = None
    scaling: Scaling = SMALL_NOISE

    def preflight(self) -> None:
        """Check the inputs.

        Raises:
            ValueError: If theta* has training error or a learning rate is above the limit of stability.
        """
        problem, theta = self.place()
        require_zero_loss(problem, theta)
        derived = derive(self.choice.symbolic, self.scaling)
        require_stable(derived.rule, problem, theta, self.choice.values(problem, max(self.lrs)))

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        return {f"lr {lr:g}": partial(self.measure, world, context, lr) for lr in self.lrs}

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return measured and predicted mean drift per step at one learning rate, ``[P]``."""
        problem, theta = placed(self.place, context.device)
        choice = self.choice if world == STATED else (self.worlds or {})[world]
        derived = derive(self.choice.symbolic, self.scaling)
        slowest = float(normal_space(problem, theta).eigenvalues[-1])
        num_steps = max(1, round(self.relaxations / (2 * lr * slowest)))
        start = covariance_matrix(derived.covariance, problem, theta, self.choice.values(problem, lr))
        result = drift(ensemble(problem, choice, lr, context, self.num_replicas, world), theta, start, num_steps)
        return Measurement(
            to_array(result.mean),
            to_array(result.covariance),
            result.num_samples,
            self.predictions(derived, problem, theta, lr, num_steps),
            {"lr": np.array(lr), "tangent": to_array(tangent_projector(problem, theta))},
        )

    def predictions(
        self, derived: Drift, problem: Problem, theta: Tensor, lr: float, num_steps: int
    ) -> dict[str, Array]:
        """Return the derived mean drift and its wrong variants."""
        stated = mean_drift(derived, self.choice, problem, theta, lr, num_steps)
        inward = -tangent_projector(problem, theta) @ theta
        return {
            STATED: to_array(stated),
            "half": to_array(stated / 2),
            "standard-deviation": to_array(stated / self.choice.noise_std),
            "weight-norm": to_array(inward * stated.norm() / inward.norm()),
        }


def drift_to_zero_lr(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured over predicted drift, extrapolated to learning rate 0 by a line.

    The first value is the component along the prediction, in units of the prediction (target 1); the others are the
    components along an orthonormal basis of the other tangent directions (target 0).
    """
    records = sorted(measurements.values(), key=lambda record: record.series["lr"])
    lrs = np.array([float(record.series["lr"]) for record in records])
    along = records[0].predictions[formula] / np.linalg.norm(records[0].predictions[formula])
    basis = np.column_stack([along, other_directions(records[0].series["tangent"], along)])
    deviations, errors = [], []
    for record in records:
        predicted = record.predictions[formula]
        size = np.linalg.norm(predicted)
        deviations.append(basis.T @ (record.mean - predicted) / size)
        errors.append(np.sqrt(np.einsum("pk,pq,qk->k", basis, record.covariance, basis)) / size)
    deviation, error = np.array(deviations), np.array(errors)
    ratio = fit(lrs, 1 + deviation[:, 0], error[:, 0], degree=1)
    values = np.concatenate([ratio.coefficients[:1], ratio.weights @ deviation[:, 1:]])
    standard_errors = np.concatenate([ratio.standard_errors[:1], np.sqrt(ratio.weights**2 @ error[:, 1:] ** 2)])
    sideways = np.abs(values[1:]).max(initial=0)
    return Estimate(
        values,
        standard_errors,
        np.concatenate([[1.0], np.zeros(len(values) - 1)]),
        sum(record.num_samples for record in records),
        misfit=ratio.p_value,
        note=f"slope {ratio.coefficients[1]:+.2f} +- {ratio.standard_errors[1]:.2f} per unit lr; "
        f"largest sideways component {sideways:.4f}",
        series={
            "lr": lrs,
            "ratio": 1 + deviation[:, 0],
            "standard_error": error[:, 0],
            "fit": ratio.coefficients,
            "fit_standard_error": ratio.standard_errors,
        },
    )


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
    experiment = replace(experiment, worlds={"louder": louder} | dict(experiment.worlds or {}))
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
        jobs=experiment.jobs,
        estimate=drift_to_zero_lr,
        preflight=experiment.preflight,
    )


def ensemble(
    problem: Problem, choice: RuleChoice, lr: float, context: Context, num_replicas: int, world: str = STATED
) -> Ensemble:
    """Return the ensemble of one simulation: its size by profile and world, its replica blocks by round."""
    size = num_replicas * (1 if context.profile == "quick" else 4)
    if world != STATED:
        size = max(REPLICAS_PER_BLOCK, size // WORLD_SHARE // REPLICAS_PER_BLOCK * REPLICAS_PER_BLOCK)
    first_block = context.round * max(1, size // REPLICAS_PER_BLOCK)
    return Ensemble(problem, choice.at(lr), size, context.seed, first_block)


def placed(place: Place, device: str) -> tuple[Problem, Tensor]:
    """Return problem and theta* on a device."""
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
