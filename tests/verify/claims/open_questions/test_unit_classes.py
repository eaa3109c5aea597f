import numpy as np
import pytest
import torch

from numerics.models import logistic_network, tanh_network
from verify.claim import STATED
from verify.claims.open_questions.unit_classes import DIMENSION, LENGTH, WIDTH, Classes, classes, model, random_data


def test_a_class_is_a_chain_of_units_that_are_alike():
    units = np.array([[0.50, 1.0], [0.53, 1.0], [0.56, 1.0], [-0.5, 1.0], [0.5, 0.5], [0.5, 1e-6]])
    assert classes(units, silence=0.01) == (3, 5)


def test_units_alike_in_their_output_weight_alone_are_of_two_classes():
    assert classes(np.array([[0.2, 0.9, 1.0], [0.9, 0.2, 1.0]]), silence=0.0) == (2, 2)


@pytest.mark.parametrize("network", [tanh_network, logistic_network])
def test_the_units_add_up_to_the_model(network):
    generator = torch.Generator().manual_seed(0)
    problem = random_data(model(network), 3, generator)
    theta = torch.randn(WIDTH * (DIMENSION + 2), 2, dtype=torch.float64, generator=generator)
    units = Classes(network, {STATED: True}).units(problem, theta)
    sums = (units[..., :-1] * units[..., -1:]).sum(1)
    np.testing.assert_allclose(sums, [problem.predictions(one).numpy() for one in theta.T], rtol=1e-12)
    np.testing.assert_allclose(problem.inputs.norm(dim=1), LENGTH)


def test_a_tanh_unit_and_its_mirror_are_one():
    theta = torch.randn(WIDTH * (DIMENSION + 2), 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    problem = random_data(model(tanh_network), 2, torch.Generator().manual_seed(1))
    experiment = Classes(tanh_network, {STATED: True})
    np.testing.assert_array_equal(experiment.units(problem, theta), experiment.units(problem, -theta))
