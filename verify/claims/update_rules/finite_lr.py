"""Large learning rates at small noise: the log-determinant potential, and the drift where the leading order fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy as sp
from torch import Tensor

from numerics.problem import Problem
from numerics.zero_loss_manifold import normal_space
from theory.drift import derive
from theory.gamma_chain import GAMMA_EIGENVALUE as GAMMA
from theory.rule import ETA, SIGMA, SMALL_LR, N, Rule
from verify import places
from verify.claim import STATED, Context, Control, Exact, ExactClaim, Job, MeasuredClaim, Source
from verify.drift_claim import FORMULAS, MARGIN, DriftExperiment, at_zero_lr, deviation, same_potential
from verify.estimate import Array, Estimate, Measurement
from verify.experiment import Place, World, stream, to_array
from verify.lowering.drift import mean_drift
from verify.lowering.rule import RuleChoice

SOURCE = Source("implicit-reg", "derived here")
POTENTIAL = {
    STATED: -ETA * SIGMA**2 / N * sp.log(1 - ETA * GAMMA),
    "leading-order": ETA**2 * SIGMA**2 / N * GAMMA,
    "two-orders": ETA**2 * SIGMA**2 / N * (GAMMA + ETA * GAMMA**2 / 2),
    "half-curvature": -2 * ETA * SIGMA**2 / N * sp.log(1 - ETA * GAMMA / 2),
}


def check_potential(variant: str) -> Exact:
    """Compare a function of Gamma whose trace is the potential with the derived one, full batches."""
    return same_potential(POTENTIAL[variant], Rule(sampling="full"))


@dataclass(frozen=True, kw_only=True)
class SmallNoise(DriftExperiment):
    """The drift at several learning rates, each at several strengths of the noise.

    Attributes:
        noise_stds: Standard deviations of the noise, which takes the place of the learning rate as small parameter.
    """

    noise_stds: tuple[float, ...]

    def jobs(self, world: str, context: Context) -> dict[str, Job]:
        """Return one simulation for each learning rate and strength of the noise."""
        return {
            f"lr {lr:g}, std {std:g}": partial(self.at_noise(std).measured, world, context, lr, std)
            for lr in self.lrs
            for std in self.noise_stds
        }

    def at_noise(self, std: float) -> "SmallNoise":
        """Return the experiment with noise of one strength; the world control's is 5 % stronger."""
        louder = World(replace(self.choice, noise_std=1.05 * std))
        return replace(self, choice=replace(self.choice, noise_std=std), worlds={"louder": louder})

    def measured(self, world: str, context: Context, lr: float, std: float) -> Measurement:
        """Return measured and predicted drift, with the noise's variance as small parameter.

        Each strength has randomness of its own: the fit takes its points to be independent.
        """
        own = replace(context, seed=stream(context.seed, f"std {std!r}", lr))
        record = self.measure(world, own, lr)
        sharpness = 2 * float(normal_space(*self.place()).eigenvalues[0])
        series = {"variance": np.array(std**2), "product": np.array(lr * sharpness)}
        return replace(record, series=dict(record.series) | series)

    def predictions(self, derived: Tensor, problem: Problem, theta: Tensor, lr: float) -> dict[str, Array]:
        """Return also the drift to leading order in eta."""
        window, discard = self.window(problem, theta, lr)
        leading_order = derive(self.choice.symbolic, SMALL_LR)
        leading = mean_drift(leading_order, self.choice, problem, theta, lr, window, discard=discard)
        return super().predictions(derived, problem, theta, lr) | {"leading-order": to_array(leading)}


def ratio_at_zero_noise(measurements: Mapping[str, Measurement], formula: str) -> Estimate:
    """Return measured over predicted drift at each learning rate, extrapolated to noise 0 by a line in its variance.

    The series hold eta lambda_max and the leading order in eta, in units of the prediction, besides.
    """
    lrs = sorted({float(record.series["lr"]) for record in measurements.values()})
    found, weakest = [], []
    for lr in lrs:
        records = {name: record for name, record in measurements.items() if float(record.series["lr"]) == lr}

        def length(record: Measurement) -> float:
            return float(np.linalg.norm(record.predictions[formula]))

        found.append(at_zero_lr(deviation(records, formula, formula, length, small="variance"), offset=1.0))
        weakest.append(min(records.values(), key=lambda record: float(record.series["variance"])))
    ratios = ", ".join(
        f"{e.values[0]:.4f} +- {e.standard_errors[0]:.4f} at lr {lr:g}" for e, lr in zip(found, lrs, strict=True)
    )
    return Estimate(
        np.concatenate([e.values for e in found]),
        np.concatenate([e.standard_errors for e in found]),
        np.concatenate([e.targets for e in found]),
        sum(e.num_samples for e in found),
        misfit=min(1.0, len(found) * min(e.misfit for e in found)),
        note=ratios,
        series={
            "product": np.array([record.series["product"] for record in weakest]),
            "ratio": np.array([e.values[0] for e in found]),
            "standard_error": np.array([e.standard_errors[0] for e in found]),
            "leading": np.array([along(record, "leading-order", formula) for record in weakest]),
        },
    )


def along(record: Measurement, formula: str, other: str) -> float:
    """Return the drift by one formula along that by another, in units of the latter."""
    unit = record.predictions[other]
    return float(record.predictions[formula] @ unit / (unit @ unit))


@dataclass(frozen=True)
class RatesAtSharpness(Sequence[float]):
    """The learning rates at which eta times the largest eigenvalue of the loss's Hessian has given values at a place.

    They are worked out when first asked for: listing the claims must not wait for it.
    """

    place: Place
    products: tuple[float, ...]

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The rates."""
        sharpness = 2 * float(normal_space(*self.place()).eigenvalues[0])
        return tuple(product / sharpness for product in self.products)

    def __len__(self) -> int:
        return len(self.products)

    def __getitem__(self, place):
        return self.values[place]


LEADING_ORDER = Control("leading-order", "formula", "the drift to leading order in eta")


def small_noise_claim(
    id: str,
    rule: str,
    choice: RuleChoice,
    products: tuple[float, ...],
    items: tuple[str, ...] = (),
    controls: tuple[Control, ...] = (),
    experiment: type[SmallNoise] = SmallNoise,
    **sizes: Any,
) -> MeasuredClaim:
    """Return the claim that measured over derived drift tends to 1 as the noise tends to 0, at fixed learning rates.

    Args:
        id: The claim's id.
        rule: The update in words.
        choice: The rule.
        products: Learning rates in units of 1 / lambda_max, of the loss's Hessian.
        items: The items that it covers.
        controls: Controls beside half the drift, descent on |theta|^2 and stronger noise.
        experiment: What measures, and predicts for the controls.
        sizes: Further fields of `SmallNoise`.
    """
    rates = ", ".join(f"{product:g}" for product in products)
    return MeasuredClaim(
        id=id,
        title=f"Drift at eta lambda_max = {rates}: {rule}, tanh network (P = 12, N = 2)",
        statement="At each of these rates, measured over derived drift tends to 1, and to 0 in every other tangent "
        "direction, as the noise tends to 0.",
        source=SOURCE,
        items=items,
        hypotheses=("zero training error at theta*", "independent label noise", "full batches"),
        margin=MARGIN,
        why_margin="1 %: each wrong formula is off by a fifth or more at one of the rates at least, the stronger noise "
        "by a tenth",
        experiment=experiment(
            place=places.small_tanh,
            choice=choice,
            lrs=RatesAtSharpness(places.small_tanh, products),
            noise_stds=(0.02, 0.015, 0.01, 0.005),
            **sizes,
        ),
        estimate=ratio_at_zero_noise,
        controls=(
            *controls,
            *(control for control in FORMULAS if control.id != "standard-deviation"),
            Control("louder", "world", "label noise 5 % stronger than predicted for"),
        ),
    )


CLAIMS = (
    ExactClaim(
        id="finite-lr.potential",
        title="The potential of the drift, exact in eta, any model and dimension",
        statement="drift = -P grad tr F(Gamma), F = -(eta sigma^2 / n) log(1 - eta gamma)",
        source=SOURCE,
        hypotheses=("zero training error at theta*", "independent label noise", "full batches", "small noise"),
        method="all dimensions",
        check=check_potential,
        controls=(
            Control("leading-order", "formula", "the eta -> 0 limit, reg"),
            Control("two-orders", "formula", "the series cut after its second term"),
            Control("half-curvature", "formula", "eta gamma / 2 for eta gamma: a Hessian Gamma for 2 Gamma"),
        ),
    ),
    small_noise_claim(
        "finite-lr.drift",
        "plain steps",
        RuleChoice(),
        (0.5, 1.0, 1.5),
        items=("damian2021: Abstract: regularised loss", "damian2021: Abstract: large learning rates"),
        controls=(LEADING_ORDER,),  # not with momentum: its ratio is no line in the variance, and decides nothing
        num_replicas=65536,
        relaxations=24.0,
    ),
    small_noise_claim(
        "finite-lr.drift.heavy-ball",
        "heavy ball, beta = .5",
        RuleChoice(momentum=0.5),
        (0.9, 1.8),
        items=("damian2021: Abstract: momentum",),
        num_replicas=32768,
        relaxations=48.0,
        discard=24.0,
    ),
    small_noise_claim(
        "finite-lr.drift.nesterov",
        "Nesterov momentum, beta = .5",
        RuleChoice(momentum=0.5, momentum_kind="nesterov"),
        (0.45, 0.9),
        num_replicas=8192,
        relaxations=48.0,
        discard=24.0,
    ),
)
