import pytest
import sympy as sp
import torch

from tests.oracles import all_batches, fixed_point, lyapunov, relative_error
from theory.gamma_chain import GAMMA_EIGENVALUE
from theory.index_algebra import RANGE, H
from theory.rule import ETA, RESIDUAL, SIGMA, SMALL_LR, SMALL_NOISE, B, LabelNoise, N, Rule, Scaling, kappa
from theory.second_moments import S
from theory.stationary_covariance import covariance_equations, stationary_covariance
from verify.lowering.stationary_covariance import covariance_matrix

QUARTIC = RESIDUAL**2 + RESIDUAL**4 / 10
STD = 0.3
TOLERANCE = 1e-10
SHARED = LabelNoise("shared")
GAMMA = (H("j", label="a") * H("k", label="a")).averaged("a")
RULES = [("full", None, "independent"), ("iid", 2, "independent"), ("full", None, "shared"), ("iid", 2, "shared")]


def moments_ratio() -> sp.Expr:
    """Return E[l'(z)^2] / E[l''(z)] for the quartic loss, from the moments of symmetric noise."""
    moment = {2: SIGMA**2, 4: kappa(4) + 3 * SIGMA**4, 6: kappa(6) + 15 * kappa(4) * SIGMA**2 + 15 * SIGMA**6}

    def mean(polynomial: sp.Expr) -> sp.Expr:
        terms = sp.Poly(polynomial, RESIDUAL).terms()
        return sum((c * (moment[power] if power else 1) for (power,), c in terms), sp.Integer(0))

    return mean(sp.expand(sp.diff(QUARTIC, RESIDUAL) ** 2)) / mean(sp.diff(QUARTIC, RESIDUAL, 2))


def numbers(problem, lr, batch_size):
    return {
        ETA: lr,
        SIGMA: STD,
        N: problem.num_data,
        B: batch_size or problem.num_data,
        kappa(4): -2 * STD**4,
        kappa(6): 16 * STD**6,
    }


def learning_rate(problem, theta) -> float:
    """Return a rate at which every sample's own step contracts."""
    return 0.5 / float(problem.jacobian(theta).square().sum(1).max())


def equal(left: sp.Expr, right: sp.Expr) -> bool:
    return sp.simplify(left - right) == 0


@pytest.mark.parametrize("rule", [Rule(), Rule(sampling="full")], ids=lambda r: r.sampling)
def test_small_learning_rate_makes_the_covariance_isotropic(rule):
    derived = stationary_covariance(rule, SMALL_LR)
    assert equal(derived.spectral, ETA * SIGMA**2 / rule.batch)
    assert derived.expression == RANGE("j", "k") * (ETA * SIGMA**2 / rule.batch)


def test_full_batches_at_fixed_learning_rate_have_a_rational_spectrum():
    derived = stationary_covariance(Rule(sampling="full"), SMALL_NOISE)
    assert equal(derived.spectral, ETA * SIGMA**2 / (N * (1 - ETA * GAMMA_EIGENVALUE)))
    assert derived.expression == S("j", "k")


def test_spectrum_at_fixed_learning_rate_tends_to_the_isotropic_one():
    fixed = stationary_covariance(Rule(sampling="full"), SMALL_NOISE).spectral
    small = stationary_covariance(Rule(sampling="full"), SMALL_LR).spectral
    assert sp.limit(fixed / small, ETA, 0) == 1


@pytest.mark.parametrize(
    ("rule", "scaling"),
    [
        (Rule(), SMALL_NOISE),
        (Rule(noise=SHARED), SMALL_LR),
        (Rule(sampling="full", noise=SHARED), SMALL_LR),
        (Rule(sampling="full", noise=SHARED), SMALL_NOISE),
    ],
    ids=str,
)
def test_covariance_is_no_function_of_gamma_where_noise_or_steps_are_not(rule, scaling):
    derived = stationary_covariance(rule, scaling)
    assert derived.spectral is None
    assert derived.expression == S("j", "k")


def test_quartic_loss_has_the_covariance_of_its_own_moments():
    derived = stationary_covariance(Rule(QUARTIC), SMALL_LR)
    assert equal(derived.spectral, ETA * moments_ratio() / (2 * B))


def test_equation_of_a_full_batch_is_the_linear_recursion():
    gamma_s = GAMMA.reindexed({"k": "l"}) * S("l", "k")
    damping = gamma_s + gamma_s.reindexed({"j": "k", "k": "j"})
    gamma_s_gamma = GAMMA.reindexed({"k": "l"}) * S("l", "m") * GAMMA.reindexed({"j": "m"})
    noise = GAMMA * (ETA**2 * SIGMA**2 / N)
    expected = damping * (-2 * ETA) + gamma_s_gamma * (4 * ETA**2) + noise * 4
    assert covariance_equations(Rule(sampling="full"), SMALL_NOISE) == {S: expected}


@pytest.mark.parametrize(
    ("loss", "noise"),
    [(QUARTIC, LabelNoise(symmetric=False)), (RESIDUAL**2 + RESIDUAL**3, LabelNoise(symmetric=False))],
    ids=["quartic", "cubic"],
)
@pytest.mark.parametrize("sampling", ["full", "iid"])
def test_skewed_noise_pushes_a_curved_loss_away(loss, noise, sampling):
    with pytest.raises(ValueError, match="is not stationary"):
        stationary_covariance(Rule(loss, sampling, noise), SMALL_LR)


def test_symmetric_noise_pushes_a_skewed_loss_away():
    with pytest.raises(ValueError, match="is not stationary"):
        stationary_covariance(Rule(RESIDUAL**2 + RESIDUAL**3), SMALL_LR)


def test_skewed_noise_on_the_square_is_stationary():
    derived = stationary_covariance(Rule(noise=LabelNoise(symmetric=False)), SMALL_LR)
    assert equal(derived.spectral, ETA * SIGMA**2 / B)


def test_scaling_without_balance_of_noise_and_damping_is_refused():
    large_displacement = Scaling("displacement larger than the noise drives", lr=2, displacement=0, noise=0)
    with pytest.raises(ValueError, match="no balance of noise and damping"):
        stationary_covariance(Rule(), large_displacement)


@pytest.mark.agreement("stationary-covariance")
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_covariance_at_fixed_learning_rate_is_the_fixed_point_of_all_steps(place, sampling, batch_size, sharing):
    problem, theta = place
    lr = learning_rate(problem, theta)
    derived = stationary_covariance(Rule(sampling=sampling, noise=LabelNoise(sharing)), SMALL_NOISE)
    batches = all_batches(problem.num_data, batch_size, sharing, STD)
    actual = covariance_matrix(derived, problem, theta, numbers(problem, lr, batch_size)).dense
    assert relative_error(actual, fixed_point(problem, theta, batches, lr)) < TOLERANCE


@pytest.mark.agreement("stationary-covariance")
@pytest.mark.parametrize(
    "loss", [(RESIDUAL**2, torch.square), (QUARTIC, lambda r: r**2 + r**4 / 10)], ids=["r2", "r2+r4"]
)
@pytest.mark.parametrize(("sampling", "batch_size", "sharing"), RULES)
def test_covariance_for_small_learning_rates_solves_the_lyapunov_equation(place, sampling, batch_size, sharing, loss):
    problem, theta = place
    symbolic, elementwise = loss
    derived = stationary_covariance(Rule(symbolic, sampling, LabelNoise(sharing)), SMALL_LR)
    batches = all_batches(problem.num_data, batch_size, sharing, STD)
    actual = covariance_matrix(derived, problem, theta, numbers(problem, 0.01, batch_size)).dense
    assert relative_error(actual, lyapunov(problem, theta, batches, 0.01, elementwise)) < TOLERANCE


def test_the_fixed_point_tells_iid_steps_from_full_batches(place):
    problem, theta = place
    lr = learning_rate(problem, theta)
    derived = stationary_covariance(Rule(), SMALL_NOISE)
    batches = all_batches(problem.num_data, None, "independent", STD)
    actual = covariance_matrix(derived, problem, theta, numbers(problem, lr, problem.num_data)).dense
    assert relative_error(actual, fixed_point(problem, theta, batches, lr)) > 1e-3
