"""The heavy ball against its modified flows: errors with their orders, and where the ways end at a moderate rate."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
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
ENDS = "momentum-flow.ends"
CLAIMS = (*PANELS, ENDS)


FLOWS = (("flow none", LOSS, "C0", "o"), ("flow plain", PLAIN, "C1", "v"), ("flow stated", MODIFIED, "C2", "s"))


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return a panel for each kind of start, distances after a fixed time; and the ends over the line of minima."""
    figure, (*panels, ends) = plt.subplots(1, 3, figsize=(15, 4.6))
    for panel, (claim, (title, curves)) in zip(panels, PANELS.items(), strict=True):
        draw_orders(panel, measured[claim], curves, "h")
        panel.set(title=title, xlabel=r"effective learning rate $h = \eta / (1 - \beta)$")
        panel.set_ylim(1e-7, 0.2)
        panel.legend(fontsize="small", loc="lower right")
    panels[0].set_ylabel("distance after time .128")
    _draw_ends(ends, measured[ENDS])
    figure.supxlabel(
        r"$E = (a b - 3/5)^2 / 2$; left, middle: from around (2.8, 3.5), $\beta = 1/2$, lines: the claimed orders, "
        "through the smallest learning rate; right: from rest around (2.8, 3.4), means of the ends",
        fontsize="small",
        color="0.35",
    )
    return figure


def _draw_ends(axes: Axes, series: Mapping[str, NDArray]) -> None:
    momentum = series["momentum"]
    for name, label, colour, marker in FLOWS:
        axes.plot(momentum, series[name][:, 0], marker + "-", color=colour, label=label, markersize=7, linewidth=1)
    axes.plot(momentum, series["descent"][:, 0], "kD-", label="heavy ball", markersize=7, linewidth=1)
    axes.set(xlabel=r"momentum $\beta$", ylabel="$a$ at the end, on the line of minima")
    axes.set_title("Where they end, $h$ = .01; the larger $a$, the flatter")
    axes.set_xticks(momentum, [f"{beta:g}" for beta in momentum])
    axes.legend(fontsize="small")
