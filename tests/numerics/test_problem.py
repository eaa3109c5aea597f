import pytest
import torch

from numerics.models import linear_model, tanh_network
from numerics.problem import Problem
from tests.models import normal

INPUTS, LABELS = normal(0, 3, 2), normal(1, 3)


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        (INPUTS, LABELS[:, None]),
        (INPUTS[:2], LABELS),
        (INPUTS[0, 0], LABELS),
        (INPUTS[:0], LABELS[:0]),
    ],
    ids=["labels not flat", "different N", "inputs without axis", "no data"],
)
def test_data_of_the_wrong_shape_are_refused(inputs, labels):
    with pytest.raises(ValueError, match=r"inputs must be \[N, ...\] and labels \[N\] with N >= 1"):
        Problem(linear_model, inputs, labels)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_data_that_are_not_finite_are_refused_with_their_position(value):
    inputs, labels = INPUTS.clone(), LABELS.clone()
    inputs[1, 1] = labels[2] = value
    with pytest.raises(ValueError, match=f"inputs must be finite, got {value} at flat position 3"):
        Problem(linear_model, inputs, LABELS)
    with pytest.raises(ValueError, match=f"labels must be finite, got {value} at flat position 2"):
        Problem(linear_model, INPUTS, labels)


def test_vector_valued_model_is_refused():
    problem = Problem(lambda theta, x: theta * x, INPUTS, LABELS)
    with pytest.raises(ValueError, match=r"model must return a scalar for one input, got shape \[2\]"):
        problem.predictions(torch.ones(2, dtype=torch.float64))


def test_theta_that_is_not_flat_is_refused():
    problem = Problem(linear_model, INPUTS, LABELS)
    with pytest.raises(ValueError, match=r"theta must be flat, \[P\], got shape \[1, 2\]"):
        problem.predictions(torch.ones(1, 2, dtype=torch.float64))


def test_theta_that_is_not_finite_is_refused():
    problem = Problem(linear_model, INPUTS, LABELS)
    with pytest.raises(ValueError, match="theta must be finite"):
        problem.predictions(torch.tensor([1.0, float("nan")], dtype=torch.float64))


def test_predictions_of_a_linear_model_are_a_matrix_product():
    problem, theta = Problem(linear_model, INPUTS, LABELS), normal(2, 2)
    torch.testing.assert_close(problem.predictions(theta), INPUTS @ theta)
    torch.testing.assert_close(problem.residuals(theta), INPUTS @ theta - LABELS)
    torch.testing.assert_close(problem.jacobian(theta), INPUTS)


def test_jacobian_converges_to_central_differences_with_order_two():
    problem, theta, x = Problem(tanh_network(2, 3), INPUTS, LABELS), normal(3, 12), normal(4, 12)
    exact = problem.jacobian(theta) @ x

    def error(step: float) -> float:
        difference = problem.predictions(theta + step * x) - problem.predictions(theta - step * x)
        return float((difference / (2 * step) - exact).norm())

    assert error(1e-3) / error(5e-4) == pytest.approx(4, rel=1e-3)


def test_number_of_data_is_the_number_of_labels():
    assert Problem(linear_model, INPUTS, LABELS).num_data == 3
