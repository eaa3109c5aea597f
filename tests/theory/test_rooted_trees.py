from __future__ import annotations

from collections import Counter
from math import factorial

import pytest

from tests.theory.trees import rootings
from theory.index_algebra import ZERO
from theory.loss import LOSS
from theory.rooted_trees import (
    elementary_differential,
    elementary_scalar,
    num_vertices,
    rooted_trees,
    symmetry,
)

CHERRY, CHAIN = ((), ()), (((),),)


def test_there_are_as_many_rooted_trees_as_the_literature_counts():
    # A000081 of the On-Line Encyclopedia of Integer Sequences.
    assert [len(rooted_trees(size)) for size in range(1, 11)] == [1, 1, 2, 4, 9, 20, 48, 115, 286, 719]


@pytest.mark.parametrize("size", range(1, 9))
def test_symmetries_account_for_all_labelled_trees(size):
    # n^(n-1) labelled rooted trees, n! / sigma of each shape.
    trees = rooted_trees(size)
    assert {num_vertices(tree) for tree in trees} == {size}
    assert sum(factorial(size) // symmetry(tree) for tree in trees) == size ** (size - 1)


def test_a_tree_without_vertices_is_refused():
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        rooted_trees(0)


def test_elementary_differentials_of_three_vertices():
    assert elementary_differential(CHERRY) == -1 * LOSS("j", "k", "l") * LOSS("k") * LOSS("l")
    assert elementary_differential(CHAIN) == -1 * LOSS("j", "k") * LOSS("k", "l") * LOSS("l")
    assert elementary_differential(((),)) == LOSS("j", "k") * LOSS("k")


def test_the_scalar_forgets_the_root():
    assert elementary_scalar(CHERRY) == elementary_scalar(CHAIN) == LOSS("k") * LOSS("k", "l") * LOSS("l")


@pytest.mark.parametrize("size", range(1, 7))
def test_the_gradient_of_a_scalar_is_the_sum_over_its_vertices(size):
    for tree in rooted_trees(size):
        vertices = rootings(tree)
        assert len(vertices) == size
        by_vertex = sum((elementary_differential(rooting) for rooting in vertices), ZERO)
        assert elementary_scalar(tree).derivative("j") == by_vertex * (-1) ** size


def test_a_rooting_occurs_as_often_as_its_symmetries_are_missing():
    # sigma(t) / sigma(tau) vertices of the free tree t give the rooting tau: here sigma(t) sums to one number per tree.
    for tree in rooted_trees(6):
        counts = Counter(rootings(tree))
        assert len({times * symmetry(rooting) for rooting, times in counts.items()}) == 1
