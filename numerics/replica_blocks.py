"""Replicas in blocks, and what is random in them: a function of (seed, replica block, step block) and of nothing else.

So the same numbers come out for any grouping of whole replica blocks and for any stop and resume.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Generator, Tensor

from numerics.label_noise import STEPS_PER_BLOCK
from numerics.problem import Problem
from numerics.update_rule import UpdateRule

REPLICAS_PER_BLOCK = 256
"""Replicas that share one random stream; the second half of a block mirrors the noise of the first."""
REPLICAS_PER_GPU_BLOCK = 2**16
"""As many at most on a GPU, where a block is drawn in a few launches whatever its size: a power of 2 times 256."""


@dataclass(frozen=True)
class ReplicaBlocks:
    """R replicas that follow ``rule`` on ``problem``, in antithetic pairs.

    Replica r of the first half of a block and its mirror in the second half draw the same data and opposite noise.

    Attributes:
        problem: Model and data.
        rule: The update.
        num_replicas: R, a multiple of `REPLICAS_PER_BLOCK`, or less than one block and even, or a single replica
            without a mirror.
        seed: Seed of all randomness.
        first_block: Number of the first replica block: ensembles with disjoint blocks are independent.
    """

    problem: Problem
    rule: UpdateRule
    num_replicas: int
    seed: int
    first_block: int = 0

    def __post_init__(self) -> None:
        size = self.num_replicas
        is_even = size >= 2 and size % 2 == 0
        if size != 1 and (not is_even or (size > REPLICAS_PER_BLOCK and size % REPLICAS_PER_BLOCK)):
            raise ValueError(
                f"num_replicas must be 1 or even and, above {REPLICAS_PER_BLOCK}, a multiple of it, got {size}; "
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
        if self.num_replicas <= REPLICAS_PER_BLOCK:
            return self.num_replicas
        largest = REPLICAS_PER_GPU_BLOCK if self.problem.labels.is_cuda else REPLICAS_PER_BLOCK
        return math.gcd(self.num_replicas, largest)

    @cached_property
    def _num_drawn(self) -> int:
        """Replicas per block that draw for themselves; the others mirror them."""
        return (self.block_size + 1) // 2

    @cached_property
    def blocks(self) -> range:
        """The numbers of the replica blocks."""
        return range(self.first_block, self.first_block + self.num_replicas // self.block_size)

    def normal(self, num_rows: int) -> Tensor:
        """Return standard normal vectors in antithetic pairs, ``[num_rows, R]``: a stationary start's randomness."""
        return torch.cat([self._normal_block(block, num_rows) for block in self.blocks], dim=-1)

    def _generator(self, block: int, purpose: str, device: torch.device) -> Generator:
        digest = hashlib.sha256(f"{self.seed}/{block}/{purpose}".encode()).digest()
        return Generator(device=device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)

    def _normal_block(self, block: int, num_rows: int) -> Tensor:
        inputs = self.problem.labels
        generator = self._generator(block, "start", inputs.device)
        half = torch.randn(num_rows, self._num_drawn, generator=generator, dtype=inputs.dtype, device=inputs.device)
        return torch.cat([half, -half], dim=-1)[:, : self.block_size]

    def _recent(
        self, number: int, blocks: range, packed: Tensor, end: int, draws_dtype: torch.dtype = torch.int64
    ) -> tuple[Tensor, Tensor | None]:
        """Return `_randomness`, and keep it where the steps end within its step block: often the next begin there."""
        key = number, blocks, len(packed), packed.device, draws_dtype
        found = self._kept.get(key) or self._randomness(*key)
        if number == end // STEPS_PER_BLOCK and len(blocks) == len(self.blocks):
            self._kept.clear()
            self._kept[key] = found
        return found

    @cached_property
    def _kept(self) -> dict[tuple[int, range, int, torch.device, torch.dtype], tuple[Tensor, Tensor | None]]:
        return {}

    def _randomness(
        self,
        number: int,
        blocks: range,
        num_rows: int,
        device: torch.device,
        draws_dtype: torch.dtype = torch.int64,
    ) -> tuple[Tensor, Tensor | None]:
        """Return noise and drawn data of one step block, the given replica blocks side by side.

        ``num_rows``: of the state, parameters and with momentum velocities. ``draws_dtype`` changes no drawn number.
        """
        noises, draws = [], []
        half, rule = self._num_drawn, self.rule
        batch = rule.batch_size or self.problem.num_data
        rows = batch if rule.sharing == "independent" else 1
        if rule.noise_on == "gradient":
            rows = num_rows // 2 if rule.momentum else num_rows
        for block in blocks:
            generator = self._generator(block, f"steps {number}", device)
            noise = rule.noise.draw(generator, (rows, half))
            noises += [noise, rule.noise.reflect(noise)]
            if rule.sampling == "iid":
                shape = (STEPS_PER_BLOCK, batch, half)
                drawn = torch.randint(
                    self.problem.num_data, shape, generator=generator, dtype=draws_dtype, device=device
                )
                draws += 2 * [drawn]
            elif rule.sampling == "reshuffle":
                draws += 2 * [self._shuffled(number, block, batch, device).to(draws_dtype)]
        kept = slice(self.num_replicas)  # a single replica goes without its mirror
        return torch.cat(noises, dim=-1)[..., kept], torch.cat(draws, dim=-1)[..., kept] if draws else None

    def _shuffled(self, number: int, block: int, batch: int, device: torch.device) -> Tensor:
        """Return the data drawn in one step block, ``[steps, B, replicas / 2]``: an order for each epoch it touches."""
        num_data, half = self.problem.num_data, self._num_drawn
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


def step_blocks(step: int, end: int, most: int = 1) -> Iterator[tuple[range, range]]:
    """Yield the step blocks of the steps to ``end``, so many at a time, and their steps, counted from the first's."""
    while step < end:
        first, place = divmod(step, STEPS_PER_BLOCK)
        times = range(place, min(most * STEPS_PER_BLOCK, place + end - step))
        yield range(first, first + -(-times.stop // STEPS_PER_BLOCK)), times
        step += len(times)
