"""What a simulation hands over, and the number that a claim makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """The result of one simulation: a mean vector, the covariance of that mean, and what was predicted for it.

    Attributes:
        mean: ``[C]``.
        covariance: Covariance of ``mean``, ``[C, C]``.
        num_samples: Number of independent samples behind it.
        predictions: Predicted vectors ``[C]`` by formula: ``stated`` and the formula controls.
        series: Further numbers for the figures.
    """

    mean: Array
    covariance: Array
    num_samples: int
    predictions: Mapping[str, Array] = field(default_factory=dict)
    series: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mean, covariance = np.shape(self.mean), np.shape(self.covariance)
        if len(mean) != 1 or covariance != (*mean, *mean):
            raise ValueError(f"mean must be [C] and covariance [C, C], got {list(mean)} and {list(covariance)}")


def pooled(parts: Sequence[Measurement]) -> Measurement:
    """Return the mean of independent measurements of the same thing, weighted by their samples.

    Predictions are averaged as the means are: a part whose problems are its own is predicted for those.
    """
    total = sum(part.num_samples for part in parts)
    weights = [part.num_samples / total for part in parts]

    def averaged(numbers: Sequence[Array]) -> Array:
        first = numbers[0]
        if all(np.array_equal(first, other, equal_nan=True) for other in numbers[1:]):
            return first
        return sum((w * number for w, number in zip(weights, numbers, strict=True)), np.zeros_like(first))

    covariance = sum(
        (w**2 * part.covariance for w, part in zip(weights, parts, strict=True)), np.zeros_like(parts[0].covariance)
    )
    predictions = {name: averaged([part.predictions[name] for part in parts]) for name in parts[0].predictions}
    return Measurement(averaged([part.mean for part in parts]), covariance, total, predictions, parts[0].series)


@dataclass(frozen=True)
class Estimate:
    """Estimated values, each of which has to equal its target within the claim's margin.

    The first value is the one that is reported; the others (other directions, say) are decided along with it.

    Attributes:
        values: ``[K]``.
        standard_errors: ``[K]``.
        targets: ``[K]``.
        num_samples: Number of independent samples behind the values.
        degrees_of_freedom: Of the standard errors; infinite for large samples.
        misfit: p-value of the fit that gave the values; 1 where nothing was fitted.
        note: What a reader should know besides, for example the slope of the fit.
        series: Numbers for the figures.
    """

    values: Array
    standard_errors: Array
    targets: Array
    num_samples: int
    degrees_of_freedom: float = np.inf
    misfit: float = 1.0
    note: str = ""
    series: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = [np.shape(numbers) for numbers in (self.values, self.standard_errors, self.targets)]
        if len(shapes[0]) != 1 or len(set(shapes)) > 1:
            raise ValueError(
                f"values, standard_errors and targets must be arrays of one shape [K], got {[*map(list, shapes)]}"
            )
