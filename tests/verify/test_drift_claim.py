from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from numerics.ensemble import REPLICAS_PER_CHUNK
from numerics.problem import Problem
from tests.models import interpolated, tanh_place
from tests.numerics.wrong_derivatives import wrong_at
from tests.oracles import relative_error, tangent
from theory.drift import derive
from theory.rule import SMALL_NOISE
from verify.claim import STATED, Context, Control, Source
from verify.decision import Verdict, verdicts
from verify.drift_claim import DriftExperiment, deviation, drift_claim, drift_ratio_at_zero_lr, other_directions
from verify.estimate import Measurement
from verify.experiment import World, ensemble, placed, to_array
from verify.lowering.drift import mean_drift
from verify.lowering.rule import RuleChoice
from verify.lowering.stability import stability_limit
from verify.places import held_by

LRS = (0.02, 0.015, 0.01, 0.0075, 0.005)
PREDICTED = np.array([3.0, 0.0, -4.0, 0.0])  # length 5
SIDEWAYS = np.array([0.0, 1.0, 0.0, 0.0])
NORMAL = np.array([0.0, 0.0, 0.0, 1.0])
TANGENT = np.diag([1.0, 1.0, 1.0, 0.0])
CHOICE = RuleChoice(noise_std=0.5)
EXPERIMENT = DriftExperiment(tanh_place, CHOICE, lrs=(0.01, 0.0075, 0.005), num_replicas=512)


def record(lr: float, ratio: float = 1.0, sideways: float = 0.0, normal: float = 0.0, se: float = 1e-3) -> Measurement:
    """Return a measured drift in units of a prediction of length 5 lr^2, errors ``se`` in every direction."""
    unit = 5 * lr**2
    mean = lr**2 * ratio * PREDICTED + unit * (sideways * SIDEWAYS + normal * NORMAL)
    predictions = {STATED: lr**2 * PREDICTED, "half": lr**2 * PREDICTED / 2, "turned": lr**2 * 5 * SIDEWAYS}
    covariance = (unit * se) ** 2 * np.eye(4)
    return Measurement(mean, covariance, 100, predictions, {"lr": np.array(lr), "tangent": TANGENT})


def records(**more) -> dict[str, Measurement]:
    return {f"lr {lr:g}": record(lr, **more) for lr in LRS}


def verdict(measurements: dict[str, Measurement], formula: str = STATED) -> Verdict:
    return verdicts([drift_ratio_at_zero_lr(measurements, formula)], [0.01], 0.005)[0]


def test_exact_agreement_gives_1_along_the_prediction_and_0_in_every_other_tangent_direction():
    found = drift_ratio_at_zero_lr(records(), STATED)
    np.testing.assert_allclose(found.values, [1, 0, 0], atol=1e-13)  # rounding, magnified by the fit's weights
    np.testing.assert_array_equal(found.targets, [1, 0, 0])
    assert found.num_samples == 500
    assert verdict(records()) is Verdict.CONFIRMED


def test_a_ratio_that_is_linear_in_the_learning_rate_is_extrapolated_to_its_limit():
    bent = {name: record(lr, ratio=1 - 2.5 * lr) for name, lr in zip(records(), LRS, strict=True)}
    found = drift_ratio_at_zero_lr(bent, STATED)
    assert found.values[0] == pytest.approx(1, abs=1e-13)
    assert found.misfit == pytest.approx(1)
    assert found.note.startswith("slope -2.50 +- ")
    np.testing.assert_allclose(found.series["ratio"], 1 - 2.5 * found.series["lr"], rtol=1e-13)


def test_a_ratio_that_is_curved_within_its_errors_is_a_misfit():
    curved = {name: record(lr, ratio=1 + 300 * lr**2) for name, lr in zip(records(), LRS, strict=True)}
    assert drift_ratio_at_zero_lr(curved, STATED).misfit < 1e-4
    assert verdict(curved) is Verdict.INCONCLUSIVE


def test_the_estimate_does_not_depend_on_the_order_of_the_learning_rates():
    forward = records(ratio=1.01)
    backward = dict(reversed(forward.items()))
    np.testing.assert_array_equal(
        drift_ratio_at_zero_lr(forward, STATED).values, drift_ratio_at_zero_lr(backward, STATED).values
    )


def test_the_standard_errors_of_all_components_are_those_of_the_fits_constant():
    found = drift_ratio_at_zero_lr(records(se=2e-3), STATED)
    # The textbook's variance of an intercept, equal errors.
    lrs = np.array(LRS)
    intercept = (1 / len(lrs) + lrs.mean() ** 2 / ((lrs - lrs.mean()) ** 2).sum()) ** 0.5
    np.testing.assert_allclose(found.standard_errors, 2e-3 * intercept, rtol=1e-10)


def test_a_wrong_length_is_refuted():
    assert verdict(records(), "half") is Verdict.REFUTED
    assert drift_ratio_at_zero_lr(records(), "half").values[0] == pytest.approx(2, abs=1e-12)
    assert verdict(records(ratio=1.05)) is Verdict.REFUTED


def test_a_wrong_direction_is_refuted():
    assert verdict(records(), "turned") is Verdict.REFUTED


def test_a_sideways_component_is_detected_although_the_ratio_is_right():
    found = drift_ratio_at_zero_lr(records(sideways=0.05), STATED)
    assert found.values[0] == pytest.approx(1, abs=1e-12)
    assert np.abs(found.values[1:]).max() == pytest.approx(0.05, abs=1e-12)
    assert found.note.endswith("largest sideways component 0.0500")
    assert verdict(records(sideways=0.05)) is Verdict.REFUTED


def test_a_component_normal_to_the_manifold_does_not_count():
    np.testing.assert_allclose(
        drift_ratio_at_zero_lr(records(normal=0.5), STATED).values,
        drift_ratio_at_zero_lr(records(), STATED).values,
        atol=1e-13,
    )


def test_a_deviation_is_the_difference_in_the_given_unit_along_the_given_direction():
    found = deviation(records(ratio=1.2, sideways=0.3), STATED, "turned", lambda r: float(r.series["lr"]))
    lrs = np.array(sorted(LRS))
    np.testing.assert_array_equal(found.small, lrs)
    np.testing.assert_allclose(found.components[:, 0], 0.3 * 5 * lrs, rtol=1e-12)
    # The other components hold the rest, whatever basis was chosen.
    np.testing.assert_allclose(np.linalg.norm(found.components[:, 1:], axis=1), 0.2 * 5 * lrs, rtol=1e-12)
    assert found.components.shape == (5, 3)
    np.testing.assert_allclose(found.standard_errors, np.outer(1e-3 * 5 * lrs, np.ones(3)), rtol=1e-12)


def test_the_other_directions_are_an_orthonormal_basis_of_the_tangent_space_without_the_given_one():
    problem, theta = tanh_place()
    projector = to_array(tangent(problem, theta))
    along = projector[:, 0] / np.linalg.norm(projector[:, 0])
    basis = other_directions(projector, along)
    np.testing.assert_allclose(basis.T @ basis, np.eye(len(theta) - problem.num_data - 1), atol=1e-13)
    np.testing.assert_allclose(basis @ basis.T + np.outer(along, along), projector, atol=1e-13)


def limit() -> float:
    problem, theta = tanh_place()
    return stability_limit(CHOICE.symbolic, problem, theta, CHOICE.values(problem, 0.1))


def test_preflight_accepts_learning_rates_below_the_limit():
    EXPERIMENT.preflight()


def test_preflight_raises_if_one_learning_rate_is_above_the_limit_and_shows_the_limit():
    with pytest.raises(ValueError, match=rf"above the limit of mean-square stability, {limit():.4g}"):
        replace(EXPERIMENT, lrs=(0.01, 1.01 * limit(), 0.005)).preflight()


def test_preflight_raises_off_the_manifold_and_shows_the_residual():
    def off():
        problem, theta = tanh_place()
        return problem, theta + 0.1

    with pytest.raises(ValueError, match="theta is not on the zero-loss manifold: largest residual"):
        replace(EXPERIMENT, place=off).preflight()


def rounded() -> tuple[Problem, torch.Tensor]:
    """Return a place whose data single precision holds."""
    return held_by(torch.float32, *tanh_place())


def test_preflight_raises_for_data_that_the_states_precision_does_not_hold():
    with pytest.raises(ValueError, match=r"theta is not on the zero-loss manifold: largest residual \d\.\d\de-08"):
        replace(EXPERIMENT, dtype=torch.float32).preflight()
    replace(EXPERIMENT, place=rounded, dtype=torch.float32).preflight()


def test_states_are_of_the_given_precision_and_are_measured_in_double():
    single, double = (
        replace(EXPERIMENT, place=rounded, relaxations=0.5, dtype=dtype).measure(STATED, Context(), 0.01)
        for dtype in (torch.float32, torch.float64)
    )
    assert not np.array_equal(single.mean, double.mean)
    assert np.array_equal(single.predictions[STATED], double.predictions[STATED])
    errors = np.sqrt(np.diag(single.covariance) + np.diag(double.covariance))
    assert (abs(single.mean - double.mean) < 5 * errors).all()
    # Normal to the manifold nothing is left but the rounding of the projection, in double.
    problem, theta = rounded()
    normal = np.eye(len(theta)) - to_array(tangent(problem, theta))
    assert np.linalg.norm(normal @ single.mean) < 1e-14


def test_preflight_raises_for_a_model_that_autograd_differentiates_wrongly():
    def wrong():
        problem, theta = tanh_place()
        return interpolated(lambda at, x: problem.model(at, x) + wrong_at(2)(at[0]), problem.inputs, theta)

    with pytest.raises(ValueError, match=r"autograd's derivative of order 2 of the model is wrong .* detach"):
        replace(EXPERIMENT, place=wrong).preflight()


def test_preflight_raises_for_a_model_that_returns_a_vector():
    def vector_valued():
        problem, theta = tanh_place()
        return Problem(lambda theta, x: x * theta[0], problem.inputs, problem.labels), theta

    with pytest.raises(ValueError, match=r"model must return a scalar for one input, got shape \[2\]"):
        replace(EXPERIMENT, place=vector_valued).preflight()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"lrs": ()}, "lrs must hold at least one learning rate"),
        ({"lrs": (0.01, -0.01)}, r"lr must be positive and finite, got -0\.01"),
        ({"choice": RuleChoice(noise_std=float("nan"))}, "noise_std must be finite and >= 0, got nan"),
        ({"choice": RuleChoice(sampling="iid")}, "batch_size goes with sampling='iid' or 'reshuffle'"),
        ({"worlds": {"fast": World(RuleChoice(momentum=1.5))}}, r"momentum must be at least 0 and below 1, got 1\.5"),
        ({"choice": RuleChoice(sampling="reshuffle", batch_size=1)}, "take a scaling with eta -> 0"),
    ],
)
def test_preflight_raises_for_a_rule_that_cannot_be_run_or_has_no_derived_drift(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(EXPERIMENT, **change).preflight()


def test_preflight_raises_where_the_data_leave_no_direction_to_drift_in():
    def isolated():
        inputs = torch.eye(2, dtype=torch.float64)
        return interpolated(lambda theta, x: torch.sin(theta @ x), inputs, torch.tensor([0.3, 0.5]).double())

    with pytest.raises(ValueError, match="the gradients of 2 data points span all 2 parameters, and nothing can drift"):
        replace(EXPERIMENT, place=isolated).preflight()


def test_there_is_one_job_for_each_learning_rate():
    assert list(EXPERIMENT.jobs(STATED, Context())) == ["lr 0.01", "lr 0.0075", "lr 0.005"]


def test_the_predictions_are_the_derived_drift_and_its_wrong_variants():
    problem, theta = tanh_place()
    derived = mean_drift(derive(CHOICE.symbolic, SMALL_NOISE), CHOICE, problem, theta, 0.01, 10)
    found = EXPERIMENT.predictions(derived, problem, theta, 0.01)
    assert np.array_equal(found[STATED], to_array(derived))
    np.testing.assert_allclose(2 * found["half"], found[STATED])
    # sigma for sigma^2, sigma = 1/2: twice as long.
    np.testing.assert_allclose(found["standard-deviation"], 2 * found[STATED])
    inward = -tangent(problem, theta) @ theta
    shrinking = torch.from_numpy(found["weight-norm"])
    assert relative_error(shrinking / shrinking.norm(), inward / inward.norm()) < 1e-12
    assert float(shrinking.norm()) == pytest.approx(float(derived.norm()), rel=1e-12)


def claim(experiment: DriftExperiment = EXPERIMENT, **more):
    return drift_claim(
        id="toy.drift", title="t", statement="s", source=Source("key", "(1)"), experiment=experiment, **more
    )


def test_a_drift_claim_supplies_formula_controls_and_louder_noise_as_a_world():
    made = claim()
    assert [(control.id, control.kind) for control in made.controls] == [
        ("half", "formula"),
        ("standard-deviation", "formula"),
        ("weight-norm", "formula"),
        ("louder", "world"),
    ]
    assert made.experiment.worlds["louder"].choice == replace(CHOICE, noise_std=1.05 * 0.5)


def test_further_worlds_and_controls_are_kept():
    shared = World(RuleChoice(noise_std=0.5, sharing="shared"))
    made = claim(replace(EXPERIMENT, worlds={"shared": shared}), controls=(Control("shared", "world", "one noise"),))
    assert made.worlds == [STATED, "louder", "shared"]
    assert made.experiment.worlds["shared"] is shared


def test_at_unit_noise_sigma_is_its_own_square_and_no_control():
    made = claim(replace(EXPERIMENT, choice=RuleChoice(noise_std=1.0)))
    assert "standard-deviation" not in {control.id for control in made.controls}


@pytest.mark.parametrize(
    ("experiment", "controls", "complaint"),
    [
        (replace(EXPERIMENT, lrs=(0.01, 0.01, 0.005)), (), "lrs must hold at least 3 learning rates for a line"),
        (replace(EXPERIMENT, choice=RuleChoice(noise_std=0.0)), (), r"noise_std must be positive, got 0\.0"),
        (EXPERIMENT, (Control("quiet", "world", "less noise"),), r"must hold the world controls \['quiet'\]"),
    ],
)
def test_a_drift_claim_that_cannot_be_decided_is_an_error(experiment, controls, complaint):
    with pytest.raises(ValueError, match=rf"claim 'toy\.drift': .*{complaint}"):
        claim(experiment, controls=controls)


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_the_two_rounds_use_disjoint_replica_blocks(profile):
    rounds = [
        ensemble(tanh_place().problem, CHOICE, 0.01, Context(profile, round=number), 512).blocks for number in (0, 1)
    ]
    assert not set(rounds[0]) & set(rounds[1])
    assert len(rounds[0]) == len(rounds[1])


def sizes(num_replicas: int) -> dict[str, tuple[int, int]]:
    """Return the replicas of the stated world and of a control world by profile."""

    def size(profile: str, world: str) -> int:
        return ensemble(tanh_place().problem, CHOICE, 0.01, Context(profile), num_replicas, world).num_replicas

    return {profile: (size(profile, STATED), size(profile, "louder")) for profile in ("quick", "full", "paper")}


def test_the_larger_profiles_have_four_times_the_replicas_and_a_control_world_an_eighth():
    found = sizes(16 * REPLICAS_PER_CHUNK)
    assert found["quick"] == (16 * REPLICAS_PER_CHUNK, 2 * REPLICAS_PER_CHUNK)
    assert found["full"] == found["paper"] == (64 * REPLICAS_PER_CHUNK, 8 * REPLICAS_PER_CHUNK)


def test_a_control_world_has_at_least_a_chunk_of_replicas_but_no_more_than_the_stated_one():
    assert sizes(4 * REPLICAS_PER_CHUNK)["quick"] == (4 * REPLICAS_PER_CHUNK, REPLICAS_PER_CHUNK)
    assert sizes(256)["quick"] == (256, 256)


def test_an_ensemble_follows_the_rule_and_the_seed_of_the_run():
    made = ensemble(tanh_place().problem, CHOICE, 0.01, Context(seed=5), 512)
    assert made.rule == CHOICE.at(0.01)
    assert made == ensemble(tanh_place().problem, CHOICE, 0.01, Context(seed=5), 512)
    assert made.seed != ensemble(tanh_place().problem, CHOICE, 0.01, Context(seed=6), 512).seed


def test_ensembles_at_different_learning_rates_and_in_different_worlds_are_independent():
    problem = tanh_place().problem
    seeds = [
        ensemble(problem, CHOICE, lr, Context(seed=5), 512, world).seed
        for lr in (0.01, 0.02, 0.03)
        for world in (STATED, "louder")
    ]
    assert len(set(seeds)) == len(seeds)


def test_a_placed_problem_is_the_same_object_each_time_and_equal_to_the_original():
    problem, theta = placed(tanh_place, "cpu")
    assert placed(tanh_place, "cpu")[0] is problem
    assert torch.equal(theta, tanh_place().theta)
    assert torch.equal(problem.labels, tanh_place().problem.labels)
    assert problem.model is tanh_place().problem.model


def test_a_formula_without_a_prediction_is_named():
    with pytest.raises(
        ValueError, match=r"no prediction named \['tripled'\]: `predictions` of the experiment must hold"
    ):
        drift_ratio_at_zero_lr(records(), "tripled")
