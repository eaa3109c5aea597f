"""Single precision: how far it leads paths astray, and what it leaves of a drift when the noise is small."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99
from verify.claims.precision.lost_drift import SIZES, left

UNIT = 1e-7
CLAIMS = ("precision.random-walk", "precision.lost-drift")
Series = Mapping[str, NDArray]


def draw(measured: Mapping[str, Series]) -> Figure:
    """Return the distance from paths in double precision, and the share of a drift that is left."""
    figure, (walk, share) = plt.subplots(1, 2, figsize=(11, 4.6))
    _draw_walk(walk, measured[CLAIMS[0]])
    _draw_share(share, measured[CLAIMS[1]])
    figure.supxlabel(
        r"left: tanh network, $\eta$ = .01, the same noise in both precisions; right: a constant drift of $s$/5 a step "
        "and normal noise\nof standard deviation $s$, both in units in the last place; "
        "99 % intervals are smaller than the marks",
        fontsize="small",
        color="0.35",
    )
    return figure


def _draw_walk(axes: Axes, series: Series) -> None:
    steps, square = series["steps"], series["square"] / UNIT**2
    times = np.geomspace(steps[0] / 1.5, steps[-1] * 1.5, 50)
    per_step = series["predicted"][0] / steps[0] / UNIT**2
    axes.loglog(times, (per_step * times) ** 0.5, color="C0", label=r"derived: $\sqrt{t\, \Sigma_j P_{jj} u_j^2 / 12}$")
    error = INTERVAL_99 * series["standard_error"] / UNIT**2 / (2 * square**0.5)
    axes.errorbar(steps, square**0.5, error, fmt="o", color="C1", label="measured")
    axes.set(
        xlabel="steps $t$",
        ylabel=r"distance along the manifold, rms, $10^{-7}$",
        title="Single less double precision: a random walk",
    )
    axes.set_xticks([20, 50, 100, 200, 400], ["20", "50", "100", "200", "400"])
    axes.set_yticks([4, 8, 16], ["4", "8", "16"])
    axes.minorticks_off()
    axes.legend(loc="upper left")


def _draw_share(axes: Axes, series: Series) -> None:
    spreads = np.geomspace(0.06, 1.6, 200)
    push = SIZES.push / SIZES.spread
    axes.semilogx(spreads, [left(push * s, s) for s in spreads], color="C0", label="derived")
    axes.plot(series["spread"], series["left"], "o", color="C1", label="measured")
    axes.axhline(1, color="0.5", linewidth=1, linestyle=":")
    axes.set(
        xlabel="standard deviation $s$ of a step, units in the last place",
        ylabel="share of the drift that is left",
        title="Noise carries a drift too small to be seen",
        ylim=(-0.04, 1.1),
    )
    axes.set_xticks([0.125, 0.25, 0.5, 1], ["1/8", "1/4", "1/2", "1"])
    axes.minorticks_off()
    axes.legend(loc="center left")
