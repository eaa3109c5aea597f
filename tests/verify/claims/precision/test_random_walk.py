import numpy as np

from verify.claim import STATED
from verify.claims.precision.random_walk import walk_ratio
from verify.estimate import Measurement


def test_the_ratio_after_the_most_steps_comes_first():
    steps = np.array([10.0, 40.0])
    record = Measurement(np.array([1.0, 8.0]), np.diag([0.04, 0.16]), 50, {STATED: steps / 10}, {"steps": steps})
    found = walk_ratio({"lr": record}, STATED)
    np.testing.assert_allclose(found.values, [2, 1])
    np.testing.assert_allclose(found.standard_errors, [0.1, 0.2])
    assert found.targets.tolist() == [1, 1]
