"""Noise in a diagonal network: label noise finds the sparse truth from any start, and what other noise does."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = (
    "diagonal.label-noise-recovers",
    "diagonal.spherical-noise",
    "diagonal.any-start",
    "diagonal.mini-batch-noise",
    "diagonal.mini-batch-start",
)
SPHERICAL = "spherical "
COLOURS = ("C1", "C3", "C4")
MARKERS = "os^"
STARTS = ("all 2", "all 1", "all .1", "all .01", "normal", ".001 to 1", "2 or .01", "misleading")
"""In the claim's order."""
MINI_BATCH_START = 1
"""Mini-batch noise starts from here."""
Series = Mapping[str, NDArray]


def draw(measured: Mapping[str, Series]) -> Figure:
    """Return errors against the steps; errors at the end by start; and where mini-batch noise takes the run."""
    label, spherical, starts, mini_batch, shrinkage = (measured[claim] for claim in CLAIMS)
    figure, (ways, ends, moved) = plt.subplots(1, 3, figsize=(15, 4.8), width_ratios=(1.15, 1, 0.95))
    _draw_ways(ways, label, spherical)
    _draw_ends(ends, starts, mini_batch)
    _draw_shrinkage(moved, shrinkage)
    figure.supxlabel(
        r"$f = \langle w^2, x \rangle$, d = 100, 40 data, five ones; left and right from w = 1; $\eta$ = .01, right "
        rf"{shrinkage['lr'].item():g}; left: thick lines are medians, thin ones single problems; middle: means, 99 % "
        "intervals;\nmisleading: .3 where the truth is 1, 1 where it is 0; mini-batch noise: runs that do not diverge",
        fontsize="small",
        color="0.35",
    )
    return figure


def _draw_ways(axes: Axes, label: Series, spherical: Series) -> None:
    axes.plot(label["steps"], label["errors"].T, color="C0", linewidth=0.6, alpha=0.35)
    axes.plot(label["steps"], np.median(label["errors"], axis=0), color="C0", linewidth=2.4, label="label noise")
    sizes = sorted({float(name.split()[1]) for name in spherical if name.startswith(SPHERICAL)})
    for size, colour, marker in zip(sizes, COLOURS, MARKERS, strict=False):
        steps, errors = (spherical[f"{SPHERICAL}{size:g} {part}"] for part in ("steps", "errors"))
        style = {"marker": marker, "markersize": 7, "markevery": [-1], "label": f"spherical noise, size {size:g}"}
        axes.plot(steps, np.median(errors, axis=0), color=colour, **style)
    plain = np.median(label["plain errors"], axis=0)
    axes.plot(label["steps"], plain, color="0.1", linewidth=1.2, linestyle="--", label="no noise")
    for drop in label["steps"][-1] * np.array([1, 2]) / 3:
        axes.axvline(drop, color="0.75", linewidth=1, zorder=0)
        axes.annotate(
            r"$\eta / 10$", (drop, 3), (-3, 0), textcoords="offset points", rotation=90, ha="right", color="0.45"
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="gradient steps",
        ylim=(None, 400),
        ylabel=r"$\|w^2 - \beta^*\|^2$",
        title="Label noise finds the sparse truth, spherical noise does not",
    )
    axes.legend(loc="lower left", fontsize="small")


def _draw_ends(axes: Axes, starts: Series, mini_batch: Series) -> None:
    places = np.arange(len(STARTS))
    for place, low, high in zip(places, starts["errors"], starts["limits without noise"], strict=True):
        axes.plot([low, high], [place, place], color="0.85", linewidth=1.2, zorder=0)
    axes.plot(starts["limits without noise"], places, "o", color="0.1", markerfacecolor="white", label="no noise")
    error = INTERVAL_99 * mini_batch["standard_error"]
    style = {"fmt": "s", "color": "C2", "markersize": 6, "label": "mini-batch noise"}
    axes.errorbar(mini_batch["error"], [MINI_BATCH_START], xerr=error, **style)
    error = INTERVAL_99 * starts["standard_errors"]
    axes.errorbar(starts["errors"], places, xerr=error, fmt="o", color="C0", markersize=6, label="label noise")
    axes.set(xscale="log", xlabel=r"$\|w^2 - \beta^*\|^2 / \|\beta^*\|^2$ at the end", title="From any start")
    axes.set_yticks(places, STARTS)
    axes.set_ylabel("the parameters at the start")
    axes.set_ylim(len(STARTS) - 0.1, -0.5)  # room for the legend
    axes.legend(loc="lower center", fontsize="small", ncols=3, columnspacing=0.8, handletextpad=0.2)


def _draw_shrinkage(axes: Axes, shrinkage: Series) -> None:
    derived = shrinkage["derived"]
    ends = np.array([derived.min(), derived.max()])
    axes.plot(ends, ends, color="0.5", linewidth=1.2, label="equal")
    axes.plot(derived, shrinkage["moved"], "o", color="C2", markersize=4, alpha=0.7, label="one parameter")
    axes.set(xlabel=r"derived shift of $-\log w_j^2$ off the data's span", ylabel="measured shift")
    axes.set_title("Mini-batch noise: as from a smaller start")
    axes.legend(loc="upper left", fontsize="small")
