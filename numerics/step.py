"""One step of an update rule: of one replica, of replicas side by side, and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from functools import cache
from types import FunctionType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad, vmap

from numerics.problem import Model
from numerics.traced import Traced
from numerics.update_rule import Structure

Step = Callable[..., Tensor]
SLOW = "running eagerly, 10 to 500 times slower"


class Numbers(NamedTuple):
    """The numbers of a rule that a kernel takes as arguments."""

    lr: Tensor | float
    noise_std: Tensor | float
    momentum: Tensor | float
    weight_decay: Tensor | float


def heard(
    structure: Structure, block: Tensor, draws: Tensor | None, place: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor | None]:
    """Return noise and drawn data of one step, from a block of them and the step's place in it.

    Zero-sum noise in an odd place is that of the place before, with the other sign.
    """
    law, drawn = structure.noise, None
    if structure.is_zero_sum:
        odd = place & 1
        noise = law.at(block, place - odd, dtype) * (1 - 2 * odd).to(dtype)
    else:
        noise = law.at(block, place, dtype)
    if draws is not None:
        drawn = draws.index_select(0, place.reshape(1)).squeeze(0)
    return noise, drawn


def replica_step(model: Model, structure: Structure) -> Step:
    """Return the function that moves one replica: (state, noise, drawn data or None, numbers, inputs, labels) -> state.

    The state is theta ``[P]``, with momentum followed by the velocity.
    """

    def losses(theta: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        return structure.loss(vmap(model, in_dims=(None, 0))(theta, inputs) - targets)

    def batch_loss(theta: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        return losses(theta, inputs, targets).mean()

    def weighted_loss(theta: Tensor, inputs: Tensor, targets: Tensor, noise: Tensor) -> Tensor:
        return ((1 + noise) * losses(theta, inputs, targets)).mean()

    def step(state: Tensor, noise: Tensor, drawn: Tensor | None, numbers: Numbers, inputs, labels) -> Tensor:
        theta = state[: len(state) // 2] if structure.momentum_kind else state
        if drawn is not None:
            inputs, labels = inputs[drawn], labels[drawn]
        noise = noise * numbers.noise_std

        def gradient(at: Tensor) -> Tensor:
            if structure.noise_on == "gradient":
                slope = grad(batch_loss)(at, inputs, labels) + noise
            elif structure.noise_on == "losses":
                slope = grad(weighted_loss)(at, inputs, labels, noise)
            else:
                slope = grad(batch_loss)(at, inputs, labels + noise)
            return slope + numbers.weight_decay * at if structure.has_decay else slope

        plain = (
            _own_step(structure, gradient, theta, numbers.lr) if structure.own_step else -numbers.lr * gradient(theta)
        )
        if not structure.momentum_kind:
            return theta + plain
        velocity = numbers.momentum * state[len(state) // 2 :] + plain
        moved = velocity if structure.momentum_kind == "heavy-ball" else plain + numbers.momentum * velocity
        return torch.cat([theta + moved, velocity])

    return step


def _own_step(structure: Structure, gradient: Callable[[Tensor], Tensor], theta: Tensor, lr) -> Tensor:
    assert structure.own_step is not None
    added = structure.own_step(gradient, theta, lr)
    if not isinstance(added, Tensor) or added.shape != theta.shape:
        found = list(added.shape) if isinstance(added, Tensor) else type(added).__name__
        raise ValueError(f"step must return what is added to theta, {list(theta.shape)}, got {found}")
    return added


def eager_step(model: Model, structure: Structure) -> Step:
    """Return the function that moves replicas side by side, ``[P, R]``, given a block of noise and drawn data."""
    step = replica_step(model, structure)

    def steps(states: Tensor, block: Tensor, draws: Tensor | None, place, numbers: Numbers, inputs, labels) -> Tensor:
        noise, drawn = heard(structure, block, draws, place, states.dtype)
        in_dims = (-1, -1, None if drawn is None else -1, None, None, None)
        return vmap(step, in_dims=in_dims, out_dims=-1)(states, noise, drawn, numbers, inputs, labels)

    return steps


@cache
def traced_step(model: Model, structure: Structure) -> Step:
    """Return the eager step, traced for each set of shapes."""
    return Traced(eager_step(model, structure))


@cache
def compiled_step(model: Model, structure: Structure, shapes: tuple[Hashable, ...]) -> Step:
    """Return the eager step compiled by torch for one set of shapes; where no compiler works, as it is, with a warning.

    The compiler counts its recompilations per code object and gives up after a few, so each kernel gets a code object
    of its own.
    """
    from torch._dynamo.exc import BackendCompilerFailed  # slow to import, and seldom needed

    del shapes
    eager = eager_step(model, structure)
    fast = torch.compile(_with_own_code(eager), dynamic=False, fullgraph=True)
    chosen: list[Step] = []

    def step(*args: Tensor) -> Tensor:
        if not chosen:
            try:
                result = fast(*args)
                chosen.append(fast)
                return result
            except BackendCompilerFailed as error:
                warnings.warn(f"no working compiler for torch.compile; {SLOW}: {error}", stacklevel=2)
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
