"""Steps that take several gradients of one noisy batch: reg on their paths, and their drifts at any learning rate."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = ("several-gradients.paths", "several-gradients.large-lr")
RULES = {
    "extragradient": ("C3", "extragradient,\none step ahead", 0),
    "midpoint": ("C4", "half a step ahead", 5),
    "heun": ("C2", "Heun's method", -5),
    "plain": ("0.1", "plain steps", 0),
    "repeated": ("C1", "two on one batch", 8),
    "sharpness-aware": ("C0", "sharpness-aware,\nhalf a step back", -9),
}
"""Colour, words, and by how many points these are moved up."""


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the change of reg against the slow time, measured and derived, and the drifts against eta gamma."""
    paths, slopes = (measured[claim] for claim in CLAIMS)
    figure, (way, multiples) = plt.subplots(1, 2, figsize=(12, 4.8))
    for name, (colour, words, up) in RULES.items():
        flow, mean = (np.concatenate([[0.0], paths[f"{name} {part}"]]) for part in ("flow", "measured"))
        way.plot(paths["time"], flow, color=colour)
        error = INTERVAL_99 * np.concatenate([[0.0], paths[f"{name} standard error"]])
        way.errorbar(paths["time"], mean, error, fmt="o", color=colour, markersize=5)
        end, style = (paths["time"][-1], flow[-1]), {"color": colour, "fontsize": "small", "va": "center"}
        way.annotate(words, end, (9, up), textcoords="offset points", annotation_clip=False, **style)
        multiples.plot(slopes["product"], slopes[name], color=colour)
    way.set(
        ylim=(-1.65, None),
        xlabel=r"slow time $\eta^2 \sigma^2 t / n$",
        ylabel="change of reg",
        title="Where a step takes its gradients decides the drift",
    )
    multiples.axhline(0, color="0.8", linewidth=1, zorder=0)
    multiples.set(
        ylim=(-1.4, 5),
        xlabel=r"$\eta \gamma$",
        ylabel=r"$F'(\gamma)$ in units of $\eta^2 \sigma^2 / n$",
        title=r"At any learning rate: drift $= -P\,\nabla\,\mathrm{tr}\,F(\Gamma)$",
    )
    figure.supxlabel(
        r"left: tanh network, $P = 12$, $N = 2$, full batches, $\eta = .06$, $\sigma = .1$; lines: slow flows, points: "
        r"ensemble means with 99 % intervals",
        fontsize="small",
        color="0.35",
    )
    return figure
