"""Replicas of one update rule on one problem, stepped together.

Replicas lie on the last axis, ``[P, R]``. The user writes only h(theta, x); the step is the gradient of its loss,
translated to lanes of a CPU's registers or to threads of a GPU (`numerics.lanes`) where each operation has a
translation, compiled by torch elsewhere. Randomness is that of `numerics.replica_blocks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from numerics.chunk_steps import Steps, by_graphs, by_kernel, by_operations
from numerics.kernels import kernel_for
from numerics.label_noise import STEPS_PER_BLOCK
from numerics.lanes import rounds
from numerics.lanes.cuda_kernel import CudaKernel
from numerics.lanes.kernel import Kernel, Randomness
from numerics.replica_blocks import ReplicaBlocks, step_blocks
from numerics.step import Numbers, Step, compiled_step, traced_step
from numerics.torch_threads import is_finite, one_torch_thread

REPLICAS_PER_CHUNK = 1024
"""Replicas that are stepped together on a thread, at most: their randomness stays small."""
BYTES_PER_ROUND = 2 * 1024 * 1024
"""About so much randomness is drawn at a time, by one thread while the others use what was drawn before."""
MOST_BLOCKS_PER_ROUND = 32
BYTES_PER_STEP_BLOCK = 1024 * 1024 * 1024
"""On a GPU, the randomness of a step block takes about so much at most; as many replicas as that allows go together."""


class State(NamedTuple):
    """Parameters ``[P, R]``, the number of steps taken, and with momentum the velocity ``[P, R]``; None: at rest."""

    theta: Tensor
    step: int
    velocity: Tensor | None = None


class Round(NamedTuple):
    """Groups of replicas, the randomness of some step blocks, and the runs of steps of one learning rate."""

    groups: Tensor
    randomness: Randomness
    runs: list[tuple[Tensor, range]]


@dataclass(frozen=True)
class Ensemble(ReplicaBlocks):
    """R replicas that can be stepped: those of `ReplicaBlocks`, whose attributes come first.

    Attributes:
        compiled: Whether to compile the step.
    """

    compiled: bool = True

    def advanced(self, state: State, num_steps: int) -> State:
        """Return the state after ``num_steps`` more steps.

        Raises:
            ValueError: If theta or the velocity is not ``[P, R]``, the model fails or returns no scalar at the first
                replica, or the number of steps is negative.
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
        if len(theta) not in self._sizes:  # once: the step itself takes any shape that broadcasts
            self.problem.predictions(theta[:, 0].nan_to_num())
            self._sizes.add(len(theta))
        packed = theta
        if self.rule.momentum:
            with one_torch_thread():
                packed = torch.cat([theta, torch.zeros_like(theta) if velocity is None else velocity])
        end = step + num_steps
        if num_steps:
            kernel = self._kernel(packed) if self.compiled else None
            if isinstance(kernel, Kernel):
                packed = self._in_rounds(kernel, packed, step, end)
            else:
                packed = self._in_chunks(self._taken(kernel, packed), packed, step, end)
        if not is_finite(packed):
            noise, _ = self._randomness(0, self.blocks[:1], len(packed), packed.device)
            if not torch.isfinite(noise).all():
                raise FloatingPointError(f"the noise law {self.rule.noise.name!r} draws numbers that are not finite")
            raise FloatingPointError(
                f"the ensemble diverged before step {end}: lr {self.rule.lr} is too large for this problem; lower it"
            )
        theta, *velocities = packed.split(len(theta))
        return State(theta, end, *velocities)

    def _kernel(self, packed: Tensor) -> Kernel | CudaKernel | None:
        noise, draws = self._example(len(packed))
        return kernel_for(self.problem, self.rule.structure, packed, noise, draws)

    def _example(self, num_rows: int) -> tuple[Tensor, Tensor | None]:
        """Return one replica block's randomness, its shapes and dtypes only."""
        if num_rows not in self._examples:
            noise, draws = self._randomness(0, self.blocks[:1], num_rows, self.problem.inputs.device)
            self._examples[num_rows] = noise.to("meta"), None if draws is None else draws.to("meta")
        return self._examples[num_rows]

    @cached_property
    def _sizes(self) -> set[int]:
        """The numbers of parameters that the model was found to work with."""
        return set()

    @cached_property
    def _examples(self) -> dict[int, tuple[Tensor, Tensor | None]]:
        return {}

    def _in_rounds(self, kernel: Kernel, packed: Tensor, step: int, end: int) -> Tensor:
        """Return the state moved on from one step to another, the replicas shared out to torch's number of threads.

        This thread draws ahead while the others take steps.
        """
        problem, layout = self.problem, kernel.layout
        num_threads = min(torch.get_num_threads(), -(-self.num_replicas // layout.group_size))
        per_chunk = max(1, num_threads * REPLICAS_PER_CHUNK // self.block_size)
        is_drawn, draws_dtype = self.rule.sampling != "full", layout.draws_dtype(problem.num_data)

        def drawn(blocks: range, groups: Tensor) -> Iterator[Round]:
            num_blocks = self._blocks_per_round(len(blocks), len(packed), draws_dtype)
            for numbers, times in step_blocks(step, end, num_blocks):
                found = (self._recent(number, blocks, packed, end, draws_dtype) for number in numbers)
                randomness = kernel.randomness(found)
                yield Round(groups, randomness, self._runs(numbers.start * STEPS_PER_BLOCK, times, packed))

        def move(needed: Round, span: range) -> None:
            for rates, times in needed.runs:
                kernel(needed.groups, needed.randomness, rates, inputs, labels, times, span)

        with one_torch_thread():
            inputs, labels = (layout.data(data, is_drawn=is_drawn) for data in (problem.inputs, problem.labels))
            groups = layout.grouped(packed)
            chunks = [self.blocks[k : k + per_chunk] for k in range(0, len(self.blocks), per_chunk)]
            parts = zip(groups.split(-(-per_chunk * self.block_size // layout.group_size)), chunks, strict=True)
            rounds.take(move, ((len(part), drawn(blocks, part)) for part, blocks in parts), num_threads)
            return layout.states(groups, *packed.shape)

    def _blocks_per_round(self, num_blocks: int, num_rows: int, draws_dtype: torch.dtype) -> int:
        noise, draws = self._example(num_rows)
        size = noise.nbytes + (draws.numel() * draws_dtype.itemsize if draws is not None else 0)
        return min(MOST_BLOCKS_PER_ROUND, max(1, BYTES_PER_ROUND // (num_blocks * size)))

    def _in_chunks(self, take: Steps, packed: Tensor, step: int, end: int) -> Tensor:
        """Return the state moved on from one step to another, a chunk of replica blocks after the other."""
        per_chunk = self._blocks_per_chunk(packed)
        chunks = [self.blocks[k : k + per_chunk] for k in range(0, len(self.blocks), per_chunk)]
        moved = []
        for part, blocks in zip(packed.split(per_chunk * self.block_size, dim=1), chunks, strict=True):
            state = part.clone(memory_format=torch.contiguous_format)
            for (number,), places in step_blocks(step, end):
                noise, draws = self._recent(number, blocks, packed, end)
                for rates, run in self._runs(number * STEPS_PER_BLOCK, places, packed):
                    state = take(state, noise, draws, rates, run)
            moved.append(state)
        return torch.cat(moved, dim=1)

    def _blocks_per_chunk(self, packed: Tensor) -> int:
        if not packed.is_cuda:
            return max(1, REPLICAS_PER_CHUNK // self.block_size)
        noise, draws = self._example(len(packed))
        return max(1, BYTES_PER_STEP_BLOCK // (noise.nbytes + (draws.nbytes if draws is not None else 0)))

    def _taken(self, kernel: CudaKernel | None, packed: Tensor) -> Steps:
        if kernel:
            return by_kernel(self.problem, kernel)
        return self._by_graphs if self.compiled and packed.is_cuda else self._by_operations

    @cached_property
    def _by_operations(self) -> Steps:
        return by_operations(self.problem, self._step)

    @cached_property
    def _by_graphs(self) -> Steps:
        return by_graphs(self._by_operations)

    def _step(self, packed: Tensor) -> Step:
        problem, rule = self.problem, self.rule
        if not self.compiled:
            return traced_step(problem.model, rule.structure)
        shapes = (packed.shape, problem.inputs.shape, rule.batch_size, rule.sharing, packed.dtype, packed.device)
        return compiled_step(problem.model, rule.structure, shapes)

    def _runs(self, first: int, times: range, packed: Tensor) -> list[tuple[Tensor, range]]:
        """Return the runs of steps of one learning rate, with the rule's numbers; times count from step ``first``."""
        if not self.rule.schedule:
            return [(self._numbers(packed, self.rule.lr), times)]
        runs = ((lr, list(run)) for lr, run in groupby(times, key=lambda time: self.rule.lr_at(first + time)))
        return [(self._numbers(packed, lr), range(run[0], run[-1] + 1)) for lr, run in runs]

    def _numbers(self, packed: Tensor, lr: float) -> Tensor:
        values = Numbers(lr, self.rule.noise_std, self.rule.momentum, self.rule.weight_decay)
        return _on_device(values, packed.dtype, packed.device)


@lru_cache(maxsize=1024)
def _on_device(values: Numbers, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return numbers as a tensor: the same one again, since a copy to a GPU waits for all that goes on there."""
    return torch.tensor(values, dtype=dtype, device=device)
