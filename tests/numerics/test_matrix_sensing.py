import torch

from numerics.matrix_sensing import planted, training_and_test_error
from tests.models import normal


def test_planted_matrix_fits_its_labels_without_error():
    sensing = planted(5, 2, 12, seed=0)
    factor = torch.zeros(5, 5, dtype=torch.float64)
    eigenvalues, vectors = torch.linalg.eigh(sensing.truth)
    factor[:] = vectors * eigenvalues.clamp(min=0).sqrt()
    errors = training_and_test_error(sensing, factor.flatten()[:, None])
    assert float(errors.max()) < 1e-25
    assert int(torch.linalg.matrix_rank(sensing.truth)) == 2


def test_errors_are_mean_squares_of_each_replica():
    sensing = planted(4, 1, 6, seed=1)
    theta = normal(2, 16, 3)
    errors = training_and_test_error(sensing, theta)
    for r in range(3):
        residuals = sensing.problem.residuals(theta[:, r])
        factor = theta[:, r].reshape(4, 4)
        torch.testing.assert_close(errors[0, r], residuals.square().mean())
        torch.testing.assert_close(errors[1, r], (factor @ factor.T - sensing.truth).square().sum())


def test_planted_matrix_is_a_function_of_the_seed():
    assert torch.equal(planted(4, 1, 6, seed=1).problem.inputs, planted(4, 1, 6, seed=1).problem.inputs)
    assert not torch.equal(planted(4, 1, 6, seed=1).truth, planted(4, 1, 6, seed=2).truth)
