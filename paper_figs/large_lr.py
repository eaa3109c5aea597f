"""Drift at large learning rates: measured and derived, in units of its leading order in eta."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

NAMES = {
    "finite-lr.drift": ("plain steps", "o"),
    "finite-lr.drift.heavy-ball": (r"heavy ball, $\beta = 1/2$", "s"),
    "finite-lr.drift.nesterov": (r"Nesterov, $\beta = 1/2$", "^"),
}
CLAIMS = tuple(NAMES)


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the drift over its leading order against eta lambda_max, and the measured over the derived one."""
    figure, (sizes, ratios) = plt.subplots(1, 2, figsize=(11, 4.4))
    for k, (claim, (name, marker)) in enumerate(NAMES.items()):
        series, colour = measured[claim], f"C{k}"
        product, leading = series["product"], series["leading"]
        sizes.plot(np.append(0, product), 1 / np.append(1, leading), color=colour, linewidth=1, linestyle=":")
        sizes.plot(product, 1 / leading, "_", color=colour, markersize=22, markeredgewidth=2)
        bars = {"fmt": marker, "color": colour, "label": name, "markersize": 6}
        error = INTERVAL_99 * series["standard_error"]
        sizes.errorbar(product, series["ratio"] / leading, error / leading, **bars)
        ratios.errorbar(product + 0.02 * (k - 1), series["ratio"], error, **bars)
    sizes.axhline(1, color="0.5", linewidth=1)
    sizes.annotate(r"leading order in $\eta$", (0.02, 0.97), ha="left", va="top", color="0.35", fontsize="small")
    sizes.set(
        yscale="log", ylabel="drift / its leading order", ylim=(0.8, None), title="Measured, and derived (dashes)"
    )
    sizes.set_yticks([1, 2, 3, 4], ["1", "2", "3", "4"])
    sizes.minorticks_off()
    ratios.axhspan(0.99, 1.01, color="0.93", zorder=0)
    ratios.axhline(1, color="0.5", linewidth=1)
    ratios.set(ylabel="measured / derived", title="Their ratio; band: the claims' margin")
    ratios.locator_params(axis="y", nbins=6)
    for axes in (sizes, ratios):
        axes.set(xlabel=r"learning rate times sharpness, $\eta \lambda_{\max}$", xlim=(0, 2))
    sizes.legend(fontsize="small", loc="upper left")
    figure.supxlabel(
        "tanh network, $P = 12$, $N = 2$, full batches, label noise extrapolated to 0; bars: 99 % intervals; "
        "dots guide the eye",
        fontsize="small",
        color="0.35",
    )
    return figure
