from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import pairwise, product
from math import comb, factorial
from pathlib import Path

import pytest
import sympy as sp
import torch
from torch import Tensor
from torch.func import grad, jvp

from numerics.problem import Problem
from tests.models import Place, normal
from tests.oracles import relative_error
from theory.loss import LABEL, LOSS, SQUARED_ERROR, with_loss
from theory.modified_equation import coefficient, iterate_coefficients, lie_series_term, modified_vector_field, weight
from theory.rooted_trees import Tree, num_vertices, rooted_trees
from verify.lowering.expression import lower

ROOT = Path(__file__).parents[2]
Field = Callable[[Tensor], Tensor]
TIMING = """
import time
from theory.modified_equation import coefficient
from theory.rooted_trees import rooted_trees
start = time.process_time()
for size in range(1, {size} + 1):
    for tree in rooted_trees(size):
        coefficient(tree)
print(time.process_time() - start)
"""


def chain(size: int) -> Tree:
    """Return the tree in which no vertex has two children."""
    return () if size == 1 else (chain(size - 1),)


def numberings(tree: Tree, last: int) -> int:
    """Count the maps of the vertices to 0, ..., last - 1 that are larger at a parent than at its children."""

    def edges(part: Tree, root: int) -> list[tuple[int, int]]:
        found, free = [], root + 1
        for child in part:
            found += [(root, free), *edges(child, free)]
            free += num_vertices(child)
        return found

    pairs = edges(tree, 0)
    maps = product(range(last), repeat=num_vertices(tree))
    return sum(all(at[parent] > at[child] for parent, child in pairs) for at in maps)


def off_the_manifold(place: Place) -> Problem:
    """Return the problem with labels that theta does not fit."""
    problem = place.problem
    return Problem(problem.model, problem.inputs, problem.labels + normal(21, problem.num_data))


def descent(problem: Problem) -> Field:
    """Return theta -> -grad of the mean squared error."""
    return lambda theta: -grad(lambda at: problem.residuals(at).square().mean())(theta)


def lie_fields(step: Field, size: int) -> list[Field]:
    """Return the first coefficients of the field whose flow starts with theta + lr step(theta), by nested jvps."""
    fields: list[Field] = []

    def iterated(times: int, power: int, theta: Tensor) -> Tensor:
        if times == 1:
            return fields[power - 1](theta)
        parts = [
            jvp(partial(iterated, times - 1, power - first), (theta,), (fields[first - 1](theta),))[1]
            for first in range(1, power - times + 2)
        ]
        return torch.stack(parts).sum(0)

    def coefficient_of(power: int, theta: Tensor) -> Tensor:
        total = step(theta) if power == 1 else torch.zeros_like(theta)
        return total - sum(iterated(m, power, theta) / factorial(m) for m in range(2, power + 1))

    for power in range(1, size + 1):
        fields.append(partial(coefficient_of, power))
    return fields


def test_the_first_coefficients_are_the_textbooks():
    # f_2 = -1/2 f'f, f_3 = 1/3 f'f'f + 1/12 f''(f, f).
    assert {tree: weight(tree) for size in (1, 2, 3) for tree in rooted_trees(size)} == {
        (): 1,
        ((),): sp.Rational(-1, 2),
        (((),),): sp.Rational(1, 3),
        ((), ()): sp.Rational(1, 12),
    }


@pytest.mark.parametrize("size", range(1, 6))
def test_the_iterates_coefficient_counts_numberings_of_the_tree(size):
    for tree in rooted_trees(size):
        assert iterate_coefficients(tree, 5) == tuple(numberings(tree, n) for n in range(6))


def test_a_chain_has_binomials_and_alternating_unit_fractions():
    for size in range(1, 20):
        assert iterate_coefficients(chain(size), 20) == tuple(comb(n, size) for n in range(21))
        assert coefficient(chain(size)) == Fraction((-1) ** (size - 1), size)


def test_a_star_has_the_bernoulli_numbers():
    # Phi(n) = 0^k + ... + (n - 1)^k, whose linear coefficient is B_k (B_1 = -1/2).
    for leaves in range(2, 14):
        assert coefficient(((),) * leaves) == Fraction(*sp.bernoulli(leaves).as_numer_denom())


@pytest.mark.parametrize("size", range(1, 8))
def test_the_iterates_coefficients_are_polynomials_of_the_degree_that_the_derivative_takes_for_granted(size):
    for tree in rooted_trees(size):
        values = iterate_coefficients(tree, size + 3)
        for _ in range(size + 1):
            values = [after - before for before, after in pairwise(values)]
        assert not any(values)


def test_the_flow_of_the_series_of_a_scalar_equation_is_one_step():
    # x' = F(x) with F from the trees of f(x) = 1 + x^2; the time-h flow is applied as a differential operator.
    x, h = sp.symbols("x h")
    f, size = 1 + x**2, 8

    def differential(tree: Tree) -> sp.Expr:
        return sp.prod([sp.diff(f, x, len(tree)), *map(differential, tree)])

    def truncated(expr: sp.Expr) -> sp.Expr:
        terms = sp.Poly(expr, h).terms()
        return sum((c * h**power for (power,), c in terms if power <= size), sp.Integer(0))

    field = sum(
        h ** num_vertices(tree) * weight(tree) * differential(tree)
        for count in range(1, size + 1)
        for tree in rooted_trees(count)
    )
    term, flow = x, x
    for m in range(1, size + 1):
        term = truncated(sp.expand(field * sp.diff(term, x))) / m
        flow += term
    assert sp.expand(flow - x - h * f) == 0


@pytest.mark.parametrize("order", range(6))
def test_the_lie_series_gives_the_same_field(order):
    assert lie_series_term(order) == modified_vector_field(order)


def test_the_lie_series_tells_a_wrong_coefficient():
    wrong = modified_vector_field(2) + LOSS("j", "k") * LOSS("k", "l") * LOSS("l") * sp.Rational(1, 100)
    assert lie_series_term(2) != wrong


@pytest.mark.agreement("modified-equation")
@pytest.mark.agreement("lie-series")
@pytest.mark.parametrize("derived", [modified_vector_field, lie_series_term])
def test_the_field_of_a_squared_error_is_the_one_from_nested_derivatives(place, derived):
    problem, theta = off_the_manifold(place), place.theta
    for order, field in enumerate(lie_fields(descent(problem), 3)):
        expr = with_loss(derived(order), SQUARED_ERROR)
        actual = lower(expr, problem, theta, indices="j", tensors={LABEL: problem.labels})
        assert relative_error(actual, field(theta)) < 1e-10


@pytest.mark.parametrize(("size", "bar"), [(7, 0.1), (9, 1.0)])
def test_all_coefficients_are_a_matter_of_milliseconds(size, bar):
    command = [sys.executable, "-c", TIMING.format(size=size)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(found.stdout) < bar
