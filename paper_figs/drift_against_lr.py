"""The measured drift of label-noise SGD over the derived one, against the learning rate (Lemma 8)."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

NAMES = {
    "lemma8.drift.tanh": "tanh network, P = 32",
    "lemma8.drift.quadratic": "quadratic network, P = 20",
    "lemma8.drift.sensing": "matrix sensing, d = 6",
}
CLAIMS = tuple(NAMES)


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return one panel per model: ratios with 99 % intervals, the fitted line, its value at learning rate 0."""
    figure, panels = plt.subplots(1, len(NAMES), sharey=True, figsize=(10, 3.8))
    for panel, (claim, name), colour in zip(panels, NAMES.items(), ("C0", "C1", "C2"), strict=True):
        series = measured[claim]
        lrs, fit = series["lr"], series["fit"]
        axis = np.array([0.0, lrs.max() * 1.05])
        panel.axhspan(0.99, 1.01, color="0.93", zorder=0)
        panel.axhline(1, color="0.5", linewidth=1)
        panel.plot(axis, fit[0] + fit[1] * axis, color=colour, linewidth=1.2)
        panel.errorbar(lrs, series["ratio"], INTERVAL_99 * series["standard_error"], fmt="o", color=colour)
        at_zero = INTERVAL_99 * series["fit_standard_error"][0]
        panel.errorbar([0], fit[:1], [at_zero], fmt="D", color="black", markersize=6)
        panel.set(title=name, xlabel=r"learning rate $\eta$", xlim=(-0.05 * lrs.max(), 1.1 * lrs.max()))
        panel.locator_params(axis="x", nbins=3)
        panel.annotate(f"{fit[0]:.4f} ± {at_zero:.4f}", (0.04, 0.06), xycoords="axes fraction", fontsize="small")
    panels[0].locator_params(axis="y", nbins=5)
    panels[0].set_ylabel("measured / derived drift")
    figure.supxlabel(
        r"bars: 99 % intervals; diamond: the line's value at $\eta = 0$; band: the claim's margin",
        fontsize="small",
        color="0.35",
    )
    return figure
