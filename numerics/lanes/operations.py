"""C++ text of the operations of the graph that are carried out number by number, and of what sums are made of."""

from __future__ import annotations

from collections.abc import Callable


class UnsupportedError(Exception):
    """The graph holds an operation that has no translation."""


FUNCTION = 20
"""What a function such as tanh, or a gather, counts as in operations."""


def _infix(symbol: str) -> Callable[..., str]:
    return lambda *operands: "(" + f" {symbol} ".join(operands) + ")"


def _call(name: str) -> Callable[..., str]:
    return lambda *operands: f"{name}_({', '.join(operands)})"


ARITHMETIC = {
    "add": _infix("+"),
    "sub": _infix("-"),
    "mul": _infix("*"),
    "div": _infix("/"),
    "neg": lambda x: f"(-{x})",
    "reciprocal": lambda x: f"(1 / {x})",
    "rsqrt": lambda x: f"(1 / sqrt_({x}))",
}
FUNCTIONS = {
    name: _call(name)
    for name in (
        "tanh",
        "exp",
        "expm1",
        "sigmoid",
        "sqrt",
        "log",
        "log1p",
        "sin",
        "cos",
        "erf",
        "atan",
        "sinh",
        "cosh",
        "abs",
        "sign",
    )
}
COMPARISONS = {
    n: _infix(s) for n, s in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!="))
}
BITWISE = {
    "__rshift__": _infix(">>"),
    "__lshift__": _infix("<<"),
    "bitwise_and": _infix("&"),
    "bitwise_or": _infix("|"),
    "bitwise_xor": _infix("^"),
    "logical_and": _infix("&"),
    "logical_or": _infix("|"),
    "bitwise_not": lambda x: f"(~{x})",
}
REDUCTIONS = {
    "sum": ("REAL(0)", "{0} += {1}", "{0}"),
    "mean": ("REAL(0)", "{0} += {1}", "{0} / REAL({1})"),
    "amax": ("-INFINITY", "{0} = larger({0}, {1})", "{0}"),
}
"""Start, update with the next element, and end, given the number of elements."""
EXTREMES = {"maximum": "larger", "minimum": "smaller"}
COPIES = ("alias", "clone", "detach", "lift_fresh_copy", "_to_copy", "convert_element_type")
