import numpy as np
import pytest
import torch

from verify.claims.update_rules.gradient_regularisation import LABEL, START
from verify.claims.update_rules.regularised_paths import descent_path, flow_path, length, path_numbers
from verify.estimate import Measurement

STARTS = torch.tensor([[0.0, 0.0], [0.05, -0.02]], dtype=torch.float64)


def weights(path):
    a, b = (path + torch.tensor(START, dtype=path.dtype)).unbind(-1)
    return a, b


def test_the_gradient_flow_keeps_the_imbalance_and_the_modified_one_lowers_it_on_the_way_to_the_minima():
    for correction, sign in ((0.0, 0), (0.02, -1), (-0.02, 1)):
        a, b = weights(flow_path(STARTS, correction))
        change = ((a**2 - b**2).abs()[-1] - (a**2 - b**2).abs()[0]).tolist()
        assert np.sign(np.round(change, 5)).tolist() == [sign, sign]
        assert (a * b)[-1].tolist() == pytest.approx([float(LABEL)] * 2, abs=1e-3)


def test_descent_ends_at_a_minimum_with_a_smaller_imbalance():
    a, b = weights(descent_path("stated", STARTS[:1]))
    assert float(a[-1] * b[-1]) == pytest.approx(float(LABEL), abs=1e-3)
    assert float(abs(a[-1] ** 2 - b[-1] ** 2)) < 0.99 * float(abs(a[0] ** 2 - b[0] ** 2))


def test_the_length_of_a_path_is_that_of_its_pieces():
    path = torch.tensor([[[0.0, 0.0]], [[3.0, 4.0]], [[3.0, 5.0]]])
    assert length(path).tolist() == [6.0]


def test_a_formula_picks_its_own_ratios():
    picks = np.eye(6).reshape(2, 3, 6)
    record = Measurement(np.arange(6) / 10, np.diag(np.arange(6) / 100), 64, {"stated": picks[0], "double": picks[1]})
    found = path_numbers({"paths": record}, "double")
    assert found.values == pytest.approx([0.3, 0.4, 0.5])
    assert found.standard_errors == pytest.approx(np.sqrt([0.03, 0.04, 0.05]))
    assert found.targets.tolist() == [0.5] * 3
