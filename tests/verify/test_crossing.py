import numpy as np
import pytest

from verify.crossing import crossing


def test_crossing_is_where_the_line_between_two_rows_meets_zero():
    values = np.array([[3.0, 1.0], [1.0, -1.0], [-3.0, -2.0]])
    np.testing.assert_allclose(crossing(values), [1.25, 0.5])


@pytest.mark.parametrize("column", [[2.0, 1.0, 0.5], [-1.0, 1.0, -1.0], [1.0, np.nan, np.nan]])
def test_a_level_that_is_not_reached_or_at_once_is_an_error(column):
    with pytest.raises(ArithmeticError, match="level"):
        crossing(np.array([[3.0, 1.0, -1.0], column]).T)
