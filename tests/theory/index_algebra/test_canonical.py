import random
from itertools import permutations
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.index_algebra.products import A, raw_products, relabelled, rewired, smallest_relabelling
from theory.index_algebra import Factor, H, validated
from theory.index_algebra.canonical import canonical

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)

TRIANGULAR_PRISM = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5)]
COMPLETE_BIPARTITE = [(a, b) for a in (0, 1, 2) for b in (3, 4, 5)]


def inner_products(edges: list[tuple[int, int]]) -> tuple[Factor, ...]:
    """Return the product over the edges (a, b) of h_a^j h_b^j."""
    return tuple(Factor(H, label, (number,)) for number, edge in enumerate(edges) for label in edge)


@EXAMPLES
@given(st.data())
def test_form_does_not_depend_on_how_the_product_is_written(data):
    product = data.draw(raw_products())
    assert validated(product) == validated(data.draw(relabelled(product)))


@EXAMPLES
@given(st.data())
def test_forms_are_equal_exactly_when_brute_force_finds_a_relabelling(data):
    product = data.draw(raw_products())
    other = data.draw(rewired(product))
    same = smallest_relabelling(product) == smallest_relabelling(other)
    assert (validated(product) == validated(other)) == same


@EXAMPLES
@given(st.data())
def test_form_is_its_own_form_and_numbers_from_zero(data):
    product = validated(data.draw(raw_products()))
    assert canonical(product) == product
    dummies = {i for f in product for i in f.indices if isinstance(i, int)}
    labels = {f.label for f in product if isinstance(f.label, int)}
    assert dummies == set(range(len(dummies)))
    assert labels == set(range(len(labels)))


@st.composite
def multigraphs(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw up to 8 edges between 5 vertices, as often as not with many automorphisms."""
    vertices = st.integers(0, draw(st.integers(1, 4)))
    edges = draw(st.lists(st.tuples(vertices, vertices), min_size=1, max_size=4))
    return edges * draw(st.integers(1, 2))


def smallest_edges(edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the smallest list of edges that a renaming of the vertices leads to: equal iff isomorphic."""
    return min(sorted(tuple(sorted((p[a], p[b]))) for a, b in edges) for p in permutations(range(5)))


@EXAMPLES
@given(multigraphs(), multigraphs())
def test_inner_products_are_equal_exactly_when_their_graphs_are_isomorphic(left, right):
    same = smallest_edges(left) == smallest_edges(right)
    assert (validated(inner_products(left)) == validated(inner_products(right))) == same


@EXAMPLES
@given(multigraphs(), st.permutations(range(5)), st.randoms(use_true_random=False))
def test_inner_products_do_not_depend_on_names_and_order(edges, names, shuffle):
    written = [(names[a], names[b]) for a, b in shuffle.sample(edges, len(edges))]
    assert validated(inner_products(written)) == validated(inner_products(edges))


SQUARES = {
    "scalars of one label": [Factor(H, 0, ())] * 8,
    "scalars of eight labels": [Factor(H, k, ()) for k in range(8)],
    "squared gradients of one label": [Factor(H, 0, (k,)) for k in range(8) for _ in "ab"],
    "squared gradients of eight labels": [Factor(H, k, (k,)) for k in range(8) for _ in "ab"],
    "a ring of eight Hessians": [Factor(H, k, (k, (k + 1) % 8)) for k in range(8)],
}


@pytest.mark.parametrize("name", SQUARES)
def test_a_product_of_many_equal_factors_takes_milliseconds(name):
    # Trying every order of eight interchangeable vertices would take 8! = 40320 refinements: minutes.
    canonical.cache_clear()
    before = process_time()
    form = validated(tuple(SQUARES[name]))
    assert process_time() - before < 1
    assert form == validated(form)


@pytest.mark.parametrize("edges", [TRIANGULAR_PRISM, COMPLETE_BIPARTITE])
@pytest.mark.parametrize("seed", range(5))
def test_form_of_a_regular_graph_survives_shuffling(edges, seed):
    shuffle = random.Random(seed)
    names = shuffle.sample(range(20), 6)
    written = [(names[a], names[b]) for a, b in shuffle.sample(edges, len(edges))]
    assert validated(inner_products(written)) == validated(inner_products(edges))


def test_regular_graphs_that_colours_cannot_tell_apart_have_different_forms():
    # Connected, six labels, each in three inner products: refinement alone sees no difference.
    assert validated(inner_products(TRIANGULAR_PRISM)) != validated(inner_products(COMPLETE_BIPARTITE))


def test_slots_of_a_matrix_that_is_not_symmetric_are_told_apart():
    square = (Factor(A, None, (0, 1)), Factor(A, None, (1, 0)))
    gram = (Factor(A, None, (0, 1)), Factor(A, None, (0, 1)))
    assert validated(square) != validated(gram)
    assert validated((Factor(A, None, ("i", "j")),)) != validated((Factor(A, None, ("j", "i")),))


def test_average_of_a_square_differs_from_square_of_an_average():
    assert validated((Factor(H, 0, ()), Factor(H, 0, ()))) != validated((Factor(H, 0, ()), Factor(H, 1, ())))


def test_empty_product_is_its_own_form():
    assert canonical(()) == ()
