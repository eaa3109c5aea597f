"""The imitated device: what stays on it agrees with the processor, what meets a tensor of the processor is refused."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, jvp, vmap

from tests.elsewhere import NAME, Generator, elsewhere
from tests.models import normal

HERE = normal(1, 3, 3)
START = normal(2, 3)


@pytest.fixture
def device() -> Iterator[str]:
    with elsewhere() as name:
        yield name


def size(theta: Tensor) -> Tensor:
    return (HERE.to(theta.device) @ theta).tanh().square().sum()


STAYING = {
    "pointwise": lambda x: x.exp() * 2 - x,
    "matrix times vector": lambda x: x @ x[0],
    "grad": lambda x: grad(size)(x[0]),
    "jvp": lambda x: jvp(grad(size), (x[0],), (x[1],))[1],
    "hessian": lambda x: hessian(size)(x[0]),
    "vmap": lambda x: vmap(grad(size))(x),
    "backward": lambda x: torch.autograd.grad(size(at := x[0].clone().requires_grad_()), at)[0],
    "solve": lambda x: torch.linalg.solve(x, x[0]),
    "singular values": torch.linalg.svdvals,
    "einsum": lambda x: torch.einsum("ij,jk,k->i", x, x, x[0]),
    "a number of the processor's": lambda x: torch.tensor(2.0, dtype=x.dtype) * x + 1,
    "indices of the processor's": lambda x: x[torch.tensor([2, 0])],
    "a factory": lambda x: x + torch.arange(3, dtype=x.dtype, device=x.device) + torch.tensor([1.0], device=x.device),
    "written in place": lambda x: x.clone().index_fill_(0, torch.tensor([1], device=x.device), 2.0).add_(x),
    "another shape": lambda x: x.clone().unsqueeze_(0).squeeze_(0) @ x,
}


@pytest.mark.parametrize("function", STAYING.values(), ids=STAYING)
def test_what_stays_on_the_device_agrees_with_the_processor(function, device):
    found = function(HERE.to(device))
    assert found.device.type == NAME
    assert torch.equal(found.cpu(), function(HERE))


def test_a_tensor_there_tells_its_numbers_one_by_one(device):
    there = START.to(device)
    assert (there.tolist(), float(there[0])) == (START.tolist(), float(START[0]))
    assert f"{there[0]:.3f}" == f"{START[0]:.3f}"
    assert repr(there) == f"{START!r} on elsewhere:0"


def test_a_shape_without_numbers_may_be_asked_for(device):
    assert START.to(device).to("meta").is_meta
    assert torch.zeros(2, device="meta").is_meta


def test_a_generator_there_draws_there(device):
    here, there = torch.Generator().manual_seed(3), Generator(device).manual_seed(3)
    found = torch.randn(4, generator=there, device=there.device)
    assert found.device.type == NAME
    assert torch.equal(found.cpu(), torch.randn(4, generator=here))


MEETING = {
    "sum": lambda x: x + START,
    "sum, the processor's first": lambda x: START + x,
    "a number there, a vector here": lambda x: START + x[0, 0],
    "a number changed in place": lambda x: torch.tensor(1.0, dtype=x.dtype).add_(x[0, 0]),
    "product": lambda x: x @ HERE,
    "cat": lambda x: torch.cat([x, HERE]),
    "stack of numbers": lambda x: torch.stack([x[0, 0], START[0]]),
    "solve": lambda x: torch.linalg.solve(x, HERE),
    "einsum": lambda x: torch.einsum("ij,j->i", x, START),
    "a factory without a device": lambda x: x + torch.zeros(3),
    "vmap": lambda x: vmap(lambda at, row: at @ row)(x, HERE),
    "grad": lambda x: grad(lambda at: (at * START).sum())(x[0]),
    "jvp": lambda x: jvp(torch.sin, (x,), (HERE,)),
    "numbers written": lambda x: x.clone().index_put_((torch.tensor([0]),), START),
    "index_select": lambda x: x.index_select(0, torch.tensor([0])),
    "indices there of a tensor here": lambda x: HERE[torch.zeros(2, dtype=torch.int64, device=x.device)],
}


@pytest.mark.parametrize("function", MEETING.values(), ids=MEETING)
def test_what_meets_a_tensor_of_the_processor_is_refused(function, device):
    function(HERE)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        function(HERE.to(device))


@pytest.mark.parametrize("there", [True, False])
def test_a_generator_draws_nowhere_else(there, device):
    generator, where = (Generator(device), "cpu") if there else (torch.Generator(), device)
    with pytest.raises(RuntimeError, match="device type for generator"):
        torch.randn(2, generator=generator, device=where)


@pytest.mark.parametrize("function", [lambda there: there.numpy(), np.asarray], ids=["numpy", "asarray"])
def test_there_is_no_array_of_a_tensor_there(function, device):
    with pytest.raises(TypeError, match="to numpy"):
        function(START.to(device))


def test_there_is_no_address_of_a_tensor_there(device):
    with pytest.raises(RuntimeError, match="no address"):
        START.to(device).data_ptr()


def test_without_its_block_there_is_no_device():
    with elsewhere() as device:
        torch.zeros(1, device=device)
    with pytest.raises(NotImplementedError, match="PrivateUse1"):
        torch.zeros(1, device=device)
