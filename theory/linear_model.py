"""Second moments of a model linear in theta, exactly: by enumeration, and as the index algebra's value.

**Statement.** For h = g_a . theta one step of the square loss is affine in x = theta - theta*, so that E[x x^T] obeys
a closed recursion for any learning rate. `enumerated_second_moment` takes it from the definition: the mean over every
batch and every choice of signs +-sigma of the label noise.
**Hypotheses.** Zero training error at theta*, a loss quadratic in the residual, x of mean 0 independent of the batch.
**Source.** Derived here.
**Derivation.** Differentiate the batch's loss, take the step, square it, replace x_j x_k by S_jk, average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any, cast

import sympy as sp

from theory.derivation import derivation
from theory.index_algebra import H, Head
from theory.index_algebra.instance import Instance
from theory.rule import BETA, ETA, PLAIN, RESIDUAL, SIGMA, Rule


@derivation("enumerated-second-moment")
def enumerated_second_moment(
    rule: Rule, gradients: sp.Matrix, covariance: sp.Matrix, batch_size: int | None = None
) -> sp.Matrix:
    """Return E[y' y'^T] after one step, given E[y y^T], as a matrix of polynomials in eta, sigma and beta.

    The state y is x, and with momentum x above the velocity v.

    Args:
        rule: The update; its loss is quadratic.
        gradients: g_a, one row for each data point, ``[n, p]``.
        covariance: E[y y^T], ``[p, p]`` or ``[2p, 2p]``, numbers or symbols.
        batch_size: Draws per iid batch; None for full batches.

    Raises:
        ValueError: If the loss is not quadratic, the rule has weight decay or reshuffles, or the batch size does not go
            with the sampling.
    """
    replace(rule, momentum=PLAIN).require_plain("the enumerated second moment")
    if sp.Poly(rule.loss, RESIDUAL).degree() != 2:
        raise ValueError(f"loss must be quadratic in {RESIDUAL} for a closed recursion, got {rule.loss}")
    if (rule.sampling == "full") != (batch_size is None):
        raise ValueError(f"batch_size must be None for full batches only, got {batch_size} with {rule.sampling!r}")
    num_data, num_parameters = gradients.shape
    x, v = (sp.Matrix(sp.symbols(f"{name}:{num_parameters}", real=True)) for name in "xv")
    state = sp.Matrix([x, v]) if rule.momentum.keeps_velocity else x
    predictions = [cast(sp.Expr, row.dot(x)) for row in map(gradients.row, range(num_data))]
    size = batch_size or num_data
    batches = [tuple(range(num_data))] if batch_size is None else list(product(range(num_data), repeat=size))
    num_values = size if rule.noise.sharing == "independent" else 1
    signs = [sign * (size // num_values) for sign in product((-1, 1), repeat=num_values)]
    total = sp.zeros(len(state))
    for batch, sign in product(batches, signs):
        residuals = [predictions[a] - SIGMA * z for a, z in zip(batch, sign, strict=True)]
        loss = cast(sp.Expr, sp.Add(*(rule.loss.subs(RESIDUAL, r) for r in residuals))) / size
        plain = -ETA * sp.Matrix([sp.diff(loss, parameter) for parameter in x])
        after = x + plain
        if rule.momentum.keeps_velocity:
            velocity = BETA * v + plain
            after = sp.Matrix([x + rule.momentum.of_velocity * velocity + rule.momentum.of_step * plain, velocity])
        total += (after * after.T).applyfunc(lambda entry: _mean_over_state(entry, state, covariance))
    return (total / (len(batches) * len(signs))).applyfunc(sp.expand)


def _mean_over_state(polynomial: sp.Expr, state: sp.Matrix, covariance: sp.Matrix) -> sp.Expr:
    """Return a polynomial's mean over a state y of mean 0: y_j y_k becomes E[y_j y_k]."""
    mean = sp.Integer(0)
    for powers, coefficient in sp.Poly(sp.expand(polynomial), *state).terms():
        factors = [index for index, power in enumerate(powers) for _ in range(power)]
        if len(factors) != 1:
            mean += coefficient * (covariance[factors[0], factors[1]] if factors else 1)
    return cast(sp.Expr, mean)


def instance(gradients: sp.Matrix, moments: Mapping[Head, Any]) -> Instance:
    """Return the model with these gradients, ``[n, p]``, and moments, ``[p, p]``, for the value of an expression."""
    num_parameters = gradients.shape[1]
    theta, inputs = (sp.symbols(f"{name}:{num_parameters}", real=True) for name in ("theta", "g"))
    model = sp.Add(*(a * b for a, b in zip(theta, inputs, strict=True)))
    return Instance({H: model}, dict.fromkeys(theta, 0), inputs, gradients.tolist(), moments)
