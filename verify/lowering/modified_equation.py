"""The modified field of gradient descent on a problem's squared error, as a torch function."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.func import vmap

from numerics.problem import Problem
from theory.index_algebra import Expr
from theory.loss import SQUARED_ERROR, with_loss, without_labels
from theory.modified_equation import modified_vector_field
from verify.lowering.expression import lower


def modified_field_terms(problem: Problem, num_terms: int) -> Callable[[Tensor], Tensor]:
    """Return theta ``[M, P]`` -> the coefficients of lr^0, lr^1, ... in the modified field, ``[num_terms, M, P]``."""
    errors = _Errors(problem.model, problem.inputs, problem.labels)
    terms = [_of_squared_error(order) for order in range(num_terms)]
    return vmap(lambda theta: torch.stack([lower(t, errors, theta, indices="j") for t in terms]), out_dims=1)


@cache
def _of_squared_error(order: int) -> Expr:
    return with_loss(modified_vector_field(order), without_labels(SQUARED_ERROR))


class _Errors(Problem):
    """The problem whose model is h - y and whose labels are 0: its squared error is the same and has fewer terms.

    Unlike a `Problem` it does not look at theta's numbers, which have no values while vmap traces the model.
    """

    def predictions(self, theta: Tensor) -> Tensor:
        return vmap(self.model, in_dims=(None, 0))(theta, self.inputs) - self.labels
