import pytest
import torch

from numerics.ensemble import Ensemble, State
from numerics.explicit_regulariser import penalised
from numerics.models import tanh_network
from numerics.problem import Problem
from numerics.regulariser import reg
from numerics.update_rule import UpdateRule

GENERATOR = torch.Generator().manual_seed(0)
PROBLEM = Problem(
    tanh_network(2, 2),
    torch.randn(3, 2, dtype=torch.float64, generator=GENERATOR),
    torch.randn(3, dtype=torch.float64, generator=GENERATOR),
)
THETA = torch.randn(8, 2, dtype=torch.float64, generator=GENERATOR)


def test_the_penalised_squared_error_is_loss_plus_multiplier_times_reg():
    found = penalised(PROBLEM, 0.3).residuals(THETA[:, 0]).square().mean()
    expected = PROBLEM.residuals(THETA[:, 0]).square().mean() + 0.3 * reg(PROBLEM, THETA)[0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_descends_the_gradient_of_loss_plus_penalty(compiled):
    def objective(theta):
        return float(
            PROBLEM.predictions(theta).sub(PROBLEM.labels).square().mean() + 0.3 * reg(PROBLEM, theta[:, None])
        )

    replicas = Ensemble(penalised(PROBLEM, 0.3), UpdateRule(0.01, 0.0), 2, 0, compiled=compiled)
    moved = replicas.advanced(State(THETA, 0), 1).theta[:, 0]
    theta, h = THETA[:, 0], 1e-5
    slopes = [(objective(theta + h * e) - objective(theta - h * e)) / (2 * h) for e in torch.eye(8, dtype=theta.dtype)]
    torch.testing.assert_close(moved, theta - 0.01 * torch.tensor(slopes, dtype=theta.dtype), rtol=1e-8, atol=1e-9)


def test_no_penalty_and_inputs_that_are_no_vectors_are_refused():
    with pytest.raises(ValueError, match="must be positive"):
        penalised(PROBLEM, 0.0)
    with pytest.raises(ValueError, match="must be vectors"):
        penalised(Problem(PROBLEM.model, PROBLEM.inputs[..., None], PROBLEM.labels), 0.1)
