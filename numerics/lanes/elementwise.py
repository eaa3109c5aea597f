"""Operations that are carried out number by number, each written into the loop that needs its result.

A value in pieces stays in pieces, so that the gradient of ``theta[a:b]`` never becomes a vector of zeros.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

from numerics.lanes.index import Index, is_register
from numerics.lanes.operations import (
    ARITHMETIC,
    BITWISE,
    COMPARISONS,
    COPIES,
    EXTREMES,
    FUNCTION,
    FUNCTIONS,
    UnsupportedError,
)
from numerics.lanes.statements import Statements
from numerics.lanes.value import CONSTANT, LANE, Kind, Piece, Value, in_pieces, number
from numerics.lanes.views import broadcast, converted, reshaped, shifted


def elementwise(code: Statements, name: str, operands: Sequence[Value], shape: tuple[int, ...], kind: Kind) -> Value:
    """Return the result of an operation on values that have its shape, or are broadcast to it.

    Raises:
        UnsupportedError: If a conversion between kinds, or the exponent of a power, has no translation.
    """
    if any(operand.pieces for operand in operands):
        return _piecewise(code, name, operands, shape, kind)
    cost = 1
    if name in COPIES:
        return converted(code, operands[0], kind)
    if name == "where":
        common: Kind = kind
        operands = [operands[0], *(converted(code, o, common) for o in operands[1:])]
    else:
        common = "real" if any(o.kind == "real" for o in operands) or kind == "real" else "int"
        if name in BITWISE:
            common = kind
        operands = [converted(code, o, common) for o in operands] if name != "pow" else operands
    if name == "mul" and common == "real":
        return _multiplied(code, operands, shape)
    if name == "add" and _are_equal_products(*operands):
        return _multiplied(code, [number(2.0), operands[0]], shape)
    level = max(operand.level for operand in operands)
    operands = [broadcast(code, operand, shape) for operand in operands]
    if name == "pow":
        base, exponent = operands
        return _power(code, base, exponent, shape)
    if name == "where":

        def text(*parts: str) -> str:
            return f"({parts[0]} ? {parts[1]} : {parts[2]})"
    elif name == "relu" and code.neighbours > 1:
        return elementwise(code, "maximum", [*operands, number(0.0)], shape, kind)
    elif name == "relu":

        def text(*parts: str) -> str:
            return f"larger({parts[0]}, {'vec(0)' if level == LANE else 'REAL(0)'})"
    elif name in EXTREMES:

        def text(*parts: str) -> str:
            return f"{EXTREMES[name]}({', '.join(parts)})"
    else:
        text = (ARITHMETIC | FUNCTIONS | COMPARISONS | BITWISE)[name]
        cost = FUNCTION if name in FUNCTIONS and name not in ("abs", "sign", "sqrt") else 1
    is_mask = kind == "bool" and name in BITWISE
    must_lift = level == LANE and (name in EXTREMES or name == "where" or is_mask)
    has_masks_of_ints = kind == "bool" and common == "int" and name in COMPARISONS

    def element(at: tuple[Index, ...]) -> str:
        in_registers = is_register(at)
        if cost == FUNCTION and not in_registers:
            code.require_cheap(name, level)
        read = code.lifted if must_lift or in_registers else code.at
        texts = [
            read(o, at) if k or name != "where" or in_registers else code.at(o, at) for k, o in enumerate(operands)
        ]
        in_lanes = level == LANE or in_registers
        if is_mask and name == "bitwise_not":
            return f"not_({texts[0]})"  # ~ would make an int of a bool, and true of both
        return f"mask_of_ints({text(*texts)})" if has_masks_of_ints and in_lanes else text(*texts)

    return Value(shape, kind, level, element, cost + sum(o.cost for o in operands))


def clamped(
    code: Statements, value: Value, bounds: Sequence[Value | None], shape: tuple[int, ...], kind: Kind
) -> Value:
    """Return a value between a lower and an upper bound, where there is one."""
    for bound, extreme in zip(bounds, ("maximum", "minimum"), strict=False):
        if bound is not None:
            value = elementwise(code, extreme, [value, bound], shape, kind)
    return value


def _are_equal_products(left: Value, right: Value) -> bool:
    one, other = (sorted(map(id, value.factors)) for value in (left, right))
    return bool(one) and one == other and left.shape == right.shape


def _multiplied(code: Statements, operands: Sequence[Value], shape: tuple[int, ...]) -> Value:
    """Return a product, smallest factors first: what they have in common is multiplied outside the inner loops."""

    def is_whole(operand: Value) -> bool:
        has_shape = math.prod(operand.shape) == math.prod(shape) if code.neighbours > 1 else operand.shape == shape
        return bool(operand.factors) and has_shape

    factors = [f for o in operands for f in (o.factors if is_whole(o) else (o,))]
    if math.prod(shape) > 1:
        factors = [_scalar(code, f) if math.prod(f.shape) == 1 else f for f in factors]
    factors.sort(key=lambda factor: (math.prod(factor.shape), factor.level))
    placed = [broadcast(code, factor, shape) for factor in factors]
    level, cost = max(f.level for f in factors), len(factors) - 1 + sum(f.cost for f in placed)

    def element(at: tuple[Index, ...]) -> str:
        texts = [code.at(factor, at) for factor in placed]
        if is_register(at):  # in an order that brings out what products have in common
            few = [
                text for text, factor in zip(texts, factors, strict=True) if math.prod(factor.shape) < math.prod(shape)
            ]
            many = sorted(texts[len(few) :])
            texts = [*few, "(" + " * ".join(many) + ")"] if many else few
        return "(" + " * ".join(texts) + ")"

    return Value(shape, "real", level, element, cost, factors=tuple(factors))


def _scalar(code: Statements, value: Value) -> Value:
    """Return a value of one element without axes; one that has to be computed is stored."""
    return reshaped(code, code.stored(value) if value.cost and code.is_kept(value) else value, ())


def _power(code: Statements, base: Value, exponent: Value, shape: tuple[int, ...]) -> Value:
    text = exponent.element(tuple(Index() for _ in shape)) if exponent.level == CONSTANT and not exponent.pieces else ""
    found = re.fullmatch(r"(?:REAL|int64_t)\((.*)\)", text)
    if not found or base.kind != "real":
        raise UnsupportedError("a power with a variable exponent")
    value = float(found[1])
    if value == 1:
        return base
    if value == 2 and base.cost > 1 and base.level == LANE:
        base = code.stored(base)

    def element(at: tuple[Index, ...]) -> str:
        x = code.at(base, at)
        if value == 2:
            return f"({x} * {x})"
        if value not in (0.5, -1) and not is_register(at):
            code.require_cheap("pow", base.level)
        return f"sqrt_({x})" if value == 0.5 else f"(1 / {x})" if value == -1 else f"pow_({x}, REAL({value}))"

    return Value(shape, "real", base.level, element, base.cost + (1 if value == 2 else FUNCTION))


def _piecewise(code: Statements, name: str, operands: Sequence[Value], shape: tuple[int, ...], kind: Kind) -> Value:
    """Carry out an operation stretch by stretch: zeros that only pad are never added, and stay 0 in products."""
    if any(o.pieces and o.shape != shape for o in operands) or name not in ("add", "sub", "mul", "neg", *COPIES):
        stored = [code.stored(o) if o.pieces else o for o in operands]
        return elementwise(code, name, stored, shape, kind)
    cuts = sorted({c for o in operands for p in o.pieces for c in (p.start, p.stop)})
    pieces = []
    for start, stop in pairwise(cuts):
        part = (stop - start, *shape[1:])
        found = [_stretch(code, o, shape, start, stop) for o in operands]
        present = [f for f in found if f is not None]
        if not present or (name == "mul" and len(present) < len(found)):
            value = None
        elif len(present) == len(found):
            value = elementwise(code, name, present, part, kind)
        elif name == "sub" and found[0] is None:
            value = elementwise(code, "neg", present, part, kind)
        else:
            value = broadcast(code, present[0], part)
        pieces.append(Piece(start, stop, value))
    return in_pieces(shape, kind, pieces)


def _stretch(code: Statements, value: Value, shape: tuple[int, ...], start: int, stop: int) -> Value | None:
    """Return a value between two places of its first axis; None if it is zero there."""
    part = (stop - start, *shape[1:])
    if not value.pieces:
        return shifted(code, broadcast(code, value, shape), start, part) if value.shape else value
    (piece,) = (p for p in value.pieces if p.start <= start and stop <= p.stop)
    return shifted(code, piece.value, start - piece.start, part) if piece.value else None
