"""The benchmark's figure: the ratios of all works, and how the time grows."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from tests.benchmarks.growth import Curve
from tests.benchmarks.peers import OURS

COLOURS = {OURS: "C0", "jax": "C1", "numba": "C2", "numpy": "C3", "eager": "C4", "loop": "C6"}
LABELS = {OURS: "ensemble (ours)", "loop": "plain loop", "eager": "eager vmap"}


def draw(rows: list[dict[str, Any]], curves: list[Curve]) -> Figure:
    """Return ratios with their smallest and largest value on top, growth below."""
    figure = plt.figure(figsize=(11, 7.6))
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    _ratios(top.subplots(), rows)
    axes = list(dict.fromkeys(curve.axis for curve in curves))
    for panel, axis in zip(bottom.subplots(1, len(axes), squeeze=False)[0], axes, strict=True):
        _growth(panel, [curve for curve in curves if curve.axis == axis], axis)
    return figure


def _ratios(panel: Axes, rows: list[dict[str, Any]]) -> None:
    works = list(dict.fromkeys(row["work"] for row in rows))
    names = [name for name in COLOURS if name != OURS and any(row["implementation"] == name for row in rows)]
    for place, name in enumerate(names):
        found = [row for row in rows if row["implementation"] == name]
        at = np.array([works.index(row["work"]) for row in found]) + (place - (len(names) - 1) / 2) * 0.15
        ratio, least, most = (np.array([row[key] for row in found]) for key in ("ratio", "min", "max"))
        panel.errorbar(
            at, ratio, [ratio - least, most - ratio], fmt="o", color=COLOURS[name], label=LABELS.get(name, name)
        )
    panel.axhline(1, color="0.4", linewidth=1)
    panel.set_yscale("log")
    panel.set_xticks(range(len(works)), [f"({work[0]}) R = {work[1:]}" if work[1:] else f"({work})" for work in works])
    panel.grid(visible=False, axis="x")
    panel.set(ylabel="replica-steps per second, ours / theirs", xlim=(-0.6, len(works) - 0.4))
    panel.set_title("Ratio of speeds, median and range of the runs; above the line ours is faster", loc="left")
    panel.legend(ncols=len(names), loc="upper right", fontsize="small")


def _growth(panel: Axes, curves: list[Curve], axis: str) -> None:
    for curve in curves:
        label = LABELS.get(curve.implementation, curve.implementation)
        panel.loglog(curve.sizes, curve.microseconds, "o-", color=COLOURS[curve.implementation], label=label)
    sizes = np.array(curves[0].sizes, dtype=float)
    panel.loglog(sizes, curves[0].microseconds[-1] * sizes / sizes[-1], color="0.6", linestyle=":", label="linear")
    panel.set_xticks(sizes, [f"{size:g}" for size in sizes])
    panel.xaxis.set_minor_locator(NullLocator())
    what = "whole run" if axis.startswith("steps") else "a step of all replicas"
    panel.set(xlabel=axis, ylabel="microseconds", title=what)
    panel.legend(fontsize="x-small")
