import pytest
import torch

from numerics.ensemble import Ensemble, State
from numerics.zero_loss_manifold import tangent_projector
from verify import places
from verify.claims.update_rules.weight_decay import CHOICE, WithDecay
from verify.lowering.rule import RuleChoice


def test_the_part_of_the_decay_is_one_noise_free_step_along_the_manifold():
    problem, theta = places.small_tanh()
    lr = 0.02
    experiment = WithDecay(place=places.small_tanh, choice=CHOICE, lrs=[lr], num_replicas=1)
    derived = torch.linspace(-1, 1, len(theta), dtype=theta.dtype)
    found = experiment.predictions(derived, problem, theta, lr)
    quiet = RuleChoice(noise_std=0.0, decay_per_lr=CHOICE.decay_per_lr)
    step = Ensemble(problem, quiet.at(lr), 1, 0, compiled=False).advanced(State(theta[:, None], 0), 1).theta[:, 0]
    pull = tangent_projector(problem, theta) @ (step - theta)
    assert found["decay-alone"] == pytest.approx(pull.numpy(), abs=1e-14)
    assert found["decay-alone"] + found["noise-alone"] == pytest.approx(derived.numpy(), abs=1e-14)
