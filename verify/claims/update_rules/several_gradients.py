"""Steps that take several gradients of one noisy batch: where they look decides the drift, even its sign.

The step functions below are all that is written of each rule: theory executes them with series, numerics with tensors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import cast

import numpy as np
import sympy as sp
from torch import Tensor

from numerics.problem import Problem
from theory.drift import derive
from theory.gamma_chain import GAMMA_EIGENVALUE as GAMMA
from theory.index_algebra import Expr
from theory.regulariser import REG
from theory.rule import ETA, SIGMA, SMALL_LR, SMALL_NOISE, N, Rule, StepFunction, parameter
from verify import places
from verify.claim import STATED, Claim, Control, Exact, ExactClaim, Source
from verify.claims.update_rules.finite_lr import LEADING_ORDER, SmallNoise, small_noise_claim
from verify.drift_claim import DriftExperiment, drift_claim
from verify.estimate import Array
from verify.experiment import to_array
from verify.lowering.drift import mean_drift
from verify.lowering.rule import RuleChoice

SOURCE = Source("implicit-reg", "derived here")
HYPOTHESES = ("zero training error at theta*", "independent label noise", "all gradients of a step see the same noise")


def sharpness_aware(gradient, theta, lr, ratio):
    """The gradient further up: sharpness-aware minimisation without normalisation, of radius ratio * lr."""
    return -lr * gradient(theta + ratio * lr * gradient(theta))


def extragradient(gradient, theta, lr):
    """The gradient where a step would lead."""
    return -lr * gradient(theta - lr * gradient(theta))


def midpoint(gradient, theta, lr):
    """The gradient half a step ahead: Runge's method."""
    return -lr * gradient(theta - lr / 2 * gradient(theta))


def heun(gradient, theta, lr):
    """The mean of the gradients here and one step ahead."""
    first = gradient(theta)
    return -lr / 2 * (first + gradient(theta - lr * first))


def repeated(gradient, theta, lr):
    """Two steps on the same batch with the same noise."""
    first = -lr * gradient(theta)
    return first - lr * gradient(theta + first)


RATIO = parameter("ratio")
MULTIPLES: Mapping[str, Mapping[StepFunction, sp.Expr]] = {
    name: {step: sp.sympify(multiple) for step, multiple in multiples.items()}
    for name, multiples in {
        STATED: {sharpness_aware: 1 + 2 * RATIO, extragradient: -1, midpoint: 0, heun: 0, repeated: 2},
        "plain": {sharpness_aware: 1, extragradient: 1, midpoint: 1, heun: 1, repeated: 2},
        "once": {sharpness_aware: 1 + RATIO, extragradient: 0, midpoint: sp.Rational(1, 2), heun: 0, repeated: 2},
        "squared": {sharpness_aware: 1 + 2 * RATIO, extragradient: -1, midpoint: 0, heun: 0, repeated: 4},
    }.items()
}
"""Of the drift of plain steps; ``plain``: the displacement forgotten; ``once``: its force taken for half of what it is;
``squared``: two steps on one batch taken for one of twice the length."""


def check_multiples(variant: str) -> Exact:
    """Compare the potentials of the five steps with multiples of that of plain steps, iid and full batches."""
    results = []
    for step, multiple in MULTIPLES[variant].items():
        for sampling in ("iid", "full"):
            rule = Rule(sampling=sampling, step=step)
            potential = derive(rule, SMALL_LR).potential or Expr(())
            results.append(Exact.tensor_equality(REG * (multiple * ETA**2 * SIGMA**2 / rule.batch), potential))
    return Exact.every(results)


_u = ETA * GAMMA
_EXACT = {
    sharpness_aware: (1 + 2 * RATIO + 2 * RATIO * _u) * (1 + 2 * RATIO * _u) / (1 - _u - 2 * RATIO * _u**2),
    extragradient: -(1 - 4 * _u**2) / (1 - _u + 2 * _u**2),
    midpoint: -_u * (1 - _u) / (1 - _u + _u**2),
    heun: _u**2 / (1 - _u + _u**2),
    repeated: sp.Integer(2),
}
SLOPES: Mapping[str, Mapping[StepFunction, sp.Expr]] = {
    STATED: _EXACT,
    "plain": dict.fromkeys(_EXACT, 1 / (1 - _u)),
    "leading-order": MULTIPLES[STATED],
    "half-curvature": {step: slope.subs(GAMMA, GAMMA / 2) for step, slope in _EXACT.items()},
}
"""F'(gamma) in units of eta^2 sigma^2 / n."""
SHOWN_RATIO = sp.Rational(1, 2)
PRODUCTS = np.linspace(0, 0.48, 49)
"""Values of eta gamma for the figure, below the limit of stability of every one of the steps."""


def check_slopes(variant: str) -> Exact:
    """Compare F' of the five steps, full batches, with the derived potentials'; the series hold the derived ones."""
    found = Exact.equalities([(stated, _slope(step)) for step, stated in SLOPES[variant].items()])
    if variant != STATED:
        return found
    slopes = {step.__name__.replace("_", "-"): _slope(step).subs(RATIO, SHOWN_RATIO) for step in _EXACT}
    series = {name: _values(slope) for name, slope in ({"plain": _slope(None)} | slopes).items()}
    return found._replace(series={"product": PRODUCTS} | series)


@cache
def _slope(step: StepFunction | None) -> sp.Expr:
    """Return the derived F'(gamma) in units of eta^2 sigma^2 / n."""
    potential = derive(Rule(sampling="full", step=step), SMALL_NOISE).spectral_potential
    if potential is None:
        raise ArithmeticError(f"the engine found no potential for {step}")
    return cast(sp.Expr, sp.factor(sp.diff(potential, GAMMA) * N / (ETA * SIGMA) ** 2))


def _values(slope: sp.Expr) -> Array:
    """Return a slope at `PRODUCTS`."""
    product = sp.Symbol("u")
    function = sp.lambdify(product, slope.subs(ETA, product / GAMMA).simplify(), "numpy")
    return np.broadcast_to(function(PRODUCTS), PRODUCTS.shape).astype(float)


@dataclass(frozen=True, kw_only=True)
class BesidePlain(DriftExperiment):
    """The drift, against that of plain steps too."""

    def predictions(self, derived: Tensor, problem: Problem, theta: Tensor, lr: float) -> dict[str, Array]:
        """Return also the mean drift that plain steps would have, ``[P]``."""
        choice = replace(self.choice, step=None, parameters={})
        window, discard = self.window(problem, theta, lr)
        plain = mean_drift(derive(choice.symbolic, SMALL_NOISE), choice, problem, theta, lr, window, discard=discard)
        return super().predictions(derived, problem, theta, lr) | {"plain": to_array(plain)}


@dataclass(frozen=True, kw_only=True)
class AtFixedRate(BesidePlain, SmallNoise):
    """The same at fixed learning rates."""


PLAIN = Control("plain", "formula", "the drift of plain steps")


def at_fixed_rate(step: StepFunction, words: str, products: tuple[float, ...], size: int, *controls: Control) -> Claim:
    """Return the claim on a step's drift at learning rates in units of 1 / lambda_max."""
    values = {"ratio": float(SHOWN_RATIO)} if step is sharpness_aware else {}
    claim = small_noise_claim(
        f"several-gradients.{step.__name__.replace('_', '-')}",
        words,
        RuleChoice(step=step, parameters=values),
        products,
        controls=(PLAIN, *controls),
        experiment=AtFixedRate,
        num_replicas=size,
        relaxations=24.0,
    )
    return replace(claim, hypotheses=(*HYPOTHESES, "full batches"))


CLAIMS = (
    ExactClaim(
        id="several-gradients.potential",
        title="Steps that take several gradients of one batch, any model and dimension",
        statement="drift = -c (eta^2 sigma^2 / B) P grad reg to leading order; c = 1 + 2 ratio for the gradient at "
        "theta + ratio eta gradient(theta) (sharpness-aware steps), -1 one step ahead (extragradient), 0 half a step "
        "ahead and for Heun's method, 2 for two steps on one batch",
        source=SOURCE,
        hypotheses=(*HYPOTHESES, "iid or full batches"),
        method="all dimensions",
        check=check_multiples,
        controls=(
            Control("plain", "formula", "c = 1 wherever the gradients are taken"),
            Control("once", "formula", "the displacement's force without its factor 2"),
            Control("squared", "formula", "c = 4 for two steps on one batch, as for one step of twice the length"),
        ),
    ),
    ExactClaim(
        id="several-gradients.large-lr",
        title="The same steps at fixed learning rate: their potentials, any model and dimension",
        statement="drift = -P grad tr F(Gamma), F' = (eta^2 sigma^2 / n) f(eta gamma): f(u) = (1 + 2 r + 2 r u) "
        "(1 + 2 r u) / (1 - u - 2 r u^2) for sharpness-aware steps of ratio r, -(1 - 4 u^2) / (1 - u + 2 u^2) for "
        "extragradient, -u (1 - u) / (1 - u + u^2) for the midpoint, u^2 / (1 - u + u^2) for Heun, 2 for repeated ones",
        source=SOURCE,
        hypotheses=(*HYPOTHESES, "full batches", "small noise"),
        method="all dimensions",
        check=check_slopes,
        controls=(
            Control("plain", "formula", "1 / (1 - u), that of plain steps"),
            Control("leading-order", "formula", "the values at u = 0"),
            Control("half-curvature", "formula", "eta gamma / 2 for eta gamma"),
        ),
    ),
    drift_claim(
        id="several-gradients.single-samples",
        title="Drift of extragradient steps on single samples, tanh network (P = 12, N = 2)",
        statement="It climbs reg: measured over derived drift tends to 1, and to 0 in every other tangent direction, "
        "as eta -> 0.",
        source=SOURCE,
        hypotheses=(*HYPOTHESES, "iid batches of 1"),
        experiment=BesidePlain(
            place=places.small_tanh,
            choice=RuleChoice(noise_std=0.5, sampling="iid", batch_size=1, step=extragradient),
            lrs=(0.015, 0.01, 0.0075, 0.005, 0.004),
            num_replicas=8192,
        ),
        controls=(PLAIN,),
    ),
    at_fixed_rate(sharpness_aware, "sharpness-aware steps, ratio 1/2", (0.4, 0.8), 16384, LEADING_ORDER),
    at_fixed_rate(extragradient, "extragradient steps", (0.3, 0.6), 16384, LEADING_ORDER),
    at_fixed_rate(repeated, "two steps on one batch", (0.5, 1.0), 16384),
    at_fixed_rate(midpoint, "midpoint steps", (1.0,), 65536),
    at_fixed_rate(heun, "Heun's steps", (1.0,), 65536),
)
