import pytest
import torch

from numerics import relu_line
from numerics.deep_relu import heights, network, random_start


def test_one_hidden_layer_is_the_network_of_theorem_2():
    theta = relu_line.random_start(5, 1, (-1.0, 1.0), slope_std=1.0, output_std=1.0, seed=0)[:, 0]
    x = torch.tensor([0.3], dtype=torch.float64)
    assert network((5,))(theta, x).item() == pytest.approx(relu_line.network(5)(theta, x).item(), rel=1e-14)


def test_two_hidden_layers_are_two_matrix_products():
    theta = random_start((3, 4), 2, gain=1.0, seed=0)
    theta[-2:] = torch.tensor([[0.5], [-1.0]], dtype=torch.float64)
    one = theta[:, 1]
    first, bias, second, other, out = one[:3], one[3:6], one[6:18].reshape(4, 3), one[18:22], one[22:26]
    x = torch.tensor([-0.4, 0.7], dtype=torch.float64)
    hidden = torch.relu(second @ torch.relu(torch.outer(first, x) + bias[:, None]) + other[:, None])
    torch.testing.assert_close(heights((3, 4), theta, x)[:, 1], out @ hidden + 0.5 * x - 1.0)
