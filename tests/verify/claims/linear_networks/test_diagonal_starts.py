import pytest
import torch

from verify.claim import STATED
from verify.claims.linear_networks.diagonal_recovery import NUM_ONES, sparse_problem
from verify.claims.linear_networks.diagonal_starts import STARTS, check_reach, misleading

_, TRUTH = sparse_problem(0)


def test_no_start_has_a_zero_and_the_first_is_the_farthest_from_the_truth():
    starts = torch.stack([start(TRUTH, torch.Generator().manual_seed(1)) for start in STARTS])
    assert starts.dtype == TRUTH.dtype
    assert (starts != 0).all()
    assert int((starts.square() - TRUTH).square().sum(1).argmax()) == 0
    assert (starts < 0).any(1).sum() == 1  # the normal numbers


def test_the_misleading_start_is_larger_where_the_truth_is_zero():
    start = misleading(TRUTH, torch.Generator())
    assert float(start[:NUM_ONES].max()) < float(start[NUM_ONES:].min())


@pytest.mark.parametrize(
    ("variant", "counterexample"),
    [
        (STATED, "w_j = 0: mean 0, variance 0"),
        ("nonzero", ""),
        ("stuck", "w_j > 0"),
        ("spherical-zeros", "w_j = 0: mean 0, variance eta**2*sigma**2"),
    ],
)
def test_what_a_step_moves(variant, counterexample):
    found = check_reach(variant)
    assert found.holds == (not counterexample)
    assert found.counterexample == counterexample
