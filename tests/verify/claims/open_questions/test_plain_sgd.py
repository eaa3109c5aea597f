import pytest
import torch

from verify.claims.open_questions.plain_sgd import COPIES, KINDS, VARIANCE, hard_to_fit
from verify.places import tanh


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_off_by_the_variance_in_the_mean(kind):
    problem, theta = tanh()
    residuals = hard_to_fit(problem, theta, KINDS[kind], 0).residuals(theta)
    assert float(residuals.square().mean()) == pytest.approx(VARIANCE, rel=1e-12)
    torch.testing.assert_close(residuals.unflatten(0, (-1, COPIES)).mean(1), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("kind", [name for name, copies in KINDS.items() if not copies.jitter])
def test_theta_minimises_the_loss_of_copies_of_the_same_inputs(kind):
    problem, theta = tanh()
    hard = hard_to_fit(problem, theta, KINDS[kind], 0)
    slope = hard.jacobian(theta).T @ hard.residuals(theta)
    torch.testing.assert_close(slope, torch.zeros_like(theta), atol=1e-12, rtol=0)


def test_other_spreads_give_other_sizes():
    problem, theta = tanh()
    spreads = KINDS["unequal spreads"].spreads
    residuals = hard_to_fit(problem, theta, KINDS["unequal spreads"], 0).residuals(theta).unflatten(0, (-1, COPIES))
    ratios = residuals.square().mean(1).sqrt() / torch.tensor(spreads)
    torch.testing.assert_close(ratios, ratios[:1].expand(3))
