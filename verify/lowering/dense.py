"""A product from the whole tensors of its heads: takes any product, of few parameters."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor

from verify.lowering.heads import Heads, Written
from verify.lowering.operand import MAX_ENTRIES, Operand, TooLarge
from verify.lowering.operand import contracted as contracted_operands


def contracted(factors: Sequence[Written], output: str, heads: Heads) -> Tensor:
    """Return the product summed over its bound indices and its labels, the free indices in the order of ``output``.

    Raises:
        TooLarge: If a tensor would have more than `MAX_ENTRIES` entries; the message shows how many.
    """
    for factor in factors:
        entries = prod(len(heads.theta) if s.islower() else heads.problem.num_data for s in factor.subscript)
        if entries > MAX_ENTRIES:
            raise TooLarge(f"the tensor {factor} needs {entries:.1e} entries, more than {MAX_ENTRIES:.1e}")
    tensors = [Operand(f.subscript, heads.dense(f.head, f.rank)) for f in factors]
    return contracted_operands(tensors, output)
