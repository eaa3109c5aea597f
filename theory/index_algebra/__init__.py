"""Index algebra: sums of products of tensors with summed indices and averaged data labels."""

from theory.index_algebra.expression import ZERO, Expr, validated
from theory.index_algebra.heads import (
    DATA,
    DELTA,
    PARAMETERS,
    RANGE,
    TANGENT,
    THETA,
    Factor,
    H,
    Head,
    Index,
    Product,
    Space,
    delta,
    is_delta,
)

__all__ = [
    "DATA",
    "DELTA",
    "PARAMETERS",
    "RANGE",
    "TANGENT",
    "THETA",
    "ZERO",
    "Expr",
    "Factor",
    "H",
    "Head",
    "Index",
    "Product",
    "Space",
    "delta",
    "is_delta",
    "validated",
]
