"""Deep linear networks: reg along the slow flow falls to the closed form of its smallest value."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

CLAIMS = ("factorisation.descent",)
NAMES = {"depth 2": "2 layers", "depth 3": "3 layers", "depth 4": "4 layers"}
SHOWN_TIME = 0.6


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return reg over its smallest value from single starts, a panel for each depth, and what is left on average."""
    series = measured["factorisation.descent"]
    figure, panels = plt.subplots(1, 4, figsize=(13, 4), width_ratios=(1, 1, 1, 1.4))
    *ways, left = panels
    highest = 1.03 * np.exp(max(series[f"{depth} single"].max() for depth in NAMES))
    for k, (way, (depth, name)) in enumerate(zip(ways, NAMES.items(), strict=True)):
        time, single, mean = (series[f"{depth} {key}"] for key in ("time", "single", "mean"))
        way.plot(time, np.exp(single), color=f"C{k}", linewidth=1.2)
        way.axhline(1, color="0.3", linewidth=1, linestyle="--")
        way.tick_params(labelleft=k == 0)
        way.set(xlim=(0, SHOWN_TIME), xticks=(0, 0.2, 0.4), ylim=(0.9, highest), title=name)
        left.plot(time, mean, "o-", color=f"C{k}", markersize=3.5, label=name)
    ways[0].set_ylabel("reg / its smallest value")
    ways[0].annotate("closed form", (SHOWN_TIME, 0.985), ha="right", va="top", color="0.3", fontsize="small")
    left.set(yscale="log", ylabel="mean of ln(reg / smallest)", title="What is left", xlim=(0, None))
    left.legend(fontsize="small")
    for axes in panels:
        axes.set_xlabel(r"slow time $\eta^2 \sigma^2 t / B$")
    figure.supxlabel(
        r"smallest values: $2\,\|S_L^{1/2} M S_R^{1/2}\|_*$ for two layers and any measurements, "
        r"$L\,(d_0 d_L)^{1/L} \|M\|_*^{2 - 2/L}$ for deeper networks and isotropic ones",
        fontsize="small",
        color="0.35",
    )
    return figure
