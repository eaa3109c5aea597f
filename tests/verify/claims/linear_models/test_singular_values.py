import numpy as np
import pytest
import sympy as sp

from verify.claims.linear_models.singular_values import LAYERS, extremes, largest_eigenvalue, radii, squares


@pytest.mark.parametrize("matrix", [*LAYERS, sp.Matrix([[2, 0], [0, 2]])], ids=str)
def test_singular_values_and_eigenvalues_are_those_of_numpy(matrix):
    numbers = np.array(matrix, dtype=float)
    singular, eigen = np.linalg.svd(numbers, compute_uv=False), sorted(abs(np.linalg.eigvals(numbers)))
    assert [float(value) for value in squares(matrix)] == pytest.approx(singular**2, abs=1e-12)
    assert [float(value) for value in extremes(matrix)] == pytest.approx([singular[0] ** 2, singular[-1] ** 2])
    assert float(largest_eigenvalue(matrix)) == pytest.approx(eigen[-1], abs=1e-12)
    if len(matrix.eigenvals()) > 1:  # a repeated eigenvalue counts once
        assert [float(value) for value in radii(matrix)] == pytest.approx([eigen[-1] ** 2, eigen[0] ** 2])
