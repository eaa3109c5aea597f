import pytest
import torch
from torch.func import jacrev

from verify.claim import STATED
from verify.claims.theorem1.regulariser import INPUTS, PAIRS, check_discriminates, check_one_layer


def predictions(theta: torch.Tensor) -> torch.Tensor:
    a, b, c, d = theta
    return (a * b + c * d) * torch.tensor(INPUTS, dtype=theta.dtype)


def test_the_two_parameter_vectors_have_one_function_and_two_values_of_reg():
    first, second = (torch.tensor([float(v) for v in values], dtype=torch.float64) for values in PAIRS[STATED])
    torch.testing.assert_close(predictions(first), predictions(second))
    regs = [float(jacrev(predictions)(theta).square().sum()) / len(INPUTS) for theta in (first, second)]
    assert regs == pytest.approx([35.0, 46.25])  # 5 |theta|^2


@pytest.mark.parametrize("variant", ["sign", "permuted", "other-function"])
def test_pairs_that_show_nothing_are_rejected(variant):
    assert not check_discriminates(variant).holds


def test_with_all_layers_trained_the_gradient_of_reg_is_not_zero():
    assert check_one_layer(STATED).holds
    assert not check_one_layer("all-layers").holds
