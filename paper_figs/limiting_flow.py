"""The limiting flow of label-noise SGD on h = a b: a run along the curve of minima, and the trace of the Hessian."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = ("limiting-flow.path",)
LABEL = 0.6
SHOWN = ((-1, "C1", "o"), (2, "C2", "s"), (0, "C3", "^"))
"""Places of the learning rates that are shown, with their colours and marks; the first one's run is drawn."""
Series = Mapping[str, NDArray]


def draw(measured: Mapping[str, Series]) -> Figure:
    """Return one run in the plane of the parameters, and tr H against the slow time for several learning rates."""
    series = measured[CLAIMS[0]]
    figure, (plane, falls) = plt.subplots(1, 2, figsize=(11, 4.8))
    _draw_plane(plane, series)
    _draw_falls(falls, series)
    looks = series["path"].shape[1] - 1
    figure.supxlabel(
        rf"$h = a b$, one data point, $y = .6$, label noise $\pm 1/2$; left: {looks} looks at one run; right: means at "
        "$\\Phi(\\theta_t)$,\nthe minimum to which noise-free steps lead; 99 % intervals are smaller than the marks",
        fontsize="small",
        color="0.35",
    )
    return figure


def _draw_plane(axes: Axes, series: Series) -> None:
    a = np.linspace(0.2, 2.2, 300)
    axes.plot(a, LABEL / a, color="0.1", linewidth=1.2, linestyle="--", label="minima, $a b = y$", zorder=2)
    path = series["path"]
    label = rf"label-noise SGD, $\eta$ = {series['lr'][-1]:g}"
    axes.plot(*path, ".-", color="C1", linewidth=0.5, markersize=3, alpha=0.6, label=label, zorder=1)
    axes.plot(*path[:, 0], "o", color="black", markersize=7, label="start: a sharp minimum", zorder=3)
    axes.plot(LABEL**0.5, LABEL**0.5, "*", color="C0", markersize=16, label="the flattest minimum", zorder=3)
    axes.set(xlabel="$a$", ylabel="$b$", xlim=(0, 2.2), ylim=(0, 2.3), title="Along the valley")
    axes.legend(fontsize="small", loc="upper right")


def _draw_falls(axes: Axes, series: Series) -> None:
    axes.plot(*series["flow"], color="C0", label="limiting flow")
    for place, colour, marker in SHOWN:
        error = INTERVAL_99 * series["standard_error"][place]
        style = {"fmt": marker, "color": colour, "markersize": 5.5, "label": rf"$\eta$ = {series['lr'][place]:g}"}
        axes.errorbar(series["time"][place], series["mean"][place], error, **style)
    axes.axhline(4 * LABEL, color="0.5", linewidth=1, linestyle=":", label="the flattest minimum, $4 y$")
    axes.set(
        xlabel=r"slow time $\eta^2 \sigma^2 t$",
        ylabel=r"trace of the Hessian at $\Phi(\theta_t)$",
        ylim=(0, None),
        title=r"To the limiting flow as $\eta \to 0$",
    )
    axes.legend(fontsize="small")
