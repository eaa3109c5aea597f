"""Which kernel takes the steps of a rule on a problem: for a CPU by what its lanes hold, for a GPU by a step's size."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from numerics.lanes.cuda_kernel import CudaKernel, cuda_kernel
from numerics.lanes.kernel import Kernel, NoCompilerError, kernel
from numerics.lanes.layout import LabelsInLanes, Layout, NeighboursInLanes, ReplicasInLanes
from numerics.lanes.operations import UnsupportedError
from numerics.problem import Model, Problem
from numerics.step import Numbers, Step, heard, replica_step
from numerics.update_rule import Structure

K = TypeVar("K")
MANY_REPLICAS, FEW_DERIVATIVES = 1024, 1024
"""A GPU's thread is slow: with fewer replicas than this it takes steps of at most so many dh(x_i)/dtheta_j.

Both are estimates; no GPU was at hand to measure where kernels begin to pay.
"""


class Shapes(NamedTuple):
    """Shapes and types of a step's arguments, for one replica: what a kernel is compiled for."""

    rows: int
    noise: torch.Size
    draws: torch.Size | None
    inputs: torch.Size
    dtype: torch.dtype
    noise_dtype: torch.dtype
    device: torch.device

    @property
    def num_labels(self) -> int:
        """Labels of one step."""
        return self.inputs[0] if self.draws is None else self.draws[-1]

    def share(self, num_labels: int) -> Shapes:
        """Return the shapes for fewer labels; noise that they share stays as it is."""
        noise = self.noise if self.noise[-1] == 1 else torch.Size((*self.noise[:-1], num_labels))
        if self.draws is None:
            return self._replace(noise=noise, inputs=torch.Size((num_labels, *self.inputs[1:])))
        draws = self.draws if self.draws[-1] == 1 else torch.Size((*self.draws[:-1], num_labels))
        return self._replace(noise=noise, draws=draws)


def kernel_for(
    problem: Problem, structure: Structure, state: Tensor, block: Tensor, draws: Tensor | None
) -> Kernel | CudaKernel | None:
    """Return the kernel that takes many steps of replicas where they are; None if there is none for this model.

    Args:
        problem: Model and data.
        structure: The rule's form.
        state: Parameters, with momentum and velocity, ``[rows, R]``.
        block: A block of noise, replicas last.
        draws: A block of drawn data, or None.
    """
    if any(tensor.dtype != state.dtype for tensor in (problem.inputs, problem.labels)):
        return None
    rows, num_replicas = state.shape
    like = (problem.inputs.shape, state.dtype, block.dtype, state.device)
    shapes = Shapes(rows, block.shape[:-1], None if draws is None else draws.shape[:-1], *like)
    find = thread_kernel if state.is_cuda else lane_kernel
    return find(problem.model, structure, shapes, num_replicas)


def lane_kernel(model: Model, structure: Structure, shapes: Shapes, num_replicas: int) -> Kernel | None:
    """Return the kernel for a CPU."""
    find, lanes = partial(_lane_kernel, model, structure), 64 // shapes.dtype.itemsize

    def by_label() -> Kernel | None:
        if shapes.num_labels % lanes or structure.noise_on == "gradient":
            return None
        return find(shapes.share(shapes.num_labels // lanes), LabelsInLanes)

    def by_neighbours() -> Kernel | None:
        return None if shapes.draws is None else find(shapes, NeighboursInLanes)

    if num_replicas == 1:
        return by_label() or by_neighbours() or find(shapes, ReplicasInLanes)
    return by_neighbours() or find(shapes, ReplicasInLanes) or by_label()


def thread_kernel(model: Model, structure: Structure, shapes: Shapes, num_replicas: int) -> CudaKernel | None:
    """Return the kernel for a GPU, unless torch's operations are the better way."""
    if num_replicas < MANY_REPLICAS and shapes.num_labels * shapes.rows > FEW_DERIVATIVES:
        return None
    return _thread_kernel(model, structure, shapes)


@cache
def _lane_kernel(
    model: Model, structure: Structure, shapes: Shapes, layout_of: Callable[[int], Layout]
) -> Kernel | None:
    return _found(lambda: kernel(*_whole_step(model, structure, shapes), layout_of))


@cache
def _thread_kernel(model: Model, structure: Structure, shapes: Shapes) -> CudaKernel | None:
    return _found(lambda: cuda_kernel(*_whole_step(model, structure, shapes)))


def _found(make: Callable[[], K]) -> K | None:
    """Return a kernel; None if the step has no translation, or, with a warning, if no compiler works."""
    try:
        return make()
    except UnsupportedError:
        return None
    except NoCompilerError as error:
        warnings.warn(f"no kernel in lanes, torch.compile instead: {error}", stacklevel=2)
        return None


def _whole_step(model: Model, structure: Structure, shapes: Shapes) -> tuple[Step, tuple[Any, ...]]:
    """Return the step of one replica from a block of randomness on, and examples of its arguments."""
    step = replica_step(model, structure)

    def whole(state, block, draws, place, lr, noise_std, momentum, weight_decay, inputs, labels) -> Tensor:
        noise, drawn = heard(structure, block, draws, place, shapes.dtype)
        return step(state, noise, drawn, Numbers(lr, noise_std, momentum, weight_decay), inputs, labels)

    zeros = partial(torch.zeros, dtype=shapes.dtype, device=shapes.device)
    whole_numbers = partial(torch.zeros, dtype=torch.int64, device=shapes.device)
    examples = (
        zeros(shapes.rows),
        zeros(shapes.noise, dtype=shapes.noise_dtype),
        None if shapes.draws is None else whole_numbers(shapes.draws),
        whole_numbers(()),
        *zeros(4),
        zeros(shapes.inputs),
        zeros(shapes.inputs[0]),
    )
    return whole, examples
