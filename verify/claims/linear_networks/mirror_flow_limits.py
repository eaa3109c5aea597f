"""Diagonal networks without noise: the limit of gradient flow minimises the potential that the start's scale sets.

The flow of the two-layer network, beta = w_+^2 - w_-^2, is taken by small gradient steps, which shrink w_+ w_- by the
factor 1 - 4 eta^2 g^2 each. By convexity the limit minimises Q among all predictors that fit the data if and only if
grad Q lies in the span of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy as sp
import torch
from scipy.optimize import linprog

from numerics.ensemble import Ensemble, State
from numerics.models import signed_diagonal_network
from numerics.problem import Problem
from numerics.update_rule import UpdateRule
from theory.mirror_flow import (
    DIFFERENCE,
    PREDICTOR,
    START,
    mirror_slope,
)
from verify.claim import STATED, Context, Control, Job, MeasuredClaim
from verify.claims.linear_networks.mirror_flow import FLOW, SOURCE
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import stream, to_array
from verify.scatter import mean_of_samples

SLOPES = {
    STATED: mirror_slope(DIFFERENCE),
    "unhalved": sp.asinh(PREDICTOR / START**2),
    "least-squares": PREDICTOR,
    "basis-pursuit": sp.sign(PREDICTOR),
}
"""Q', by formula, up to a factor."""
SCALES = (1e-5, 1e-3, 1e-2, 0.1, 0.3, 1.0, 2.0, 3.0)
"""alpha."""
UNEQUAL = 0.5
"""w_-(0) over w_+(0) in the world of unequal starts."""
LR = 1e-3
TIME, PATIENCE = 100.0, 50
"""How long the steps go on, and how many times as long where the data are not fitted by then."""
FITTED = 1e-4
"""Mean squared error of a limit. One problem in twenty takes longer; an error of 5e-3 left an l1 norm 12 % short."""
NUM_INPUTS, NUM_DATA, TRUTH = 20, 12, (1.0, -1.5)


def random_problem(seed: int) -> Problem:
    """Return Gaussian inputs whose labels are those of a predictor with two coefficients."""
    inputs = torch.randn(NUM_DATA, NUM_INPUTS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Problem(signed_diagonal_network, inputs, inputs[:, : len(TRUTH)] @ inputs.new_tensor(TRUTH))


def limits(problem: Problem, start: torch.Tensor) -> Array:
    """Return beta at the end of small steps from each start ``[2d, R]``, ``[d, R]``.

    Raises:
        ArithmeticError: If the data are not fitted from every start.
    """
    replicas, state = Ensemble(problem, UpdateRule(LR, 0.0), start.shape[1], seed=0), State(start, 0)
    for _ in range(PATIENCE):
        state = replicas.advanced(state, round(TIME / LR))
        beta = state.theta[:NUM_INPUTS].square() - state.theta[NUM_INPUTS:].square()
        if bool(((problem.inputs @ beta - problem.labels[:, None]).square().mean(0) < FITTED).all()):
            return to_array(beta)
    raise ArithmeticError(f"the data are not fitted from every start by the time {PATIENCE * TIME:g}")


def least_absolute(inputs: Array, labels: Array) -> float:
    """Return the smallest l1 norm of a predictor that fits the data, by linear programming."""
    found = linprog(np.ones(2 * inputs.shape[1]), A_eq=np.hstack([inputs, -inputs]), b_eq=labels, method="highs")
    return float(found.fun)


@dataclass(frozen=True)
class Limits:
    """What holds of the limits on random problems.

    Attributes:
        ratio: w_-(0) / w_+(0), by world.
        scale: By world, all starts have this scale instead of their own.
    """

    ratio: Mapping[str, float]
    scale: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the one simulation."""
        return {"limits": partial(self.measure, world, context)}

    def measure(self, world: str, context: Context) -> Measurement:
        """Return, in the mean over problems, how far grad Q is out of the span of the data, by scale and formula.

        Then the excess of the l1 norm at the smallest scale and of the l2 norm at the largest, and these two exchanged.
        """
        size = 14 if context.profile == "quick" else 48
        scales = np.array([self.scale.get(world, scale) for scale in SCALES])
        start = torch.ones(2 * NUM_INPUTS, 1, dtype=torch.float64) * torch.from_numpy(scales)
        start[NUM_INPUTS:] *= self.ratio.get(world, 1.0)
        found = []
        for k in range(size):
            problem = random_problem(stream(context.seed, f"{world}, round {context.round}", k))
            inputs, labels = to_array(problem.inputs), to_array(problem.labels)
            beta = limits(problem, start)
            outside = np.eye(NUM_INPUTS) - np.linalg.pinv(inputs) @ inputs
            shares = []
            for formula in SLOPES.values():
                slope = np.broadcast_to(
                    sp.lambdify((PREDICTOR, START), formula, "numpy")(beta, np.array(SCALES)), beta.shape
                )
                shares.append(np.linalg.norm(outside @ slope, axis=0) / np.linalg.norm(slope, axis=0))
            norms = np.abs(beta).sum(0), np.linalg.norm(beta, axis=0)
            least = least_absolute(inputs, labels), float(np.linalg.norm(np.linalg.pinv(inputs) @ labels))
            excess = [norms[p][place] / least[p] - 1 for p, place in ((0, 0), (1, -1), (1, 0), (0, -1))]
            found.append([*np.concatenate(shares), *excess])
        return mean_of_samples(np.array(found).T, series={"alpha": np.array(SCALES)})


def shares(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the shares of grad Q outside the span of the data for one formula, one for each scale."""
    return _part(measurements, list(SLOPES).index(formula) * len(SCALES), len(SCALES))


def excesses(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the excess of the l1 norm from the smallest scale and of the l2 norm from the largest."""
    return _part(measurements, len(SLOPES) * len(SCALES) + {STATED: 0, "exchanged": 2}[formula], 2)


def _part(measurements: Mapping[str, Measurement], first: int, count: int) -> Estimate:
    (record,) = measurements.values()
    part = slice(first, first + count)
    errors = np.sqrt(np.diag(record.covariance))[part]
    return Estimate(record.mean[part], errors, np.zeros(count), record.num_samples, record.num_samples - 1)


SETTING = f"{NUM_DATA} Gaussian data in {NUM_INPUTS} dimensions, two coefficients; alpha from 1e-5 to 3; eta = {LR}"


CLAIMS = (
    MeasuredClaim(
        id="mirror-flow.minimiser",
        title="The limit minimises the potential at every scale of the start",
        statement="grad Q at the limit lies in the span of the data.",
        source=SOURCE,
        hypotheses=(*FLOW[1:], SETTING),
        items=("woodworth2020: limit of the flow",),
        margin=0.01,
        why_margin="1 % of |grad Q|: the steps' own shrinking of w_+ w_- moves grad Q by less than .1 %, a wrong "
        "potential by 2 % or more at some scale",
        experiment=Limits({"unequal": UNEQUAL}, {}),
        estimate=shares,
        controls=(
            Control("unhalved", "formula", "asinh(z) for asinh(z/2)"),
            Control("least-squares", "formula", "the least l2 norm"),
            Control("basis-pursuit", "formula", "the least l1 norm"),
            Control("unequal", "world", "w_- starts at half of w_+"),
        ),
    ),
    MeasuredClaim(
        id="mirror-flow.limits",
        title="Small starts lead to the least l1 norm, large ones to the least l2 norm",
        statement="The excess over the least l1 norm at alpha = 1e-5 and over the least l2 norm at alpha = 3 is 0.",
        source=SOURCE,
        hypotheses=(*FLOW[1:], SETTING),
        items=("woodworth2020: Abstract: transition", "woodworth2020: limit of the flow"),
        margin=0.05,
        why_margin="5 %: the excess of the l1 norm goes with 1 / log(1 / alpha); the norms exchanged, and starts "
        "between the two, are off by 10 % or more",
        experiment=Limits({}, {"one-scale": 0.3}),
        estimate=excesses,
        controls=(
            Control("exchanged", "formula", "the l2 norm for small starts, the l1 norm for large ones"),
            Control("one-scale", "world", "both from alpha = .3"),
        ),
    ),
)
