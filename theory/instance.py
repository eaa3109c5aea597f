"""The exact value of an index expression for one model or one loss at one point: counterexamples, certificates.

An identity between index expressions holds for all models in all dimensions, and is decided by their canonical form.
That two expressions *differ* as functions is shown here, by one instance with rational numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

import sympy as sp

from theory.index_algebra import Expr, Head, Product
from theory.rule import N

Key = tuple[Head, int | None, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Instance:
    """What the heads of an expression stand for, at one point.

    Attributes:
        point: The parameters and where they are, in order; a parameter that stands for itself stays symbolic.
        functions: SymPy functions of the parameters for heads whose derivative grows: one per data point, or a single
            one for a head without label.
        tensors: Arrays for the other heads: the data label's axis, if there is one, then those of the indices.
        num_data: n.
    """

    point: Mapping[sp.Symbol, sp.Expr]
    functions: Mapping[Head, Sequence[sp.Expr]]
    tensors: Mapping[Head, sp.NDimArray] = field(default_factory=dict)
    num_data: int = 1
    _known: dict[Key, sp.Expr] = field(default_factory=dict, init=False, repr=False)

    def value(self, expr: Expr, **components: int) -> sp.Expr:
        """Return one component of an expression, for example ``value(force, j=0)``.

        Raises:
            ValueError: If the components do not name the free indices, a label is free, or a head has no value.
        """
        if expr and set(components) != expr.free_indices:
            raise ValueError(f"components must name the indices {sorted(expr.free_indices)}, got {sorted(components)}")
        terms = (
            coefficient.subs(N, self.num_data) * self._sum(factors, components) for factors, coefficient in expr.terms
        )
        return sp.expand(sum(terms, sp.Integer(0)))

    def _sum(self, factors: Product, components: Mapping[str, int]) -> sp.Expr:
        """Return a product, its summed indices summed and its bound labels averaged."""
        bound = sorted({i for f in factors for i in f.indices if isinstance(i, int)})
        labels = sorted({f.label for f in factors if f.label is not None}, key=str)
        if free := [label for label in labels if isinstance(label, str)]:
            raise ValueError(f"labels must be bound, got free {free}; call averaged")
        total = sp.Integer(0)
        for chosen in product(range(len(self.point)), repeat=len(bound)):
            at = {**components, **dict(zip(bound, chosen, strict=True))}
            for data in product(range(self.num_data), repeat=len(labels)):
                on = {None: None, **dict(zip(labels, data, strict=True))}
                total += prod(self._component(f.head, on[f.label], tuple(at[i] for i in f.indices)) for f in factors)
        return total / sp.Integer(self.num_data) ** len(labels)

    def _component(self, head: Head, data: int | None, indices: tuple[int, ...]) -> sp.Expr:
        key = (head, data, tuple(sorted(indices)) if head.symmetric else indices)
        if key not in self._known:
            self._known[key] = self._evaluated(*key)
        return self._known[key]

    def _evaluated(self, head: Head, data: int | None, indices: tuple[int, ...]) -> sp.Expr:
        if head in self.functions:
            parameters = list(self.point)
            function = self.functions[head][data or 0]
            derived = sp.diff(function, *(parameters[i] for i in indices)) if indices else function
            return sp.sympify(derived).subs(list(self.point.items()), simultaneous=True).doit()
        if head in self.tensors:
            return self.tensors[head][(*([] if data is None else [data]), *indices)]
        raise ValueError(f"functions and tensors lack a value for head {head.name!r}")
