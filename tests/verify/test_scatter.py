import numpy as np
import pytest

from verify.scatter import by_sample, mean_of_samples, of_samples, over_samples, pseudo_values


def test_means_over_samples_of_several_jobs_have_the_error_of_their_scatter():
    values = np.arange(12.0).reshape(6, 2) ** 2
    records = [of_samples(values[:2]), of_samples(values[2:])]
    together = by_sample(records, 2)
    np.testing.assert_array_equal(together, values)
    found = over_samples(together, np.zeros(2), 6)
    np.testing.assert_allclose(found.values, values.mean(0))
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.cov(values.T).diagonal() / 6))
    assert found.degrees_of_freedom == 5


def test_the_covariance_is_that_of_the_mean():
    samples = np.array([[1.0, 3.0, 5.0, 7.0], [2.0, 0.0, 2.0, 0.0]])
    found = mean_of_samples(samples, {"stated": np.zeros(2)})
    assert found.mean.tolist() == [4.0, 1.0]
    assert np.diag(found.covariance) == pytest.approx([20 / 3 / 4, 4 / 3 / 4])
    assert found.num_samples == 4
    assert found.predictions["stated"].tolist() == [0.0, 0.0]


def test_the_mean_of_samples_has_the_error_of_the_samples_themselves():
    values = np.random.default_rng(0).standard_normal((7, 3))
    found = mean_of_samples(values.T)
    together = over_samples(by_sample([of_samples(values)], 3), np.zeros(3), 7)
    assert together.values == pytest.approx(found.mean)
    assert together.standard_errors == pytest.approx(np.sqrt(np.diag(found.covariance)))


def test_pseudo_values_of_a_mean_are_the_samples_and_those_of_a_mean_square_have_its_error():
    values = np.array([1.0, 4.0, 2.0, 8.0, 5.0])
    without = [np.delete(values, k) for k in range(5)]
    assert pseudo_values(np.array([values.mean(), *(part.mean() for part in without)])) == pytest.approx(values)
    squares = np.array([values.mean() ** 2, *(part.mean() ** 2 for part in without)])
    parts = squares[1:]
    variance = 4 * np.square(parts - parts.mean()).mean()  # the jackknife's, from the estimates without a sample
    assert pseudo_values(squares).var(ddof=1) / 5 == pytest.approx(variance, rel=1e-12)
