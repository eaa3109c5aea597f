"""What Wind's blog post says of other random seeds: the same, in kind, for other data and another start.

A seed is one sample: it draws data and start, and all learning rates are run from them. Where training begins to
diverge depends on the seed too: a seed with a run that diverges has no test error to be compared, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.estimate import Estimate, Measurement
from verify.experiment import stream
from verify.regression import Run, end_error
from verify.scatter import by_sample, of_samples, over_samples

SMALL, PLATEAU, LARGE = 0.02, 0.03, 0.075
"""Two on the plateau, and one that 5 of 2,000 seeds that were tried let diverge, within ten steps."""
PER_JOB = 4


@dataclass(frozen=True)
class Seeds:
    """Test errors at three learning rates over independent seeds.

    Attributes:
        large: The large learning rate, by world.
        num_jobs: Jobs of four seeds each in the quick profile; four times as many in the others.
    """

    large: Mapping[str, float]
    num_jobs: int = 3

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the simulations, a few seeds each."""
        count = self.num_jobs * (1 if context.profile == "quick" else 4)
        return {f"seeds {k}": partial(self.measure, world, context, k) for k in range(count)}

    def measure(self, world: str, context: Context, number: int) -> Measurement:
        """Return the test errors ``[seeds, lrs]``, flat; their scatter is their error.

        Raises:
            ArithmeticError: If most seeds let a run diverge.
        """
        first = stream(context.seed, f"regression seeds {context.round}", float(number))
        lrs = (SMALL, PLATEAU, self.large[world])
        runs = ([end_error(Run(lr, first + k)) for lr in lrs] for k in range(2 * PER_JOB))
        errors = list(islice((row for row in runs if np.isfinite(row).all()), PER_JOB))
        if len(errors) < PER_JOB:
            raise ArithmeticError(f"most of the seeds from {first} on let a run diverge at learning rates {lrs}")
        return of_samples(np.array(errors))


def ratios(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the mean errors at the large and the plateau's learning rate over that at the small one."""
    errors = by_sample(list(measurements.values()), 3)
    small, plateau, large = errors.mean(0)
    values = np.array([large, plateau]) / small
    influence = (errors[:, [2, 1]] - values * errors[:, :1]) / small  # of each seed on the ratios of means
    targets = {STATED: (0, 1), "no-effect": (1, 1), "no-plateau": (0, 0.5)}[formula]
    return over_samples(
        values + influence,
        np.array(targets, dtype=float),
        len(errors),
        note=f"mean test error {small:.3f} at {SMALL}, {plateau:.3f} at {PLATEAU}, {large:.4f} at {LARGE}",
    )


CLAIMS = (
    MeasuredClaim(
        id="regression.seeds",
        title="Other seeds: one plateau at small learning rates, a small test error at a large one",
        statement="Over random data and starts the mean test error at learning rate .075 is below a fifth of that at "
        ".02, and at .03 it is the same.",
        source=Source("blog2022", "Increasing learning rate"),
        items=("blog2022: Increasing learning rate: robust",),
        hypotheses=("d = 30, n = 200, width 100, float32", "seeds at which no run diverges"),
        margin=0.2,
        why_margin="below a fifth, from 0; an effect of the learning rate on the plateau is below a twentieth",
        experiment=Seeds({STATED: LARGE, "moderate-lr": 0.04}),
        estimate=ratios,
        controls=(
            Control("no-effect", "formula", "the large learning rate ends as the small ones"),
            Control("no-plateau", "formula", "the test error falls with 1 / eta from .02 on"),
            Control("moderate-lr", "world", "a learning rate of .04 in place of .075"),
        ),
    ),
)
