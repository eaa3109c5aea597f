"""Averages over label noise and over the batch, for products whose labels are the draws of one batch.

In a product that is made here a bound label is the average over the **draws** of a batch, coincidences included.
Averaging takes two steps:

1. *Noise.* The mean of z_a z_b ... is the sum over the set partitions of its factors of the product of the blocks'
   cumulants. Independent noise forces the labels of a block to coincide, and each merge of two averaged labels costs
   1/(batch size). Noise shared by the batch carries no label: nothing is merged.
2. *Draws.* What data the draws hold. A full batch holds each data point once, so a draw's label is a data label.
   Otherwise the product is the sum over the set partitions of its labels, weighted by
   B (B - 1) ... / B^(number of labels), a block's labels being one draw. Distinct iid draws are independent. Distinct
   draws of one epoch hold distinct data: their average is n^k / (n (n - 1) ...) times that over all data, coincidences
   taken out by Moebius inversion over the set partitions of the k draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import factorial, prod
from typing import cast

import sympy as sp
from sympy.utilities.iterables import multiset_partitions

from theory.index_algebra import Expr, Factor, Head, Product
from theory.rule import B, N, Rule

NOISE = Head("z", rank=0, labelled=True, derivative="constant")
SHARED_NOISE = Head("z", rank=0, derivative="constant")


def average_over_noise(expr: Expr, rule: Rule) -> Expr:
    """Return E[expr] over the label noise of one batch, the draws' labels being bound."""

    def average(product: Product, coefficient: sp.Expr) -> Iterator[tuple[Iterable[Factor], sp.Expr]]:
        noises = [f for f in product if f.head in (NOISE, SHARED_NOISE)]
        rest = [f for f in product if f.head not in (NOISE, SHARED_NOISE)]
        for blocks in _set_partitions(range(len(noises))):
            weight = prod((rule.noise.cumulant(len(block)) for block in blocks), start=sp.Integer(1))
            if weight == 0:
                continue
            merged = _merging([{noises[k].label for k in block} - {None} for block in blocks])
            labels = {f.label for f in product if f.label is not None}
            cost = len(labels) - len({merged.get(label, label) for label in labels})
            yield [f.renamed({}, merged) for f in rest], coefficient * weight / rule.batch**cost

    return expr.map(average)


def average_over_draws(expr: Expr, rule: Rule) -> Expr:
    """Return E[expr] over the data held by the draws; afterwards a bound label is an average over all data."""
    if rule.sampling == "full":
        return expr

    def average(product: Product, coefficient: sp.Expr) -> Iterator[tuple[Iterable[Factor], sp.Expr]]:
        labels = sorted({f.label for f in product if isinstance(f.label, int)})
        for blocks in _set_partitions(labels):
            weight = coefficient * sp.expand_func(sp.ff(B, len(blocks)) / B ** len(labels))
            merged = {label: block[0] for block in blocks for label in block}
            drawn = [f.renamed({}, merged) for f in product]
            yield from [(drawn, weight)] if rule.sampling == "iid" else _of_distinct_data(drawn, weight)

    return expr.map(average)


def _of_distinct_data(product: list[Factor], weight: sp.Expr) -> Iterator[tuple[list[Factor], sp.Expr]]:
    """Yield what a product whose labels are distinct data is, in averages over all data."""
    labels = sorted({f.label for f in product if isinstance(f.label, int)})
    for blocks in _set_partitions(labels):
        moebius = prod((-1) ** (len(block) - 1) * factorial(len(block) - 1) for block in blocks)
        share = sp.expand_func(N ** len(blocks) / sp.ff(N, len(labels)))
        merged = {label: block[0] for block in blocks for label in block}
        yield [f.renamed({}, merged) for f in product], weight * moebius * share


def average(expr: Expr, rule: Rule) -> Expr:
    """Return the mean of one batch's expression over its noise and its data."""
    return average_over_draws(average_over_noise(expr, rule), rule)


def _set_partitions(items: Sequence[int]) -> Iterable[list[list[int]]]:
    return cast(Iterable[list[list[int]]], multiset_partitions(list(items)) if items else [[]])


def _merging(groups: list[set]) -> dict:
    """Return label -> representative, where each group's labels become one (groups may overlap)."""
    representative: dict = {}

    def root(label):
        while label in representative:
            label = representative[label]
        return label

    for group in groups:
        first, *others = sorted({root(label) for label in group}) or [None]
        representative |= dict.fromkeys(others, first)
    return {label: root(label) for label in representative}
