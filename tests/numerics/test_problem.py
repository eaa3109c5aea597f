import numpy as np
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


@pytest.mark.parametrize(
    ("inputs", "labels", "complaint"),
    [
        (np.eye(2), torch.zeros(2), "inputs must be a tensor, got ndarray"),
        (torch.eye(2), [0.0, 1.0], "labels must be a tensor, got list"),
        (torch.eye(2), torch.tensor([0, 1]), r"labels must be real numbers, got torch\.int64; pass labels\.double"),
        (torch.eye(2), torch.tensor([True, False]), r"labels must be real numbers, got torch\.bool"),
    ],
)
def test_data_of_another_kind_are_refused(inputs, labels, complaint):
    with pytest.raises(ValueError, match=complaint):
        Problem(lambda theta, x: theta @ x, inputs, labels)


def test_a_model_that_is_no_function_is_refused():
    with pytest.raises(ValueError, match=r"model must be a function, .*got None; pass a function h\(theta, x\)"):
        Problem(None, torch.eye(2), torch.zeros(2))


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (lambda theta, x: theta[:2] @ x, "fails for theta .3. and x .4.: .*shapes"),
        (lambda theta: theta.sum(), "fails for theta .3. and x .4.: .*takes 1 positional argument"),
        (lambda theta, x: theta[7] * x[0], "fails for theta .3. and x .4.: .*out of (range|bounds)"),
    ],
)
def test_a_model_that_fails_is_named_with_the_shapes_it_got(model, complaint):
    with pytest.raises(ValueError, match=complaint):
        Problem(model, torch.ones(5, 4), torch.zeros(5)).predictions(torch.ones(3))


def test_a_problem_in_single_precision_has_rounded_data_and_keeps_whole_numbers():
    problem = Problem(linear_model, INPUTS, LABELS).to(dtype=torch.float32)
    assert torch.equal(problem.inputs, INPUTS.float())
    assert torch.equal(problem.labels, LABELS.float())
    assert problem.predictions(normal(2, 2).float()).dtype == torch.float32
    words = Problem(linear_model, torch.tensor([[1, 2]]), LABELS[:1]).to(dtype=torch.float32)
    assert words.inputs.dtype == torch.int64


def test_a_problem_is_moved_as_it_is_unless_a_precision_is_asked_for():
    single = Problem(linear_model, INPUTS, LABELS).to(dtype=torch.float32)
    assert single.to("cpu").labels.dtype == torch.float32
    double = single.to("cpu", torch.float64)
    assert torch.equal(double.labels, LABELS.float().double())


def test_labels_of_whole_numbers_and_data_beyond_the_range_are_refused():
    problem = Problem(linear_model, INPUTS, 1e39 * torch.ones(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="labels must be finite, got inf at flat position 0"):
        problem.to(dtype=torch.float32)
    with pytest.raises(ValueError, match="labels must be real numbers"):
        problem.to(dtype=torch.int64)
