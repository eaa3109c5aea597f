"""Label noise on two linear layers: reg on the way for several learning rates, and its late mean as eta -> 0."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = ("factorisation.sgd",)


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the ensembles' mean of reg over its smallest value, and the late mean with its line in eta."""
    series = measured["factorisation.sgd"]
    figure, (ways, late) = plt.subplots(1, 2, figsize=(11, 4.4))
    lrs, fit = series["lr"], series["fit"]
    axis = np.array([0.0, 1.08 * lrs.max()])
    late.plot(axis, fit[0] + fit[1] * axis, color="0.6", linewidth=1.2)
    for k, (lr, way) in enumerate(zip(lrs, series["ways"], strict=True)):
        ways.plot(series["time"], way, "o-", color=f"C{k}", markersize=3.5, linewidth=1, label=rf"$\eta$ = {lr:g}")
        error = INTERVAL_99 * series["standard_error"][k]
        late.errorbar([lr], series["ratio"][k : k + 1], [error], fmt="o", color=f"C{k}")
    at_zero = INTERVAL_99 * series["fit_standard_error"][0]
    late.errorbar([0], fit[:1], [at_zero], fmt="D", color="black", markersize=6)
    late.annotate(f"{fit[0]:.4f} ± {at_zero:.4f}", (0, fit[0]), xytext=(10, 12), textcoords="offset points")
    for axes in (ways, late):
        axes.axhline(1, color="0.3", linewidth=1, linestyle="--")
    ways.annotate("closed form", (series["time"][-1], 1.008), ha="right", va="bottom", color="0.3", fontsize="small")
    ways.set(xlabel=r"slow time $\eta^2 \sigma^2 t / n$", ylabel="mean of reg / its smallest value", title="On the way")
    ways.legend(fontsize="small")
    late.set(xlabel=r"learning rate $\eta$", ylabel="late mean of reg / its smallest value", title="Late")
    late.margins(y=0.12)
    late.set_xlim(-0.05 * lrs.max(), 1.1 * lrs.max())
    figure.supxlabel(
        r"two layers, six measurements of $M$ $(2 \times 3)$; smallest value $2\,\|S_L^{1/2} M S_R^{1/2}\|_*$; "
        "full batches, label noise ±1;\n"
        r"reg at $\theta$ itself, beside the manifold, where it may be smaller than on it; bars: 99 % intervals",
        fontsize="small",
        color="0.35",
    )
    return figure
