"""Two checks of one's own: an identity in symbols, and a measurement by an experiment of one's own, of skewed noise.

Run it with: python -m verify.all --claims docs/examples/own_check.py --only 'own.*'
The last run's numbers are in out/results.json, those for figures in out/series/own.third-moment.json. A package that is
installed offers its claims without --claims: in its pyproject.toml, under [project.entry-points."verify.claims"], write
own = "own_package.claims" for a module with a tuple CLAIMS.
"""

from functools import partial

import numpy as np
import torch

from numerics.drift import estimate, pair_means
from numerics.ensemble import Ensemble, State
from numerics.label_noise import STEPS_PER_BLOCK, NoiseLaw, two_point
from numerics.problem import Problem
from numerics.replica_blocks import REPLICAS_PER_BLOCK
from numerics.update_rule import UpdateRule
from theory.drift import derive
from theory.rule import BETA, HEAVY_BALL, SMALL_LR, Rule
from verify.claim import STATED, Control, Exact, ExactClaim, MeasuredClaim, Source
from verify.estimate import Estimate, Measurement
from verify.experiment import stream, to_array

SOURCE = Source("own", "this file")
LR = 0.1

# Exponential noise less its mean, cumulants (k - 1)!. What is drawn is uniform, so that the antithetic replicas can see
# 1 - u in place of u: the same skewed law. `numerics.label_noise.continuous` is for symmetric laws.
EXPONENTIAL = NoiseLaw(
    "exponential",
    draw=lambda g, shape: torch.rand((STEPS_PER_BLOCK, *shape), generator=g, dtype=torch.float64, device=g.device),
    reflect=lambda block: 1 - block,
    at=lambda block, step, dtype: (-block.index_select(0, step.reshape(1)).squeeze(0).log() - 1).to(dtype),
)


def momentum(variant):
    """Check the factor between the potentials with and without momentum."""
    heavy, plain = (derive(rule, SMALL_LR).potential for rule in (Rule(momentum=HEAVY_BALL), Rule()))
    factor = {STATED: (1 - BETA) ** -2, "first-power": (1 - BETA) ** -1, "momentum-only": BETA**-2}[variant]
    return Exact.tensor_equality(plain * factor, heavy)


class ThirdMoment:
    """E theta^3 of the model h = theta on one label 0: theta <- (1 - 2 lr) theta + 2 lr z."""

    def preflight(self):
        """Nothing can be wrong with the inputs; otherwise raise ValueError here, before any simulation."""

    def jobs(self, world, context):
        """Return the simulations of a world by name: here one, of the stated noise or the control's."""
        return {"steps": partial(self.measure, world, context)}

    def measure(self, world, context):
        """Return what was measured and what each formula predicts for it."""
        one = torch.ones(1, dtype=torch.float64, device=context.device)
        rule = UpdateRule(LR, 1.0, noise=EXPONENTIAL if world == STATED else two_point(0.3))
        size = 2**19 if context.profile == "quick" else 2**21
        # An undecided claim gets a second round, of other replicas.
        first_block = context.round * (size // REPLICAS_PER_BLOCK)
        problem = Problem(lambda theta, x: theta[0] * x, one, 0 * one)
        replicas = Ensemble(problem, rule, size, stream(context.seed, world, LR), first_block)
        end = replicas.advanced(State(one.new_zeros(1, size), 0), 64)
        found = estimate(pair_means(replicas, end.theta**3))
        kept = 1 - 2 * LR
        third = (2 * LR) ** 3 * 2 / (1 - kept**3)
        predictions = {STATED: np.array([third]), "last-step": np.array([(2 * LR) ** 3 * 2])}
        return Measurement(to_array(found.mean), to_array(found.covariance), found.num_samples, predictions)


def ratio(measurements, formula):
    """Return measured over predicted third moment."""
    record = measurements["steps"]
    predicted = record.predictions[formula]
    errors = np.sqrt(np.diag(record.covariance)) / predicted
    values = record.mean / predicted
    return Estimate(values, errors, np.ones(1), record.num_samples, series={"ratio": values, "standard_error": errors})


CLAIMS = (
    ExactClaim(
        id="own.momentum",
        title="What momentum does to the potential",
        statement="With the heavy ball the potential of the drift is that of plain steps over (1 - beta)^2",
        source=SOURCE,
        method="all dimensions",
        check=momentum,
        controls=(
            Control("first-power", "formula", "over 1 - beta"),
            Control("momentum-only", "formula", "over beta^2"),
        ),
    ),
    MeasuredClaim(
        id="own.third-moment",
        title="Skewed noise makes a skewed stationary law",
        statement="E theta^3 is (2 lr)^3 kappa_3 / (1 - (1 - 2 lr)^3), the sum over all past steps",
        source=SOURCE,
        margin=0.1,
        why_margin="a tenth: without the past steps it is half as large",
        experiment=ThirdMoment(),
        estimate=ratio,
        controls=(
            Control("last-step", "formula", "only the last step"),
            Control("less-skewed", "world", "noise of two values, third cumulant .87"),
        ),
    ),
)
