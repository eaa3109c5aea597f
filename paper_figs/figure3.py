"""Figure 3 of Blanc et al. (COLT 2020): curve length and training loss on the way, without and with label noise."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

CLAIMS = ("figure3.drop", "figure3.clock")


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return length and loss against the number of steps, and the time of the drop against the learning rate."""
    series, clock = measured["figure3.drop"], measured["figure3.clock"]
    figure, panels = plt.subplots(1, 3, figsize=(12.5, 4.2), width_ratios=(1, 1, 0.9))
    losses = []
    for panel, name, title in zip(
        panels, ("quiet", "noisy"), ("without label noise", "with label noise"), strict=False
    ):
        steps = series[f"{name}-steps"]
        panel.plot(steps, series[f"{name}-length"], color="C0")
        panel.axhline(series["shortest"], color="C0", linewidth=1, linestyle=":")
        panel.set(
            xscale="log", xlim=(1, series["noisy-steps"][-1]), ylim=(0, None), title=title, xlabel="gradient steps"
        )
        panel.set_ylabel("length of the curve", color="C0")
        losses.append(panel.twinx())
        losses[-1].plot(steps, series[f"{name}-loss"], color="C1")
        losses[-1].set(ylim=(0, 1.4), ylabel="training loss")
        losses[-1].yaxis.label.set_color("C1")
        losses[-1].spines.right.set_visible(True)
        losses[-1].grid(visible=False)
    top = max(panel.get_ylim()[1] for panel in panels[:2])
    for panel in panels[:2]:
        panel.set_ylim(0, top)
    label = "piecewise linear"  # in the wide space under the plateau
    panels[0].annotate(
        label,
        (0.97, series["shortest"]),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="top",
        color="C0",
        fontsize="small",
    )
    draw_clock(panels[2], clock)
    figure.supxlabel(
        f"chosen here, the paper states none of it: points (-1, 1, 1, 1, -1) on an interval of length 1, width "
        f"{series['width']}, $\\eta$ = {series['lr']:g}, full batches, label noise $\\pm${series['noise']:g}; means of "
        f"{series['num_runs']} starts;\nright: width {clock['width']}, label noise $\\pm${clock['noise']:g}, "
        f"the step at which the mean length of {clock['num_runs']} runs has fallen half-way",
        fontsize="small",
        color="0.35",
    )
    return figure


def draw_clock(panel: Axes, clock: Mapping[str, NDArray]) -> None:
    """Draw the steps to the drop with a line of slope -2 through their middle."""
    lrs, steps = clock["lr"], clock["steps"]
    middle = np.exp(np.log(steps).mean() + 2 * np.log(lrs).mean())
    axis = np.array([lrs.min() / 1.15, lrs.max() * 1.15])
    panel.plot(axis, middle / axis**2, color="0.5", linewidth=1.2, label=r"$\propto \eta^{-2}$")
    error = INTERVAL_99 * steps * clock["log_standard_error"]
    panel.errorbar(lrs, steps, error, fmt="o", color="C2", label="99 % intervals")
    panel.set(xscale="log", yscale="log", xlabel=r"learning rate $\eta$", ylabel="steps to the drop")
    panel.set_title(f"exponent ${clock['exponent'].item():.2f}$ ± {INTERVAL_99 * clock['exponent_error'].item():.2f}")
    panel.set_xticks(lrs, [f"{lr:g}" for lr in lrs])
    panel.minorticks_off()
    panel.legend()
