"""What rounding to single precision does to single paths: a random walk along the manifold, of a derived size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from numerics.drift import estimate, pair_means
from numerics.rounding import SINGLE_BITS, unit_in_last_place
from numerics.zero_loss_manifold import tangent_projector
from theory.rounding import variance
from verify import places
from verify.claim import STATED, Context, Control, MeasuredClaim
from verify.claims.precision.paths import DOWNWARDS, FEWER, FULL, HYPOTHESES, SOURCE, Paired, rounded_worlds
from verify.estimate import Estimate, Measurement
from verify.experiment import placed, to_array


@dataclass(frozen=True, kw_only=True)
class RandomWalk(Paired):
    """The mean square of the difference along the manifold after some numbers of steps.

    Attributes:
        parts: The numbers of steps, in units of the window.
    """

    parts: tuple[float, ...] = (1 / 16, 1 / 4, 1.0)

    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return the mean squares, ``[times]``."""
        problem, theta = placed(self.place, context.device)
        times = [round(part * self.window(problem, theta, lr)) for part in self.parts]
        projector = tangent_projector(problem, theta)
        replicas, here, differences = self.paths(world, context, lr, times)
        found = estimate(pair_means(replicas, (projector @ differences).square().sum(1)))
        squares = unit_in_last_place(here, SINGLE_BITS).square().mean((0, 2))
        steps, of_one = np.array(times, dtype=float), float(variance())
        along, everywhere = float(projector.diag() @ squares), float(squares.sum())
        predictions = {
            STATED: of_one * along * steps,
            "bias": of_one * along * steps**2,
            "whole-unit": 4 * of_one * along * steps,
            "all-directions": of_one * everywhere * steps,
        }
        return Measurement(
            to_array(found.mean), to_array(found.covariance), found.num_samples, predictions, {"steps": steps}
        )


def walk_ratio(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured over predicted mean squares, those after the longest time first."""
    (record,) = measurements.values()
    predicted = record.predictions[formula]
    ratios, errors = record.mean / predicted, np.sqrt(np.diag(record.covariance)) / predicted
    steps = record.series["steps"]
    return Estimate(
        ratios[::-1],
        errors[::-1],
        np.ones(len(ratios)),
        record.num_samples,
        note="; ".join(f"{ratio:.3f} after {count:g} steps" for ratio, count in zip(ratios, steps, strict=True)),
        series={"steps": steps, "square": record.mean, "standard_error": errors * predicted, "predicted": predicted},
    )


CLAIMS = (
    MeasuredClaim(
        id="precision.random-walk",
        title="Single precision beside double: a random walk along the manifold, tanh network (P = 32, N = 3)",
        statement="After t steps the mean square of the difference along the manifold, single precision less double "
        "with the same noise, is t sum_j P_jj u_j^2 / 12, u_j being the unit in the last place of theta_j.",
        source=SOURCE,
        hypotheses=(*HYPOTHESES, "full batches", "eta = .01; 18, 74 and 294 steps"),
        margin=0.04,
        why_margin="4 %: the walk of all directions is 7 % larger, and a walk grows as t to a power that 4 % over a "
        "factor 16 in t fixes to .03",
        experiment=RandomWalk(
            place=places.single_tanh,
            choice=FULL,
            lrs=(0.01,),
            num_replicas=16384,
            worlds=rounded_worlds(FULL, FEWER, DOWNWARDS),
        ),
        estimate=walk_ratio,
        controls=(
            Control("bias", "formula", "t^2 for t: every step's error of one sign"),
            Control("whole-unit", "formula", "1/3 for 1/12: an error of up to a unit, as rounding to one side has"),
            Control("all-directions", "formula", "sum_j u_j^2 / 12: the walk across the manifold too"),
            FEWER,
            DOWNWARDS,
        ),
    ),
)
