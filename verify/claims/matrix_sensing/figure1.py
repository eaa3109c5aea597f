"""Figure 1: matrix sensing with label noise recovers the planted matrix, without noise it stays on a plateau.

The paper states d = 100, r = 5, n = 2500, A with N(0, 1) entries, label noise N(0, 0.1) and U_0 = I, and claims the
same for Gaussian U_0; profile ``paper`` has these. Not stated and chosen: U* with N(0, 1/d) entries, 0.1 as the
variance, the learning rate, batches of 100, errors as mean squares against noise-free labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from numerics.label_noise import RADEMACHER
from numerics.matrix_sensing import Planted
from numerics.packed_sensing import PackedSensing
from numerics.trajectory import trajectory
from verify.claim import STATED, Context, Control, Job, MeasuredClaim, Source
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import to_array
from verify.scatter import by_sample, of_samples, over_samples
from verify.sensing import (
    NUM_LOOKS_AT_END,
    SIZES,
    SMALL,
    Size,
    gaussian,
    identity,
    random_problems,
    runs,
    spectrum,
    times,
)

STARTS = ("identity", "gaussian")
TRAINING, TEST, EXCESS, TAIL, REG = range(5)
"""What is observed: training and test error, nuclear norm less that of X*, eigenvalues beyond its rank, reg."""
CONVERGED = {"identity": 1e-3, "gaussian": 1e-4}
"""Training has converged when its error first falls below this fraction of its start, which is larger if Gaussian."""
SHARE = 0.01
"""What label noise leaves of the plateau at most."""


def observed(ensemble: PackedSensing, rank: int, theta: Tensor) -> Tensor:
    """Return the five observables, ``[5, R]``."""
    errors, found = ensemble.errors(theta), spectrum(ensemble, rank, theta)
    return torch.stack([*errors, *found, ensemble.reg(theta)])


def path(size: Size, problems: list[Planted], theta: Tensor, context: Context, name: str, num_steps: int) -> Array:
    """Return the observables of a run on each problem at `times`, ``[times, 5, R]``."""
    ensemble = runs(problems, size.rule, context, name)
    observe = partial(observed, ensemble, size.rank)
    return to_array(trajectory(ensemble, theta, times(num_steps), observe))


def problems_and_start(size: Size, context: Context, start: str, job: int) -> tuple[list[Planted], Tensor, str]:
    """Return the problems of one job, where the runs start, and the job's name."""
    name = f"figure 1, {start}, {job}"
    problems = random_problems(size.dimension, size.rank, size.num_data, size.num_problems, context, name)
    if start == "identity":
        return list(problems), identity(size.dimension, size.num_problems), name
    return list(problems), gaussian(size.dimension, size.num_problems, context, name), name


def quiet(size: Size) -> Size:
    """Return the size without label noise."""
    return replace(size, rule=replace(size.rule, noise_std=0.0))


@dataclass(frozen=True)
class Plateau:
    """The final test error without noise over its value when training converged.

    Attributes:
        data: By world, by how much the number of measurements is multiplied.
    """

    data: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the simulations: from either start, in pieces."""
        pieces = range(SIZES[context.profile].num_jobs)
        return {f"{start} {k}": partial(self.measure, world, context, start, k) for start in STARTS for k in pieces}

    def measure(self, world: str, context: Context, start: str, job: int) -> Measurement:
        """Return the ratio for each problem of a job."""
        size = SIZES[context.profile]
        size = quiet(replace(size, num_data=round(self.data[world] * size.num_data)))
        problems, theta, name = problems_and_start(size, context, start, job)
        found = path(size, problems, theta, context, name, size.num_quiet)
        has_converged = found[:, TRAINING] < CONVERGED[start] * found[0, TRAINING]
        if not has_converged.any(0).all():
            raise ArithmeticError(f"training did not converge within {size.num_quiet} steps from every start")
        when = has_converged.argmax(0)
        return of_samples(found[-1, TEST] / found[when, TEST, np.arange(found.shape[2])])


def by_start(measurements: Mapping[str, Measurement], num_values: int) -> Array:
    """Return the values of all problems, those of either start side by side, ``[problems, 2 num_values]``."""
    records = [[m for name, m in measurements.items() if name.startswith(start)] for start in STARTS]
    return np.concatenate([by_sample(part, num_values) for part in records], axis=1)


def plateau_ratios(targets: Mapping[str, float], measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the ratio from U_0 = I and from Gaussian U_0."""
    num_samples = sum(record.num_samples for record in measurements.values())
    return over_samples(by_start(measurements, 1), np.full(2, targets[formula]), num_samples)


@dataclass(frozen=True)
class Recovery:
    """What label noise leaves at the end, in the mean over the last tenth, each quantity as a fraction of its bound.

    The quantities: test error, excess of the nuclear norm and eigenvalues beyond the rank, each over `SHARE` of what
    the run without noise ends with; the training error over 2 eta sigma^2 reg / B.

    Attributes:
        share: By world, the share of the steps that is taken.
    """

    share: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return the simulations: from either start, in pieces."""
        pieces = range(SIZES[context.profile].num_jobs)
        return {f"{start} {k}": partial(self.measure, world, context, start, k) for start in STARTS for k in pieces}

    def measure(self, world: str, context: Context, start: str, job: int) -> Measurement:
        """Return the four fractions for each problem of a job."""
        size = SIZES[context.profile]
        problems, theta, name = problems_and_start(size, context, start, job)
        num_steps = round(self.share[world] * size.num_steps)
        noisy = path(size, problems, theta, context, name, num_steps)
        without = path(quiet(size), problems, theta, context, name, size.num_quiet)
        rule, end, plateau = size.rule, noisy[-NUM_LOOKS_AT_END:].mean(0), without[-1]
        batch = rule.batch_size or size.num_data
        floor = rule.lr * rule.noise_std**2 / batch * end[REG]
        remaining = [end[k] / (SHARE * plateau[k]) for k in (TEST, EXCESS, TAIL)]
        series = {
            "d": np.array(size.dimension),
            "r": np.array(size.rank),
            "n": np.array(size.num_data),
            "lr": np.array(rule.lr),
            "noise variance": np.array(rule.noise_std**2),
            "batch": np.array(batch),
            "slow time per step": np.array((rule.lr * rule.noise_std) ** 2 / batch),
            f"{start} time": np.array(times(num_steps)),
            f"{start} noisy": noisy.mean(2),
            f"{start} quiet time": np.array(times(size.num_quiet)),
            f"{start} quiet": without.mean(2),
        }
        return of_samples(np.stack([remaining[0], end[TRAINING] / (2 * floor), *remaining[1:]], 1), series)


def fractions(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the four fractions from U_0 = I and from Gaussian U_0."""
    values = by_start(measurements, 4)
    target = np.zeros(8)
    if formula == "plateau":
        target[[0, 4]] = 1 / SHARE
    names = ("test error", "training error", "nuclear norm", "further eigenvalues")
    found = ", ".join(f"{name} {value:.3f}" for name, value in zip(names, values.mean(0), strict=False))
    series = {key: numbers for start in STARTS for key, numbers in measurements[f"{start} 0"].series.items()}
    num_samples = sum(record.num_samples for record in measurements.values())
    return over_samples(values, target, num_samples, f"fractions of their bounds from U_0 = I: {found}", series)


CHOICES: Mapping[str, tuple[float, float]] = {
    "X* twice as large": (2**0.5, 1.0),
    "signs for Gaussian noise": (1.0, 1.0),
    "noise 1.2 times as strong": (1.0, 1.2),
}
"""The scale of U* and of the noise, by choice; the number of steps keeps the slow time the same."""


@dataclass(frozen=True)
class Choices:
    """The test error over the last tenth of a run, over `SHARE` of the plateau, under other choices.

    Attributes:
        share: By world, the share of the steps that is taken.
    """

    share: Mapping[str, float]

    def preflight(self) -> None:
        """Nothing can be wrong: there are no inputs."""

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each choice."""
        return {choice: partial(self.measure, world, context, choice) for choice in CHOICES}

    def measure(self, world: str, context: Context, choice: str) -> Measurement:
        """Return the fraction for each problem."""
        size = replace(SMALL, num_problems=12, num_steps=20_000) if context.profile == "quick" else SIZES["full"]
        scale, noise = CHOICES[choice]
        law = RADEMACHER if choice.startswith("signs") else size.rule.noise
        rule = replace(size.rule, noise=law, noise_std=noise * size.rule.noise_std)
        num_steps = round(self.share[world] * size.num_steps / noise**2)
        name = f"choices, {choice}"
        arguments = (size.dimension, size.rank, size.num_data, size.num_problems, context, name, scale)
        problems, theta = list(random_problems(*arguments)), identity(size.dimension, size.num_problems)
        noisy = path(replace(size, rule=rule), problems, theta, context, name, num_steps)
        without = path(quiet(size), problems, theta, context, name, size.num_quiet)
        end = noisy[-NUM_LOOKS_AT_END:, TEST].mean(0)
        return of_samples(end / (SHARE * without[-1, TEST]))


def choice_fractions(targets: Mapping[str, float], measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return the fraction under each choice."""
    values = np.stack([measurements[choice].mean for choice in CHOICES], 1)
    note = ", ".join(f"{choice} {value:.3f}" for choice, value in zip(CHOICES, values.mean(0), strict=True))
    num_samples = sum(record.num_samples for record in measurements.values())
    return over_samples(values, np.full(len(CHOICES), targets[formula]), num_samples, note)


SOURCE = Source("blanc2020", "Figure 1")
ITEMS = ("Figure 1",)
DATA = "A_i with N(0, 1) entries, U* with N(0, 1/d) entries, Gaussian label noise"
PROFILES = (
    "d = 20, r = 2, n = 80 in the quick profile, d = 40, r = 3, n = 360 in full, the paper's d = 100, r = 5, n = 2500 "
    "in paper"
)

CLAIMS = (
    MeasuredClaim(
        id="sensing.recovery",
        title="Matrix sensing with label noise recovers the planted matrix",
        statement="With label noise test error, nuclear norm and the eigenvalues beyond the rank of X* end within 1 % "
        "of where they are without noise, and the training error below 2 eta sigma^2 reg / B.",
        source=SOURCE,
        hypotheses=(DATA, PROFILES, "from U_0 = I and from U_0 with N(0, 1/d) entries"),
        items=ITEMS,
        margin=1.0,
        why_margin="each quantity as a fraction of its bound",
        experiment=Recovery({STATED: 1.0, "stopped": 0.15}),
        estimate=fractions,
        controls=(
            Control("plateau", "formula", "the test error stays on the plateau"),
            Control("stopped", "world", "stopped after 15 % of the time, when the training error has long been small"),
        ),
    ),
    MeasuredClaim(
        id="sensing.plateau",
        title="Matrix sensing without label noise stays where training ends",
        statement="Without noise the test error stays at its value when the training error fell to 1e-3 of its start "
        "(from Gaussian U_0, where that start is higher, 1e-4).",
        source=SOURCE,
        hypotheses=(DATA, PROFILES, "from U_0 = I and from U_0 with N(0, 1/d) entries"),
        items=ITEMS,
        margin=0.1,
        why_margin="10 %: at the moment of convergence the test error is still settling by a few per cent",
        experiment=Plateau({STATED: 1.0, "enough-data": 2.0}),
        estimate=partial(plateau_ratios, {STATED: 1.0, "recovery": 0.0}),
        controls=(
            Control("recovery", "formula", "the test error vanishes"),
            Control("enough-data", "world", "twice the measurements, which determine the matrix alone"),
        ),
    ),
    MeasuredClaim(
        id="sensing.choices",
        title="The recovery does not hang on what the paper leaves open",
        statement="Whatever the scale of U*, the law and the strength of the noise: after the same slow time "
        "eta^2 sigma^2 t / B the test error is below 1 % of where it is without noise.",
        source=SOURCE,
        hypotheses=("d = 20, r = 2, n = 80 in the quick profile, else d = 40, r = 3, n = 360", "U_0 = I"),
        items=ITEMS,
        margin=1.0,
        why_margin="the test error as a fraction of that bound",
        experiment=Choices({STATED: 1.0, "stopped": 0.15}),
        estimate=partial(choice_fractions, {STATED: 0.0, "plateau": 1 / SHARE}),
        controls=(
            Control("plateau", "formula", "the test error stays on the plateau"),
            Control("stopped", "world", "stopped after 15 % of the time"),
        ),
    ),
)
