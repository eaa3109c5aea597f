"""All that one full-batch step can make of each replica when the label noise is a sign for every data point."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.func import vmap

from numerics.ensemble import Ensemble
from numerics.label_noise import RADEMACHER
from numerics.step import Numbers, replica_step


def all_steps(ensemble: Ensemble, theta: Tensor) -> list[Tensor]:
    """Return the parameters ``[P, R]`` after one step, for each of the 2^N equally likely choices of signs.

    Args:
        ensemble: The replicas and their rule.
        theta: Where they are, ``[P, R]``.

    Raises:
        ValueError: If the rule draws batches, or its noise is no sign of its own for every label, or it has momentum.
    """
    rule, problem = ensemble.rule, ensemble.problem
    if rule.sampling != "full" or rule.noise != RADEMACHER or rule.sharing != "independent" or rule.momentum:
        raise ValueError(f"rule must take full batches with independent signs and no momentum, got {rule}")
    step = vmap(replica_step(problem.model, rule.structure), in_dims=(-1, *5 * (None,)), out_dims=-1)
    numbers = Numbers(rule.lr, rule.noise_std, rule.momentum, rule.weight_decay)
    signs = torch.tensor([*product((-1.0, 1.0), repeat=problem.num_data)], dtype=theta.dtype, device=theta.device)
    return [step(theta, row, None, numbers, problem.inputs, problem.labels) for row in signs]
