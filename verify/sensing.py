"""Matrix sensing on random problems: what the claims about Figure 1 of Blanc et al. (COLT 2020) share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from numerics.label_noise import GAUSSIAN
from numerics.matrix_sensing import Planted, planted
from numerics.packed_sensing import PackedSensing
from numerics.update_rule import UpdateRule
from verify.claim import Context
from verify.experiment import stream


@dataclass(frozen=True)
class Size:
    """The size of a sensing experiment.

    Attributes:
        dimension: d.
        rank: r, the rank of the planted matrix.
        num_data: n, the number of measurements.
        rule: The update, with label noise.
        num_steps: Length of the runs with noise.
        num_quiet: Length of the runs without.
        num_problems: Independent problems, each with one run, in each job.
        num_jobs: Jobs, which a killed run does not repeat.
    """

    dimension: int
    rank: int
    num_data: int
    rule: UpdateRule
    num_steps: int
    num_quiet: int
    num_problems: int
    num_jobs: int = 1


SMALL = Size(20, 2, 80, UpdateRule(0.012, 1.6, noise=GAUSSIAN), num_steps=26_000, num_quiet=3_000, num_problems=16)
"""As many standard deviations below the number of measurements that determine X* as the paper's n; at the paper's
n = 5 d r a run without noise recovers too (`sensing.determined`)."""
SIZES: Mapping[str, Size] = {
    "quick": SMALL,
    "full": Size(
        dimension=40,
        rank=3,
        num_data=360,
        rule=UpdateRule(0.01, 1.0, "iid", 100, GAUSSIAN),
        num_steps=50_000,
        num_quiet=10_000,
        num_problems=16,
    ),
    "paper": Size(
        dimension=100,
        rank=5,
        num_data=2500,
        rule=UpdateRule(0.005, 0.1**0.5, "iid", 100, GAUSSIAN),
        num_steps=300_000,
        num_quiet=60_000,
        num_problems=1,
        num_jobs=4,
    ),
}
"""Figure 1 by profile. The paper's single-sample steps are batches of 100: that changes the clock, not the path."""


class Spectrum(NamedTuple):
    """|U U^T|_* - |X*|_* and the sum of the eigenvalues of U U^T beyond the rank of X*, ``[R]`` each."""

    excess: Tensor
    tail: Tensor


def random_problems(
    dimension: int, rank: int, num_data: int, num_problems: int, context: Context, name: str, scale: float = 1.0
) -> Iterator[Planted]:
    """Yield planted problems that depend on the run's seed and round, and on a name of their own."""
    for k in range(num_problems):
        seed = stream(context.seed, f"{name}, round {context.round}", k)
        yield planted(dimension, rank, num_data, seed=seed, scale=scale)


def runs(problems: Iterable[Planted], rule: UpdateRule, context: Context, name: str) -> PackedSensing:
    """Return runs in single precision; their noise depends on the run's seed and round, and on a name of its own."""
    seed = stream(context.seed, f"{name}, noise, round {context.round}", rule.lr)
    return PackedSensing.of(problems, rule, seed, dtype=torch.float32, device=context.device)


def identity(dimension: int, num_problems: int) -> Tensor:
    """Return U_0 = I for each run, ``[d^2, R]``."""
    return torch.eye(dimension).flatten()[:, None].repeat(1, num_problems)


def gaussian(dimension: int, num_problems: int, context: Context, name: str) -> Tensor:
    """Return U_0 with independent N(0, 1/d) entries, ``[d^2, R]``."""
    seed = stream(context.seed, f"{name}, start, round {context.round}", 0)
    entries = torch.randn(num_problems, dimension**2, generator=torch.Generator().manual_seed(seed))
    return entries.T / dimension**0.5


def root(truths: Tensor) -> Tensor:
    """Return U = X*^(1/2) of each matrix ``[R, d, d]``, ``[d^2, R]``."""
    eigenvalues, vectors = torch.linalg.eigh(truths)
    return ((vectors * eigenvalues.clamp(min=0).sqrt()[:, None]) @ vectors.mT).flatten(1).T


def spectrum(ensemble: PackedSensing, rank: int, theta: Tensor) -> Spectrum:
    """Return how far the spectrum of U U^T is from that of a planted matrix of the given rank."""
    eigenvalues = ensemble.eigenvalues(theta)
    return Spectrum(eigenvalues.sum(0) - ensemble.nuclear_norms.double(), eigenvalues[:-rank].sum(0))


NUM_LOOKS_AT_END = 10


def times(num_steps: int) -> list[int]:
    """Return steps from 0 on, evenly spaced on a logarithmic axis; the last `NUM_LOOKS_AT_END` over the last tenth."""
    before = {round(t) for t in np.geomspace(4, 0.9 * num_steps, 70)}
    return [0, *sorted(before), *(round(t) for t in np.linspace(0.9 * num_steps, num_steps, NUM_LOOKS_AT_END + 1)[1:])]
