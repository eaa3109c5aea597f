import pytest
import torch

from numerics.ensemble import Ensemble, State
from numerics.rounding import DOUBLE_BITS, HALF_BITS, SINGLE_BITS, Downwards, ToNearest, unit_in_last_place
from numerics.update_rule import UpdateRule
from tests.models import normal, tanh_place

PRECISIONS = {DOUBLE_BITS: torch.float64, SINGLE_BITS: torch.float32, HALF_BITS: torch.float16, 8: torch.bfloat16}


@pytest.mark.parametrize("num_bits", [SINGLE_BITS, DOUBLE_BITS])
def test_the_unit_is_the_distance_to_the_next_number_of_that_precision(num_bits):
    values = normal(0, 200).to(PRECISIONS[num_bits])
    beyond = torch.nextafter(values, values.sign() * torch.inf)
    distance = (beyond.double() - values.double()).abs()
    assert torch.equal(unit_in_last_place(values.double(), num_bits), distance)


@pytest.mark.parametrize("num_bits", PRECISIONS)
def test_the_unit_at_one_is_the_machine_epsilon(num_bits):
    one = torch.ones(1, dtype=torch.float64)
    assert float(unit_in_last_place(one, num_bits)) == torch.finfo(PRECISIONS[num_bits]).eps


@pytest.mark.parametrize("num_bits", [SINGLE_BITS, HALF_BITS, 8])
def test_a_step_to_the_nearest_number_ends_where_the_step_in_double_is_rounded(num_bits):
    dtype = PRECISIONS[num_bits]
    theta, slope = normal(1, 1000).to(dtype).double(), normal(2, 1000)
    ended = theta + ToNearest(num_bits)(lambda _: slope, theta, 0.1)
    exact = theta - 0.1 * slope
    is_normal = exact.abs() > torch.finfo(dtype).tiny  # below it, half precision has fewer digits
    assert torch.equal(ended[is_normal], exact.to(dtype).double()[is_normal])


def test_a_step_downwards_ends_at_the_multiple_below():
    theta = torch.tensor([0.5, -0.25, 1.75], dtype=torch.float64)
    added = Downwards(2)(lambda at: at - 1, theta, 0.1)  # to .55, -.125, 1.675
    assert (theta + added).tolist() == [0.5, -0.25, 1.5]


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize(
    ("step", "kept"),
    [(ToNearest(HALF_BITS), lambda at: at.half().double()), (Downwards(10), lambda at: torch.floor(at * 1024) / 1024)],
)
def test_replicas_that_take_such_steps_stay_on_such_numbers(is_compiled, step, kept):
    problem, theta = tanh_place()
    start = State(kept(theta)[:, None].repeat(1, 8), 0)
    end = Ensemble(problem, UpdateRule(0.02, 0.5, step=step), 8, 0, compiled=is_compiled).advanced(start, 5).theta
    assert not torch.equal(end, start.theta)
    assert torch.equal(end, kept(end))
