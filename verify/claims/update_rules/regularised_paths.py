"""Paths of the model of two parameters: where gradient descent ends, beside the flows of E and of the modified loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from numerics.flow import flow
from verify.claim import STATED, Context, Control, Job, MeasuredClaim
from verify.claims.update_rules.gradient_regularisation import FIGURE, START, TOY_PLACE, toy, toy_terms
from verify.claims.update_rules.modified_equation import WORLDS
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import stream, to_array
from verify.scatter import mean_of_samples

MODERATE, SMALL = 0.02, 0.004
SPAN = 3.0
"""Time by which a path has ended on the line of minima: the rate there is a^2 + b^2 > 4."""
SHOWN = SPAN * torch.linspace(0, 1, 61, dtype=torch.float64) ** 2
"""Times at which a flow is looked at: the start is the fastest."""
PENALISED = {"flow": 0.0, STATED: 1.0, "double": 2.0, "opposite": -1.0}
"""By flow, what multiplies the first correction."""


@dataclass(frozen=True)
class Paths:
    """Gradient descent at a moderate and a small learning rate, and the flows of E and of the modified loss.

    The starts are normal around the source's, with a standard deviation of 2 %.
    """

    num_starts: int = 64
    spread: float = 0.05

    def preflight(self) -> None:
        """Nothing can be wrong with constants."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the one simulation."""
        return {"paths": partial(self.measure, world, context)}

    def measure(self, world: str, context: Context) -> Measurement:
        """Return three ratios for each formula, which are claimed to be below 1, averaged over the starts."""
        generator = torch.Generator().manual_seed(stream(context.seed, f"{world}/{context.round}", MODERATE))
        start = self.spread * torch.randn(self.num_starts, 2, generator=generator, dtype=torch.float64)
        start[0] = 0.0  # the source's own, which is drawn
        moderate = descent_path(world, start)
        flows = {name: flow_path(start, MODERATE * factor) for name, factor in PENALISED.items()}
        apart = {name: (path[-1] - moderate[-1]).norm(dim=1) for name, path in flows.items()}
        slow_end = WORLDS[world](toy(), start, SMALL, round(SPAN / SMALL))
        close = (slow_end - flows["flow"][-1]).norm(dim=1) / apart["flow"]
        shorter = length(flows["flow"]) / length(moderate)
        formulas = [name for name in PENALISED if name != "flow"]
        nearest = {name: torch.stack([d for n, d in apart.items() if n != name]).amin(0) for name in formulas}
        values = to_array(torch.stack([x for n in formulas for x in (apart[n] / nearest[n], close, shorter)]))
        picks = np.eye(len(values)).reshape(len(formulas), 3, len(values))
        shown = {"descent": moderate, "flow": flows["flow"], "modified": flows[STATED]}
        centre = torch.tensor(START, dtype=torch.float64)
        return mean_of_samples(
            values,
            dict(zip(formulas, picks, strict=True)),
            {name: to_array(path[:, 0] + centre) for name, path in shown.items()} | {"lr": np.array(MODERATE)},
        )


def descent_path(world: str, start: Tensor) -> Tensor:
    """Return the steps at the moderate learning rate, ``[steps + 1, M, 2]``."""
    path = [start]
    for _ in range(round(SPAN / MODERATE)):
        path.append(WORLDS[world](toy(), path[-1], MODERATE, 1))
    return torch.stack(path)


def flow_path(start: Tensor, correction: float) -> Tensor:
    """Return points along the flow of the gradient field plus a multiple of its first correction, ``[times, M, 2]``."""
    terms, path = toy_terms(toy(), 2), [start]
    for before, after in pairwise(SHOWN.tolist()):
        path.append(flow(lambda at: terms(at)[0] + correction * terms(at)[1], path[-1], after - before))
    return torch.stack(path)


def length(path: Tensor) -> Tensor:
    """Return the lengths of paths ``[times, M, P]``, ``[M]``."""
    return path.diff(dim=0).norm(dim=2).sum(0)


def path_numbers(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the three ratios of a formula, each of which has to lie between 0 and 1."""
    (record,) = measurements.values()
    pick: Array = record.predictions[formula]
    values = pick @ record.mean
    return Estimate(
        values,
        np.sqrt(np.diag(pick @ record.covariance @ pick.T)),
        np.full(len(values), 0.5),
        record.num_samples,
        degrees_of_freedom=record.num_samples - 1,
        note=f"distance from the modified flow {values[0]:.3f} of that from the nearest other; at h = {SMALL:g} "
        f"{values[1]:.3f} of that at {MODERATE:g}; the flow's length {values[2]:.3f} of the descent's",
        series=record.series,
    )


CLAIMS = (
    MeasuredClaim(
        id="igr.paths",
        title="Paths of the two-parameter model from (2.8, 3.5): descent, flow, modified flow",
        statement="At h = .02 gradient descent ends nearer the end of the flow with lambda = h/2 than of those with 0 "
        "and h, on a longer path than the flow's; at h = .004 it ends nearer the flow's end than at .02.",
        source=FIGURE,
        items=(
            "barrett2021: Figure 1: small learning rate",
            "barrett2021: Figure 1: longer trajectory",
            "barrett2021: Figure 1: modified flow",
        ),
        hypotheses=(*TOY_PLACE, "the learning rates are ours", "starts scattered by .05"),
        margin=0.5,
        why_margin="0.5 +- 0.5 is the interval from 0 to 1: three ratios, each below 1",
        experiment=Paths(),
        estimate=path_numbers,
        controls=(
            Control("double", "formula", "lambda = h for h/2"),
            Control("opposite", "formula", "lambda = -h/2"),
            Control("midpoint", "world", "steps of the explicit midpoint rule"),
        ),
    ),
)
