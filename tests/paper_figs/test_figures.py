import json
import subprocess
import sys
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pytest

from paper_figs.__main__ import figures, measured
from verify.claim import STATED, ExactClaim
from verify.ledger import digest, ledger

TIMES = np.array([0, 4, 10, 100])
ERRORS = np.array([[9.0, 10.0], [5.0, 9.0], [1.0, 2.0], [0.1, 0.2]])
SERIES = {
    "sensing.recovery": {
        f"{start} {name}": values
        for start in ("identity", "gaussian")
        for name, values in (("time", TIMES), ("quiet time", TIMES), ("noisy", ERRORS), ("quiet", ERRORS))
    }
    | {name: np.array(0.5) for name in ("slow time per step", "d", "r", "n", "lr", "noise variance", "batch")},
    "figure3.drop": {
        f"{run}-{name}": np.array([1.0, 2.0, 3.0]) for run in ("quiet", "noisy") for name in ("steps", "length", "loss")
    }
    | {name: np.array(1.0) for name in ("shortest", "width", "lr", "noise", "num_runs")},
    "figure3.clock": {name: np.array([1.0, 2.0]) for name in ("lr", "steps", "log_standard_error")}
    | {name: np.array(1.0) for name in ("width", "noise", "num_runs", "exponent", "exponent_error")},
} | {
    f"lemma8.drift.{name}": {
        "lr": np.array([0.01, 0.02, 0.03]),
        "ratio": np.array([1.001, 1.002, 1.003]),
        "standard_error": np.full(3, 0.001),
        "fit": np.array([1.0, 0.1]),
        "fit_standard_error": np.array([0.001, 0.05]),
    }
    for name in ("tanh", "quadratic", "sensing")
}
for name in ("without-noise", "with-noise"):
    SERIES[f"figure2.{name}"] = {
        "places": np.array([[0.0, 0.1], [1.0, 1.0]]),
        "heights": np.array([[0.0, 0.1], [1.0, 1.0]]),
        **{key: np.array([0.0, 1.0]) for key in ("inputs", "labels", "start", "lr", "noise")},
        **{key: np.array(30) for key in ("width", "steps")},
    }
CURVES = {name: np.array([0.0, 0.5, 1.0]) for name in ("output", "reduced", "slope")}
SERIES |= {"figure6.curves": CURVES | {"peak": np.array([0.6, 0.7])}, "figure7.curves": CURVES}
SERIES["definition4.escape"] = {
    "lr": np.array([1e-3, 1e-2]),
    **{name: np.array([[0.11, 0.2], [0.3, 0.5]]) for name in ("measured", "flow", "leading")},
    "standard_error": np.full((2, 2), 1e-3),
    "ratio": np.array([[0.999, 0.998], [0.99, 0.98]]),
    "ratio_standard_error": np.full((2, 2), 1e-3),
}
for name in ("mean", "single"):
    SERIES[f"paths.{name}"] = {
        "lr": np.array([1e-3, 1e-2]),
        "error": np.array([0.01, 0.1]),
        "standard_error": np.full(2, 1e-3),
        "line": np.array([0.01, 0.1]),
        "shown_lr": np.array([0.01]),
        **{key: np.array([[3.0, 2.0], [0.0, 0.1]]) for key in ("flow", "mean", "single 0", "single 1")},
        "time": np.array([0.0, 0.1]),
    }
SERIES["limiting-flow.path"] = {
    "lr": np.array([0.01, 0.02, 0.03]),
    **{key: np.array([[0.5, 1.0]] * 3) for key in ("time", "mean")},
    "standard_error": np.full((3, 2), 1e-3),
    "flow": np.array([[0.0, 0.5, 1.0], [8.0, 3.0, 2.4]]),
    "path": np.array([[0.3, 0.5, 0.8], [2.0, 1.2, 0.7]]),
}
SERIES["precision.random-walk"] = {
    "steps": np.array([10.0, 100.0]),
    **{name: np.array([1e-13, 1e-12]) for name in ("square", "predicted")},
    "standard_error": np.array([1e-15, 1e-14]),
}
SERIES["precision.lost-drift"] = {"spread": np.array([0.25, 0.5]), "left": np.array([0.4, 0.99])}
SERIES["several-gradients.paths"] = {"time": np.array([0.0, 0.1, 0.2])} | {
    f"{rule} {part}": np.array([0.1, 0.2])
    for rule in ("extragradient", "midpoint", "heun", "plain", "repeated", "sharpness-aware")
    for part in ("flow", "measured", "standard error")
}
SERIES["igr.paths"] = {
    name: np.array([[2.8, 3.5], end])
    for name, end in (("descent", [0.3, 2.0]), ("flow", [0.2, 2.1]), ("modified", [0.25, 2]))
} | {"lr": np.array(0.02)}
SERIES["igr.fixed-time"] = {"lr": np.array([0.002, 0.001]), "errors": np.array([[8.0, 4.0, 2.0], [1.0, 1.0, 1.0]])}
for claim, num_fields in {
    "shuffling.fixed-time": 2,
    "replacement.fixed-time": 3,
    "momentum-flow.fixed-time": 5,
    "momentum-flow.rest": 3,
}.items():
    errors, order = np.array([[8.0, 4.0, 2.0, 4.0, 2.0], [1.0] * 5])[:, :num_fields], np.ones(num_fields)
    SERIES[claim] = {"lr": np.array([0.002, 0.001]), "errors": errors, "order": order}
SERIES["weight-norm.table"] = {
    f"{flow} {key}": np.array([1.0, 5.0, 40.0])
    for flow in ("kappa 1", "kappa 0.05", "plain")
    for key in ("scale", "norm", "standard_error", "predicted")
} | {"plain smallest": np.array(10.0)}
for name in ("exponential", "step", "cosine", "plateau"):
    parts = {part: np.array(0.9) for part in ("leading", "no-release", "no-enhancement")}
    SERIES[f"schedule.drift.{name}"] = SERIES["lemma8.drift.tanh"] | parts | {"rates": np.array([0.05, 0.005])}
for name, noise in (("drift", 0.6), ("opposed-drift", 1.4)):
    parts = {"noise-alone": np.array(noise), "decay-alone": np.array(1 - noise)}
    SERIES[f"weight-decay.{name}"] = SERIES["lemma8.drift.tanh"] | parts
SERIES["momentum-flow.ends"] = {
    name: np.array([[0.3, 2.0], [0.4, 1.5]]) for name in ("descent", "flow stated", "flow plain", "flow none")
} | {"momentum": np.array([0.5, 0.9])}
SERIES["factorisation.sgd"] = SERIES["lemma8.drift.tanh"] | {
    "time": np.array([0.0, 0.5]),
    "ways": np.array([[1.6, 1.01], [1.6, 1.02], [1.6, 1.03]]),
}
for name in ("finite-lr.drift", "finite-lr.drift.heavy-ball", "finite-lr.drift.nesterov"):
    SERIES[name] = {
        "product": np.array([0.5, 1.0]),
        "ratio": np.array([1.0, 0.999]),
        "standard_error": np.full(2, 0.001),
        "leading": np.array([0.8, 0.5]),
    }
SERIES["factorisation.descent"] = {
    f"depth {depth} {key}": values
    for depth in (2, 3, 4)
    for key, values in (
        ("time", np.array([0.0, 0.5, 1.0])),
        ("single", np.array([[0.3, 0.2], [0.1, 0.1], [0.01, 0.02]])),
        ("mean", np.array([0.25, 0.1, 0.015])),
    )
}

SERIES["open-questions.deep-relu"] = {
    **{name: np.array([0.0, 0.5, 1.0]) for name in ("inputs", "labels", "places")},
    **{name: np.array([[0.0, 0.1], [0.5, 0.5], [1.0, 1.0]]) for name in ("heights before", "heights")},
    **{name: np.array([[2.0, 4.0], [2.0, 3.0], [9.0, 8.0]]) for name in ("before", "after")},
    "fewest": np.array(2),
}
for name in ("tanh", "logistic"):
    SERIES[f"open-questions.classes.{name}"] = {
        "num_data": np.array([1.0, 2.0]),
        "classes": np.array([1.0, 1.5]),
        "standard_errors": np.array([0.0, 0.1]),
    }
CURVES_OF_TWO = {"steps": np.array([10.0, 100.0, 1000.0]), "errors": np.array([[9.0, 3.0, 0.1], [8.0, 2.0, 0.2]])}
SERIES["diagonal.label-noise-recovers"] = CURVES_OF_TWO | {"plain errors": np.array([[9.0, 9.0, 9.0], [8.0, 8.0, 8.0]])}
SERIES["diagonal.spherical-noise"] = {f"spherical 0.1 {key}": values for key, values in CURVES_OF_TWO.items()}
EIGHT = np.geomspace(1e-3, 1e-4, 8)
SERIES["diagonal.any-start"] = {"errors": EIGHT, "standard_errors": EIGHT / 9, "limits without noise": 100 * EIGHT}
SERIES["diagonal.mini-batch-noise"] = {
    key: np.array([value]) for key, value in (("error", 2.5), ("standard_error", 0.5), ("share diverged", 0.2))
}
SERIES["diagonal.mini-batch-start"] = {
    "lr": np.array([0.004]),
    **{name: np.array([-1.0, 0.5, 3.0]) for name in ("moved", "derived")},
}


@pytest.mark.parametrize("name", figures())
def test_every_figure_names_claims_that_exist(name):
    assert set(figures()[name].CLAIMS) <= set(ledger())


def series(claim: str) -> Mapping[str, np.ndarray]:
    """Return numbers of a measured claim's form, and an exact claim's own."""
    found = ledger()[claim]
    return found.check(STATED).series if isinstance(found, ExactClaim) else SERIES[claim]


@pytest.mark.parametrize("name", figures())
def test_every_figure_has_labelled_axes(name):
    module = figures()[name]
    plt.switch_backend("agg")
    figure = module.draw({claim: series(claim) for claim in module.CLAIMS})
    for axes in figure.axes:  # an axis that is shared is labelled once
        assert any(one.get_xlabel() for one in axes.get_shared_x_axes().get_siblings(axes))
    assert any(axes.get_ylabel() for axes in figure.axes)
    plt.close(figure)


def test_drift_figure_shows_the_measured_ratios():
    plt.switch_backend("agg")
    figure = figures()["drift_against_lr"].draw(SERIES)
    drawn = [line.get_xydata() for line in figure.axes[0].get_lines()]
    points = np.column_stack([SERIES["lemma8.drift.tanh"][key] for key in ("lr", "ratio")])
    assert any(data.shape == points.shape and np.array_equal(data, points) for data in drawn)
    plt.close(figure)


def drawn(name: str) -> list[list[tuple[float, ...]]]:
    """Return the points of every line of a figure."""
    plt.switch_backend("agg")
    module = figures()[name]
    figure = module.draw({claim: series(claim) for claim in module.CLAIMS})
    points = [[tuple(point) for point in line.get_xydata()] for axes in figure.axes for line in axes.get_lines()]
    plt.close(figure)
    return points


def test_diagonal_figure_shows_every_start_with_and_without_noise():
    rows, starts = range(8), SERIES["diagonal.any-start"]
    found = drawn("diagonal")
    assert list(zip(starts["errors"], rows, strict=True)) in found
    assert list(zip(starts["limits without noise"], rows, strict=True)) in found
    assert [(2.5, 1.0)] in found  # mini-batch noise, from all ones


def test_weight_decay_figure_shows_the_ridge_factors_the_potentials_and_the_measured_drifts():
    found, ridge, well = drawn("weight_decay"), series("ridge.shrinkage"), series("weight-decay.opposed")
    assert all(list(zip(ridge["singular"], line, strict=True)) in found for line in ridge["factors"])
    assert all(list(zip(well["places"], line, strict=True)) in found for line in well["potentials"])
    assert all([(1.0, float(row))] in found for row in (0, 1))  # at learning rate 0


def test_limiting_flow_figure_shows_the_run_the_flow_and_the_means():
    series, found = SERIES["limiting-flow.path"], drawn("limiting_flow")
    for points in (series["path"], series["flow"], (series["time"][0], series["mean"][0])):
        assert list(zip(*points, strict=True)) in found


def test_numbers_of_other_code_are_not_drawn(tmp_path):
    path = tmp_path / "series" / "a.claim.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"digest": "other", "series": {"lr": [1.0]}}))
    assert measured("a.claim", [tmp_path], digest()) is None
    path.write_text(json.dumps({"digest": digest(), "series": {"lr": [1.0]}}))
    assert np.array_equal(measured("a.claim", [tmp_path], digest())["lr"], [1.0])


def test_an_unknown_figure_is_refused():
    command = [sys.executable, "-m", "paper_figs", "--only", "figure99"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "figure1" in done.stderr
