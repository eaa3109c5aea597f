"""A loss as a head of its own, and the squared error that takes its place.

**Definition.** L(theta) = (1/n) sum_a (h_a - y_a)^2, the factor 2 of the square's derivative kept.
"""

from __future__ import annotations

from theory.index_algebra import ZERO, Expr, Factor, H, Head

LOSS = Head("L", derivative="grows")
"""L^{jk...}: derivatives of a scalar loss; without indices, the loss itself."""
LABEL = Head("y", rank=0, labelled=True, derivative="constant")
"""y_a: the label of data point a."""
PREDICTION_ERROR: Expr = H(label="a") - LABEL(label="a")
"""h_a - y_a (free label ``a``)."""
SQUARED_ERROR: Expr = (PREDICTION_ERROR * PREDICTION_ERROR).averaged("a")
"""The mean over the data of (h_a - y_a)^2."""


def with_loss(expr: Expr, loss: Expr) -> Expr:
    """Return an expression in derivatives of L with those of ``loss`` in their place."""
    result = ZERO
    for product, coefficient in expr.terms:
        # A summed index is free in each factor by itself; the product sums it again.
        named = [f._replace(indices=tuple(f"_{i}" if isinstance(i, int) else i for i in f.indices)) for f in product]
        term = Expr.of(*(f for f in named if f.head != LOSS), coefficient=coefficient)
        for factor in (f for f in named if f.head == LOSS):
            term = term * _derivative(loss, factor)
        result = result + term
    return result


def at_zero_loss(expr: Expr) -> Expr:
    """Return an expression on the zero-loss manifold, where y_a = h_a."""
    return expr.map(lambda product, c: [([f._replace(head=H) if f.head == LABEL else f for f in product], c)])


def without_labels(expr: Expr) -> Expr:
    """Return an expression for labels 0."""
    return expr.map(lambda product, c: [(product, c)] if all(f.head != LABEL for f in product) else [])


def _derivative(loss: Expr, factor: Factor) -> Expr:
    for place in range(len(factor.indices)):
        loss = loss.derivative(f"_slot_{place}")
    return loss.reindexed({f"_slot_{place}": str(index) for place, index in enumerate(factor.indices)})
