"""Index algebra: sums of products of tensors with summed indices and averaged data labels.

A `Factor` is a head with a data label and indices, for example h_a^{jk} = d_j d_k h(x_a, theta). In a product a
string is a free name and an integer is bound: an integer index is summed and occurs exactly twice; an integer label
stands for the **average over all n data points**, coincidences included, and may occur any number of times.
SymPy lives in the coefficients only: `sympy.tensor` does not identify equal products of averages.

Every product is validated when it is built. Differentiating a head that has no derivative rule is an error, not 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self, cast

import sympy as sp

from theory.canonical import canonical

Index = str | int
Product = tuple["Factor", ...]


@dataclass(frozen=True, order=True)
class Space:
    """An index space: its name and, as a SymPy symbol's name, its dimension."""

    name: str
    dimension: str


PARAMETERS = Space("parameters", "p")


@dataclass(frozen=True, order=True)
class Head:
    """A named tensor. ``derivative``: ``grows`` (gains an index), ``constant`` (0) or ``undefined`` (an error)."""

    name: str
    rank: int | None = None  # None: any number of indices
    labelled: bool = False
    symmetric: bool = True
    derivative: str = "undefined"
    spaces: tuple[Space, ...] = ()  # of each slot; empty: all are parameters

    def space(self, slot: int) -> Space:
        """Return the index space of a slot."""
        return self.spaces[slot] if self.spaces else PARAMETERS

    def __call__(self, *indices: str, label: str | None = None) -> Expr:
        """Return the expression that consists of this head alone, with free indices and a free label."""
        return Expr.of(Factor(self, label, indices))


class Factor(NamedTuple):
    """A head with its data label and indices: a string is free, an integer is bound."""

    head: Head
    label: str | int | None
    indices: tuple[Index, ...]

    def sort_key(self) -> tuple:
        """Return a key that orders any two factors, free names before bound numbers."""
        named = [
            (isinstance(i, int), str(i) if isinstance(i, str) else "", i if isinstance(i, int) else 0)
            for i in self.indices
        ]
        label = (self.label is not None, isinstance(self.label, int), str(self.label))
        return (self.head.name, self.head.symmetric, len(self.indices), label, tuple(named))

    def __lt__(self, other: tuple) -> bool:
        return self.sort_key() < Factor(*other).sort_key()

    def renamed(self, indices: Mapping, labels: Mapping) -> Factor:
        """Return the factor with indices and label replaced where the mappings name them."""
        new = tuple(indices.get(i, i) for i in self.indices)
        if self.head.symmetric:
            new = tuple(sorted(new, key=lambda i: (isinstance(i, int), i)))
        return Factor(self.head, labels.get(self.label, self.label), new)

    def shifted(self, by_index: int, by_label: int) -> Factor:
        """Return the factor with its bound numbers raised, so that two products stay apart."""
        indices = tuple(i + by_index if isinstance(i, int) else i for i in self.indices)
        return Factor(self.head, self.label + by_label if isinstance(self.label, int) else self.label, indices)


H = Head("h", labelled=True, derivative="grows")
"""h_a^{j...}: derivatives of the model at data point a; without indices, the prediction itself."""
DELTA = Head("delta", rank=2, derivative="constant")
"""The Kronecker delta; contracted away as soon as one of its indices is summed."""


def validated(product: Product) -> Product:
    """Return the product in canonical form.

    Raises:
        ValueError: If an index occurs more than twice or a summed one once, if its two ends live in different
            spaces, or if a factor does not fit its head.
    """
    return canonical(tuple(sorted(_checked(product))))


def _checked(product: Product) -> Product:
    ends: dict[Index, list[Space]] = {}
    for head, label, indices in product:
        if head.rank is not None and len(indices) != head.rank:
            raise ValueError(f"head {head.name!r} takes {head.rank} indices, got {indices}")
        if head.labelled != (label is not None):
            raise ValueError(f"head {head.name!r} {'needs' if head.labelled else 'takes no'} data label, got {label!r}")
        for slot, index in enumerate(indices):
            ends.setdefault(index, []).append(head.space(slot))
    for index, spaces in ends.items():
        allowed = {2} if isinstance(index, int) else {1}
        if len(spaces) not in allowed:
            raise ValueError(
                f"index {index!r} occurs {len(spaces)} times in {product}; a summed index occurs exactly twice"
            )
        if len(set(spaces)) > 1:
            raise ValueError(f"index {index!r} joins two different spaces: {sorted(space.name for space in spaces)}")
    return product


@dataclass(frozen=True)
class Expr:
    """A sum of products in canonical form with SymPy coefficients; two expressions are equal iff their terms are."""

    terms: tuple[tuple[Product, sp.Expr], ...]

    @classmethod
    def of(cls, *factors: Factor, coefficient: sp.Expr | int = 1) -> Self:
        """Return one product; a free index that occurs twice is summed."""
        return cls.collect([(factors, sp.sympify(coefficient))])

    @classmethod
    def number(cls, value: sp.Expr | int) -> Self:
        """Return a SymPy number or symbol as an expression without indices."""
        return cls.collect([((), sp.sympify(value))])

    @classmethod
    def collect(cls, products: Iterable[tuple[Iterable[Factor], sp.Expr]]) -> Self:
        """Return the sum of (factors, coefficient) pairs, like products gathered and zeros dropped."""
        total: dict[Product, sp.Expr] = {}
        for factors, coefficient in products:
            product, coefficient = _without_deltas(_checked(_summed(tuple(factors))), coefficient)
            key = validated(product)
            total[key] = total.get(key, sp.Integer(0)) + coefficient
        exact = ((key, cast(sp.Expr, sp.factor(sp.expand(value)))) for key, value in total.items())
        result = cls(tuple(sorted(((k, v) for k, v in exact if v != 0), key=lambda kv: [f.sort_key() for f in kv[0]])))
        if len(frees := {_free_indices(product) for product, _ in result.terms}) > 1:
            raise ValueError(f"terms with different free indices cannot be added: {sorted(map(sorted, frees))}")
        return result

    @property
    def free_indices(self) -> frozenset[str]:
        """The names of the free indices (none for 0)."""
        return _free_indices(self.terms[0][0]) if self.terms else frozenset()

    def __add__(self, other: Expr) -> Expr:
        return Expr.collect([*self.terms, *other.terms])

    def __sub__(self, other: Expr) -> Expr:
        return self + -1 * other

    def __mul__(self, other: Expr | sp.Expr | int) -> Expr:
        if not isinstance(other, Expr):
            return Expr.collect((product, coefficient * other) for product, coefficient in self.terms)
        pairs = []
        for left, a in self.terms:
            by_index, by_label = _next_bound(left)
            pairs += [((*left, *(f.shifted(by_index, by_label) for f in right)), a * b) for right, b in other.terms]
        return Expr.collect(pairs)

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return bool(self.terms)

    def map(self, rewrite: Callable[[Product, sp.Expr], Iterable[tuple[Iterable[Factor], sp.Expr]]]) -> Expr:
        """Return the sum of what ``rewrite`` makes of each term."""
        return Expr.collect(pair for product, coefficient in self.terms for pair in rewrite(product, coefficient))

    def coefficients(self, change: Callable[[sp.Expr], sp.Expr]) -> Expr:
        """Return the expression with every coefficient changed."""
        return self.map(lambda product, coefficient: [(product, change(coefficient))])

    def averaged(self, label: str) -> Expr:
        """Return the average over all data points that ``label`` may stand for: the label becomes bound."""

        def bind(product: Product, coefficient: sp.Expr):
            _, fresh = _next_bound(product)
            return [([f.renamed({}, {label: fresh}) for f in product], coefficient)]

        return self.map(bind)

    def relabelled(self, old: str, new: str) -> Expr:
        """Return the expression with a free label renamed."""
        return self.map(lambda product, c: [([f.renamed({}, {old: new}) for f in product], c)])

    def reindexed(self, names: Mapping[str, str]) -> Expr:
        """Return the expression with free indices renamed; two that become equal are summed."""
        return self.map(lambda product, c: [([f.renamed(names, {}) for f in product], c)])

    def derivative(self, index: str) -> Expr:
        """Return d/d theta_index by the product rule.

        Raises:
            ValueError: If a head has no derivative rule, or the index is in use.
        """
        self._require_unused(index)

        def product_rule(product: Product, coefficient: sp.Expr):
            for place, factor in enumerate(product):
                if factor.head.derivative == "constant":
                    continue
                if factor.head.derivative != "grows":
                    raise ValueError(f"head {factor.head.name!r} has no derivative rule")
                grown = factor._replace(indices=(*factor.indices, index))
                yield (*product[:place], grown, *product[place + 1 :]), coefficient

        return self.map(product_rule)

    def derivative_by(self, head: Head, index: str) -> Expr:
        """Return d/d v_index, where ``head`` is the vector v and every other head is constant in v.

        Raises:
            ValueError: If the index is in use.
        """
        self._require_unused(index)

        def product_rule(product: Product, coefficient: sp.Expr):
            for place, factor in enumerate(product):
                if factor.head == head:
                    unit = Factor(DELTA, None, (factor.indices[0], index))
                    yield (*product[:place], unit, *product[place + 1 :]), coefficient

        return self.map(product_rule)

    def _require_unused(self, index: str) -> None:
        if index in self.free_indices:
            raise ValueError(f"index {index!r} is already free in the expression; choose another name")

    def latex(self) -> str:
        """Return the expression as LaTeX, an average over the data as E with its labels."""
        from theory.latex import expression

        return expression(self)


ZERO = Expr(())


def _free_indices(product: Product) -> frozenset[str]:
    return frozenset(i for factor in product for i in factor.indices if isinstance(i, str))


def _next_bound(product: Iterable[Factor]) -> tuple[int, int]:
    indices = [i for f in product for i in f.indices if isinstance(i, int)]
    labels = [f.label for f in product if isinstance(f.label, int)]
    return max(indices, default=-1) + 1, max(labels, default=-1) + 1


def _summed(product: Product) -> Product:
    """Bind every free index that occurs twice (Einstein's convention)."""
    counts = Counter(i for factor in product for i in factor.indices if isinstance(i, str))
    first, _ = _next_bound(product)
    bound = {name: first + k for k, name in enumerate(sorted(name for name, count in counts.items() if count == 2))}
    return tuple(factor.renamed(bound, {}) for factor in product)


def _without_deltas(product: Product, coefficient: sp.Expr) -> tuple[Product, sp.Expr]:
    """Contract every Kronecker delta that has a summed index."""
    for place, factor in enumerate(product):
        if factor.head != DELTA or all(isinstance(i, str) for i in factor.indices):
            continue
        rest = product[:place] + product[place + 1 :]
        old, new = sorted(factor.indices, key=lambda i: isinstance(i, str))
        if old == new:
            return _without_deltas(rest, coefficient * sp.Symbol(PARAMETERS.dimension, positive=True, integer=True))
        return _without_deltas(tuple(f.renamed({old: new}, {}) for f in rest), coefficient)
    return product, coefficient
