"""Refuses a model whose derivatives autograd gets wrong, and says which operation is to blame."""

from __future__ import annotations

from functools import lru_cache

from torch import Tensor

from numerics.derivative_check import ORDERS, Failure, first_failure
from numerics.operation_check import culprit, handwritten_derivatives
from numerics.problem import Model, Problem

NORMALISATION = "(x - x.mean()) / (x.var(unbiased=False) + eps).sqrt()"


def require_correct_derivatives(problem: Problem, theta: Tensor) -> None:
    """Check the model's derivatives up to order 3 at theta, for every data point, in float64.

    The result is remembered for the same problem and the same, unchanged theta.

    Raises:
        ValueError: If the model returns no scalar, autograd's derivative disagrees with finite differences, the model
            is not smooth, or something is not finite; the message names the order, the data point, the sizes and the
            operation to blame.
    """
    problem.predictions(theta)
    _required(problem, theta, theta._version)


@lru_cache(maxsize=64)
def _required(problem: Problem, theta: Tensor, version: int) -> None:
    del version
    point, inputs = theta.detach().double(), problem.inputs
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    try:
        failure = first_failure(problem.model, point, inputs)
    except RuntimeError as error:
        raise ValueError(
            f"model cannot be differentiated {ORDERS} times in float64: {error}; make its constants of theta's dtype, "
            f"and write operations without these derivatives from primitives"
        ) from error
    if failure is not None:
        raise ValueError(_complaint(failure) + "; " + _blame(failure, problem.model, point, inputs[failure.point]))


def _complaint(failure: Failure) -> str:
    where = f"at data point {failure.point}"
    if failure.kind == "not finite":
        what = "value" if failure.order == 0 else f"derivative of order {failure.order}"
        return f"model has a {what} that is not finite {where}"
    sizes = f"norm {failure.autograd:.4g} by autograd, {failure.expected:.4g} by finite differences"
    if failure.kind == "not smooth":
        return f"model is not smooth {where}: no derivative of order {failure.order} (kink or jump; {sizes})"
    relative = failure.difference / max(failure.autograd, failure.expected)
    return f"autograd's derivative of order {failure.order} of the model is wrong by {relative:.2g} {where} ({sizes})"


def _blame(failure: Failure, model: Model, theta: Tensor, x: Tensor) -> str:
    found = culprit(model, theta, x, failure.kind)
    if found is None:
        suspects = handwritten_derivatives(model, theta, x) if failure.kind == "wrong" else []
        hint = f", so look at the derivatives written by hand in {', '.join(suspects)}" if suspects else ""
        return f"no operation fails by itself{hint}"
    name, own = found
    if failure.kind == "not finite":
        return f"the operation {name} is the first to have one; keep its arguments inside its domain"
    if failure.kind == "not smooth":
        return f"the operation {name} has a kink or jump there; move theta or the data off it, or smooth the operation"
    example = f", for example {NORMALISATION}" if "norm" in name else ""
    return f"the operation {name} is wrong by itself at order {own.order}: write it from primitives{example}"
