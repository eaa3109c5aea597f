import pytest
import torch
from torch.func import grad

from numerics.directional_derivative import gradient_along
from numerics.models import tanh_network
from tests.models import normal

MODEL, THETA, X = tanh_network(2, 3), normal(1, 12), normal(2, 2)


@pytest.mark.parametrize("num_directions", [0, 1, 2])
def test_the_gradient_along_directions_is_that_of_the_nested_derivatives(num_directions):
    directions = [normal(3 + k, 12) for k in range(num_directions)]

    def scalar(theta: torch.Tensor, left: list[torch.Tensor]) -> torch.Tensor:
        if not left:
            return MODEL(theta, X)
        return grad(scalar)(theta, left[1:]) @ left[0]

    found = gradient_along(MODEL, directions)(THETA, X)
    torch.testing.assert_close(found, grad(scalar)(THETA, directions), rtol=1e-12, atol=1e-12)


def test_directions_commute():
    one, other = normal(5, 12), normal(6, 12)
    found = [gradient_along(MODEL, pair)(THETA, X) for pair in ([one, other], [other, one])]
    torch.testing.assert_close(*found)
