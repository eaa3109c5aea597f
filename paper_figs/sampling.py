"""Batches in random order and drawn with replacement: the mean iterate's distance from each modified flow."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._error_orders import OTHER, Curve, draw_orders

LOSS = r"flow of $L$"
RESHUFFLED = r"flow of $L + \frac{\eta}{4m} \sum_k |\nabla L_k|^2$"
REPLACED = r"flow of $L + \frac{\eta}{4} |\nabla L|^2$"
PANELS: Mapping[str, tuple[str, tuple[Curve, ...]]] = {
    "shuffling.fixed-time": ("Each batch once in an epoch", (Curve(0, 2, RESHUFFLED), Curve(1, 1, LOSS))),
    "replacement.fixed-time": (
        "Batches drawn with replacement",
        (
            Curve(0, 2, r"with the covariance's $-T[S]/2$ besides"),
            Curve(1, 1, REPLACED, OTHER),
            Curve(2, 1, LOSS),
        ),
    ),
}
CLAIMS = tuple(PANELS)


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return one panel for each way of drawing the batches: distances after a fixed time with their orders."""
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(10, 4.4))
    for panel, (claim, (title, curves)) in zip(panels, PANELS.items(), strict=True):
        draw_orders(panel, measured[claim], curves, r"\eta")
        panel.set(title=title, xlabel=r"learning rate $\eta$")
        panel.legend(fontsize="small", loc="upper left")
    panels[0].set_ylim(top=0.05)  # room for the legends
    panels[0].set_ylabel("distance of the mean iterate after time .48")
    figure.supxlabel(
        r"three points of the plane, $L_k = (1 + |\theta - x_k|^2 / 2)^2$, single-sample steps; lines: the claimed "
        "orders, through the smallest learning rate",
        fontsize="small",
        color="0.35",
    )
    return figure
