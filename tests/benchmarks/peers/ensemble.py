"""Ours: the model h(theta, x) and nothing else; for matrix sensing its packed closed form where there is one."""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import Any

import torch

from numerics.ensemble import Ensemble, State
from tests.benchmarks.peers.peer import STEPS, Array, Peer, Words

HAS_PACKED_SENSING = find_spec("numerics.packed_sensing") is not None


class Ours(Peer):
    """`numerics.ensemble.Ensemble`."""

    @cached_property
    def ensemble(self) -> Ensemble:
        """The replicas."""
        return Ensemble(self.work.problem, self.work.rule, self.num_replicas, seed=0)

    @cached_property
    def start(self) -> State:
        """Every replica at the work's start."""
        return State(self.work.theta[:, None].repeat(1, self.num_replicas), 0)

    def run(self, num_steps: int) -> Array:
        return self.ensemble.advanced(self.start, num_steps).theta.cpu().numpy()

    def given(self, words: Words, draws: Words | None) -> Array:
        del words, draws  # those of its own first block
        return self.run(STEPS)

    def randomness(self) -> tuple[Words, Words | None]:
        """Return the randomness of its first block of steps, to be given to the others."""
        words, draws = self.ensemble._randomness(0, self.ensemble.blocks, 0, self.work.theta.device)
        return words.cpu().numpy(), None if draws is None else draws.cpu().numpy()


class OursPacked(Ours):
    """`numerics.packed_sensing.PackedSensing`, whose runs, all on the same data, replace the replicas."""

    @cached_property
    def packed(self) -> Any:
        """The runs."""
        from numerics.packed_sensing import PackedSensing, svec  # newer than this benchmark

        problem, num_runs = self.work.problem, self.num_replicas
        measurements, labels = (part.expand(num_runs, *part.shape) for part in (svec(problem.inputs), problem.labels))
        truths = torch.zeros_like(measurements[:, 0])  # asked for by errors only
        return PackedSensing(measurements.contiguous(), labels.contiguous(), truths, self.work.rule, seed=0)

    def run(self, num_steps: int) -> Array:
        return self.packed.advanced(self.start, num_steps).theta.cpu().numpy()

    def given(self, words: Words, draws: Words | None) -> Array:
        assert draws is not None
        rows = (torch.from_numpy(draws) + self.work.problem.num_data * torch.arange(self.num_replicas)).mT.flatten(1)
        signs, rows = (part.to(self.work.theta.device) for part in (torch.from_numpy(words.T.copy()), rows))
        heard = self.packed._heard(signs, rows, slice(STEPS))
        return self.packed._moved(self.packed.factors(self.start.theta), *heard).flatten(1).T.cpu().numpy()


def ours(work) -> Ours:
    """Return the fastest that we have for a work."""
    return OursPacked(work) if work.family == "sensing" and HAS_PACKED_SENSING else Ours(work)
