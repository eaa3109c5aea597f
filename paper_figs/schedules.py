"""Learning-rate schedules: the rate in every step, and the drift of the run in units of its budget's."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

NAMES = ("exponential", "step", "cosine", "plateau")
CLAIMS = tuple(f"schedule.drift.{name}" for name in NAMES)
PARTS = {
    "leading": (r"$\frac{\sigma^2}{n} \sum_t \eta_t^2$ alone", "v"),
    "no-release": (r"without the stored variance, $(S_0 - S_T) / 4\gamma$", "s"),
    "no-enhancement": (r"without $\gamma \sum_t \eta_t^2 S_t$", "^"),
}


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the schedules on the left; on the right the measured drift at vanishing noise, and parts of the budget."""
    figure, (rates, drifts) = plt.subplots(1, 2, figsize=(11.5, 4.6))
    drifts.axhline(1, color="0.5", linewidth=1)
    for k, (name, claim) in enumerate(zip(NAMES, CLAIMS, strict=True)):
        series, colour = measured[claim], f"C{k}"
        rates.step(np.arange(len(series["rates"])), series["rates"], where="post", color=colour, label=name)
        for part, (label, marker) in PARTS.items():
            drifts.plot(k, series[part], marker, color="0.55", markersize=7, label=None if k else label)
        error = INTERVAL_99 * series["fit_standard_error"][0]
        drifts.errorbar([k], series["fit"][:1], [error], fmt="D", color=colour, markersize=7)
        text = f"{series['fit'][0]:.4f}\n± {error:.4f}"
        drifts.annotate(text, (k, 1), xytext=(0, 8), textcoords="offset points", ha="center", fontsize="small")
    rates.set(xlabel="step $t$", ylabel=r"learning rate $\eta_t$", yscale="log", title="The schedules")
    rates.legend(fontsize="small")
    drifts.errorbar([], [], [], fmt="D", color="0.2", label=r"measured, extrapolated to $\sigma = 0$")
    drifts.set(xlabel="schedule", ylabel="drift over the run / that of its budget", title="Measured, and parts of it")
    drifts.set_xticks(range(len(NAMES)), NAMES)
    drifts.set_xlim(-0.5, len(NAMES) - 0.5)
    drifts.set_ylim(top=1.045)
    drifts.legend(fontsize="small")
    figure.supxlabel(
        "tanh network, $P = 12$, $N = 2$, full batches with label noise; 99 % intervals", fontsize="small", color="0.35"
    )
    return figure
