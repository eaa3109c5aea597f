"""Independent samples, such as random problems or starts: their mean, and the error that their scatter gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from verify.estimate import Array, Estimate, Measurement


def mean_of_samples(
    samples: Array, predictions: Mapping[str, Array] | None = None, series: Mapping[str, Array] | None = None
) -> Measurement:
    """Return the mean of samples ``[C, samples]`` with its covariance."""
    count = samples.shape[1]
    return Measurement(samples.mean(1), np.cov(samples) / count, count, predictions or {}, series or {})


def of_samples(values: Array, series: Mapping[str, Array] | None = None) -> Measurement:
    """Return the values ``[samples, K]`` themselves, flattened, for an estimate that needs each of them."""
    flat = values.reshape(-1)
    return Measurement(flat, np.zeros((len(flat), len(flat))), len(values), series=series or {})


def by_sample(records: Sequence[Measurement], num_values: int) -> Array:
    """Return the values of all samples of several jobs, ``[samples, num_values]``."""
    return np.concatenate([record.mean.reshape(-1, num_values) for record in records])


def over_samples(
    values: Array, targets: Array, num_samples: int, note: str = "", series: Mapping[str, Array] | None = None
) -> Estimate:
    """Return the means over samples of values ``[samples, K]``, with the error that their scatter gives."""
    count = len(values)
    errors = values.std(0, ddof=1) / count**0.5
    return Estimate(values.mean(0), errors, targets, num_samples, count - 1, note=note, series=series or {})


def pseudo_values(estimates: Array) -> Array:
    """Return the jackknife's values ``[n]``, from an estimate with all samples and those without each, ``[1 + n]``.

    Their mean is the estimate without its bias of order 1/n, and their scatter gives its error.
    """
    count = len(estimates) - 1
    return count * estimates[0] - (count - 1) * estimates[1:]
