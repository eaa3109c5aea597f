"""The exact value of an index expression at an instance: functions given in SymPy, at a point.

An identity that holds for all models is refuted by one instance, and there the arithmetic is exact. Symbols may stand
in the point, the functions and the tensors: then the value holds for all of their values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import combinations_with_replacement, permutations, product
from typing import Any, cast

import sympy as sp

from theory.index_algebra.exact_tensor import Entries, ExactTensor, entries, exact, to_sympy
from theory.index_algebra.expression import Expr
from theory.index_algebra.heads import DATA, PARAMETERS, RANGE, TANGENT, Factor, H, Head, Product, Space, is_delta

Number = sp.Expr | int


@dataclass(frozen=True)
class Instance:
    """Functions, data and tensors in exact numbers.

    Attributes:
        functions: The heads that grow indices, as functions of the parameters and, if labelled, of the inputs.
        point: The parameters, in order, with their values.
        inputs: The symbols of one data point's input.
        data: The input of each data point.
        tensors: Further heads as nested lists or SymPy arrays: an axis of length n if labelled, then one for each
            index. Every delta is known, and so are the projectors onto the range of Gamma and its complement where
            the model h is among the functions.
        numbers: Values for symbols in coefficients. Dimensions are known; a symbol without a value stays.
    """

    functions: Mapping[Head, sp.Expr] = field(default_factory=dict)
    point: Mapping[sp.Symbol, Number] = field(default_factory=dict)
    inputs: Sequence[sp.Symbol] = ()
    data: Sequence[Sequence[Number]] = ()
    tensors: Mapping[Head, Any] = field(default_factory=dict)
    numbers: Mapping[sp.Symbol, Number] = field(default_factory=dict)

    def value(self, expr: Expr) -> sp.Expr:
        """Return the value of an expression without free indices; it raises what `array` raises."""
        return cast(sp.Expr, self.array(expr, ())[()])

    def component(self, expr: Expr, **places: int) -> sp.Expr:
        """Return one component, for example ``component(force, j=0)``; it raises what `array` raises."""
        return cast(sp.Expr, self.array(expr, tuple(places))[tuple(places.values())])

    def array(self, expr: Expr, indices: Sequence[str]) -> sp.ImmutableDenseNDimArray:
        """Return the values of an expression, an axis for each free index in the order given.

        Raises:
            ValueError: If ``indices`` are not the free indices, a label is free, a head or a dimension has no value,
                a value is not exact, shapes contradict each other, or a tensor lacks the symmetry of its head.
        """
        if expr and (set(indices) != expr.free_indices or len(set(indices)) != len(indices)):
            raise ValueError(f"indices must name the free indices {sorted(expr.free_indices)}, got {indices!r}")
        spaces = {i: f.head.space(k) for term, _ in expr.terms[:1] for f in term for k, i in enumerate(f.indices)}
        shape = tuple(self._dimension(spaces.get(index, PARAMETERS)) for index in indices)
        total: dict[tuple[int, ...], sp.Expr] = defaultdict(lambda: sp.Integer(0))
        for term, coefficient in expr.terms:
            number = coefficient.xreplace(self._numbers)
            for places, value in self._contracted(term, indices).items():
                total[places] += number * to_sympy(value)
        flat = [sp.expand(total[places]) for places in product(*map(range, shape))]
        return sp.ImmutableDenseNDimArray(flat, shape)

    def _contracted(self, term: Product, indices: Sequence[str]) -> Entries:
        """Return the entries of one product, averaged over its labels, by the places of the free indices."""
        labels = {factor.label for factor in term if factor.label is not None}
        if free := sorted(label for label in labels if isinstance(label, str)):
            raise ValueError(f"labels must be bound before an expression has a value, got free {free}; call averaged")
        rest = [ExactTensor.of(_axes(factor), self._entries(factor.head, len(factor.indices))) for factor in term]
        weight = Fraction(1, self._dimension(DATA) ** len(labels)) if labels else Fraction(1)
        result = ExactTensor((), {(): weight})
        while rest:
            # A factor that is linked to what has been multiplied so far keeps the intermediate result small.
            nearest = max(rest, key=lambda tensor: len(set(tensor.axes) & set(result.axes)))
            rest.remove(nearest)
            result = result.times(nearest, {*indices, *(axis for tensor in rest for axis in tensor.axes)})
        return result.transposed(indices)

    def _dimension(self, space: Space) -> int:
        if space not in self._dimensions:
            raise ValueError(f"the dimension of {space.name} is unknown: no tensor, point or data shows it")
        return self._dimensions[space]

    @cached_property
    def _dimensions(self) -> dict[Space, int]:
        known = {space: length for space, length in ((PARAMETERS, len(self.point)), (DATA, len(self.data))) if length}
        for head, array in self.tensors.items():
            shape = tuple(map(int, sp.ImmutableDenseNDimArray(array).shape))
            rank = len(shape) - head.labelled
            if head.rank not in (None, rank):
                raise ValueError(f"tensors: head {head.name!r} takes {head.rank} indices, got shape {shape}")
            for space, length in zip([DATA] * head.labelled + [*map(head.space, range(rank))], shape, strict=True):
                if known.setdefault(space, length) != length:
                    raise ValueError(f"dimension {length} of {head.name!r} contradicts {known[space]} {space.name}")
        return known

    @cached_property
    def _numbers(self) -> dict[sp.Expr, sp.Expr]:
        numbers: dict[sp.Expr, sp.Expr] = {s: sp.sympify(value, strict=True) for s, value in self.numbers.items()}
        for space, dimension in self._dimensions.items():
            if numbers.setdefault(space.symbol, sp.Integer(dimension)) != dimension:
                raise ValueError(f"numbers: {space.symbol} = {numbers[space.symbol]}, but {dimension} {space.name}")
        return numbers

    @cached_property
    def _known(self) -> dict[tuple[Head, int], Entries]:
        return {}

    def _entries(self, head: Head, rank: int) -> Entries:
        if (head, rank) not in self._known:
            self._known[head, rank] = self._computed(head, rank)
        return self._known[head, rank]

    def _computed(self, head: Head, rank: int) -> Entries:
        if head in self.tensors:
            given = entries(self.tensors[head])
            if head.symmetric and given != _symmetrised(given, int(head.labelled)):
                raise ValueError(f"tensors: head {head.name!r} is symmetric, its value is not")
            return given
        if is_delta(head):
            return {(k, k): Fraction(1) for k in range(self._dimension(head.space(0)))}
        if head in self.functions:
            return self._derivatives(head, rank)
        if head in (RANGE, TANGENT) and H in self.functions:
            return self._projector(head)
        raise ValueError(f"the instance has no value for head {head.name!r}")

    def _derivatives(self, head: Head, rank: int) -> Entries:
        functions = {(): self.functions[head]}
        if head.labelled:
            inputs = [zip(self.inputs, values, strict=True) for values in self.data]
            functions = {(a,): self.functions[head].subs(list(at)) for a, at in enumerate(inputs)}
        found: Entries = {}
        for label, function in functions.items():
            for places in combinations_with_replacement(range(len(self.point)), rank):
                symbols = [list(self.point)[k] for k in places]
                derivative = sp.diff(function, *symbols) if symbols else function
                if value := exact(derivative.subs(list(self.point.items()), simultaneous=True).doit()):
                    found |= {(*label, *order): value for order in permutations(places)}
        return found

    def gradients(self) -> sp.Matrix:
        """Return the gradients of the model h, ``[p, n]``."""
        gradients = sp.zeros(self._dimension(PARAMETERS), self._dimension(DATA))
        for (a, j), value in self._entries(H, 1).items():
            gradients[j, a] = to_sympy(value)
        return gradients

    def _projector(self, head: Head) -> Entries:
        gradients = self.gradients()
        basis = sp.Matrix.hstack(sp.zeros(gradients.rows, 0), *gradients.columnspace())
        onto_range = basis * (basis.T * basis).inv() * basis.T
        return entries(onto_range if head == RANGE else sp.eye(gradients.rows) - onto_range)


def _axes(factor: Factor) -> list[Any]:
    return [("label", factor.label)] * factor.head.labelled + list(factor.indices)


def _symmetrised(given: Entries, first: int) -> Entries:
    """Return the entries, each written to all places that differ by the order of the indices from slot ``first`` on."""
    return {(*at[:first], *order): value for at, value in given.items() for order in permutations(at[first:])}
