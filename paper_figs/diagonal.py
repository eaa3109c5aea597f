"""A diagonal network's distance from the sparse truth against the steps: label noise, spherical noise, no noise."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

CLAIMS = ("diagonal.label-noise-recovers", "diagonal.spherical-noise")
SPHERICAL = "spherical "
COLOURS = ("C1", "C3", "C4")
MARKERS = "os^"


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the medians over random problems, and with label noise each problem's curve."""
    label, spherical = (measured[claim] for claim in CLAIMS)
    figure, axes = plt.subplots()
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
    figure.supxlabel(
        r"d = 100, 40 data, five ones, w = 1 at the start, $\eta$ = .01; thick: medians, thin: single problems",
        fontsize="small",
        color="0.35",
    )
    return figure
