"""Weight decay: ridge regression at its end, and beside label noise a second pull along the zero-loss manifold."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figs._interval import INTERVAL_99

DRIFTS = {
    "weight-decay.drift": "tanh network,\n$P = 12$",
    "weight-decay.opposed-drift": "$a x - b^2 / 2$,\nat $b = 1$",
}
CLAIMS = ("ridge.shrinkage", "ridge.weight-decay", "weight-decay.opposed", *DRIFTS)
COLOURS = ("C0", "C2", "C4", "C1", "C3")
PARTS = {"noise-alone": ("label noise", "C0", 0.14), "decay-alone": ("weight decay", "C1", -0.14)}
Series = Mapping[str, NDArray]


def draw(measured: Mapping[str, Series]) -> Figure:
    """Return ridge's factors; a potential that decay turns from one well into two; and drifts with their two parts."""
    figure, (shrinkage, potential, drifts) = plt.subplots(1, 3, figsize=(14, 4.6))
    _draw_shrinkage(shrinkage, measured["ridge.shrinkage"], measured["ridge.weight-decay"])
    _draw_potential(potential, measured["weight-decay.opposed"])
    _draw_drifts(drifts, {name: measured[claim] for claim, name in DRIFTS.items()})
    figure.supxlabel(
        r"left: lines, ridge regression of strength $\mu$; dots, where steps on $|A w - b|^2 / n$ with decay "
        r"$\lambda = 2 \mu / n$ rest; middle: $h = a x - b^2 / 2$, $x = 1$, $y = -3$;"
        "\nright: arrows, the derived parts; diamonds, measured, extrapolated to "
        r"$\eta = 0$, and $\pm$ their 99 % intervals",
        fontsize="small",
        color="0.35",
    )
    return figure


def _draw_shrinkage(axes: Axes, ridge: Series, decay: Series) -> None:
    for strength, line, rest, colour in zip(
        ridge["strengths"], ridge["factors"], decay["factors"], COLOURS, strict=False
    ):
        axes.plot(ridge["singular"], line, color=colour, label=rf"$\mu$ = {strength:g}")
        axes.plot(decay["singular"], rest, "o", color=colour, markersize=4.5)
    axes.axhline(1, color="0.5", linewidth=1)
    axes.annotate("least squares", (0.05, 0.985), va="top", color="0.35", fontsize="small")
    axes.set(xscale="log", xlabel="singular value $s$", ylabel="coordinate of $w$ / that of least squares")
    axes.set_title("Alone it shrinks the weak directions")
    axes.legend(fontsize="small", loc="center left")


def _draw_potential(axes: Axes, series: Series) -> None:
    for strength, values, colour in zip(series["decays"], series["potentials"], COLOURS, strict=True):
        label = r"$\lambda = " + (rf"{strength:g}\,\eta \sigma^2 / B$" if strength else "0$")
        axes.plot(series["places"], values, color=colour, label=label)
    axes.set(
        xlabel="place $b$ on the manifold",
        ylabel=r"potential / $(\eta^2 \sigma^2 / B)$, less that at 0",
        ylim=(series["potentials"].min() - 1, 9),
        title="Beside label noise it may push outwards",
    )
    axes.legend(fontsize="small", loc="upper center")


def _draw_drifts(axes: Axes, series: Mapping[str, Series]) -> None:
    for row, one in enumerate(series.values()):
        reached = 0.0
        for part, (_, colour, shift) in PARTS.items():
            end = reached + one[part].item()
            style = {"arrowstyle": "-|>", "color": colour, "linewidth": 3, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (end, row - shift), (reached, row - shift), arrowprops=style)
            reached = end
        error = INTERVAL_99 * one["fit_standard_error"][0]
        axes.errorbar(one["fit"][:1], [row], xerr=[error], fmt="D", color="black", markersize=7, zorder=3)
        text = f"{one['fit'][0]:.4f} ± {error:.4f}"
        axes.annotate(text, (one["fit"][0], row), (0, 24), textcoords="offset points", ha="center", fontsize="small")
    axes.axvline(1, color="0.5", linewidth=1, zorder=0)
    axes.axvline(0, color="0.5", linewidth=1, zorder=0)
    for name, colour, _ in PARTS.values():
        axes.plot([], [], color=colour, linewidth=3, label=name)
    axes.errorbar([], [], xerr=[], fmt="D", color="black", label="measured together")
    axes.set(xlabel="drift / the derived one with both", title="Their drifts add", ylim=(len(series) + 0.3, -0.6))
    axes.set_yticks(range(len(series)), series)
    axes.set_xlim(-0.1, 1.6)
    axes.grid(axis="y", visible=False)
    axes.legend(fontsize="small", loc="lower left", bbox_to_anchor=(0.1, 0))
