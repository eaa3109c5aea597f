"""Simulations around a point of zero training error: what the experiments on drift and covariance share."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import torch
from torch import Tensor

from numerics.derivative_guard import require_correct_derivatives
from numerics.ensemble import REPLICAS_PER_CHUNK, Ensemble
from numerics.problem import Problem
from numerics.replica_blocks import REPLICAS_PER_BLOCK
from numerics.zero_loss_manifold import require_zero_loss
from theory.rule import SMALL_NOISE, Scaling
from verify.claim import STATED, Context, Job
from verify.estimate import Array, Measurement
from verify.lowering.rule import RuleChoice
from verify.lowering.stability import require_stable

Place = Callable[[], tuple[Problem, Tensor]]
"""Returns a problem and a point theta* of zero training error."""
WORLD_SHARE = 8
"""A world control runs on this fraction of the replicas: it differs by much more than the margin."""


@dataclass(frozen=True)
class World:
    """What is simulated in place of the stated rule or place; None: as stated."""

    choice: RuleChoice | None = None
    place: Place | None = None


@dataclass(frozen=True)
class PlacedExperiment(ABC):
    """Something measured around theta* at one or several learning rates.

    Attributes:
        place: Returns the problem and theta*.
        choice: The rule that the prediction is for.
        lrs: Learning rates.
        num_replicas: Replicas per learning rate in the quick profile; four times as many in the others.
        worlds: What is simulated, by world; a world that is missing is as stated.
        scaling: In which scaling the prediction is derived; small noise puts the exact covariance into it.
    """

    place: Place
    choice: RuleChoice
    lrs: Sequence[float]
    num_replicas: int
    worlds: Mapping[str, World] = field(default_factory=dict)
    scaling: Scaling = SMALL_NOISE

    def preflight(self) -> None:
        """Check the inputs.

        Raises:
            ValueError: If the number of replicas is no multiple of the block size, the rule is none of numerics,
                autograd gets the model's derivatives wrong, theta* has training error or a learning rate is above the
                limit of stability.
        """
        if not self.lrs:
            raise ValueError("lrs must hold at least one learning rate, got none")
        if self.num_replicas < 1 or self.num_replicas % REPLICAS_PER_BLOCK:
            raise ValueError(
                f"num_replicas must be a positive multiple of {REPLICAS_PER_BLOCK}, got {self.num_replicas}"
            )
        for choice in (self.choice, *(world.choice for world in self.worlds.values() if world.choice)):
            for lr in self.lrs:
                choice.at(lr)  # complains of its numbers
        problem, theta = self.place()
        require_correct_derivatives(problem, theta)
        require_zero_loss(problem, theta)
        require_stable(self.choice.symbolic, problem, theta, self.choice.values(problem, max(self.lrs)))

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation per learning rate."""
        return {f"lr {lr:g}": partial(self.measure, world, context, lr) for lr in self.lrs}

    @abstractmethod
    def measure(self, world: str, context: Context, lr: float) -> Measurement:
        """Return what is measured and predicted at one learning rate."""


def ensemble(
    problem: Problem, choice: RuleChoice, lr: float, context: Context, num_replicas: int, world: str = STATED
) -> Ensemble:
    """Return the ensemble of one simulation: its size by profile and world, its replica blocks by round."""
    size = num_replicas * (1 if context.profile == "quick" else 4)
    if world != STATED:  # never less than a chunk, so that the same kernel serves
        size = min(size, max(REPLICAS_PER_CHUNK, size // WORLD_SHARE // REPLICAS_PER_CHUNK * REPLICAS_PER_CHUNK))
    first_block = context.round * (size // REPLICAS_PER_BLOCK)
    return Ensemble(problem, choice.at(lr), size, stream(context.seed, world, lr), first_block)


def stream(seed: int, world: str, lr: float) -> int:
    """Return the seed of one simulation of a run: the fit takes different learning rates to be independent."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{world}/{lr!r}".encode()).digest()[:6], "little")


@cache
def placed(place: Place, device: str) -> tuple[Problem, Tensor]:
    """Return problem and theta* on a device: always the same objects, so that one process compiles a model once."""
    problem, theta = place()
    return problem.to(device), theta.to(device)


def to_array(tensor: Tensor) -> Array:
    """Return a tensor as a float64 array."""
    return tensor.detach().to("cpu", torch.float64).numpy()


def half_means(values: Tensor) -> Array:
    """Return the means over replicas r and r + R/2, ``[..., R] -> [..., R/2]``: alike but for the noise's sign."""
    return to_array(values.double().unflatten(-1, (2, -1)).mean(-2))
