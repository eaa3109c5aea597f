"""Label noise at large learning rates: the penalty on sharpness, in the convention of half the squared error.

With L = (1/(2n)) sum (h_i - y_i)^2 the Hessian at zero error is Gamma. lambda = eta sigma^2 / B, with B = n for the
full batch; the drift per step is -eta lambda P grad R, and -(eta / (1 - beta)) lambda P grad R with momentum.
"""

import sympy as sp

from theory.drift import derive, projected
from theory.gamma_chain import GAMMA_EIGENVALUE as GAMMA
from theory.index_algebra import H
from theory.rule import BETA, ETA, HEAVY_BALL, RESIDUAL, SIGMA, SMALL_LR, SMALL_NOISE, B, N, Rule
from verify.claim import STATED, Control, Exact, ExactClaim, Source
from verify.drift_claim import same_potential

SOURCE = Source("implicit-reg", "derived here")
LOSS = RESIDUAL**2 / 2
FULL = Rule(loss=LOSS, sampling="full")
STRENGTH = ETA * SIGMA**2 / N
PENALTY = -sp.log(1 - ETA * GAMMA / 2) / (2 * ETA)
PENALTIES = {
    STATED: PENALTY,
    "quarter-trace": GAMMA / 4,
    "two-orders": GAMMA / 4 + ETA * GAMMA**2 / 16,
    "whole-curvature": -sp.log(1 - ETA * GAMMA) / (4 * ETA),
}


def check_potential(variant: str) -> Exact:
    """Compare eta lambda R with the potential of the derived drift, full batches."""
    return same_potential(ETA * STRENGTH * PENALTIES[variant], FULL)


COVARIANCES = {
    STATED: STRENGTH / (2 - ETA * GAMMA),
    "small-lr": STRENGTH / 2,
    "squared-error": STRENGTH / (1 - ETA * GAMMA),
    "langevin": STRENGTH / (GAMMA * (2 - ETA * GAMMA)),
}


def check_covariance(variant: str) -> Exact:
    """Compare a function of Gamma with the derived stationary covariance."""
    derived = derive(FULL, SMALL_NOISE).covariance.spectral
    if derived is None:
        raise ArithmeticError("the stationary covariance is no function of Gamma")
    return Exact.equality(COVARIANCES[variant], derived)


_momentum_strength = STRENGTH / (1 - BETA)
_momentum_penalty = -(1 + BETA) / (2 * ETA) * sp.log(1 - ETA * GAMMA / (2 * (1 + BETA)))
MOMENTUM = {
    STATED: ETA / (1 - BETA) * _momentum_strength * _momentum_penalty,
    "plain-penalty": ETA / (1 - BETA) * _momentum_strength * PENALTY,
    "raw": ETA * STRENGTH * _momentum_penalty,
    "one-power": ETA * _momentum_strength * _momentum_penalty,
}


def check_momentum(variant: str) -> Exact:
    """Compare (eta / (1 - beta)) lambda R with the potential of the heavy ball's derived drift."""
    return same_potential(MOMENTUM[variant], Rule(loss=LOSS, sampling="full", momentum=HEAVY_BALL))


COEFFICIENTS = {
    STATED: lambda k: 1 / (sp.Integer(2) ** (k + 2) * (k + 1)),
    "geometric": lambda k: 1 / sp.Integer(2) ** (k + 2),
    "halved": lambda k: 1 / (sp.Integer(2) ** (2 * k + 2) * (k + 1)),
}
NUM_ORDERS = 6


def check_expansion(variant: str) -> Exact:
    """Compare the coefficients of eta^k gamma^(k+1) with those of the penalty that the derived potential stands for."""
    potential = derive(FULL, SMALL_NOISE).spectral_potential
    if potential is None:
        raise ArithmeticError("the engine found no potential")
    series = sp.series(sp.cancel(potential / (ETA * STRENGTH)), GAMMA, 0, NUM_ORDERS + 1).removeO()
    terms = (COEFFICIENTS[variant](k) * ETA**k * GAMMA ** (k + 1) for k in range(NUM_ORDERS))
    stated = sum(terms, sp.Integer(0))
    return Exact.equality(stated, sp.expand(series))


SHARES = {STATED: 1, "constant": 0, "falling": -1}


def check_large_eigenvalues(variant: str) -> Exact:
    """Check the sign of the slope of R' relative to R'(0) = 1/4, at fixed lambda, and where it diverges.

    1/R' = 4 (1 - eta gamma / 2) is a line in gamma: its slope is negative, so that R' rises with gamma.
    """
    potential = derive(FULL, SMALL_NOISE).spectral_potential
    slope = sp.cancel(1 / sp.diff(sp.sympify(potential) / (ETA * STRENGTH), GAMMA))
    line = sp.Poly(slope, GAMMA)
    rising = -sp.sign(line.coeff_monomial(GAMMA))
    pairs = [
        (sp.Integer(SHARES[variant]), rising),
        (sp.Integer(1), sp.Integer(line.degree())),
        (sp.Integer(4), line.coeff_monomial(1)),
        (2 / ETA, sp.solve(slope, GAMMA)[0]),
    ]
    return Exact.equalities(pairs)._replace(measured=f"1/R' = {slope}")


_trace = (H("k", label="a") * H("k", label="a")).averaged("a")
STRENGTHS = {
    STATED: ETA * SIGMA**2 / B,
    "deviation": ETA * SIGMA / B,
    "any-batch": ETA * SIGMA**2,
    "no-lr": SIGMA**2 / B,
}


def check_strength(variant: str) -> Exact:
    """Compare -eta lambda P grad tr H / 4 with the derived drift of full, iid and reshuffled batches."""
    found = []
    for sampling in ("full", "iid", "reshuffle"):
        rule = Rule(loss=LOSS, sampling=sampling)
        strength = STRENGTHS[variant].subs(B, rule.batch)
        stated = projected(_trace.derivative("j")) * (-ETA * strength / 4)
        found.append(Exact.tensor_equality(stated, derive(rule, SMALL_LR).drift))
    return Exact.every(found)


ZERO_ERROR = ("zero training error", "independent label noise", "L = half the mean squared error")
SMALL = (*ZERO_ERROR, "full batches, B = n", "small noise at fixed eta, eta gamma < 2")
CLAIMS = (
    ExactClaim(
        id="sharpness.potential",
        title="The penalty on sharpness at any learning rate",
        statement="drift = -eta lambda P grad R, R = -(1/(2 eta)) tr log(1 - (eta/2) H), lambda = eta sigma^2 / B",
        source=SOURCE,
        items=("damian2021: Abstract: regularised loss",),
        hypotheses=SMALL,
        method="all dimensions",
        check=check_potential,
        controls=(
            Control("quarter-trace", "formula", "tr H / 4, its limit for small eta"),
            Control("two-orders", "formula", "the series cut after its second term"),
            Control("whole-curvature", "formula", "eta H for eta H / 2: the squared error's Hessian"),
        ),
    ),
    ExactClaim(
        id="sharpness.covariance",
        title="The stationary covariance at any learning rate",
        statement="S = lambda (2 - eta H)^-1 on the range of H",
        source=SOURCE,
        items=("damian2021: Abstract: regularised loss",),
        hypotheses=SMALL,
        method="all dimensions",
        check=check_covariance,
        controls=(
            Control("small-lr", "formula", "lambda / 2, its limit for small eta"),
            Control("squared-error", "formula", "1 - eta H, the squared error's"),
            Control("langevin", "formula", "divided by H besides, as for noise that ignores H"),
        ),
    ),
    ExactClaim(
        id="sharpness.heavy-ball",
        title="The penalty on sharpness with momentum",
        statement="drift = -(eta / (1 - beta)) lambda P grad R, lambda = eta sigma^2 / (B (1 - beta)), "
        "R = -((1 + beta)/(2 eta)) tr log(1 - eta H / (2 (1 + beta)))",
        source=SOURCE,
        items=("damian2021: Abstract: momentum",),
        hypotheses=SMALL,
        method="all dimensions",
        check=check_momentum,
        controls=(
            Control("plain-penalty", "formula", "the penalty of plain steps"),
            Control("raw", "formula", "eta and lambda without momentum"),
            Control("one-power", "formula", "one power of 1 / (1 - beta)"),
        ),
    ),
    ExactClaim(
        id="sharpness.expansion",
        title="The penalty on sharpness, expanded in the learning rate",
        statement="R = tr H / 4 + eta tr H^2 / 16 + eta^2 tr H^3 / 48 + ... = "
        "sum_k eta^k tr H^(k+1) / (2^(k+2) (k + 1))",
        source=SOURCE,
        items=("damian2021: Abstract: large learning rates",),
        hypotheses=(*SMALL, f"compared to eta^{NUM_ORDERS - 1}"),
        method="all dimensions",
        check=check_expansion,
        controls=(
            Control("geometric", "formula", "without k + 1"),
            Control("halved", "formula", "a further factor 2 for each order"),
        ),
    ),
    ExactClaim(
        id="sharpness.large-eigenvalues",
        title="Beyond linear scaling: large eigenvalues count more",
        statement="At fixed lambda an eigenvalue gamma of H weighs R'(gamma) = 1 / (4 - 2 eta gamma), which rises with "
        "gamma from 1/4 and diverges at gamma = 2 / eta.",
        source=Source("damian2021", "Abstract"),
        items=("damian2021: Abstract: large learning rates",),
        hypotheses=SMALL,
        method="certificate",
        check=check_large_eigenvalues,
        controls=(
            Control("constant", "formula", "the same weight for all, as for small eta"),
            Control("falling", "formula", "a weight that falls"),
        ),
    ),
    ExactClaim(
        id="sharpness.strength",
        title="The effective parameter of the penalty",
        statement="lambda = eta sigma^2 / B: to leading order in eta the drift is -eta lambda P grad tr H / 4",
        source=Source("damian2021", "Abstract"),
        items=("damian2021: Abstract: effective parameter",),
        hypotheses=(*ZERO_ERROR, "full, iid and reshuffled batches", "leading order in eta"),
        method="all dimensions",
        check=check_strength,
        controls=(
            Control("deviation", "formula", "sigma for its square"),
            Control("any-batch", "formula", "the same for every batch size"),
            Control("no-lr", "formula", "sigma^2 / B"),
        ),
    ),
)
