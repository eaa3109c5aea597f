"""Replicas of one update rule on one problem, stepped together.

Replicas lie on the last axis, ``[P, R]``: the compiled gradient then runs over contiguous replicas. The user writes
only h(theta, x); the step is vmap(grad) of it. Randomness is a function of (seed, replica block, step block) and of
nothing else: the same numbers for any grouping of whole replica blocks and for any stop and resume.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch._dynamo.exc import BackendCompilerFailed
from torch.func import grad, vmap

from numerics.label_noise import STEPS_PER_BLOCK
from numerics.problem import Problem
from numerics.update_rule import UpdateRule

REPLICAS_PER_BLOCK = 256
"""Replicas that share one random stream; the second half of a block mirrors the noise of the first."""


class State(NamedTuple):
    """Parameters ``[P, R]`` and the number of steps taken."""

    theta: Tensor
    step: int


@dataclass(frozen=True)
class Ensemble:
    """R replicas that follow ``rule`` on ``problem``, in antithetic pairs.

    Replica r of the first half of a block and its mirror in the second half draw the same data and opposite noise.

    Attributes:
        problem: Model and data.
        rule: The update.
        num_replicas: R, a multiple of `REPLICAS_PER_BLOCK`, or less than one block and even.
        seed: Seed of all randomness.
        first_block: Number of the first replica block: ensembles with disjoint blocks are independent.
        compiled: Whether to compile the step.
    """

    problem: Problem
    rule: UpdateRule
    num_replicas: int
    seed: int
    first_block: int = 0
    compiled: bool = True

    def __post_init__(self) -> None:
        size = self.num_replicas
        if size < 2 or size % 2 or (size > REPLICAS_PER_BLOCK and size % REPLICAS_PER_BLOCK):
            raise ValueError(
                f"num_replicas must be even and, above {REPLICAS_PER_BLOCK}, a multiple of it, got {size}; "
                f"try {max(2, -(-size // REPLICAS_PER_BLOCK) * REPLICAS_PER_BLOCK)}"
            )

    @cached_property
    def block_size(self) -> int:
        """Replicas per block."""
        return min(self.num_replicas, REPLICAS_PER_BLOCK)

    @cached_property
    def blocks(self) -> range:
        """The numbers of the replica blocks."""
        return range(self.first_block, self.first_block + self.num_replicas // self.block_size)

    def normal(self, num_rows: int) -> Tensor:
        """Return standard normal vectors in antithetic pairs, ``[num_rows, R]``: a stationary start's randomness."""
        return torch.cat([self._normal_block(block, num_rows) for block in self.blocks], dim=-1)

    def advanced(self, state: State, num_steps: int) -> State:
        """Return the state after ``num_steps`` more steps.

        Raises:
            ValueError: If theta is not ``[P, R]``.
            FloatingPointError: If a parameter is not finite afterwards.
        """
        theta, step = state
        if theta.ndim != 2 or theta.shape[1] != self.num_replicas:
            raise ValueError(f"theta must be [P, {self.num_replicas}], replicas last, got {list(theta.shape)}")
        end = step + num_steps
        lr = torch.tensor(self.rule.lr, dtype=theta.dtype, device=theta.device)
        std = torch.tensor(self.rule.noise_std, dtype=theta.dtype, device=theta.device)
        clock = torch.arange(STEPS_PER_BLOCK, device=theta.device)
        while step < end:
            number, first = divmod(step, STEPS_PER_BLOCK)
            noise, draws = self._randomness(number, theta.device)
            last = min(STEPS_PER_BLOCK, first + end - step)
            for place in range(first, last):
                theta = self._step(theta, noise, draws, clock[place], lr, std)
            step += last - first
        if not torch.isfinite(theta).all():
            raise FloatingPointError(
                f"the ensemble diverged before step {end}: lr {self.rule.lr} is too large for this problem; lower it"
            )
        return State(theta, step)

    @cached_property
    def _step(self) -> Callable[..., Tensor]:
        return step_function(self.problem, self.rule, self.compiled)

    def _generator(self, block: int, purpose: str, device: torch.device) -> Generator:
        digest = hashlib.sha256(f"{self.seed}/{block}/{purpose}".encode()).digest()
        return Generator(device=device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)

    def _normal_block(self, block: int, num_rows: int) -> Tensor:
        inputs = self.problem.labels
        generator = self._generator(block, "start", inputs.device)
        half = torch.randn(
            num_rows, self.block_size // 2, generator=generator, dtype=inputs.dtype, device=inputs.device
        )
        return torch.cat([half, -half], dim=-1)

    def _randomness(self, number: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Return noise and drawn data of one step block, all replica blocks side by side."""
        noises, draws = [], []
        half, rule = self.block_size // 2, self.rule
        batch = rule.batch_size or self.problem.num_data
        rows = batch if rule.sharing == "independent" else 1
        for block in self.blocks:
            generator = self._generator(block, f"steps {number}", device)
            noise = rule.noise.draw(generator, (rows, half))
            noises += [noise, rule.noise.reflect(noise)]
            if rule.sampling == "iid":
                shape = (STEPS_PER_BLOCK, batch, half)
                draws += 2 * [torch.randint(self.problem.num_data, shape, generator=generator, device=device)]
        return torch.cat(noises, dim=-1), torch.cat(draws, dim=-1) if draws else None


def step_function(problem: Problem, rule: UpdateRule, compiled: bool) -> Callable[..., Tensor]:
    """Return (theta, noise block, drawn data, step in block, lr, noise std) -> theta after one step, replicas last.

    Only what changes the code is built in (model, data, law, sampling, loss); lr and noise std are arguments, so that
    one kernel serves every learning rate.
    """

    def batch_loss(theta: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        predictions = vmap(problem.model, in_dims=(None, 0))(theta, inputs)
        return rule.loss(predictions - targets).mean()

    def full_loss(theta: Tensor, noise: Tensor) -> Tensor:
        return batch_loss(theta, problem.inputs, problem.labels + noise)

    def drawn_loss(theta: Tensor, noise: Tensor, drawn: Tensor) -> Tensor:
        return batch_loss(theta, problem.inputs[drawn], problem.labels[drawn] + noise)

    def step(theta: Tensor, block: Tensor, draws: Tensor | None, place: Tensor, lr: Tensor, std: Tensor) -> Tensor:
        noise = rule.noise.at(block, place, theta.dtype) * std
        if draws is None:
            gradient = vmap(grad(full_loss), in_dims=-1, out_dims=-1)(theta, noise)
        else:
            drawn = draws.index_select(0, place.reshape(1)).squeeze(0)
            gradient = vmap(grad(drawn_loss), in_dims=-1, out_dims=-1)(theta, noise, drawn)
        return theta - lr * gradient

    return _compiled(step) if compiled else step


def _compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the function compiled; where no compiler works, itself, with one warning."""
    fast = torch.compile(function, dynamic=False, fullgraph=True)
    state: dict[str, Callable[..., Tensor]] = {}

    def first_call(*args: Tensor) -> Tensor:
        if "chosen" in state:
            return state["chosen"](*args)
        try:
            result = fast(*args)
            state["chosen"] = fast
        except BackendCompilerFailed as error:
            warnings.warn(
                f"no compiler for torch.compile, running eagerly, 10 to 50 times slower: {error}", stacklevel=2
            )
            state["chosen"] = function
            result = function(*args)
        return result

    return first_call
