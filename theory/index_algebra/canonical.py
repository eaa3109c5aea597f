"""Canonical form of a product of heads, so that equal products are equal tuples.

A product is a graph: factors, summed indices and averaged data labels are its vertices. Two products are equal
exactly when their graphs are isomorphic by a map that keeps heads, free names and slots. The canonical form is
the smallest relabelling found by colour refinement; where refinement leaves a class of several vertices, each of
them is singled out in turn (individualisation) and the smallest outcome is kept. Of the vertices that an automorphism
takes to each other one is enough. The result is exact: refinement only prunes, it never decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theory.index_algebra.heads import Factor

Vertex = tuple[str, int]
Colouring = dict[Vertex, int]
Edges = dict[Vertex, list[tuple[int, Vertex]]]


@lru_cache(maxsize=100_000)
def canonical(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Return the canonical form of a product; its dummies and bound labels are numbered 0, 1, 2, ..."""
    parts = sorted(_canonical_component(part) for part in _components(factors))
    result: list[Factor] = []
    index_offset = label_offset = 0
    for part in parts:
        result += [factor.shifted(index_offset, label_offset) for factor in part]
        index_offset += len({i for f in part for i in f.indices if isinstance(i, int)})
        label_offset += len({f.label for f in part if isinstance(f.label, int)})
    return tuple(result)


def _components(factors: Sequence[Factor]) -> list[tuple[Factor, ...]]:
    """Split a product into the groups of factors that share a dummy index or a bound label."""
    groups: list[tuple[set[Vertex], list[Factor]]] = []
    for factor in factors:
        links, members = set(_links(factor)), [factor]
        apart = []
        for other_links, other_members in groups:
            if links & other_links:
                links |= other_links
                members = other_members + members
            else:
                apart.append((other_links, other_members))
        groups = [*apart, (links, members)]
    return [tuple(members) for _, members in groups]


def _links(factor: Factor) -> Iterable[Vertex]:
    yield from (("index", i) for i in factor.indices if isinstance(i, int))
    if isinstance(factor.label, int):
        yield ("label", factor.label)


def _canonical_component(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    counts = Counter(factor.renamed({}, {}) for factor in factors)  # equal factors are one vertex
    edges: Edges = defaultdict(list)
    colours: dict[Vertex, tuple] = {}
    for number, (factor, count) in enumerate(counts.items()):
        vertex = ("factor", number)
        # Free names are part of a vertex's colour; the slot matters only where the head is not symmetric.
        free = [(slot, i) for slot, i in enumerate(factor.indices) if isinstance(i, str)]
        named = sorted((0 if factor.head.symmetric else slot, i) for slot, i in free)
        label = factor.label if isinstance(factor.label, str) else ""
        head = factor.head
        shape = (head.name, head.symmetric, len(factor.indices), label, tuple(named), head.sort_key)
        colours[vertex] = ("factor", *shape, count)
        for slot, i in enumerate(factor.indices):
            if isinstance(i, int):
                space = factor.head.space(slot).name
                colours[("index", i)] = ("index", space)
                edges[vertex].append((0 if factor.head.symmetric else slot, ("index", i)))
                edges[("index", i)].append((0 if factor.head.symmetric else slot, vertex))
        if isinstance(factor.label, int):
            colours[("label", factor.label)] = ("label",)
            edges[vertex].append((-1, ("label", factor.label)))
            edges[("label", factor.label)].append((-1, vertex))
    start = {vertex: (repr(colour),) for vertex, colour in colours.items()}
    return _smallest(factors, _refined(_ranked(start), edges), edges)


def _ranked(signature: dict[Vertex, tuple]) -> Colouring:
    order = {value: rank for rank, value in enumerate(sorted(set(signature.values())))}
    return {vertex: order[value] for vertex, value in signature.items()}


def _refined(colouring: Colouring, edges: Edges) -> Colouring:
    while True:
        finer = _ranked(
            {
                vertex: (colour, tuple(sorted((slot, colouring[other]) for slot, other in edges[vertex])))
                for vertex, colour in colouring.items()
            }
        )
        if len(set(finer.values())) == len(set(colouring.values())):
            return finer
        colouring = finer


def _smallest(factors: tuple[Factor, ...], colouring: Colouring, edges: Edges) -> tuple[Factor, ...]:
    """Return the smallest relabelling that some sequence of individualisations leads to."""
    branches = _individualised(colouring, edges)
    if not branches:
        return _renamed(factors, colouring)
    # Where the first leaves of two branches are equal, an automorphism takes one branch to the other: one will do.
    different = {_first_leaf(factors, branch, edges): branch for branch in branches}
    return min(_smallest(factors, branch, edges) for branch in different.values())


def _first_leaf(factors: tuple[Factor, ...], colouring: Colouring, edges: Edges) -> tuple[Factor, ...]:
    while branches := _individualised(colouring, edges, limit=1):
        (colouring,) = branches
    return _renamed(factors, colouring)


def _individualised(colouring: Colouring, edges: Edges, limit: int | None = None) -> list[Colouring]:
    """Return the refinements in which one vertex of the first class of several is singled out; none if all differ.

    Only indices and labels are singled out: once they all differ, so do the factors.
    """
    sizes = Counter(colour for vertex, colour in colouring.items() if vertex[0] != "factor")
    crowded = min((colour for colour, size in sizes.items() if size > 1), default=None)
    chosen = [vertex for vertex, colour in colouring.items() if colour == crowded][:limit]
    return [_refined(_ranked({v: (c, v != one) for v, c in colouring.items()}), edges) for one in chosen]


def _renamed(factors: tuple[Factor, ...], colouring: Colouring) -> tuple[Factor, ...]:
    def numbering(kind: str) -> dict[int, int]:
        vertices = sorted((colour, v[1]) for v, colour in colouring.items() if v[0] == kind)
        return {old: new for new, (_, old) in enumerate(vertices)}

    indices, labels = numbering("index"), numbering("label")
    return tuple(sorted(factor.renamed(indices, labels) for factor in factors))
