"""Escape from a strongly-repellent point at t = eta^-1.6 (Definition 4): distance and drop of reg against eta."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = ("definition4.escape",)
NAMES = ("distance along the manifold", "drop of reg")


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return, on the left, both sizes with the slow flow's lines; on the right, their ratios to it."""
    series = measured["definition4.escape"]
    figure, (sizes, ratios) = plt.subplots(1, 2, figsize=(10, 4.4))
    for k, (name, colour, marker) in enumerate(zip(NAMES, ("C0", "C1"), "os", strict=True)):
        lrs = series["lr"]
        sizes.plot(lrs, series["leading"][:, k], color="0.6", linewidth=1, linestyle="--")
        sizes.plot(lrs, series["flow"][:, k], color=colour)
        bars = {"fmt": marker, "color": colour, "markersize": 6}
        sizes.errorbar(lrs, series["measured"][:, k], INTERVAL_99 * series["standard_error"][:, k], label=name, **bars)
        error = INTERVAL_99 * series["ratio_standard_error"][:, k]
        ratios.errorbar(lrs * (0.97, 1.03)[k], series["ratio"][:, k], error, label=name, **bars)
    sizes.plot([], [], color="0.6", linewidth=1, linestyle="--", label=r"leading order, $c\,\eta^{0.4}$")
    sizes.plot([], [], color="0.2", label="slow flow")
    sizes.set(xscale="log", yscale="log", ylabel=r"size at $t = \eta^{-1.6}$", title="Escape by the ensemble's mean")
    ticks = np.array([0.1, 0.15, 0.2, 0.3, 0.5, 0.7])
    inside = ticks[(ticks > 0.9 * series["measured"].min()) & (ticks < 1.1 * series["measured"].max())]
    sizes.set_yticks(inside, [f"{tick:g}" for tick in inside])
    sizes.minorticks_off()
    sizes.legend(fontsize="small")
    ratios.axhline(1, color="0.5", linewidth=1)
    ratios.set(xscale="log", ylabel="measured / slow flow", title=r"The ratio tends to 1 as $\eta \to 0$")
    ratios.locator_params(axis="y", nbins=5)
    ratios.legend(loc="lower left", fontsize="small")
    for axes in (sizes, ratios):
        axes.set_xlabel(r"learning rate $\eta$")
    figure.supxlabel(
        r"tanh network, $P = 12$, $N = 2$; single-sample steps, label noise $\pm 1$; bars: 99 % intervals",
        fontsize="small",
        color="0.35",
    )
    return figure
