"""Whole paths of label-noise SGD against the slow flow: reg on the way, and the errors' orders in eta."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = ("paths.mean", "paths.single")
REG, DIFFERENCE = 0, 1
LR_TICKS, DISTANCE_TICKS = (0.002, 0.005, 0.01, 0.02, 0.04), (0.01, 0.02, 0.03, 0.05)


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return reg along single paths, their mean and the flow; the same less the flow; and distances from the flow."""
    mean, single = (measured[claim] for claim in CLAIMS)
    figure, (way, difference, orders) = plt.subplots(1, 3, figsize=(13, 4.3))
    time, shown = single["time"], [values for name, values in single.items() if name.startswith("single ")]
    for axes, row in ((way, REG), (difference, DIFFERENCE)):
        for k, values in enumerate(shown):
            axes.plot(time, values[row], color="0.72", linewidth=1, label=None if k else "single paths")
        axes.plot(time, single["flow"][row], color="C0", label="slow flow")
        axes.plot(time, single["mean"][row], "o", color="C1", label="mean of the ensemble", zorder=3)
        axes.set_xlabel(r"slow time $\eta^2 \sigma^2 t$")
        axes.locator_params(nbins=5)
    way.set(ylabel=r"reg at $\Phi(\theta_t)$", title=rf"Along the manifold, $\eta$ = {single['shown_lr'][0]:g}")
    way.legend(fontsize="small")
    difference.set(ylabel="reg less its value on the flow", title="The same, less the slow flow")
    for series, colour, marker, name in (
        (single, "C2", "s", r"single path, rms ($\sigma = 1$)"),
        (mean, "C1", "o", r"mean of the ensemble ($\sigma = 1/4$)"),
    ):
        orders.plot(series["lr"], series["line"], color=colour, linewidth=1.2)
        error = INTERVAL_99 * series["standard_error"]
        orders.errorbar(series["lr"], series["error"], error, fmt=marker, color=colour, label=name)
    for series, text in ((single, r"$\eta^{1/2}$"), (mean, r"$\eta$")):
        place = (series["lr"][-1], series["line"][-1])
        orders.annotate(text, place, xytext=(6, 2), textcoords="offset points", fontsize="large")
    orders.set(
        xscale="log",
        yscale="log",
        xlabel=r"learning rate $\eta$",
        ylabel=r"distance of $\Phi(\theta_t)$ from the slow flow",
        title=r"Over a horizon of $1/\eta^2$",
    )
    orders.margins(x=0.12)
    orders.set_xticks(LR_TICKS, [f"{tick:g}" for tick in LR_TICKS])
    orders.set_yticks(DISTANCE_TICKS, [f"{tick:g}" for tick in DISTANCE_TICKS])
    orders.minorticks_off()
    orders.legend(fontsize="small")
    figure.supxlabel(
        "tanh networks, $P = 12$, $N = 2$; single-sample steps; bars: 99 % intervals; lines: the orders, through the "
        "leftmost points",
        fontsize="small",
        color="0.35",
    )
    return figure
