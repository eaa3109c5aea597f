"""Where sampled curves first fall below a level: the time at which something is reached."""

from __future__ import annotations

import numpy as np

from verify.estimate import Array


def crossing(values: Array) -> Array:
    """Return where the columns of ``[rows, R]`` first fall below 0, by linear interpolation between rows, ``[R]``.

    Raises:
        ArithmeticError: If a column never does, or in its first row already.
    """
    is_below = values < 0
    if is_below[0].any() or not is_below.any(0).all():
        raise ArithmeticError(
            f"of {values.shape[1]} curves {(~is_below.any(0)).sum()} do not reach the level in {len(values)} rows and "
            f"{is_below[0].sum()} are below it from the first: look longer, or from an earlier time"
        )
    below, columns = is_below.argmax(0), np.arange(values.shape[1])
    before, after = values[below - 1, columns], values[below, columns]
    return below - 1 + before / (before - after)
