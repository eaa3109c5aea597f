from functools import partial

import pytest
from torch.func import grad

from tests.oracles import regulariser, relative_error
from theory.regulariser import REG, reg_gradient
from verify.lowering.expression import lower


@pytest.mark.agreement("regulariser")
def test_reg_and_its_gradient_agree_with_autograd(place):
    problem, theta = place
    reg = partial(regulariser, problem)
    assert relative_error(lower(REG, problem, theta), reg(theta)) < 1e-10
    assert relative_error(lower(reg_gradient(), problem, theta, indices="j"), grad(reg)(theta)) < 1e-10


def test_gradient_of_reg_is_its_derivative():
    assert reg_gradient() == REG.derivative("j")
