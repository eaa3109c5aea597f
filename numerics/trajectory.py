"""Observables of an ensemble along its way, and where a way of several legs ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from numerics.ensemble import Ensemble, State
from numerics.problem import Problem
from numerics.update_rule import UpdateRule


class Replicas(Protocol):
    """Replicas that can be stepped, such as a `numerics.ensemble.Ensemble`."""

    def advanced(self, state: State, num_steps: int) -> State:
        """Return the state after ``num_steps`` more steps."""
        ...


def trajectory(ensemble: Replicas, theta: Tensor, times: Sequence[int], observe: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ``observe`` of the parameters at the given steps, ``[times, ...]``.

    Args:
        ensemble: The replicas.
        theta: Where they start, ``[P, R]``.
        times: Increasing numbers of steps.
        observe: ``[P, R] -> [...]``.

    Raises:
        ValueError: If the times do not increase.
    """
    if any(b <= a for a, b in zip([-1, *times], times, strict=False)):
        raise ValueError(f"times must increase from 0 on, got {list(times)}")
    state, observed = State(theta, 0), []
    for time in times:
        state = ensemble.advanced(state, time - state.step)
        observed.append(observe(state.theta))
    return torch.stack(observed)


class Leg(NamedTuple):
    """A stretch of full-batch steps with one learning rate and one noise."""

    lr: float
    noise_std: float
    num_steps: int


def annealed(problem: Problem, theta: Tensor, legs: Sequence[Leg], seed: int) -> Tensor:
    """Return where the legs lead from ``[P, R]``, one after the other, ``[P, R]``."""
    state = State(theta, 0)
    for lr, noise_std, num_steps in legs:
        state = Ensemble(problem, UpdateRule(lr, noise_std), theta.shape[1], seed).advanced(state, num_steps)
    return state.theta
