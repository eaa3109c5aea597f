import pytest

from numerics.quadratic_regression import train_and_test
from verify.claims.quadratic_network import regression
from verify.regression import DIMENSION, NUM_DATA


@pytest.mark.parametrize(("value", "holds"), [(0.3951, True), (0.4049, True), (0.3949, False), (0.4051, False)])
def test_a_number_is_right_if_it_rounds_to_what_is_printed(monkeypatch, value, holds):
    monkeypatch.setitem(regression.PRINTED, "toy", (("0.40",), {"stated": lambda: (value,)}))
    found = regression.check_printed("toy", "stated")
    assert found.holds is holds
    assert bool(found.counterexample) is not holds


def test_the_error_of_a_constant_is_least_at_the_mean_and_grows_by_the_squared_distance():
    labels = train_and_test(DIMENSION, NUM_DATA, seed=0)[1].labels
    mean, least = float(labels.mean()), float(labels.var(correction=0))
    for distance in (-1.0, 0.0, 0.5):
        assert regression.constant_error(mean + distance) == pytest.approx(least + distance**2, rel=1e-5)  # float32
