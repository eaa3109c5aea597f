from itertools import permutations, product

import torch
from torch import Tensor
from torch.func import grad, jacrev

from verify.claims.update_rules.shuffling_orders import NUM_DATA, epochs, location, location_terms, single_steps

STARTS = torch.tensor([[0.3, -0.2], [-0.6, 0.5]], dtype=torch.float64)


def batch_losses(theta: Tensor) -> Tensor:
    return location().residuals(theta).square()


def loss(theta: Tensor) -> Tensor:
    return batch_losses(theta).mean()


def mean_square_gradient(theta: Tensor) -> Tensor:
    return jacrev(batch_losses)(theta).square().sum(1).mean()


def test_an_epoch_averages_over_all_orders_and_over_all_draws():
    steps = single_steps(location(), 0.05)
    chosen = {"reshuffle": permutations(range(NUM_DATA)), "iid": product(range(NUM_DATA), repeat=NUM_DATA)}
    for order, sequences in chosen.items():
        ends = []
        for sequence in sequences:
            at = STARTS
            for k in sequence:
                at = steps[k](at)
            ends.append(at)
        torch.testing.assert_close(epochs(order, location(), STARTS, 0.05, 1), torch.stack(ends).mean(0))


def test_the_first_coefficient_is_the_gradient_flow_and_the_second_that_of_the_penalty():
    """In a time in which an epoch lasts eta the flow is m times as fast; m batches of one datum."""
    for order, penalty in (
        ("reshuffle", lambda at: mean_square_gradient(at) / 4),
        ("iid", lambda at: grad(loss)(at).square().sum() / 4),
    ):
        found = location_terms(order, location(), 2)(STARTS)
        for row, start in enumerate(STARTS):
            torch.testing.assert_close(found[0, row], -NUM_DATA * grad(loss)(start))
            torch.testing.assert_close(found[1, row], -NUM_DATA * grad(penalty)(start))


def test_without_spread_the_covariance_grows_by_that_of_the_gradients():
    state = torch.cat([STARTS, torch.zeros(2, 3, dtype=torch.float64)], dim=1)
    growth = location_terms("moments", location(), 1)(state)[0, :, 2:] / NUM_DATA
    for row, start in enumerate(STARTS):
        covariance = torch.cov(jacrev(batch_losses)(start).T, correction=0)
        torch.testing.assert_close(growth[row], covariance[[0, 0, 1], [0, 1, 1]])
