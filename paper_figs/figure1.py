"""Figure 1 of Blanc et al. (COLT 2020) at d = 20: matrix sensing with and without label noise."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

CLAIMS = ("sensing.recovery",)
TRAINING, TEST = 0, 1


def draw(measured: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Return the errors against the number of steps: on the left with the paper's axes, on the right logarithmic."""
    series = measured["sensing.recovery"]
    # Step 0 has no place on a logarithmic axis.
    time, noisy, quiet = series["time"][1:], series["noisy"][1:], series["quiet"][1:]
    figure, (linear, logarithmic) = plt.subplots(1, 2, figsize=(10, 4.2))
    for axes in (linear, logarithmic):
        axes.plot(time, quiet[:, TRAINING], color="C0", linestyle="--", label="training error, no label noise")
        axes.plot(time, quiet[:, TEST], color="C0", label="test error, no label noise")
        axes.plot(time, noisy[:, TRAINING], color="C1", linestyle="--", label="training error, label noise")
        axes.plot(time, noisy[:, TEST], color="C1", label="test error, label noise")
        axes.set(xscale="log", xlabel="gradient steps")
    linear.set(ylim=(0, None), ylabel="mean squared error", title="d = 20, rank 2, n = 100 of 210 unknowns, $U_0 = I$")
    logarithmic.set(yscale="log", ylim=(5e-4, 30), title="the same, logarithmic")
    linear.legend(loc="center left", bbox_to_anchor=(0.0, 0.45), fontsize="small")
    figure.supxlabel(
        r"$\eta$ = .01, full batches, label noise $\pm 1$, mean of 8 runs; errors against noise-free labels",
        fontsize="small",
        color="0.35",
    )
    return figure
