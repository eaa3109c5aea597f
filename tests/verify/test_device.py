"""Simulations on a device where a tensor of the processor's may meet none of theirs: `tests.elsewhere` imitates one.

They are cut short, so that what they find means nothing; that they come to an end is the test.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from numerics import ensemble as ensemble_module
from numerics import limit_map as limit_map_module
from numerics import packed_sensing, replica_blocks
from numerics.ensemble import Ensemble, State
from numerics.mean_iterate import mean_iterate
from numerics.packed_sensing import PackedSensing
from numerics.step import eager_step
from tests.elsewhere import NAME, Generator, elsewhere
from verify.claim import STATED, Context, SimulatedClaim
from verify.claims.matrix_sensing import clock
from verify.ledger import ledger

QUICK = (
    "covariance.full-batch",
    "covariance.isotropy",
    "covariance.mini-batch",
    "covariance.single-sample",
    "definition5.rms",
    "factorisation.sgd",
    "finite-lr.drift",
    "kink.drift",
    "lemma8.drift.quadratic",
    "lemma8.drift.sensing",
    "lemma8.drift.tanh",
    "lemma8.next-order.strong-noise",
    "lemma8.next-order.tanh",
    "limiting-flow.path",
    "linear-scaling.measured",
    "momentum.drift.heavy-ball",
    "momentum.drift.nesterov",
    "noise-law.skewed",
    "one-layer.first",
    "one-layer.output",
    "open-questions.explicit-regulariser",
    "precision.bias.full-batch",
    "precision.bias.heavy-ball",
    "precision.bias.single-sample",
    "precision.lost-drift",
    "precision.random-walk",
    "precision.single-drift",
    "precision.small-drift",
    "sampling.reshuffle.drift",
    "schedule.drift.cosine",
    "schedule.drift.exponential",
    "schedule.drift.plateau",
    "schedule.drift.step",
    "section3.relaxation",
    "sensing.choices",
    "sensing.clock",
    "sensing.determined",
    "sensing.floor",
    "sensing.plateau",
    "sensing.recovery",
    "sensing.spectrum",
    "sensing.zero-error",
    "shared-noise.drift",
    "theorem1.no-noise",
    "theorem1.non-repellent",
    "two-mechanisms.independent",
    "two-mechanisms.shared",
    "weight-decay.drift",
    "weight-decay.opposed-drift",
)
SLOW = (
    "definition4.escape",
    "definition5.excursions",
    "finite-lr.drift.heavy-ball",
    "finite-lr.drift.nesterov",
    "paths.mean",
    "paths.single",
    "several-gradients.extragradient",
    "several-gradients.heun",
    "several-gradients.midpoint",
    "several-gradients.paths",
    "several-gradients.repeated",
    "several-gradients.sharpness-aware",
    "several-gradients.single-samples",
    "stability.growth",
)
WORLDS = {"definition5.rms": "repellent", "theorem1.non-repellent": "repellent"}
"""Worlds whose places are found sooner than the stated ones."""
UNFINISHED = {
    "open-questions.explicit-regulariser": "do not reach the level",
    "sensing.clock": "or no recovery",
    "sensing.plateau": "did not converge",
}
"""Where it is an error, the last thing that is looked at, that a run does not get anywhere."""
SIZES = {"num_replicas": 16, "num_observations": 2, "num_steps": 4}
NUM_STEPS = 4
"""Steps that are taken in a job; after them the replicas stay where they are."""


@pytest.fixture
def used(monkeypatch) -> Iterator[set[str]]:
    """Put a device beside the processor that passes for a GPU; return the devices of all replicas that are stepped.

    No kernel is compiled, and steps are few.
    """
    devices, left = set(), NUM_STEPS

    def shorten(cls):
        advanced = cls.advanced

        def some(self, state: State, num_steps: int) -> State:
            nonlocal left
            taken = min(left, num_steps)
            left -= taken
            found = advanced(self, state, taken)
            devices.add(found.theta.device.type)
            return found._replace(step=state.step + num_steps)

        monkeypatch.setattr(cls, "advanced", some)

    residual = limit_map_module._largest_residual
    for cls in (Ensemble, PackedSensing):
        shorten(cls)
    for module in (replica_blocks, packed_sensing):
        monkeypatch.setattr(module, "Generator", Generator)
    monkeypatch.setattr(limit_map_module, "_largest_residual", lambda *args: 0 * residual(*args))
    monkeypatch.setattr(clock, "LIMIT", 0.0)
    monkeypatch.setattr(ensemble_module, "kernel_for", lambda *_: None)
    monkeypatch.setattr(PackedSensing, "_on_gpu", PackedSensing._by_operations)
    monkeypatch.setattr(ensemble_module, "compiled_step", lambda model, structure, _: eager_step(model, structure))
    monkeypatch.setattr(torch.Tensor, "is_cuda", property(lambda tensor: tensor.device.type == NAME))
    with elsewhere():
        yield devices


@pytest.mark.parametrize("id", [*QUICK, *(pytest.param(id, marks=pytest.mark.slow) for id in SLOW)])
def test_a_simulation_keeps_to_its_device(id, used):
    claim = ledger()[id]
    assert isinstance(claim, SimulatedClaim)
    experiment: Any = claim.experiment
    sizes = SIZES | ({"num_replicas": 256} if id == "definition5.excursions" else {})
    sizes = {field.name: sizes[field.name] for field in fields(experiment) if field.name in sizes}
    jobs = replace(experiment, **sizes).jobs(WORLDS.get(id, STATED), Context(device=NAME))
    simulate = next(iter(jobs.values()))
    if id in UNFINISHED:
        with pytest.raises(ArithmeticError, match=UNFINISHED[id]):
            simulate()
    else:
        found = simulate()
        assert all(isinstance(numbers, np.ndarray) for numbers in (found.mean, *found.predictions.values()))
    assert used == {NAME}


def test_every_claim_that_asks_for_a_device_is_simulated_on_one():
    asking = set()
    for claim in ledger().values():
        if isinstance(claim, SimulatedClaim):
            origins = {cls.__module__ for cls in type(claim.experiment).__mro__}
            texts = [inspect.getsource(sys.modules[name]) for name in origins if name.startswith("verify.")]
            if any(re.search(r"context\.device|\bruns\(", text) for text in texts):
                asking.add(claim.id)
    assert asking == {*QUICK, *SLOW}


@pytest.mark.parametrize("order", ["iid", "reshuffle"])
def test_the_mean_iterate_is_where_its_start_is(order):
    steps = [lambda at: at / 2, lambda at: -at]
    start = torch.tensor([[0.5], [-0.25]], dtype=torch.float64)
    with elsewhere() as device:
        found = mean_iterate(steps, start.to(device), 2, order).cpu()
    assert torch.equal(found, mean_iterate(steps, start, 2, order))
