"""Ways to take the steps of a chunk of replicas: by torch's operations, by graphs of them, by a kernel on a GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from numerics.graphed import Graphed
from numerics.label_noise import STEPS_PER_BLOCK
from numerics.lanes.cuda_kernel import CudaKernel
from numerics.problem import Problem
from numerics.step import Numbers, Step

Steps = Callable[[Tensor, Tensor, Tensor | None, Tensor, range], Tensor]
"""(state, noise, drawn data, the rule's numbers, places in the step block) -> state, which may be the same tensor."""


def by_operations(problem: Problem, step_for: Callable[[Tensor], Step]) -> Steps:
    """Return steps by torch's operations; ``step_for`` gives the step of states like one."""
    clock = torch.arange(STEPS_PER_BLOCK, device=problem.labels.device)

    def take(state: Tensor, noise: Tensor, draws: Tensor | None, rates: Tensor, places: range) -> Tensor:
        step, numbers = step_for(state), Numbers(*rates)
        for place in places:
            state = step(state, noise, draws, clock[place], numbers, problem.inputs, problem.labels)
        return state

    return take


def by_graphs(steps: Steps) -> Steps:
    """Return steps on a GPU of which a step block as a whole is one launch."""
    whole = Graphed(steps)

    def take(state: Tensor, noise: Tensor, draws: Tensor | None, rates: Tensor, places: range) -> Tensor:
        return (whole if len(places) == STEPS_PER_BLOCK else steps)(state, noise, draws, rates, places)

    return take


def by_kernel(problem: Problem, kernel: CudaKernel) -> Steps:
    """Return steps by a kernel on a GPU, in place."""

    def take(state: Tensor, noise: Tensor, draws: Tensor | None, rates: Tensor, places: range) -> Tensor:
        kernel(state, noise, draws, rates, problem.inputs, problem.labels, places)
        return state

    return take
