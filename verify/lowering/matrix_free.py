"""A product without its tensors: derivatives of the model along vectors, for any number of parameters.

A product is a graph, its factors joined by summed indices. Vectors on k - 1 of the k indices of h_a^{j...} make it a
vector: the gradient of the derivative along them. A low-rank matrix V C V^T is two vectors and
a sum over a label of dimension r; the tangent projector, or a dense matrix, maps a vector to a vector. So a product can
be contracted from its vectors inwards if its graph is a tree once the low-rank matrices are cut. Labels, of data and of
ranks, are batch axes (vmap).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from math import prod
from string import ascii_uppercase
from typing import NamedTuple

from torch import Tensor
from torch.func import vmap

from numerics.directional_derivative import gradient_along
from numerics.problem import Model
from numerics.traced import Traced
from theory.index_algebra import TANGENT, H
from verify.lowering.heads import Heads, Written
from verify.lowering.low_rank import LowRank
from verify.lowering.operand import Operand, Subscripted, einsum, indices, kept, labels
from verify.lowering.operand import contracted as contracted_operands

BATCH_ENTRIES = 2**22
"""At most this many entries of gradients are computed at once: 32 MiB in float64."""


class NotATree(ValueError):
    """A product that needs a whole matrix of derivatives."""


class Step(NamedTuple):
    """A way to replace a factor: applied to ``vectors``, it becomes a vector with the index ``opening``.

    ``rest`` are the operands that are left, ``batch`` is the number of vectors that are made.
    """

    factor: Written
    vectors: list[Operand]
    opening: str
    rest: list[Operand]
    batch: int


def contracted(factors: Sequence[Written], output: str, heads: Heads) -> Tensor:
    """Return the product summed over its bound indices and its labels, the free indices in the order of ``output``.

    Raises:
        NotATree: If the graph has a cycle that no low-rank matrix breaks, or a derivative with two free indices.
    """
    return _Contraction(factors, output, heads).result()


class _Contraction:
    """A product on the way: its operands, and the factors that are still to be applied to some of them."""

    def __init__(self, factors: Sequence[Written], output: str, heads: Heads) -> None:
        self.output, self.heads = output, heads
        self.operands, self.factors = _split(factors, heads)
        self.sizes = dict.fromkeys(labels(*(f.subscript for f in factors)), heads.problem.num_data)
        for operand in self.operands:
            self.sizes |= zip(operand.subscript, operand.tensor.shape, strict=True)

    def result(self) -> Tensor:
        """Return the value; the object is used up."""
        while self.factors:
            self._join_vectors()
            steps = [step for factor in self.factors if (step := self._step(factor))]
            if not steps:
                raise NotATree(
                    f"no vectors reach {' '.join(map(str, self.factors))}: these factors form a cycle that no low-rank "
                    f"matrix breaks, or one has two free indices"
                )
            self._take(min(steps, key=lambda step: step.batch))
        return contracted_operands(self.operands, self.output)

    def _join_vectors(self) -> None:
        """Replace two vectors with the same index by their scalar product."""
        while pair := next((p for p in combinations(self.operands, 2) if _index(p[0]) == _index(p[1]) != ""), None):
            rest = [o for o in self.operands if o not in pair]
            self.operands = [*rest, einsum(pair, self._kept(pair, [*rest, *self.factors]))]

    def _step(self, factor: Written) -> Step | None:
        """Return how to replace a factor, with the smallest batch; None while two of its indices have no vector."""
        slots = indices(factor.subscript)
        vectors = {_index(o): o for o in self.operands if _index(o) and _index(o) in slots}
        missing = [slot for slot in slots if slot not in vectors]
        if len(missing) > 1:
            return None
        rest = [o for o in self.operands if o not in vectors.values()]
        for slot in vectors:
            others = [*self.factors, *(v for s, v in vectors.items() if s != slot)]
            vectors[slot], rest = self._folded(vectors[slot], rest, others, factor)

        def batch(without: str) -> int:
            return self._batch(factor.subscript, *(v.subscript for slot, v in vectors.items() if slot != without))

        opening = missing[0] if missing else min(vectors, key=batch)
        left = [vectors.pop(opening)] if opening in vectors else []
        return Step(factor, list(vectors.values()), opening, rest + left, batch(""))

    def _folded(
        self, vector: Operand, rest: list[Operand], others: Sequence[Subscripted], factor: Written
    ) -> tuple[Operand, list[Operand]]:
        """Multiply a vector by numbers of ``rest`` where that sums a label and makes the factor's batch no larger."""
        for label in labels(vector.subscript):
            partners = [o for o in rest if label in o.subscript]
            if any(map(_index, partners)) or any(label in o.subscript for o in others):
                continue
            remaining = [o for o in rest if o not in partners]
            letters = self._kept([vector, *partners], [*remaining, *others])
            if self._batch(factor.subscript, letters) <= self._batch(factor.subscript, vector.subscript):
                vector, rest = einsum([vector, *partners], letters), remaining
        return vector, rest

    def _take(self, step: Step) -> None:
        """Replace a factor by an operand."""
        factor, vectors = step.factor, step.vectors
        axes = labels(factor.subscript, *(v.subscript for v in vectors))
        if factor.head == H:
            value = _gradients_along(self.heads, factor.subscript[0], axes, vectors)
        elif factor.head == TANGENT:
            value = self.heads.normal_space.tangent_part(vectors[0].tensor)
        else:
            tensor = Operand(factor.subscript, self.heads.dense(factor.head, factor.rank))
            value = einsum([tensor, *vectors], axes + step.opening).tensor
        made = Operand(axes + step.opening, value)
        self.factors = [f for f in self.factors if f is not factor]
        self.operands = [*step.rest, einsum([made], self._kept([made], [*step.rest, *self.factors]))]

    def _kept(self, factors: Sequence[Subscripted], others: Sequence[Subscripted]) -> str:
        return kept(factors, others, self.output)

    def _batch(self, *subscripts: str) -> int:
        return prod(self.sizes[label] for label in labels(*subscripts))


def _split(factors: Sequence[Written], heads: Heads) -> tuple[list[Operand], list[Written]]:
    """Return a product's vectors and numbers, with low-rank matrices cut in two, and its other factors."""
    fresh = iter(sorted(set(ascii_uppercase).difference(*(f.subscript for f in factors)), reverse=True))
    operands, others = [], []
    for factor in factors:
        known = heads.dense(factor.head, factor.rank) if factor.rank < 2 else heads.low_rank(factor.head)
        if isinstance(known, LowRank):
            label, (left, right) = next(fresh), factor.subscript
            operands += [Operand(label + left, known.basis.T), Operand(label + right, (known.basis @ known.core).T)]
        elif known is None:
            others.append(factor)
        else:
            operands.append(Operand(factor.subscript, known))
    return operands, others


def _gradients_along(heads: Heads, label: str, axes: str, vectors: Sequence[Operand]) -> Tensor:
    """Return gradients of the derivatives of h(theta, x_a) along vectors, an axis for each letter of ``axes``, then P.

    The label ``a`` of the data is one of the axes; each vector has some of them.
    """
    inputs = Operand(label, heads.problem.inputs)
    operands, most = [inputs, *vectors], max(1, BATCH_ENTRIES // len(heads.theta))
    sizes = {letter: size for o in operands for letter, size in zip(o.subscript, o.tensor.shape, strict=False)}
    loops = []
    for letter in reversed(axes):  # the innermost axis first; the outer ones share what is left of the budget
        chunk = min(sizes[letter], most)
        loops.append(_Axis(tuple(0 if letter in operand.subscript else None for operand in operands), chunk))
        most = max(1, most // chunk)
    return _gradient(heads.problem.model, tuple(loops))(heads.theta, *(o.tensor for o in operands))


class _Axis(NamedTuple):
    """An axis of a batch: where each operand has it, and how many of its entries are computed at once."""

    in_dims: tuple[int | None, ...]
    chunk: int


@lru_cache(maxsize=256)
def _gradient(model: Model, axes: tuple[_Axis, ...]) -> Traced:
    """Return (theta, inputs, directions...) -> gradients along the directions, for all entries of the axes."""

    def gradient(theta: Tensor, x: Tensor, *directions: Tensor) -> Tensor:
        return gradient_along(model, directions)(theta, x)

    for axis in axes:
        gradient = vmap(gradient, in_dims=(None, *axis.in_dims), chunk_size=axis.chunk)
    return Traced(gradient)


def _index(operand: Operand) -> str:
    return indices(operand.subscript)
