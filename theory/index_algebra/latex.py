"""Formulas as LaTeX for documents with amsmath and amssymb.

A head without a data label carries its indices below, S_{jk}; one with a label carries the label below and the
indices above, h_a^{jk}. An averaged label appears as E_a in front of its product.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import count, groupby
from typing import cast

import sympy as sp

from theory.index_algebra.expression import Expr
from theory.index_algebra.heads import Factor, Product

INDEX_LETTERS = "klmqstuvwij"
LABEL_LETTERS = "abcefg"
"""Letters for bound indices and labels: none that stands for a dimension or for the number of data."""
LINE_WIDTH = 54
"""How many characters fit on a line of an article, those of subscripts counted in full."""


def expression(expr: Expr) -> str:
    """Return a sum of products on one line."""
    return " ".join(_lines(_terms(expr), width=None))


def displayed(formula: Expr | sp.Basic) -> str:
    """Return a displayed formula; a sum, or a product, that is too long for a line continues on the next."""
    lines = _lines(_terms(formula), LINE_WIDTH)
    if len(lines) == 1:
        return rf"\[ {lines[0]} \]"
    body = " \\\\\n".join(f"& {line}" for line in lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def document(body: str) -> str:
    """Return a whole document around paragraphs, for example those of a derivation."""
    preamble = "\\usepackage{amsmath,amssymb}\n\\allowdisplaybreaks\n\\setlength{\\parindent}{0pt}"
    return f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"


def _lines(terms: Iterable[list[str]], width: int | None) -> list[str]:
    """Return terms, each a sign and its parts, on lines that end before a sign or, at need, between two parts."""
    lines = [""]
    for sign, *parts in terms:
        first = lines == [""]
        if not first and width and _width(" ".join([lines[-1], *parts])) >= width:
            lines.append("")
        lines[-1] += (sign.removeprefix("+") if first else f" {sign} ") + parts[0]
        for part in parts[1:]:
            if width and _width(lines[-1] + part) > width:
                lines.append(rf"\quad \times {part}")
            else:
                lines[-1] += f" {part}"
    return [line.strip() or "0" for line in lines]


def _width(text: str) -> int:
    """Return about how many characters wide a formula is: a command counts as one, a fraction as both its parts."""
    stacked = re.sub(r"_\{([^{}]*)\}\^\{([^{}]*)\}", lambda match: max(match.groups(), key=len), text)
    printed = re.sub(r"\\[a-zA-Z]+", "x", re.sub(r"\\(left|right|frac|mathbb|mathrm|,)", "", stacked))
    return len(re.sub(r"[{}_^ ]", "", printed))


def _terms(formula: Expr | sp.Basic) -> Iterator[list[str]]:
    """Yield the sign of each term and its parts."""
    if isinstance(formula, Expr):
        for product, coefficient in formula.terms:
            yield _term(product, coefficient)
    elif isinstance(formula, sp.Add):
        for term in formula.as_ordered_terms():
            yield _term((), cast(sp.Expr, term))
    else:
        yield ["+", sp.latex(formula)]


def _term(product: Product, coefficient: sp.Expr) -> list[str]:
    negative = not coefficient.is_Add and coefficient.could_extract_minus_sign()
    size = -coefficient if negative else coefficient
    number = rf"\left({sp.latex(size)}\right)" if size.is_Add else sp.latex(size)
    labels = {f.label: None for f in product}
    names = _bound_names(INDEX_LETTERS, (i for f in product for i in f.indices))
    label_names = _bound_names(LABEL_LETTERS, (f.label for f in product))
    bound = [label_names[label] for label in sorted(label for label in labels if isinstance(label, int))]
    average = rf"\mathbb{{E}}_{{{','.join(bound)}}}" if bound else ""
    powers = ((factor, len(list(equal))) for factor, equal in groupby(product))
    factors = [text for factor, power in powers for text in _powers(_factor(factor, names, label_names), factor, power)]
    prefix = r"\,".join(filter(None, ["" if size == 1 and product else number, average]))
    if not factors:
        return ["-" if negative else "+", prefix]
    return ["-" if negative else "+", rf"{prefix}\,{factors[0]}" if prefix else factors[0], *factors[1:]]


def _powers(text: str, factor: Factor, power: int) -> list[str]:
    """Return a factor that occurs several times, as a power where it has no indices."""
    return [text] * power if factor.indices or power == 1 else [f"{text}^{{{power}}}"]


def _bound_names(letters: str, used: Iterable[str | int | None]) -> dict[str | int | None, str]:
    """Return a name as LaTeX for all that occurs: bound numbers get letters, with subscripts when these run out."""
    used = list(used)
    free = {one for one in used if isinstance(one, str)}
    fresh = (letter + (f"_{{{round}}}" if round else "") for round in count() for letter in letters)
    unused = (one for one in fresh if one.replace("_{", "").replace("}", "") not in free and one not in free)
    names: dict[str | int | None, str] = {one: _name(one) for one in free}
    bound = sorted({one for one in used if isinstance(one, int)})
    return names | dict(zip(bound, unused, strict=False))


def _factor(factor: Factor, names: dict, label_names: dict) -> str:
    head = _name(factor.head.name)
    if "_" in head or "^" in head:
        head = f"{{{head}}}"
    texts = [names[i] for i in factor.indices]
    indices = ("" if all(len(text) == 1 for text in texts) else " ").join(texts)
    if factor.label is None:
        return head + (f"_{{{indices}}}" if indices else "")
    return f"{head}_{{{label_names[factor.label]}}}" + (f"^{{{indices}}}" if indices else "")


def _name(text: str) -> str:
    """Return a name as LaTeX: Greek letters by their names, digits and what follows an underscore as a subscript."""
    return re.sub(r"^[A-Za-z]{2,}", r"\\mathrm{\g<0>}", sp.latex(sp.Symbol(text)))
