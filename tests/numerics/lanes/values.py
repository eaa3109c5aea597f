"""Arrays of numbers whose elements are read as text, for tests of the translation."""

from numerics.lanes.index import Index, Term
from numerics.lanes.value import LANE, Value, array


def reals(name: str, *shape: int, level: int = LANE) -> Value:
    """Return an array of real numbers."""
    return array(name, shape, "real", level)


def axes(*sizes: int) -> tuple[Index, ...]:
    """Return the indices i, j, k of a shape; an axis of length 1 needs none."""
    return tuple(
        Index((Term(name, 1, size),)) if size > 1 else Index() for name, size in zip("ijk", sizes, strict=False)
    )
