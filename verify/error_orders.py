"""Observed orders of an error as the learning rate tends to 0: gradient descent against flows of its modified field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn.functional import pad

from numerics.ensemble import Ensemble, State
from numerics.flow import flow, midpoint_steps
from numerics.problem import Problem
from numerics.traced import Traced
from numerics.update_rule import UpdateRule
from verify.claim import Context, Job
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import stream, to_array
from verify.lowering.modified_equation import modified_field_terms
from verify.scatter import mean_of_samples

Multipliers = tuple[float, ...]
"""What multiplies the coefficients of lr^0, lr^1, ...: (1, 1) is the derived field with two terms."""
Steps = Callable[[Problem, Tensor, float, int], Tensor]
Terms = Callable[[Problem, int], Callable[[Tensor], Tensor]]


def gradient_descent(problem: Problem, theta: Tensor, lr: float, num_steps: int) -> Tensor:
    """Return parameters ``[M, P]`` after full-batch steps without noise."""
    replicas = Ensemble(problem, UpdateRule(lr, noise_std=0.0), len(theta), seed=0, compiled=False)
    return replicas.advanced(State(theta.T, 0), num_steps).theta.T


def midpoint_descent(problem: Problem, theta: Tensor, lr: float, num_steps: int) -> Tensor:
    """Return parameters ``[M, P]`` after steps of the midpoint rule along the negative gradient."""

    def loss(at: Tensor) -> Tensor:
        return (vmap(problem.model, in_dims=(None, 0))(at, problem.inputs) - problem.labels).square().mean()

    return midpoint_steps(Traced(lambda at: -vmap(grad(loss))(at)), theta, lr, num_steps)


@dataclass(frozen=True)
class ErrorOrders:
    """The orders of |theta_n - flow of a field at time n lr| as lr -> 0, for n = 1 or a fixed time, over random starts.

    Attributes:
        problem: Returns model and data.
        num_parameters: P; the starts are normal with mean 0.
        spread: Standard deviation of the starts.
        lrs: Learning rates, each half of the one before.
        time: The fixed time, a multiple of every learning rate; None: one step.
        fields: By formula, the fields whose errors have the orders that are claimed.
        orders: The orders that are claimed.
        worlds: What takes the steps, by world: (problem, starts ``[M, P]``, lr, num_steps) -> ends ``[M, P]``.
        num_starts: Independent starts; four times as many in the larger profiles.
        num_flow_steps: Steps of the flow, whose own error is of order 8 in their length.
        terms: (problem, number of terms) -> the function that returns the field's coefficients, ``[terms, M, P]``.
        powers: The power of lr of each term; None: 0, 1, 2, ...
        num_extra: Further components of the flow's state, which start at 0 and are not compared.
    """

    problem: Callable[[], Problem]
    num_parameters: int
    lrs: Sequence[float]
    time: float | None
    fields: Mapping[str, Sequence[Multipliers]]
    orders: Sequence[float]
    worlds: Mapping[str, Steps]
    spread: float = 1.0
    num_starts: int = 64
    num_flow_steps: int = 1
    terms: Terms = modified_field_terms
    powers: Sequence[int] | None = None
    num_extra: int = 0

    @property
    def distinct_fields(self) -> list[Multipliers]:
        """All fields of all formulas, each once: their errors are measured on the same starts."""
        return list(dict.fromkeys(field for fields in self.fields.values() for field in fields))

    def preflight(self) -> None:
        """Check the inputs.

        Raises:
            ValueError: If the learning rates are not halved each time, or do not divide the time.
        """
        if any(after != before / 2 for before, after in pairwise(self.lrs)):
            raise ValueError(f"lrs must be halved from one to the next, got {list(self.lrs)}")
        if self.time is not None and self.time / self.lrs[0] % 1:
            raise ValueError(f"time must be a multiple of the learning rates, got {self.time} with {list(self.lrs)}")

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the one simulation."""
        return {"orders": partial(self.measure, world, context)}

    def measure(self, world: str, context: Context) -> Measurement:
        """Return the mean orders at learning rate 0 of all distinct fields."""
        generator = torch.Generator().manual_seed(stream(context.seed, f"{world}/{context.round}", 0.0))
        size = self.num_starts * (1 if context.profile == "quick" else 4)
        start = self.spread * torch.randn(size, self.num_parameters, generator=generator, dtype=torch.float64)
        errors = to_array(self.errors(self.worlds[world], start))
        orders = order_at_zero_lr(errors)
        found = mean_of_samples(orders)
        series = {
            "lr": np.array(self.lrs),
            "errors": np.exp(np.log(errors).mean(2)),
            "order": found.mean,
            "order_standard_error": np.sqrt(np.diag(found.covariance)),
        }
        return replace(found, series=series)

    def errors(self, steps: Steps, start: Tensor) -> Tensor:
        """Return |theta_n - flow| for starts ``[M, P]``: ``[lrs, fields, M]``."""
        problem, fields = self.problem(), self.distinct_fields
        num_terms = max(map(len, fields))
        factors = torch.tensor([[*field, *(0.0,) * (num_terms - len(field))] for field in fields], dtype=start.dtype)
        lrs = torch.tensor(self.lrs, dtype=start.dtype)
        powers = torch.arange(num_terms) if self.powers is None else torch.tensor(self.powers)
        # Every row is one learning rate, one field and one start; all flow together.
        coefficients = (factors * lrs[:, None, None] ** powers).repeat_interleave(len(start), dim=1)
        coefficients = coefficients.flatten(0, 1).T[:, :, None]
        terms = self.terms(problem, num_terms)
        times = lrs.repeat_interleave(len(fields) * len(start))[:, None] if self.time is None else self.time
        ends = flow(
            lambda theta: (coefficients * terms(theta)).sum(0),
            pad(start, (0, self.num_extra)).repeat(len(lrs) * len(fields), 1),
            times,
            num_steps=self.num_flow_steps,
        )[:, : start.shape[1]]
        taken = [steps(problem, start, lr, 1 if self.time is None else round(self.time / lr)) for lr in self.lrs]
        return (ends.unflatten(0, (len(lrs), len(fields), -1)) - torch.stack(taken)[:, None]).norm(dim=-1)

    def estimate(self, measurements: Mapping[str, Measurement], formula: str) -> Estimate:
        """Return the observed orders of a formula's fields, to be compared with those that are claimed."""
        (record,) = measurements.values()
        chosen = [self.distinct_fields.index(field) for field in self.fields[formula]]
        return Estimate(
            record.mean[chosen],
            np.sqrt(np.diag(record.covariance))[chosen],
            np.array(self.orders, dtype=float),
            record.num_samples,
            degrees_of_freedom=record.num_samples - 1,
            note="observed orders " + ", ".join(f"{order:.4f}" for order in record.mean[chosen]),
            series=record.series,
        )


def order_at_zero_lr(errors: Array) -> Array:
    """Return the order of errors ``[lrs, ...]``, each lr half of the one before, extrapolated to lr 0, ``[...]``.

    log2 of the ratio of neighbours is the order plus a power series in lr, whose lowest power each round removes.
    """
    orders = np.log2(errors[:-1] / errors[1:])
    for power in range(1, len(orders)):
        orders = orders[1:] + (orders[1:] - orders[:-1]) / (2**power - 1)
    return orders[0]
