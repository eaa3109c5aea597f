from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from numerics.packed_sensing import PackedSensing
from numerics.update_rule import UpdateRule
from verify.claim import Context
from verify.sensing import NUM_LOOKS_AT_END, SIZES, gaussian, identity, random_problems, root, runs, spectrum, times

RULE = UpdateRule(0.01, 0.5)


def problems(name: str = "test", context: Context | None = None):
    return list(random_problems(5, 2, 8, 3, context or Context(), name))


def test_problems_differ_by_place_name_seed_and_round():
    truths = [p.truth for p in problems()] + [
        problems(name, context)[0].truth
        for name, context in (("other", Context()), ("test", Context(seed=1)), ("test", Context(round=1)))
    ]
    assert all(not torch.allclose(a, b) for k, a in enumerate(truths) for b in truths[:k])
    assert torch.equal(truths[0], problems()[0].truth)


def test_runs_are_in_single_precision_with_noise_of_their_own():
    one, again, other = (runs(problems(), RULE, Context(), name) for name in ("a", "a", "b"))
    assert one.labels.dtype == torch.float32
    assert one.seed == again.seed != other.seed
    assert one.seed != runs(problems(), RULE, Context(round=1), "a").seed


def test_gaussian_starts_have_variance_one_over_the_dimension():
    start = gaussian(50, 4, Context(), "test")
    assert start.shape == (2500, 4)
    assert float(start.square().mean()) == pytest.approx(1 / 50, rel=0.06)  # 4 standard deviations of 10,000 squares


def test_the_root_of_the_planted_matrix_has_no_error_and_no_tail():
    ensemble = PackedSensing.of(problems(), RULE, 0)
    theta = root(torch.stack([p.truth for p in problems()]))
    assert float(ensemble.errors(theta).max()) < 1e-20
    found = spectrum(ensemble, 2, theta)
    assert float(found.excess.abs().max()) < 1e-12
    assert float(found.tail.abs().max()) < 1e-12


def test_spectrum_of_the_identity_is_known():
    ensemble = PackedSensing.of(problems(), RULE, 0)
    found = spectrum(ensemble, 2, identity(5, 3))
    torch.testing.assert_close(found.tail, torch.full((3,), 3.0, dtype=torch.float64))
    torch.testing.assert_close(found.excess, 5 - torch.stack([p.truth.trace() for p in problems()]))


@pytest.mark.parametrize("num_steps", [3_000, 26_000, 300_000])
def test_times_increase_to_the_end_with_the_last_ones_over_the_last_tenth(num_steps):
    found = times(num_steps)
    assert found[0] == 0
    assert found[-1] == num_steps
    assert all(a < b for a, b in pairwise(found))
    assert sum(t > 0.9 * num_steps for t in found) == NUM_LOOKS_AT_END


def test_the_paper_profile_has_the_papers_sizes():
    paper = SIZES["paper"]
    assert (paper.dimension, paper.rank, paper.num_data) == (100, 5, 5 * 100 * 5)
    assert paper.rule.noise_std**2 == pytest.approx(0.1)
    assert paper.rule.noise.name == "gaussian"
    # d (d + 1)/2 unknowns; the stated rho = 2 (d + 1) |U|_F^2 at U_0 = I is at the limit of stability.
    assert paper.rule.lr * 2 * 101 * 100 / paper.rule.batch_size == pytest.approx(1.01)
