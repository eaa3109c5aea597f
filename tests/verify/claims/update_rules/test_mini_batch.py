import math
from itertools import permutations

import pytest

from verify.claims.update_rules.mini_batch import BATCH, FULL_GRADIENT, GRADIENTS, NUM_DATA, SECONDS, batches

NUMBERS = (3, -1, 4, 1, -5, 9)
MEAN = sum(NUMBERS) / NUM_DATA


def test_the_batches_of_an_epoch_use_every_gradient_once():
    for order in (GRADIENTS, GRADIENTS[::-1]):
        found = batches(order)
        assert len(found) == NUM_DATA // BATCH
        assert (sum(found) * BATCH - FULL_GRADIENT * NUM_DATA).expand() == 0


@pytest.mark.parametrize("variant", SECONDS)
def test_what_is_expected_of_the_second_batch_has_the_covariance_of_drawing_without_replacement(variant):
    """Of means of disjoint batches it is -s^2 / n, s^2 the sample variance; the given first batch is one of them."""
    covariance = 0.0
    for order in permutations(NUMBERS):
        at = dict(zip(GRADIENTS, order, strict=True))
        first = sum(order[:BATCH]) / BATCH
        covariance += (first - MEAN) * (float(SECONDS[variant].subs(at)) - MEAN) / math.factorial(NUM_DATA)
    expected = -sum((g - MEAN) ** 2 for g in NUMBERS) / (NUM_DATA - 1) / NUM_DATA
    assert (covariance == pytest.approx(expected)) is (variant == "stated")
