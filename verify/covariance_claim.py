"""Claims about the stationary covariance around a point of zero training error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import sympy as sp

from numerics.covariance import second_moments
from numerics.zero_loss_manifold import normal_space, require_zero_loss
from theory.drift import derive
from theory.rule import SMALL_NOISE, Scaling
from verify.claim import STATED, Context, Job
from verify.drift_claim import Place, World, ensemble, placed, require_whole_blocks, to_array
from verify.estimate import Array, Estimate, Measurement
from verify.fit import fit
from verify.lowering.rule import RuleChoice
from verify.lowering.stationary_covariance import covariance_matrix, require_stable

Spectrum = Callable[[Array, Mapping[sp.Symbol, float]], Array]
"""(eigenvalues of Gamma, values of the symbols) -> a wrong guess of the variances in Gamma's eigenbasis."""


@dataclass(frozen=True)
class CovarianceExperiment:
    """E[x x^T] on the range of Gamma, measured at one or several learning rates after a start at theta*.

    Attributes:
        place: Returns the problem and theta*.
        choice: The rule that the prediction is for.
        lrs: Learning rates.
        num_replicas: Replicas per learning rate in the quick profile; four times as many in the others.
        num_observations: Observations of each replica, one relaxation of the slowest second moment apart.
        formulas: Wrong predictions by control id.
        worlds: What is simulated, by world; a world that is missing is as stated.
        scaling: In which scaling the prediction is derived.
    """

    place: Place
    choice: RuleChoice
    lrs: Sequence[float]
    num_replicas: int
    num_observations: int
    formulas: Mapping[str, Spectrum]
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
        """Return measured and predicted second moments in Gamma's eigenbasis at one learning rate, flattened."""
        change = self.worlds.get(world, World())
        problem, theta = placed(change.place or self.place, context.device)
        values = self.choice.values(problem, lr)
        gamma, basis = normal_space(problem, theta)
        derived = derive(self.choice.symbolic, self.scaling).covariance
        predicted = basis.T @ covariance_matrix(derived, problem, theta, values) @ basis
        relaxation = max(1, round(1 / (4 * lr * float(gamma[-1]))))
        result = second_moments(
            ensemble(problem, change.choice or self.choice, lr, context, self.num_replicas, world),
            theta,
            basis,
            burn_in=12 * relaxation,
            num_observations=self.num_observations,
            every=relaxation,
        )
        spectra = {name: np.diag(guess(to_array(gamma), values)) for name, guess in self.formulas.items()}
        return Measurement(
            to_array(result.mean),
            to_array(result.covariance),
            result.num_samples,
            {STATED: to_array(predicted).ravel()} | {name: matrix.ravel() for name, matrix in spectra.items()},
            {"lr": np.array(lr), "gamma": to_array(gamma)},
        )


def covariance_ratio(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured second moments, whitened by the predicted ones, at one learning rate: the identity, if right."""
    (record,) = measurements.values()
    values, map_ = _whitened(record, formula)
    errors = np.sqrt(np.einsum("kc,cd,kd->k", map_, record.covariance, map_))
    return Estimate(values, errors, _identity(record), record.num_samples)


def covariance_ratio_at_zero_lr(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the same, extrapolated to learning rate 0 by a parabola."""
    records = sorted(measurements.values(), key=lambda record: float(record.series["lr"]))
    lrs = np.array([float(record.series["lr"]) for record in records])
    pairs = [_whitened(record, formula) for record in records]
    values = np.array([value for value, _ in pairs])
    errors = np.array(
        [np.sqrt(np.einsum("kc,cd,kd->k", m, r.covariance, m)) for (_, m), r in zip(pairs, records, strict=True)]
    )
    mean = fit(lrs, values[:, 0], errors[:, 0], degree=2)
    return Estimate(
        mean.weights @ values,
        np.sqrt(mean.weights**2 @ errors**2),
        _identity(records[0]),
        sum(record.num_samples for record in records),
        misfit=mean.p_value,
        note=f"slope of the mean ratio {mean.coefficients[1]:+.2f} +- {mean.standard_errors[1]:.2f} per unit lr",
        series={
            "lr": lrs,
            "gamma": records[0].series["gamma"],
            "ratio": values[:, 1 : 1 + len(records[0].series["gamma"])],
            "standard_error": errors[:, 1 : 1 + len(records[0].series["gamma"])],
        },
    )


def _whitened(record: Measurement, formula: str) -> tuple[Array, Array]:
    """Return the values ``[K]``, and the linear map ``[K, r^2]`` that makes them of the flattened second moments.

    They are the mean of the diagonal, the diagonal, and what stands above it, of S^(-1/2) M S^(-1/2).
    """
    size = len(record.series["gamma"])
    eigenvalues, vectors = np.linalg.eigh(record.predictions[formula].reshape(size, size))
    root = vectors / np.sqrt(eigenvalues) @ vectors.T
    whiten = np.kron(root, root)
    diagonal = [i * size + i for i in range(size)]
    above = [i * size + j for i in range(size) for j in range(i + 1, size)]
    map_ = np.vstack([whiten[diagonal].mean(0), whiten[diagonal], whiten[above]])
    return map_ @ record.mean, map_.astype(np.float64)


def _identity(record: Measurement) -> Array:
    size = len(record.series["gamma"])
    return np.concatenate([np.ones(1 + size), np.zeros(size * (size - 1) // 2)])
