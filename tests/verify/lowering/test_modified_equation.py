from __future__ import annotations

import torch
from torch.func import grad

from numerics.problem import Problem
from tests.models import normal
from tests.oracles import relative_error
from theory.loss import LABEL, SQUARED_ERROR, with_loss
from theory.modified_equation import modified_vector_field
from verify.lowering.expression import lower
from verify.lowering.modified_equation import modified_field_terms

ROUNDING = 1e-12


def test_the_terms_are_those_of_the_expression_with_labels_at_every_theta(place):
    problem = Problem(place.problem.model, place.problem.inputs, place.problem.labels + normal(3, len(place[0].labels)))
    thetas = place.theta + 0.1 * normal(4, 3, len(place.theta))
    terms = modified_field_terms(problem, 3)(thetas)
    assert terms.shape == (3, 3, len(place.theta))
    for order in range(3):
        expr = with_loss(modified_vector_field(order), SQUARED_ERROR)
        for row, theta in enumerate(thetas):
            expected = lower(expr, problem, theta, indices="j", tensors={LABEL: problem.labels})
            assert relative_error(terms[order, row], expected) < ROUNDING


def test_the_first_term_is_the_negative_gradient(place):
    problem = Problem(place.problem.model, place.problem.inputs, place.problem.labels + 1)
    expected = -grad(lambda at: problem.residuals(at).square().mean())(place.theta)
    (term,) = modified_field_terms(problem, 1)(place.theta[None])
    assert relative_error(term[0], expected) < ROUNDING


def test_on_the_zero_loss_manifold_nothing_moves(place):
    assert torch.equal(modified_field_terms(place.problem, 3)(place.theta[None]), torch.zeros(3, 1, len(place.theta)))
