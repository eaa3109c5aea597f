import numpy as np
import pytest
import torch

from verify.claim import STATED, Context
from verify.claims.linear_networks import weight_norm_table
from verify.claims.linear_networks.weight_norm_table import (
    FLOWS,
    FORMULAS,
    SUM,
    Instances,
    Limits,
    effective_square,
    log_ratios,
    predicted_norms,
)
from verify.estimate import pooled
from verify.kl_projection import kl_projection
from verify.scatter import of_samples

RADII = torch.tensor([1.0, 5.0], dtype=torch.float64)[:, None]


def test_the_solution_that_is_drawn_has_the_stated_sum_and_bounds_the_smallest_norm():
    instances = Instances(3, Context())
    assert float(instances.smallest_norms().max()) <= SUM + 1e-9
    assert instances.direction.norm(dim=-1).flatten().tolist() == pytest.approx([1.0] * 3)


def test_a_norm_that_has_not_grown_leaves_the_start_as_it_was():
    direction, radius = torch.tensor([0.6, 0.8]), torch.tensor(2.0)
    for formula in (STATED, "plain-start", "first-radius", "half"):
        square = effective_square(formula, 1.0)(direction, radius, radius)
        assert square.tolist() == pytest.approx([(2 * 0.6) ** 2, (2 * 0.8) ** 2])


def test_a_growing_norm_shrinks_the_start_at_the_rate_of_the_directions():
    direction, one = torch.tensor([1.0]), torch.tensor(1.0)
    for kappa in (0.5, 2.0):
        found = effective_square(STATED, kappa)(direction, one, 2 * one)
        assert float(found) == pytest.approx(4 * np.exp(-3 * kappa))


def test_the_predicted_norm_is_the_norm_that_predicts_itself():
    instances = Instances(2, Context())
    found = predicted_norms(instances, FLOWS["kappa 1"], RADII)[STATED]
    start = effective_square(STATED, 1.0)(instances.direction, RADII, found.sqrt()[..., None])
    again = kl_projection(instances.problem.matrix, instances.problem.target, start).sum(-1)
    assert again.flatten().tolist() == pytest.approx(found.flatten().tolist(), rel=1e-6)


def test_plain_flow_has_one_prediction():
    instances = Instances(2, Context())
    plain = predicted_norms(instances, FLOWS["plain"], RADII)
    assert torch.equal(plain[STATED], plain["half"])
    assert torch.equal(plain[STATED], predicted_norms(instances, FLOWS["kappa 1"], RADII)["plain-start"])


def test_a_factor_on_every_norm_is_its_logarithm():
    logs = np.log([2.0, 1.0, 1.0, 3.0, 5.0, 1.0, 1.0, 1.0])  # two scales, four formulas
    record = of_samples(np.tile(logs, (3, 1)), {"scale": np.array([1.0, 5.0]), "norm": np.array([10.0, 10.0])})
    records = {name: record for name in FLOWS if name != "kappa 0.05"}
    found = log_ratios(records, STATED)
    assert found.values == pytest.approx(np.log([2, 5, 2, 5]))
    assert found.standard_errors == pytest.approx([0] * 4, abs=1e-12)
    assert log_ratios(records, "half").values == pytest.approx(np.log([3, 1, 3, 1]))
    assert log_ratios({name: pooled([record, record]) for name in records}, STATED).values == pytest.approx(
        found.values
    )


def test_two_rounds_are_each_compared_with_their_own_prediction(monkeypatch):
    monkeypatch.setitem(weight_norm_table.SCALES, "quick", (10.0, 20.0))
    first, second = (Limits(2).measure(STATED, Context(round=number), "kappa 1") for number in (0, 1))
    together = pooled([first, second])
    for formula in FORMULAS:
        *apart, both = (log_ratios({"kappa 1": part}, formula).values for part in (first, second, together))
        assert both == pytest.approx(sum(apart) / 2, abs=1e-12)


def test_a_single_instance_has_no_scatter():
    with pytest.raises(ValueError, match="num_instances must be at least 2, got 1"):
        Limits(1).preflight()
