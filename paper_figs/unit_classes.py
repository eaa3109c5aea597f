"""Classes of tanh and of logistic units after label noise, against the number of data points."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

KINDS = {"open-questions.classes.tanh": ("tanh", "o"), "open-questions.classes.logistic": ("logistic", "s")}
CLAIMS = tuple(KINDS)


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the mean numbers of classes with their errors, and one class for each data point."""
    figure, panel = plt.subplots(figsize=(6.4, 4.4))
    for shift, (claim, (name, marker)) in zip((-0.03, 0.03), KINDS.items(), strict=True):
        series = measured[claim]
        errors = INTERVAL_99 * series["standard_errors"]
        panel.errorbar(series["num_data"] + shift, series["classes"], errors, fmt=marker, label=f"{name} units")
    num_data = measured[CLAIMS[0]]["num_data"]
    panel.plot(num_data, num_data, color="0.5", linewidth=1.2, linestyle=":", label="one class for each data point")
    panel.set(xlabel="data points $k$", ylabel="classes of units, silent ones left out", ylim=(0, None))
    panel.set_xticks(num_data)
    panel.legend()
    figure.supxlabel("means over random data sets and starts; bars: 99 % intervals", fontsize="small", color="0.35")
    return figure
