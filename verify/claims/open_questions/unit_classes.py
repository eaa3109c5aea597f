"""Two-layer networks on k data points: how many classes of units are left after label noise?

Of one data point Theorem 3 says: one or two, besides silent units. Section 1.2 holds O(k) likely for k points. Data are
drawn at random, and one network is run from several random starts for each data set; the noise is taken away at the
end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from torch import Generator, Tensor

from numerics.models import logistic_network, tanh_network
from numerics.problem import Model, Problem
from numerics.trajectory import Leg, annealed
from verify.claim import STATED, Context, Control, Exploration, Job, Source
from verify.ends import ACTIVATIONS, Network
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import stream, to_array

DIMENSION, WIDTH = 3, 16
LENGTH = 1.5
"""|x| of all data, without the coordinate 1 of the biases."""
SPREAD = 0.4
"""Standard deviation of all parameters at the start."""
NUM_RUNS = 8
"""Starts for each data set."""
TRAINING = Leg(0.02, 0.0, 4000)
"""Before and after the steps with noise."""
LR, NOISE_STD = 0.07, 1.0
ALIKE = 0.1
"""Units are of one class if they, or a chain of units between them, differ by less than this fraction of the largest
value, in each hidden value and in the output weight."""
SILENT = 0.01
"""A unit is silent if its outputs are below this fraction of the largest label."""


class Scale(NamedTuple):
    """Largest number of data points, number of data sets, and length of the noisy run in units of 1 / drift."""

    most_data: int
    num_sets: int
    time: float


SCALES: Mapping[str, Scale] = {
    "quick": Scale(4, 10, 100.0),
    "full": Scale(5, 16, 400.0),
    "paper": Scale(6, 16, 1600.0),
}


@dataclass(frozen=True)
class Classes:
    """The number of classes of units, by number of data points.

    Attributes:
        network: The kind of network.
        is_noisy: Whether there is label noise, by world.
    """

    network: Network
    is_noisy: Mapping[str, bool]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each number of data points."""
        numbers = range(1, SCALES[context.profile].most_data + 1)
        return {f"k = {k}": partial(self.measure, world, context, k) for k in numbers}

    def measure(self, world: str, context: Context, num_data: int) -> Measurement:
        """Return the numbers of classes and of units that are not silent, averaged over the starts and data sets."""
        scale = SCALES[context.profile]
        num_steps = round(scale.time * num_data / (LR * NOISE_STD) ** 2) if self.is_noisy[world] else 0
        legs = (TRAINING, Leg(LR, NOISE_STD, num_steps), TRAINING)
        rows = []
        for number in range(scale.num_sets):
            seed = stream(context.seed, f"{world} {context.round} {number}", float(num_data))
            generator = torch.Generator().manual_seed(seed)
            problem = random_data(model(self.network), num_data, generator)
            start = SPREAD * torch.randn(WIDTH * (DIMENSION + 2), NUM_RUNS, dtype=torch.float64, generator=generator)
            units = self.units(problem, annealed(problem, start, legs, seed))
            silence = SILENT * float(problem.labels.abs().max())
            rows.append(np.mean([classes(of_one, silence) for of_one in units], axis=0))
        table = np.array(rows)
        return Measurement(
            table.mean(0), np.cov(table.T) / len(table), len(table), series={"num_data": np.array(num_data)}
        )

    def units(self, problem: Problem, theta: Tensor) -> Array:
        """Return h(x_1), ..., h(x_k), c of each unit, ``[R, width, k + 1]``; of tanh units the sign is taken out."""
        weights = theta[: WIDTH * DIMENSION].unflatten(0, (WIDTH, DIMENSION))
        biases, outputs = theta[WIDTH * DIMENSION :].unflatten(0, (2, WIDTH))
        values = ACTIVATIONS[self.network](torch.einsum("wdr,kd->wrk", weights, problem.inputs) + biases[..., None])
        found = torch.cat([values, outputs[..., None]], dim=-1)
        if self.network is tanh_network:
            found = found * outputs.sign()[..., None]
        return to_array(found.transpose(0, 1))


@cache
def model(network: Network) -> Model:
    """Return the model, always the same function, so that it is compiled once for each number of data points."""
    return network(DIMENSION, WIDTH)


def random_data(of_model: Model, num_data: int, generator: Generator) -> Problem:
    """Return inputs of one length in random directions, and labels of random signs between 1/2 and 3/2 in size."""
    inputs = torch.randn(num_data, DIMENSION, dtype=torch.float64, generator=generator)
    sizes, signs = torch.rand(2, num_data, dtype=torch.float64, generator=generator)
    labels = (0.5 + sizes) * (signs - 0.5).sign()
    return Problem(of_model, LENGTH * inputs / inputs.norm(dim=1, keepdim=True), labels)


def classes(units: Array, silence: float) -> tuple[int, int]:
    """Return the numbers of classes and of units, silent ones left out; units are ``[width, k + 1]``, the last c."""
    active = units[abs(units[:, :-1] * units[:, -1:]).max(1) > silence]
    scaled = active / abs(active).max(0)
    is_alike = (abs(scaled[:, None] - scaled) < ALIKE).all(-1)
    return int(connected_components(is_alike, directed=False)[0]), len(active)


def growth(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the numbers of classes, of the most data first, and their slope against k, beside a class for each."""
    del formula
    records = list(measurements.values())
    num_data = np.array([float(record.series["num_data"]) for record in records])
    means = np.array([record.mean[0] for record in records])
    errors = np.array([record.covariance[0, 0] ** 0.5 for record in records])
    # Not weighted: where all runs end alike the error is 0.
    weights = (num_data - num_data.mean()) / ((num_data - num_data.mean()) ** 2).sum()
    slope, error = weights @ means, np.hypot.reduce(weights * errors)
    active = ", ".join(f"{record.mean[1]:.1f}" for record in records)
    return Estimate(
        np.array([*means[::-1], slope]),
        np.array([*errors[::-1], error]),
        np.array([*num_data[::-1], 1.0]),
        sum(record.num_samples for record in records),
        degrees_of_freedom=records[0].num_samples - 1,
        note=f"for k = 1 to {len(records)}: {', '.join(map('{:.2f}'.format, means))} classes of {active} units; "
        f"slope {slope:.2f} +- {error:.2f}",
        series={"num_data": num_data, "classes": means, "standard_errors": errors},
    )


def exploration(kind: str, network: Network) -> Exploration:
    """Return the exploration of one kind of network."""
    return Exploration(
        id=f"open-questions.classes.{kind}",
        title=f"Classes of {kind} units by the number of data points",
        statement=f"For k data points, are there O(k) classes of {kind} units at the end, and how many for each point?",
        source=Source("blanc2020", "Section 1.2"),
        hypotheses=(
            f"{WIDTH} units; k inputs of length {LENGTH} in random directions of {DIMENSION} dimensions, and biases",
            "labels of random signs between 1/2 and 3/2 in size",
            f"full batches, eta = {LR}, sigma = {NOISE_STD:g}; time 100 in units of 1 / (eta^2 sigma^2 / k), "
            "in the larger profiles 400 and 1,600",
            "one class: within 10 % of the largest value in each hidden value and in the output weight, or a chain of "
            "such units",
            "units whose outputs are below 1 % of the largest label are silent and not counted",
        ),
        experiment=Classes(network, {STATED: True, "no-noise": False}),
        estimate=growth,
        controls=(Control("no-noise", "world", "training without label noise"),),
    )


CLAIMS = (exploration("tanh", tanh_network), exploration("logistic", logistic_network))
