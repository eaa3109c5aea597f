"""The heavy ball on the two-parameter model at a moderate learning rate: which flow's end it comes to.

E = (a b - 3/5)^2 / 2 from around (2.8, 3.4), effective learning rate h = 1e-2. There h k |theta|^2, by which the first
correction is smaller than the gradient, is .6, 1.7 and 3.7 for beta = .5, .8 and .9, k = (1 + beta) / (1 - beta): the
modified loss tells the direction and not the size any more (from .8 on twice its correction would come nearer still),
so that the claim compares distances with those from the flows that know nothing of the momentum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from numerics.flow import flow
from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.claims.update_rules.gradient_regularisation import START, toy
from verify.claims.update_rules.momentum_flow import heavy_ball, toy_terms
from verify.error_orders import gradient_descent
from verify.estimate import Estimate, Measurement
from verify.experiment import stream, to_array

LR, SPAN = 0.01, 3.0
"""The effective learning rate h, and the time by which a path has ended on the line of minima."""
CENTRE = (2.8, 3.4)
MOMENTA = (0.5, 0.8, 0.9)
TIMES = SPAN * torch.linspace(0, 1, 61, dtype=torch.float64) ** 2
"""Times of the flow's steps: the start is the fastest."""
SHARES = {
    STATED: lambda _: 1.0,
    "plain": lambda beta: (1 - beta) / (1 + beta),
    "none": lambda _: 0.0,
}
"""By flow, the share of the derived correction at some beta."""


def flow_end(beta: float, start: Tensor, share: float) -> Tensor:
    """Return where the flow with a share of the heavy ball's first correction ends, ``[M, 2]``."""
    terms, theta = toy_terms(beta, toy(), 2), start
    for before, after in pairwise(TIMES.tolist()):
        theta = flow(lambda at: terms(at)[0] + share * LR * terms(at)[1], theta, after - before)
    return theta


def descent_end(world: str, beta: float, start: Tensor) -> Tensor:
    """Return where the heavy ball from rest ends, ``[M, 2]``; without momentum, plain steps at the same h."""
    num_steps = round(SPAN / LR)
    if world == "no-momentum":
        return gradient_descent(toy(), start, LR, num_steps)
    return heavy_ball(toy(), start, torch.zeros_like(start), LR, num_steps, beta)


@dataclass(frozen=True)
class Ends:
    """The distance of the heavy ball's end from that of a flow, over the distance from the nearest other one's.

    The starts are normal around (2.8, 3.4), with a standard deviation of 2 %.
    """

    num_starts: int = 64
    spread: float = 0.05

    def preflight(self) -> None:
        """Nothing can be wrong with constants."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the one simulation."""
        return {"ends": partial(self.measure, world, context)}

    def measure(self, world: str, context: Context) -> Measurement:
        """Return a ratio for each formula and momentum, averaged over the starts, ``[formulas * momenta]``."""
        generator = torch.Generator().manual_seed(stream(context.seed, f"{world}/{context.round}", LR))
        size = self.num_starts * (1 if context.profile == "quick" else 4)
        start = self.spread * torch.randn(size, 2, generator=generator, dtype=torch.float64)
        origin = torch.tensor(START, dtype=torch.float64)
        start = start + torch.tensor(CENTRE, dtype=torch.float64) - origin
        ends = torch.stack([descent_end(world, beta, start) for beta in MOMENTA])
        flows = {
            name: torch.stack([flow_end(beta, start, share(beta)) for beta in MOMENTA])
            for name, share in SHARES.items()
        }
        apart = {name: (end - ends).norm(dim=-1) for name, end in flows.items()}
        nearest = {name: torch.stack([d for n, d in apart.items() if n != name]).amin(0) for name in SHARES}
        ratios = to_array(torch.cat([apart[name] / nearest[name] for name in SHARES]))
        picks = np.eye(len(ratios)).reshape(len(SHARES), len(MOMENTA), len(ratios))
        shown = {"descent": ends, **{f"flow {name}": end for name, end in flows.items()}}
        return Measurement(
            ratios.mean(1),
            np.cov(ratios) / size,
            size,
            dict(zip(SHARES, picks, strict=True)),
            {name: to_array((end + origin).mean(1)) for name, end in shown.items()} | {"momentum": np.array(MOMENTA)},
        )


def distance_ratios(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return a formula's ratio for each momentum; each has to lie between 0 and 1."""
    (record,) = measurements.values()
    pick = record.predictions[formula]
    values = pick @ record.mean
    return Estimate(
        values,
        np.sqrt(np.diag(pick @ record.covariance @ pick.T)),
        np.full(len(values), 0.5),
        record.num_samples,
        degrees_of_freedom=record.num_samples - 1,
        note="distance over that from the nearest other flow: "
        + ", ".join(f"{value:.3f} at beta = {beta:g}" for value, beta in zip(values, MOMENTA, strict=True)),
        series=record.series,
    )


CLAIMS = (
    MeasuredClaim(
        id="momentum-flow.ends",
        title="Where the heavy ball ends on the two-parameter model, beta = .5, .8, .9",
        statement="At h = .01 from rest around (2.8, 3.4) the heavy ball ends nearer the end of the flow with the "
        "factor (1 + beta) / (1 - beta) than of those with 1, as for plain steps, and 0.",
        source=Source("implicit-reg", "derived here"),
        items=("ghosh2023: Abstract: factor",),
        hypotheses=("E = (a b - 3/5)^2 / 2", "start and learning rate are ours", "starts scattered by .05"),
        margin=0.5,
        why_margin="0.5 +- 0.5 is the interval from 0 to 1: one ratio for each beta, each below 1",
        experiment=Ends(),
        estimate=distance_ratios,
        controls=(
            Control("plain", "formula", "the factor 1 of plain steps"),
            Control("none", "formula", "no correction"),
            Control("no-momentum", "world", "plain steps at the same h"),
        ),
    ),
)
