from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._decomp import core_aten_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from numerics.lanes.operations import UnsupportedError
from numerics.lanes.source import statements
from numerics.lanes.statements import Statements
from numerics.lanes.value import LANE, array


def translated(function: Callable[..., torch.Tensor], size: int = 3) -> Statements:
    """Return the statements of a function of theta."""
    decompositions: Any = core_aten_decompositions()
    graph = make_fx(function, decomposition_table=decompositions)(torch.ones(size))
    return statements(graph, [array("theta", (size,), "real", LANE)])


def lines(code: Statements) -> list[str]:
    return "\n".join(map(str, code.body)).splitlines()


def test_operations_are_written_into_the_loop_that_needs_them():
    code = translated(lambda t: torch.tanh(t) * t - 0.5)
    assert len(code.body) == 3
    assert "next[i1] = ((tanh_(theta[i1]) * theta[i1]) - REAL(0.5));" in str(code.body[1])


def test_a_dear_result_that_is_used_twice_is_stored():
    def step(theta):
        y = torch.tanh(theta)
        return y - torch.exp(y)

    assert sum("tanh_" in line for line in lines(translated(step))) == 1
    cheap = translated(lambda t: (t - 1) - torch.exp(t - 1))
    assert not any(line.startswith("V ") for line in lines(cheap))


def test_what_only_lends_its_shape_is_not_computed():
    code = translated(lambda t: t - torch.ones_like(torch.exp(t)))
    assert not any("exp" in line for line in lines(code))


def test_the_gradient_of_a_part_needs_no_vector_of_zeros():
    gradient = torch.func.grad(lambda t: (t[1:3] ** 2).sum())
    code = translated(gradient, 5)
    assert sum("V{}" in line for line in lines(code)) == 2  # where the gradient is 0, in the result itself
    assert code.bytes_per_lane == 0


def test_a_result_that_is_no_single_tensor_has_no_translation():
    with pytest.raises(UnsupportedError, match="returns"):
        translated(lambda t: torch.frexp(t)[0])
