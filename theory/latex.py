"""Index expressions as LaTeX."""

from __future__ import annotations

import sympy as sp

from theory.index_algebra import Expr, Factor, Product

INDEX_NAMES = "klmnopqrstuvwxyz"
LABEL_NAMES = "abcdefgh"
LOWERED = {"x", "S", "P", "Pi", "delta"}
SYMBOLS = {"Pi": r"\Pi", "delta": r"\delta"}


def expression(expr: Expr) -> str:
    """Return a sum of products; a bound label a appears as an average E_a in front of its product."""
    if not expr:
        return "0"
    text = " + ".join(_term(product, coefficient) for product, coefficient in expr.terms)
    return text.replace("+ -", "- ")


def _term(product: Product, coefficient: sp.Expr) -> str:
    free = {i for f in product for i in f.indices if isinstance(i, str)}
    names = [name for name in INDEX_NAMES if name not in free]
    taken = {f.label for f in product if isinstance(f.label, str)}
    label_names = [name for name in LABEL_NAMES if name not in taken]
    labels = sorted({f.label for f in product if isinstance(f.label, int)})
    average = rf"\mathbb{{E}}_{{{','.join(label_names[a] for a in labels)}}}\," if labels else ""
    factors = " ".join(_factor(factor, names, label_names) for factor in product)
    if coefficient == 1 and factors:
        return average + factors
    if coefficient == -1 and factors:
        return "-" + average + factors
    number = sp.latex(coefficient)
    if coefficient.is_Add:
        number = rf"\left({number}\right)"
    return rf"{number}\,{average}{factors}"


def _factor(factor: Factor, names: list[str], label_names: list[str]) -> str:
    head = SYMBOLS.get(factor.head.name, factor.head.name)
    label = label_names[factor.label] if isinstance(factor.label, int) else factor.label or ""
    indices = "".join(names[i] if isinstance(i, int) else i for i in factor.indices)
    if factor.head.name in LOWERED:
        return f"{head}_{{{indices}}}"
    return head + (f"_{{{label}}}" if label else "") + (f"^{{{indices}}}" if indices else "")
