"""Where single precision loses a drift: where the noise moves a parameter by less than half a unit in the last place.

One constant push and one noise on parameters of different size: the larger a parameter, the larger its unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from numerics.drift import estimate, pair_means, point_start
from numerics.ensemble import Ensemble
from numerics.label_noise import GAUSSIAN
from numerics.models import linear_model
from numerics.problem import Problem
from numerics.replica_blocks import REPLICAS_PER_BLOCK
from numerics.rounding import SINGLE_BITS, unit_in_last_place
from numerics.update_rule import UpdateRule
from theory.rounding import MEAN, SPREAD, K, mean_error_term
from verify.claim import STATED, Context, Control, Job, MeasuredClaim
from verify.claims.precision.paths import SOURCE
from verify.estimate import Estimate, Measurement
from verify.experiment import stream, to_array

NUM_TERMS = 10
"""Of the series: at s = 1/8 the terms that are left out are below 1e-13."""


def same(residual: Tensor) -> Tensor:
    """Return the residual: as a loss, its gradient is that of the model, everywhere."""
    return residual


def left(push: float, spread: float) -> float:
    """Return the mean of a step, both in units in the last place, after rounding, over that before."""
    at = {MEAN: push, SPREAD: spread}
    return 1 + sum(float(mean_error_term().subs(at | {K: k})) for k in range(1, NUM_TERMS + 1)) / push


@dataclass(frozen=True, kw_only=True)
class LostDrift:
    """Mean displacement per step over the push, by size of the parameter.

    Attributes:
        sizes: Of the parameters; not 0.
        push: Mean displacement per step, in units in the last place at 1.
        spread: Standard deviation of a step, in the same units.
        num_replicas: Replicas in the quick profile; four times as many in the others.
        dtypes: Of the states, by world; single precision in a world that is missing, as stated.
        louder: What multiplies the noise, by world; 1 in a world that is missing.
        lr: Learning rate, which only scales the gradients that make push and noise.
        num_steps: Steps from the start to the end.
    """

    sizes: tuple[float, ...]
    push: float
    spread: float
    num_replicas: int
    dtypes: Mapping[str, torch.dtype]
    louder: Mapping[str, float]
    lr: float = 0.01
    num_steps: int = 256

    def preflight(self) -> None:
        """Check that the push is visible in no parameter by itself.

        Raises:
            ValueError: If it is half a unit or more.
        """
        if not self.push < 0.5:
            raise ValueError(f"push must be below half a unit, got {self.push}")

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the one simulation."""
        return {"displacement": partial(self.measure, world, context)}

    def measure(self, world: str, context: Context) -> Measurement:
        """Return the mean displacements per step over the push, ``[P]``."""
        theta = torch.tensor(self.sizes, dtype=torch.float64, device=context.device)
        ones = torch.ones(1, dtype=torch.float64)
        unit = float(unit_in_last_place(ones, SINGLE_BITS))
        slopes = torch.full((1, len(theta)), -self.push * unit / self.lr, dtype=torch.float64)
        problem = Problem(linear_model, slopes, ones).to(context.device, self.dtypes.get(world, torch.float32))
        noise_std = self.louder.get(world, 1.0) * self.spread * unit / self.lr
        rule = UpdateRule(self.lr, noise_std, noise=GAUSSIAN, noise_on="gradient", loss=same)
        size = self.num_replicas * (1 if context.profile == "quick" else 4)
        first_block = context.round * (size // REPLICAS_PER_BLOCK)
        replicas = Ensemble(problem, rule, size, stream(context.seed, world, self.lr), first_block)
        end = replicas.advanced(point_start(replicas, theta), self.num_steps).theta
        moved = (end.double() - theta[:, None]) / (self.num_steps * self.push * unit)
        found = estimate(pair_means(replicas, moved))
        units = to_array(unit_in_last_place(theta, SINGLE_BITS)) / unit
        pushes, spreads = self.push / units, self.spread / units
        predictions = {
            STATED: np.array([left(*pair) for pair in zip(pushes, spreads, strict=True)]),
            "kept": np.ones(len(theta)),
            "lost": np.zeros(len(theta)),
        }
        return Measurement(
            to_array(found.mean), to_array(found.covariance), found.num_samples, predictions, {"spread": spreads}
        )


def share_left(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return what is left of the push in each parameter."""
    (record,) = measurements.values()
    pairs = zip(record.series["spread"], record.mean, strict=True)
    return Estimate(
        record.mean,
        np.sqrt(np.diag(record.covariance)),
        record.predictions[formula],
        record.num_samples,
        note="left of the push: " + ", ".join(f"{mean:.4f} at s = {spread:g}" for spread, mean in pairs),
        series={**record.series, "left": record.mean, "predicted": record.predictions[formula]},
    )


SIZES = LostDrift(
    sizes=(1.5, 3.0, 6.0, 12.0),
    push=0.2,
    spread=1.0,
    num_replicas=8192,
    dtypes={"double": torch.float64},
    louder={"louder": 1.05},
)
CLAIMS = (
    MeasuredClaim(
        id="precision.lost-drift",
        title="Where single precision loses a drift: noise below half a unit in the last place",
        statement="In units in the last place of a parameter: of a drift m per step, below 1/2, normal noise of "
        "standard deviation s leaves m + sum_k (-1)^k / (pi k) exp(-2 pi^2 k^2 s^2) sin(2 pi k m), all of it at "
        "s = 1 and next to nothing at s = 1/8.",
        source=SOURCE,
        hypotheses=("a constant gradient", "s = 1, 1/2, 1/4, 1/8; m = s / 5", "steps in single precision"),
        margin=0.02,
        why_margin="2 %: at s = 1/4 rounding takes more than half of the drift, and noise 5 % stronger saves 7 % of it",
        experiment=SIZES,
        estimate=share_left,
        controls=(
            Control("kept", "formula", "all of the drift is left"),
            Control("lost", "formula", "nothing of it is left, since it is below half a unit"),
            Control("double", "world", "steps in double precision"),
            Control("louder", "world", "noise 5 % stronger than predicted for"),
        ),
    ),
)
