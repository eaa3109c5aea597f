import torch

from numerics.models import tanh_network
from numerics.problem import Problem
from numerics.regulariser import reg

GENERATOR = torch.Generator().manual_seed(0)
PROBLEM = Problem(
    tanh_network(2, 2),
    torch.randn(3, 2, dtype=torch.float64, generator=GENERATOR),
    torch.randn(3, dtype=torch.float64, generator=GENERATOR),
)


def test_reg_is_the_mean_square_of_the_jacobians_rows():
    theta = torch.randn(8, 2, dtype=torch.float64, generator=GENERATOR)
    expected = [PROBLEM.jacobian(one).square().sum() / 3 for one in theta.T]
    torch.testing.assert_close(reg(PROBLEM, theta), torch.stack(expected))
