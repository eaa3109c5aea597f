"""What is captured as a CUDA graph copies nothing between the devices and looks at no value: torch refuses both."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from numerics import ensemble as ensemble_module
from numerics import packed_sensing, replica_blocks
from numerics.ensemble import Ensemble
from numerics.label_noise import GAUSSIAN
from numerics.matrix_sensing import planted
from numerics.packed_sensing import PackedSensing
from numerics.step import eager_step
from numerics.update_rule import UpdateRule
from tests.elsewhere import COPIES, TAKE_INDICES, Elsewhere, Generator, elsewhere
from tests.models import normal, tanh_place

aten = torch.ops.aten
READING = {aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default}
RULES = {
    "full": UpdateRule(0.02, 0.5),
    "gaussian": UpdateRule(0.02, 0.5, noise=GAUSSIAN),
    "pairs": UpdateRule(0.02, 0.5, "iid", 2),
    "reshuffle": UpdateRule(0.02, 0.5, "reshuffle", 1),
    "momentum": UpdateRule(0.02, 0.5, momentum=0.5),
    "nesterov": UpdateRule(0.02, 0.5, momentum=0.5, momentum_kind="nesterov"),
    "decay": UpdateRule(0.02, 0.5, weight_decay=0.1),
    "shared": UpdateRule(0.02, 0.5, sharing="shared"),
    "gradient noise": UpdateRule(0.02, 0.5, noise_on="gradient"),
    "weighted losses": UpdateRule(0.02, 0.5, noise_on="losses"),
    "midpoint": UpdateRule(0.02, 0.5, step=lambda grad, at, lr: -lr * grad(at - lr / 2 * grad(at))),
    "zero-sum": UpdateRule(0.02, 0.5, noise_in_time="zero-sum"),
}


class Capture(TorchDispatchMode):
    """Refuse what torch refuses while a graph is captured."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        found = operation(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, found)) if isinstance(leaf, Tensor)]
        places = {isinstance(tensor, Elsewhere) for tensor in tensors}
        takes_indices = operation in TAKE_INDICES
        is_copied = (operation in COPIES or takes_indices) and len(places) == 2
        is_masked = takes_indices and any(getattr(index, "dtype", None) is torch.bool for index in args[1])
        if True in places and (operation in READING or is_copied or is_masked):
            raise RuntimeError(f"{operation} is not permitted when a graph is captured")
        return found


@pytest.fixture
def device(monkeypatch):
    for module in (replica_blocks, packed_sensing):
        monkeypatch.setattr(module, "Generator", Generator)
    monkeypatch.setattr(ensemble_module, "compiled_step", lambda model, structure, _: eager_step(model, structure))
    with elsewhere() as name:
        yield name


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_steps_of_an_ensemble_may_be_captured(rule, device):
    problem, theta = tanh_place()
    ensemble = Ensemble(problem.to(device), rule, 4, 5)
    rows = 2 * len(theta) if rule.momentum else len(theta)
    state = normal(3, rows, 4).to(device)
    noise, draws = ensemble._randomness(0, ensemble.blocks, rows, state.device)
    rates = ensemble._numbers(state, rule.lr)
    expected = ensemble._by_operations(state, noise, draws, rates, range(2))
    with Capture():
        found = ensemble._by_operations(state, noise, draws, rates, range(2))
    assert torch.equal(found.cpu(), expected.cpu())


@pytest.mark.parametrize("rule", [UpdateRule(0.01, 0.3), UpdateRule(0.01, 0.3, "iid", 4)], ids=["full", "iid"])
def test_runs_of_matrix_sensing_may_be_captured(rule, device):
    runs = PackedSensing.of([planted(5, 2, 9, seed=k) for k in range(3)], rule, 0, device=device)
    factors = runs.factors((normal(7, 25, 3) / 2).to(device))
    heard = runs._heard(*runs._randomness(0), slice(0, 2))
    expected = runs._by_operations(factors, *heard)
    with Capture():
        found = runs._by_operations(factors, *heard)
    assert torch.equal(found.cpu(), expected.cpu())


REFUSED: dict[str, Callable[[Tensor], object]] = {
    "a value": lambda there: float(there[0]),
    "a condition": lambda there: bool((there > 0).all()),
    "a mask": lambda there: there[there > 0],
    "to the device": lambda there: torch.ones(2).to(there.device),
    "from the device": lambda there: there.cpu(),
    "a new tensor": lambda there: torch.tensor([1.0], device=there.device),
    "indices": lambda there: there[torch.tensor([0])],
}


@pytest.mark.parametrize("function", REFUSED.values(), ids=REFUSED)
def test_a_capture_is_refused(function, device):
    there = torch.arange(3.0, device=device)
    function(there)
    with Capture(), pytest.raises(RuntimeError, match="not permitted"):
        function(there)
