"""How many measurements leave room for label noise at all.

U U^T has no negative eigenvalue. The matrices X* + H that share this near X* are those with P H P >= 0, P the projector
onto the kernel of X*: a linear space of dimension r d - r (r - 1)/2 times the cone of positive semidefinite matrices of
size d - r, whose statistical dimension is half of (d - r) (d - r + 1)/2, since it is its own dual. A random subspace of
codimension n meets a cone in 0 only, if n exceeds its statistical dimension (Amelunxen, Lotz, McCoy, Tropp 2014): from
there on the data determine X* among all U U^T, far below the d (d + 1)/2 unknowns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from numerics.ensemble import State
from numerics.matrix_sensing import Planted
from numerics.problem import Problem
from numerics.update_rule import UpdateRule
from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.crossing import crossing
from verify.estimate import Estimate, Measurement
from verify.experiment import to_array
from verify.scatter import of_samples, over_samples
from verify.sensing import identity, random_problems, runs

LEVEL = 0.1
"""The plateau is gone where the test error ends below this fraction of its start."""
SHARES = (0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5)
"""Numbers of measurements as multiples of the stated threshold."""
RULE = UpdateRule(0.02, 0.0)


def thresholds(dimension: int, rank: int) -> dict[str, float]:
    """Return the number of measurements that determine X*, by formula."""
    manifold, unknowns = rank * dimension - rank * (rank - 1) / 2, dimension * (dimension + 1) / 2
    rest = dimension - rank
    return {STATED: manifold + rest * (rest + 1) / 4, "unknowns": unknowns, "rank-manifold": manifold}


@dataclass(frozen=True)
class Determined:
    """Final over first test error of runs without noise, for the first n measurements of each problem.

    Attributes:
        excess_ranks: By world, by which share of the dimension the rank of X* exceeds the stated one.
    """

    excess_ranks: Mapping[str, float]
    num_problems: int = 16

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each number of measurements."""
        return {f"{share:g}": partial(self.measure, world, context, share) for share in SHARES}

    def measure(self, world: str, context: Context, share: float) -> Measurement:
        """Return the logarithm of the ratio for each problem."""
        dimension, rank, num_steps = (20, 2, 5_000) if context.profile == "quick" else (40, 3, 12_000)
        stated = thresholds(dimension, rank)
        counts = {s: round(s * stated[STATED]) for s in SHARES}
        planted_rank = rank + round(self.excess_ranks[world] * dimension)
        problems = random_problems(
            dimension, planted_rank, max(counts.values()), self.num_problems, context, f"determined, {world}"
        )
        ensemble = runs((first_measurements(p, counts[share]) for p in problems), RULE, context, "determined")
        start = State(identity(dimension, self.num_problems), 0)
        end = ensemble.advanced(start, num_steps)
        first, last = (to_array(ensemble.errors(state.theta)[1]) for state in (start, end))
        in_units = {name: np.array(value / stated[STATED]) for name, value in stated.items()}
        return replace(of_samples(np.log(last / first)), predictions=in_units)


def first_measurements(sensing: Planted, num_data: int) -> Planted:
    """Return the problem with its first measurements only."""
    problem = sensing.problem
    return Planted(Problem(problem.model, problem.inputs[:num_data], problem.labels[:num_data]), sensing.truth)


def threshold(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return where the plateau vanishes over where the formula says, the mean over problems of each one's own."""
    records = list(measurements.values())
    logs = np.stack([record.mean for record in records]) - np.log(LEVEL)
    # A plateau at all of these numbers counts as gone at the largest, one at none of them as gone at the smallest.
    logs[0], logs[-1] = np.maximum(logs[0], 0.0), np.minimum(logs[-1], -1e-9)
    place = np.interp(crossing(logs), range(len(SHARES)), SHARES)
    ratios = place[:, None] / records[0].predictions[formula]
    series = {
        "measurements": np.array(SHARES),
        "ratio": np.exp(np.stack([record.mean for record in records]).mean(1)),
        "unknowns": records[0].predictions["unknowns"],
    }
    return over_samples(ratios, np.ones(1), sum(record.num_samples for record in records), series=series)


CLAIMS = (
    MeasuredClaim(
        id="sensing.determined",
        title="Where the plateau without noise vanishes as the measurements grow in number",
        statement="Without noise the test error falls below a tenth of its start from "
        "n = r d - r (r - 1)/2 + (d - r) (d - r + 1)/4 on, where label noise has nothing left to do.",
        source=Source("implicit-reg", "derived here"),
        hypotheses=("A_i with N(0, 1) entries", "U_0 = I", "d = 20, r = 2 in the quick profile, else d = 40, r = 3"),
        items=("Figure 1",),
        margin=0.15,
        why_margin="15 %: the transition is about the root of d (d + 1)/2 wide, a ninth of the threshold at d = 20",
        experiment=Determined({STATED: 0.0, "higher-rank": 0.6}),
        estimate=threshold,
        controls=(
            Control("unknowns", "formula", "as many measurements as unknowns, d (d + 1)/2"),
            Control("rank-manifold", "formula", "as many as the matrices of rank r have dimensions"),
            Control("higher-rank", "world", "X* of rank r + .6 d, so that n must be larger"),
        ),
    ),
)
