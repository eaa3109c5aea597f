"""Rooted trees: their number, their symmetries, and the elementary differentials that they stand for.

A tree is the sorted tuple of the trees that hang on its root; a single vertex is ``()``. To a vector field f belongs
the elementary differential F(tau): each vertex is a copy of f, differentiated once for each child, and an edge is the
sum over the index of the child. For f_j = -d_j L every vertex is a derivative of -L of the order of its degree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import count
from math import factorial, prod

from theory.index_algebra import Expr, Factor
from theory.loss import LOSS

Tree = tuple["Tree", ...]


@cache
def num_vertices(tree: Tree) -> int:
    """Return the number of vertices, the order of the tree."""
    return 1 + sum(map(num_vertices, tree))


@cache
def symmetry(tree: Tree) -> int:
    """Return sigma(tau), the number of automorphisms that keep the root."""
    return prod(factorial(times) * symmetry(child) ** times for child, times in Counter(tree).items())


@cache
def rooted_trees(size: int) -> tuple[Tree, ...]:
    """Return the rooted trees with ``size`` vertices, each once: a leaf grafted on each vertex of the smaller ones.

    Raises:
        ValueError: If ``size`` is less than 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    if size == 1:
        return ((),)
    return tuple(sorted({grafted for smaller in rooted_trees(size - 1) for grafted in _grafted(smaller)}))


def elementary_differential(tree: Tree) -> Expr:
    """Return the j-th component of F(tau) for f_j = -d_j L (free index ``j``)."""
    return Expr.of(*_vertices(tree, ("j",)), coefficient=(-1) ** num_vertices(tree))


def elementary_scalar(tree: Tree) -> Expr:
    """Return L(t), each vertex a derivative of L and each edge a summed index: the same for every rooting."""
    return Expr.of(*_vertices(tree, ()))


def _grafted(tree: Tree) -> Iterator[Tree]:
    yield tuple(sorted((*tree, ())))
    for place, child in enumerate(tree):
        for larger in _grafted(child):
            yield tuple(sorted((*tree[:place], larger, *tree[place + 1 :])))


def _vertices(tree: Tree, at_root: tuple[str, ...]) -> list[Factor]:
    """Return one factor per vertex; the edges are numbered, the root has the given indices besides."""
    edges, factors = count(), []

    def visit(part: Tree, above: tuple[str | int, ...]) -> None:
        below = [next(edges) for _ in part]
        factors.append(Factor(LOSS, None, (*above, *below)))
        for child, edge in zip(part, below, strict=True):
            visit(child, (edge,))

    visit(tree, at_root)
    return factors
