"""Replicas of one update rule on one problem, stepped together.

Replicas lie on the last axis, ``[P, R]``: the compiled gradient then runs over contiguous replicas. The user writes
only h(theta, x); the step is vmap(grad) of it. Randomness is a function of (seed, replica block, step block) and of
nothing else: the same numbers for any grouping of whole replica blocks and for any stop and resume.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache, cached_property
from types import FunctionType
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch._dynamo.exc import BackendCompilerFailed
from torch.func import grad, vmap

from numerics.label_noise import STEPS_PER_BLOCK
from numerics.problem import Model, Problem
from numerics.update_rule import Structure, UpdateRule

REPLICAS_PER_BLOCK = 256
"""Replicas that share one random stream; the second half of a block mirrors the noise of the first."""
REPLICAS_PER_CHUNK = 1024
"""Replicas that are stepped together on a CPU: they stay in its cache, and one kernel serves every larger ensemble."""

Step = Callable[..., Tensor]


class State(NamedTuple):
    """Parameters ``[P, R]``, the number of steps taken, and with momentum the velocity ``[P, R]``; None: at rest."""

    theta: Tensor
    step: int
    velocity: Tensor | None = None


class Numbers(NamedTuple):
    """The numbers of a rule that a kernel takes as arguments."""

    lr: Tensor
    noise_std: Tensor
    momentum: Tensor
    weight_decay: Tensor


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
        batch, num_data = self.rule.batch_size, self.problem.num_data
        if self.rule.sampling == "reshuffle" and batch and num_data % batch:
            raise ValueError(
                f"batch_size must divide the number of data points, {num_data}, for sampling='reshuffle', got {batch}; "
                "take a divisor"
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
            ValueError: If theta or the velocity is not ``[P, R]``, or the number of steps is negative.
            FloatingPointError: If a parameter is not finite afterwards.
        """
        theta, step, velocity = state
        if num_steps < 0:
            raise ValueError(f"num_steps must be at least 0, got {num_steps}")
        if theta.ndim != 2 or theta.shape[1] != self.num_replicas:
            raise ValueError(f"theta must be [P, {self.num_replicas}], replicas last, got {list(theta.shape)}")
        if velocity is not None and (velocity.shape != theta.shape or not self.rule.momentum):
            raise ValueError(
                f"velocity goes with momentum and has theta's shape {list(theta.shape)}, got {list(velocity.shape)} "
                f"with momentum {self.rule.momentum}"
            )
        both = [theta, torch.zeros_like(theta) if velocity is None else velocity] if self.rule.momentum else [theta]
        packed = torch.cat(both)
        blocks_per_chunk = len(self.blocks) if theta.is_cuda else max(1, REPLICAS_PER_CHUNK // self.block_size)
        chunks = [self.blocks[k : k + blocks_per_chunk] for k in range(0, len(self.blocks), blocks_per_chunk)]
        parts = packed.split([len(chunk) * self.block_size for chunk in chunks], dim=1)
        end = step + num_steps
        moved = [self._chunk_advanced(p.contiguous(), c, step, end) for p, c in zip(parts, chunks, strict=True)]
        packed = torch.cat(moved, dim=1)
        if not torch.isfinite(packed).all():
            raise FloatingPointError(
                f"the ensemble diverged before step {end}: lr {self.rule.lr} is too large for this problem; lower it"
            )
        theta, *velocities = packed.split(len(theta))
        return State(theta, end, *velocities)

    def _chunk_advanced(self, packed: Tensor, blocks: range, step: int, end: int) -> Tensor:
        """Return the state of some replica blocks, moved on from one step to another."""
        problem, rule, dtype, device = self.problem, self.rule, packed.dtype, packed.device
        values = (rule.lr, rule.noise_std, rule.momentum, rule.weight_decay)
        numbers = Numbers(*(torch.tensor(value, dtype=dtype, device=device) for value in values))
        clock = torch.arange(STEPS_PER_BLOCK, device=device)
        one_step = step_function(problem.model, rule.structure)
        if self.compiled:
            shapes = (packed.shape, problem.inputs.shape, rule.batch_size, rule.sharing, dtype, device)
            one_step = compiled_step(problem.model, rule.structure, shapes)
        while step < end:
            number, first = divmod(step, STEPS_PER_BLOCK)
            noise, draws = self._randomness(number, blocks, device)
            last = min(STEPS_PER_BLOCK, first + end - step)
            for place in range(first, last):
                moment, at = clock[place], numbers
                if rule.noise_in_time == "zero-sum" and place % 2:  # the noise of the step before, with the other sign
                    moment, at = clock[place - 1], numbers._replace(noise_std=-numbers.noise_std)
                packed = one_step(packed, noise, draws, moment, at, problem.inputs, problem.labels)
            step += last - first
        return packed

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

    def _randomness(self, number: int, blocks: range, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Return noise and drawn data of one step block, the given replica blocks side by side."""
        noises, draws = [], []
        half, rule = self.block_size // 2, self.rule
        batch = rule.batch_size or self.problem.num_data
        rows = batch if rule.sharing == "independent" else 1
        for block in blocks:
            generator = self._generator(block, f"steps {number}", device)
            noise = rule.noise.draw(generator, (rows, half))
            noises += [noise, rule.noise.reflect(noise)]
            if rule.sampling == "iid":
                shape = (STEPS_PER_BLOCK, batch, half)
                draws += 2 * [torch.randint(self.problem.num_data, shape, generator=generator, device=device)]
            elif rule.sampling == "reshuffle":
                draws += 2 * [self._shuffled(number, block, batch, device)]
        return torch.cat(noises, dim=-1), torch.cat(draws, dim=-1) if draws else None

    def _shuffled(self, number: int, block: int, batch: int, device: torch.device) -> Tensor:
        """Return the data drawn in one step block, ``[steps, B, replicas / 2]``: an order for each epoch it touches."""
        num_data, half = self.problem.num_data, self.block_size // 2
        per_epoch = num_data // batch
        first, last = (step // per_epoch for step in (number * STEPS_PER_BLOCK, (number + 1) * STEPS_PER_BLOCK - 1))
        orders = [
            torch.rand(
                num_data, half, generator=self._generator(block, f"epoch {epoch}", device), device=device
            ).argsort(0)
            for epoch in range(first, last + 1)
        ]
        begin = number * STEPS_PER_BLOCK - first * per_epoch
        return torch.cat(orders).unflatten(0, (-1, batch))[begin : begin + STEPS_PER_BLOCK]


def step_function(model: Model, structure: Structure) -> Step:
    """Return the function that takes one step, replicas last.

    Its arguments are the state (theta ``[P, R]``, with momentum above the velocity), the noise block, the drawn data of
    the block (None for full batches), the step's place in the block, the rule's numbers, inputs and labels: one kernel
    serves them all.
    """
    law, loss, is_drawn, momentum_kind, has_decay = structure

    def batch_loss(theta: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        return loss(vmap(model, in_dims=(None, 0))(theta, inputs) - targets).mean()

    def full_loss(theta: Tensor, noise: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        return batch_loss(theta, inputs, labels + noise)

    def drawn_loss(theta: Tensor, noise: Tensor, inputs: Tensor, labels: Tensor, drawn: Tensor) -> Tensor:
        return batch_loss(theta, inputs[drawn], labels[drawn] + noise)

    def gradient(theta: Tensor, noise: Tensor, draws: Tensor | None, place: Tensor, inputs, labels) -> Tensor:
        if not is_drawn or draws is None:
            return vmap(grad(full_loss), in_dims=(-1, -1, None, None), out_dims=-1)(theta, noise, inputs, labels)
        drawn = draws.index_select(0, place.reshape(1)).squeeze(0)
        in_dims = (-1, -1, None, None, -1)
        return vmap(grad(drawn_loss), in_dims=in_dims, out_dims=-1)(theta, noise, inputs, labels, drawn)

    def step(packed: Tensor, block, draws, place, numbers: Numbers, inputs, labels) -> Tensor:
        theta = packed[: len(packed) // 2] if momentum_kind else packed
        noise = law.at(block, place, theta.dtype) * numbers.noise_std
        slope = gradient(theta, noise, draws, place, inputs, labels)
        if has_decay:
            slope = slope + numbers.weight_decay * theta
        plain = -numbers.lr * slope
        if not momentum_kind:
            return theta + plain
        velocity = numbers.momentum * packed[len(packed) // 2 :] + plain
        moved = velocity if momentum_kind == "heavy-ball" else plain + numbers.momentum * velocity
        return torch.cat([theta + moved, velocity])

    return step


@cache
def compiled_step(model: Model, structure: Structure, shapes: tuple[Hashable, ...]) -> Step:
    """Return the step compiled for one model and one set of shapes; where no compiler works, eager, with one warning.

    The compiler counts its recompilations per code object and gives up after a few, so each kernel gets a code object
    of its own.
    """
    del shapes
    eager = step_function(model, structure)
    fast = torch.compile(_with_own_code(eager), dynamic=False, fullgraph=True)
    chosen: list[Step] = []

    def step(*args: Tensor) -> Tensor:
        if not chosen:
            try:
                result = fast(*args)
                chosen.append(fast)
                return result
            except BackendCompilerFailed as error:
                message = f"no working compiler for torch.compile; running eagerly, 10 to 50 times slower: {error}"
                warnings.warn(message, stacklevel=2)
                chosen.append(eager)
        return chosen[0](*args)

    return step


def _with_own_code(function: Step) -> Step:
    assert isinstance(function, FunctionType)
    return FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
