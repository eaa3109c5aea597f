"""Claims about the drift along the zero-loss manifold: any model, any rule that the engine can treat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from numerics.drift import drift
from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space, require_zero_loss, tangent_projector
from theory.drift import derive
from theory.gamma_chain import GAMMA_EIGENVALUE as GAMMA
from theory.rule import SMALL_NOISE, Rule
from verify.claim import STATED, Context, Control, Exact, MeasuredClaim, Source
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import PlacedExperiment, World, ensemble, placed, to_array
from verify.fit import fit
from verify.lowering.drift import mean_drift
from verify.lowering.stationary_covariance import state_root

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


@dataclass(frozen=True, kw_only=True)
class DriftExperiment(PlacedExperiment):
    """The drift at theta*, after a start from the stationary covariance that the prediction is for.

    Attributes:
        relaxations: Length of the window in units of the slowest relaxation, 1 / (2 lr gamma_min).
        discard: What passes before the window, in the same units.
        dtype: Of the states; with another one than double, `place` has data that it holds, as `places.held_by` makes
            them. All that is measured and derived is in double.
    """

    relaxations: float = 8.0
    discard: float = 0.0
    dtype: torch.dtype = torch.float64

    def preflight(self) -> None:
        """Check the inputs.

        Raises:
            ValueError: As `PlacedExperiment.preflight`; or if the data, rounded to the states' dtype, have training
                error at theta*; or if nothing is to be predicted: theory has no drift for the rule, or theta* is an
                isolated point of the manifold.
        """
        super().preflight()
        derive(self.choice.symbolic, self.scaling)
        problem, theta = self.place()
        require_zero_loss(problem.to(dtype=self.dtype).to(dtype=torch.float64), theta)
        if normal_space(problem, theta).basis.shape[1] == len(theta):
            raise ValueError(
                f"theta* is an isolated point: the gradients of {problem.num_data} data points span all {len(theta)} "
                f"parameters, and nothing can drift; take fewer data points or more parameters"
            )

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return measured and predicted mean drift per step at one learning rate, ``[P]``."""
        change = self.worlds.get(world, World())
        problem, theta = placed(change.place or self.place, context.device)
        values = self.choice.values(problem, lr)
        derived = derive(self.choice.symbolic, self.scaling)
        num_steps, discard = self.window(problem, theta, lr)
        stepped = problem.to(dtype=self.dtype)
        replicas = ensemble(stepped, change.choice or self.choice, lr, context, self.num_replicas, world)
        start = state_root(derived.covariance, problem, theta, values)
        if not replicas.rule.momentum:  # a world without the stated rule's velocity
            start = start[: len(theta)]
        result = drift(replicas, theta, start, num_steps, discard=discard)
        predicted = mean_drift(derived, self.choice, problem, theta, lr, num_steps, discard=discard)
        return Measurement(
            to_array(result.mean),
            to_array(result.covariance),
            result.num_samples,
            self.predictions(predicted, problem, theta, lr),
            {"lr": np.array(lr), "tangent": to_array(tangent_projector(problem, theta))},
        )

    def window(self, problem: Problem, theta: Tensor, lr: float) -> tuple[int, int]:
        """Return the number of steps in the window and before it."""
        relaxation = 1 / (2 * lr * float(normal_space(problem, theta).eigenvalues[-1]))
        return max(1, round(self.relaxations * relaxation)), round(self.discard * relaxation)

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
    """Measured minus predicted drift in units of a given size: components ``[points, K]`` and their standard errors.

    The first component lies along the given direction, the others along an orthonormal basis of the other tangent
    directions. ``small`` ``[points]`` is the parameter that tends to 0, the learning rate as a rule.
    """

    small: Array
    components: Array
    standard_errors: Array
    num_samples: int


def deviation(
    measurements: Mapping[str, Measurement],
    formula: str,
    along: str,
    size: Callable[[Measurement], float],
    small: str = "lr",
) -> Deviation:
    """Return the deviation of the measured drift from one formula, by increasing learning rate.

    Args:
        measurements: One per learning rate.
        formula: Which prediction to compare with.
        along: The prediction whose direction comes first.
        size: The unit at each learning rate.
        small: The series that holds the small parameter, if it is another one.

    Raises:
        ValueError: If there is no prediction by that formula.
    """
    if absent := {formula, along} - set.intersection(*(set(record.predictions) for record in measurements.values())):
        raise ValueError(
            f"no prediction named {sorted(absent)}: `predictions` of the experiment must hold each formula control's id"
        )
    records = sorted(measurements.values(), key=lambda record: float(record.series[small]))
    first = records[0].predictions[along] / np.linalg.norm(records[0].predictions[along])
    basis = np.column_stack([first, other_directions(records[0].series["tangent"], first)])
    sizes = np.array([size(record) for record in records])[:, None]
    components = np.array([basis.T @ (record.mean - record.predictions[formula]) for record in records])
    variances = np.array([np.einsum("pk,pq,qk->k", basis, record.covariance, basis) for record in records])
    smalls = np.array([float(record.series[small]) for record in records])
    total = sum(record.num_samples for record in records)
    return Deviation(smalls, components / sizes, np.sqrt(variances) / sizes, total)


def at_zero_lr(found: Deviation, offset: float, degree: int = 1) -> Estimate:
    """Return a deviation extrapolated to small parameter 0 by a polynomial, a line unless another degree is given.

    The first value and its target are raised by ``offset``.
    """
    first = fit(found.small, offset + found.components[:, 0], found.standard_errors[:, 0], degree=degree)
    sideways = first.weights @ found.components[:, 1:]
    errors = np.sqrt(first.weights**2 @ found.standard_errors[:, 1:] ** 2)
    return Estimate(
        np.concatenate([first.coefficients[:1], sideways]),
        np.concatenate([first.standard_errors[:1], errors]),
        np.concatenate([[offset], np.zeros(len(sideways))]),
        found.num_samples,
        misfit=first.p_value,
        note=f"slope {first.coefficients[1]:+.2f} +- {first.standard_errors[1]:.2f} per unit; "
        f"largest sideways component {np.abs(sideways).max(initial=0):.4f}",
        series={
            "lr": found.small,
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
    items: tuple[str, ...] = (),
) -> MeasuredClaim:
    """Return the claim that the measured drift over the derived one tends to 1 as the learning rate tends to 0.

    Formula controls are supplied (`FORMULAS`), and one world control: label noise 5 % stronger than stated. Further
    ``controls`` are worlds of the experiment, or formulas that its own `DriftExperiment.predictions` has.

    Raises:
        ValueError: If there are too few learning rates for a line and a test of it, there is no noise, or a world
            control has no world.
    """
    if len(set(experiment.lrs)) < 3:
        raise ValueError(f"claim {id!r}: lrs must hold at least 3 learning rates for a line, got {experiment.lrs}")
    if not experiment.choice.noise_std > 0:
        raise ValueError(f"claim {id!r}: noise_std must be positive, got {experiment.choice.noise_std}")
    if missing := [c.id for c in controls if c.kind == "world" and c.id not in experiment.worlds]:
        raise ValueError(f"claim {id!r}: the experiment's `worlds` must hold the world controls {missing}")
    louder = replace(experiment.choice, noise_std=1.05 * experiment.choice.noise_std)
    experiment = replace(experiment, worlds={"louder": World(louder)} | dict(experiment.worlds))
    formulas = tuple(c for c in FORMULAS if c.id != "standard-deviation" or experiment.choice.noise_std != 1)
    return MeasuredClaim(
        id=id,
        title=title,
        statement=statement,
        source=source,
        items=items,
        hypotheses=hypotheses,
        controls=(*formulas, Control("louder", "world", "label noise 5 % stronger than predicted for"), *controls),
        margin=MARGIN,
        why_margin=WHY_MARGIN,
        experiment=experiment,
        estimate=drift_ratio_at_zero_lr,
    )


def same_potential(stated: sp.Expr, rule: Rule) -> Exact:
    """Compare a function of Gamma whose trace is the potential of the drift, up to a constant, with the derived one."""
    derived = derive(rule, SMALL_NOISE).spectral_potential
    if derived is None:
        raise ArithmeticError("the engine found no potential")
    slopes = Exact.equality(sp.diff(stated, GAMMA), sp.diff(derived, GAMMA))
    return slopes._replace(predicted=str(stated), measured=str(derived))


def other_directions(tangent: Array, along: Array) -> Array:
    """Return an orthonormal basis of the tangent space without ``along``, ``[P, K]``."""
    remaining = tangent - np.outer(along, along)
    eigenvalues, vectors = np.linalg.eigh((remaining + remaining.T) / 2)
    return vectors[:, eigenvalues > 0.5]
