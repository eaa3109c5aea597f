"""Pillaud-Vivien et al. (COLT 2022): the abstract, and what was read of the stochastic flow and of its experiment.

That it converges, and when the support is recovered, stands in the body, which could not be read: no items.
"""

from verify.bibliography import Item, Paper

PAPER = Paper(
    "pillaudvivien2022",
    "L. Pillaud-Vivien, J. Reygner, N. Flammarion: Label noise (stochastic) gradient descent implicitly solves the "
    "Lasso for quadratic parametrisation. COLT 2022, arXiv:2206.09841.",
    (
        Item("Abstract: Lasso", "the solution that the stochastic flow chooses solves a Lasso program"),
        Item("stochastic flow", "d log beta = -(2 X^T (X beta - y) + delta h) dt + 2 sqrt(delta) X^T dB"),
        Item("weights", "h = diag(X^T X): the Lasso's l1 norm is weighted"),
        Item("experiment", "n = 40, d = 100, 4 nonzeros, step .1, delta = 1e-3"),
    ),
)
