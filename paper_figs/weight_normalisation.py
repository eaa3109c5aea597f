"""The l1 norm of the limit over the scale of the start: plain flow against weight normalisation."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = ("weight-norm.table",)
FLOWS = {
    "plain": ("plain flow", "C1", "o"),
    "kappa 1": (r"weight normalisation, $\kappa = 1$", "C0", "s"),
    "kappa 0.05": (r"weight normalisation, $\kappa = 0.05$", "C2", "^"),
}


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the norms with their predictions, and the line on which the norm stays what it is."""
    series = measured["weight-norm.table"]
    figure, axes = plt.subplots()
    scales = series["plain scale"]
    axes.plot(scales, scales, color="0.6", linewidth=1, linestyle="--", label="the start's own norm")
    axes.axhline(float(series["plain smallest"]), color="0.3", linewidth=1, linestyle=":", label="smallest solution")
    for name, (label, colour, marker) in FLOWS.items():
        axes.plot(scales, series[f"{name} predicted"], color=colour)
        errors = INTERVAL_99 * series[f"{name} standard_error"]
        axes.errorbar(scales, series[f"{name} norm"], errors, fmt=marker, color=colour, label=label)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=r"scale of the start, $\|x_0\|_1 = r_0^2$",
        ylabel=r"limit, $\|x_\infty\|_1$",
        title="Weight normalisation gains where the norm grows",
    )
    axes.set_xticks(scales, [f"{scale:g}" for scale in scales])
    axes.set_yticks([10, 20, 40, 80], ["10", "20", "40", "80"])
    axes.set_ylim(bottom=8.5)
    axes.minorticks_off()
    axes.legend(fontsize="small")
    figure.supxlabel(
        r"lines: projections from the effective starts; points: flows, 99 % intervals over random instances",
        fontsize="small",
        color="0.35",
    )
    return figure
