"""Where the slow flow of label noise leads deep linear networks whose product the data determine.

With as many measurements as M has entries the product W_L ... W_1 cannot move: the flow down reg only rearranges the
layers, and each network has a smallest value of its own. Two layers see random measurements, their first column twice
as large, deeper networks the unit matrices, whose mean covariance is exactly the identity. Products have the nuclear
norm 1, with which the flows of all three depths take about the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import sympy as sp
import torch
from torch import Tensor
from torch.func import vmap

from numerics.deep_linear import deep_linear_network, product, unit_measurements
from numerics.flow import flow
from numerics.problem import Problem
from numerics.regulariser import reg
from numerics.slow_flow import descent
from theory.flat_factorisation import INPUT, NUCLEAR, OUTPUT, attained
from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.estimate import Estimate, Measurement
from verify.experiment import stream, to_array
from verify.scatter import by_sample, of_samples, over_samples

COLUMNS, ROWS, INNER = 3, 2, 3
DEPTHS = (2, 3, 4)
SPREAD = 0.25
"""Standard deviation of the layers' entries around a unit matrix: far from flat, and well-conditioned."""
TIMES = 1.5 * torch.linspace(0, 1, 24, dtype=torch.float64) ** 1.5
"""Slow times of the steps, eta^2 sigma^2 t / B: the start is the fastest, and no step is longer than is stable."""
MOVED = 1e-3
"""How far entries of a product may come to lie from where they were: an unstable step moves them by far more."""
NUM_SHOWN = 8
"""Single starts for the figure."""
WORLD_SHARE = 2
LARGER = 2.0
"""How much larger the first column of the random measurements is than the others, so that they are not isotropic."""
FORMULAS = (STATED, "half", "frobenius", "isotropic")


def widths(depth: int) -> tuple[int, ...]:
    """Return d_0, ..., d_L."""
    return (COLUMNS, *(INNER,) * (depth - 1), ROWS)


def starts(depth: int, size: int, generator: torch.Generator) -> Tensor:
    """Return random layers whose products have the nuclear norm 1, ``[size, P]``."""
    shapes = zip(widths(depth)[1:], widths(depth), strict=False)
    centre = torch.cat([torch.eye(*shape, dtype=torch.float64).flatten() for shape in shapes])
    theta = centre + SPREAD * torch.randn(size, len(centre), generator=generator, dtype=torch.float64)
    return theta * torch.linalg.svdvals(products(theta, depth)).sum(-1, keepdim=True) ** (-1 / depth)


def random_measurements(generator: torch.Generator) -> Tensor:
    """Return as many normal measurements as M has entries, ``[N, d_L, d_0]``, of the mean square norm of many."""
    scale = torch.ones(COLUMNS, dtype=torch.float64)
    scale[0] = LARGER
    inputs = scale * torch.randn(ROWS * COLUMNS, ROWS, COLUMNS, generator=generator, dtype=torch.float64)
    return inputs * (ROWS * scale.square().sum() / inputs.square().sum((1, 2)).mean()).sqrt()


def products(theta: Tensor, depth: int) -> Tensor:
    """Return the products of layers ``[R, P]``, ``[R, d_L, d_0]``."""
    return vmap(partial(product, widths=widths(depth)))(theta)


def way(problem: Problem, theta: Tensor) -> Tensor:
    """Return the slow flow at all times from starts ``[R, P]``, ``[times, R, P]``."""
    field, path = descent(problem), [theta]
    for before, after in pairwise(TIMES.tolist()):
        path.append(flow(field, path[-1], after - before))
    return torch.stack(path)


def root(matrix: Tensor) -> Tensor:
    """Return the symmetric root of a positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def predicted(depth: int, inputs: Tensor, matrices: Tensor) -> dict[str, Tensor]:
    """Return the smallest reg of each product M ``[R, d_L, d_0]`` by formula.

    For two layers and any measurements S_L^(1/2) M S_R^(1/2) takes the place of M and the dimensions that of 1.
    """
    left, right = (inputs @ inputs.mT).mean(0), (inputs.mT @ inputs).mean(0)
    scaled = root(left) @ matrices @ root(right)
    dimensions = {INPUT: 1, OUTPUT: 1} if depth == 2 else {INPUT: COLUMNS, OUTPUT: ROWS}
    formula = sp.lambdify(NUCLEAR, attained(depth).subs(dimensions))
    isotropic = sp.lambdify(NUCLEAR, attained(depth).subs({INPUT: COLUMNS, OUTPUT: ROWS}))
    values = torch.linalg.svdvals(scaled if depth == 2 else matrices)
    return {
        STATED: formula(values.sum(-1)),
        "half": formula(values.sum(-1)) / 2,
        "frobenius": formula(values.square().sum(-1).sqrt()),
        "isotropic": isotropic(torch.linalg.svdvals(matrices).sum(-1)),
    }


def as_stated(inputs: Tensor) -> Tensor:
    """Return the measurements."""
    return inputs


def lopsided(inputs: Tensor) -> Tensor:
    """Return the measurements with the first column 30 % smaller."""
    return inputs * torch.tensor([0.7, *(1.0,) * (COLUMNS - 1)], dtype=inputs.dtype)


SEEN: Mapping[str, Callable[[Tensor], Tensor]] = {STATED: as_stated, "lopsided": lopsided, "no-noise": as_stated}


@dataclass(frozen=True)
class Descents:
    """ln reg at the end of the slow flow from random starts; four times as many outside the quick profile."""

    num_replicas: int = 32

    def preflight(self) -> None:
        """Raise ValueError if too few starts are left for the wrong simulations."""
        if self.num_replicas < 2 * WORLD_SHARE:
            raise ValueError(f"num_replicas must be at least {2 * WORLD_SHARE}, got {self.num_replicas}")

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each depth."""
        return {f"depth {depth}": partial(self.measure, world, context, depth) for depth in DEPTHS}

    def measure(self, world: str, context: Context, depth: int) -> Measurement:
        """Return ln(reg / predicted) of each network by each formula, flat.

        Raises:
            ArithmeticError: If the products have moved: the steps are too long.
        """
        generator = torch.Generator().manual_seed(stream(context.seed, f"{world} {context.round}", depth))
        size = self.num_replicas * (1 if context.profile == "quick" else 4) // (1 if world == STATED else WORLD_SHARE)
        inputs = random_measurements(generator) if depth == 2 else unit_measurements(ROWS, COLUMNS)
        theta = starts(depth, size, generator)
        problem = Problem(deep_linear_network(widths(depth)), SEEN[world](inputs), torch.zeros(len(inputs)).double())
        path = theta[None] if world == "no-noise" else way(problem, theta)
        matrices = products(theta, depth)
        moved = float((products(path[-1], depth) - matrices).abs().max())
        if not moved <= MOVED:
            raise ArithmeticError(f"the entries of a product have moved by {moved:.1e}")
        logs = reg(problem, path.flatten(0, 1).T).unflatten(0, path.shape[:2]).log()
        smallest = {name: value.log() for name, value in predicted(depth, inputs, matrices).items()}
        above = logs - smallest[STATED]
        return of_samples(
            to_array(torch.stack([logs[-1] - smallest[name] for name in FORMULAS], 1)),
            {"time": to_array(TIMES), "single": to_array(above[:, :NUM_SHOWN]), "mean": to_array(above.mean(1))},
        )


def log_ratios(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return ln(reg at the end / predicted), the mean over the starts, for each depth; 0 if right."""
    records = list(measurements.values())
    column = FORMULAS.index(formula)
    ratios = np.stack([by_sample([record], len(FORMULAS))[:, column] for record in records], axis=1)
    series = {f"{name} {key}": value for name, record in measurements.items() for key, value in record.series.items()}
    note = "reg above the prediction at the start, ln: " + ", ".join(f"{r.series['mean'][0]:.2f}" for r in records)
    return over_samples(ratios, np.zeros(len(records)), len(ratios), note=note, series=series)


CLAIMS = (
    MeasuredClaim(
        id="factorisation.descent",
        title="Where the slow flow leads deep linear networks of 2, 3 and 4 layers",
        statement="The flow down reg along the manifold ends at 2 |S_L^(1/2) M S_R^(1/2)|_* for two layers, and at "
        "L (d_0 d_L)^(1/L) |M|_*^(2 - 2/L) for isotropic measurements.",
        source=Source("wind2022", "Conclusion"),
        items=("wind2022: Conclusion", "gatmiry2023: Abstract: Schatten 1-norm"),
        hypotheses=(
            f"d_0 = {COLUMNS}, d_L = {ROWS}, inner widths {INNER}; as many measurements as M has entries",
            f"two layers: normal measurements, the first column {LARGER:g} times as large, mean square fixed; "
            "more: unit matrices",
            "random starts, each with a product M of its own, |M|_* = 1",
            f"slow time eta^2 sigma^2 t / B up to {TIMES[-1]:g}",
        ),
        margin=0.01,
        why_margin="1 %: the flow has .1 % left to fall at most, and the wrong formulas are off by 20 % and more",
        experiment=Descents(),
        estimate=log_ratios,
        controls=(
            Control("half", "formula", "half of it"),
            Control("frobenius", "formula", "the Frobenius norm"),
            Control("isotropic", "formula", "two layers as if the measurements were isotropic"),
            Control("lopsided", "world", "the first column of every measurement 30 % smaller"),
            Control("no-noise", "world", "no label noise, hence no slow flow"),
        ),
    ),
)
