"""The heavy ball against its modified flows: with the flow's velocity at the start, and from rest."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._error_orders import OTHER, Curve, draw_orders

LOSS = "flow of $E$"
PLAIN = r"flow of $E + \frac{h}{4} |\nabla E|^2$"
MODIFIED = r"flow of $E + \frac{h}{4} \frac{1 + \beta}{1 - \beta} |\nabla E|^2$"
PANELS: Mapping[str, tuple[str, tuple[Curve, ...]]] = {
    "momentum-flow.fixed-time": (
        "The velocity at the start is the flow's",
        (
            Curve(0, 3, "with the second correction"),
            Curve(1, 2, MODIFIED),
            Curve(4, 1, PLAIN, OTHER),
            Curve(2, 1, LOSS),
        ),
    ),
    "momentum-flow.rest": (
        r"From rest at $\varphi - h \frac{\beta}{1 - \beta} \nabla E(\varphi)$",
        (Curve(0, 2, MODIFIED), Curve(2, 1, PLAIN, OTHER), Curve(1, 1, LOSS)),
    ),
}
CLAIMS = tuple(PANELS)


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return one panel for each kind of start: distances after a fixed time with their orders."""
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(11, 4.6))
    for panel, (claim, (title, curves)) in zip(panels, PANELS.items(), strict=True):
        draw_orders(panel, measured[claim], curves, "h")
        panel.set(title=title, xlabel=r"effective learning rate $h = \eta / (1 - \beta)$")
        panel.legend(fontsize="small")
    panels[0].set_ylabel("distance after time .128")
    figure.supxlabel(
        r"$E = (a b - 3/5)^2 / 2$ from around (2.8, 3.5), $\beta = 1/2$; lines: the claimed orders, through the "
        "smallest learning rate",
        fontsize="small",
        color="0.35",
    )
    return figure
