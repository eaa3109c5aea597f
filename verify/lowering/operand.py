"""Tensors with subscripts as in einsum, and their contraction two at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Protocol

import torch
from torch import Tensor

MAX_ENTRIES = 2**26
"""The largest dense tensor that is made: 512 MiB in float64."""


class TooLarge(ValueError):
    """A tensor of more than `MAX_ENTRIES` entries."""


class Subscripted(Protocol):
    """What has a subscript: an upper-case letter for each label, a lower-case letter for each index."""

    @property
    def subscript(self) -> str:
        """The letters; "Ajk" belongs to h_a^jk."""
        ...


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor with one axis for each letter of its subscript."""

    subscript: str
    tensor: Tensor


def indices(subscript: str) -> str:
    """Return the lower-case letters, in order."""
    return "".join(filter(str.islower, subscript))


def labels(*subscripts: str) -> str:
    """Return the upper-case letters, each once, sorted."""
    return "".join(sorted(set(filter(str.isupper, "".join(subscripts)))))


def kept(factors: Iterable[Subscripted], others: Iterable[Subscripted], output: str) -> str:
    """Return the letters of the factors that occur in others or in the output, labels first."""
    used = set(output).union(*(other.subscript for other in others))
    return "".join(sorted(set().union(*(factor.subscript for factor in factors)) & used))


def einsum(operands: Sequence[Operand], output: str) -> Operand:
    """Return the product of operands, summed over every letter that is not in the output."""
    equation = ",".join(operand.subscript for operand in operands) + "->" + output
    return Operand(output, torch.einsum(equation, *(operand.tensor for operand in operands)))


def contracted(operands: Sequence[Operand], output: str) -> Tensor:
    """Return the product of operands summed over every letter that is not in the output, smallest results first.

    Raises:
        TooLarge: If a tensor on the way has more than `MAX_ENTRIES` entries.
    """
    left = list(operands)
    sizes = {letter: size for o in left for letter, size in zip(o.subscript, o.tensor.shape, strict=True)}

    def result(pair: tuple[Operand, Operand]) -> str:
        return kept(pair, [o for o in left if o not in pair], output)

    def entries(pair: tuple[Operand, Operand]) -> int:
        return prod(sizes[letter] for letter in result(pair))

    while len(left) > 1:
        pair = min(combinations(left, 2), key=entries)
        if entries(pair) > MAX_ENTRIES:
            raise TooLarge(f"a product of tensors needs {entries(pair):.1e} entries, more than {MAX_ENTRIES:.1e}")
        left = [*(o for o in left if o not in pair), einsum(pair, result(pair))]
    return einsum(left, output).tensor
