"""A model with its training data."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor
from torch.func import grad, vmap

from numerics.traced import Traced

Model = Callable[[Tensor, Tensor], Tensor]
"""``h(theta, x) -> scalar`` with flat ``theta`` ``[P]`` and one input ``x``."""


@dataclass(frozen=True)
class Problem:
    """A model h(theta, x), inputs ``[N, ...]`` and labels ``[N]``.

    Raises:
        ValueError: If the labels are not ``[N]``, data are no tensors or not finite, labels are no real numbers, or the
            model cannot be called.
    """

    model: Model
    inputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        for name, data in (("inputs", self.inputs), ("labels", self.labels)):
            if not isinstance(data, Tensor):
                raise ValueError(f"{name} must be a tensor, got {type(data).__name__}; pass torch.as_tensor({name})")
        if not self.labels.is_floating_point():
            raise ValueError(f"labels must be real numbers, got {self.labels.dtype}; pass labels.double()")
        if self.labels.ndim != 1 or self.inputs.shape[:1] != self.labels.shape or not len(self.labels):
            raise ValueError(
                f"inputs must be [N, ...] and labels [N] with N >= 1, got {list(self.inputs.shape)} and "
                f"{list(self.labels.shape)}; reshape them so that their first axes agree"
            )
        if not isinstance(self.model, Hashable) or not callable(self.model):
            raise ValueError(
                f"model must be a function, and hashable, so that it is compiled once, got {self.model!r}; pass a "
                f"function h(theta, x)"
            )
        for name, data in (("inputs", self.inputs), ("labels", self.labels)):
            if not torch.isfinite(data).all():
                bad = int((~torch.isfinite(data)).flatten().nonzero()[0])
                raise ValueError(
                    f"{name} must be finite, got {data.flatten()[bad].item()} at flat position {bad}; remove or mend it"
                )

    def to(self, device: str | None = None, dtype: torch.dtype | None = None) -> Problem:
        """Return the problem with its data on another device or in another precision; None: as they are.

        A problem in ``torch.float32`` is stepped in single precision. Its data are rounded, so that a point of zero
        training error moves by as much; it is looked for in double precision, where what is measured is summed up too:

            single = problem.to(dtype=torch.float32)
            theta = retract(single.to(dtype=torch.float64), theta)
            drift(Ensemble(single, rule, num_replicas, seed), theta, root, num_steps)

        Args:
            device: Where the data are to lie.
            dtype: Of the labels, and of inputs that are real numbers; whole numbers stay what they are.

        Raises:
            ValueError: If labels of that dtype are no real numbers, or data are too large for it.
        """
        inputs = self.inputs.to(device, dtype if self.inputs.is_floating_point() else None)
        return Problem(self.model, inputs, self.labels.to(device, dtype))

    @cached_property
    def num_data(self) -> int:
        """N."""
        return len(self.labels)

    def predictions(self, theta: Tensor) -> Tensor:
        """Return h(theta, x_i), ``[N]``.

        Raises:
            ValueError: If theta is not a flat vector of finite numbers, or the model fails or returns no scalar.
        """
        if theta.ndim != 1:
            raise ValueError(f"theta must be flat, [P], got shape {list(theta.shape)}; pass theta.flatten()")
        if not torch.isfinite(theta).all():
            raise ValueError(f"theta must be finite, got {theta}")
        try:
            values = _values(self.model)(theta, self.inputs)
        except (RuntimeError, TypeError, IndexError) as error:
            raise ValueError(
                f"model(theta, x) fails for theta {list(theta.shape)} and x {list(self.inputs.shape[1:])}: {error}"
            ) from error
        if values.shape != self.labels.shape:
            raise ValueError(
                f"model must return a scalar for one input, got shape {list(values.shape[1:])}; index or sum its output"
            )
        return values

    def residuals(self, theta: Tensor) -> Tensor:
        """Return h(theta, x_i) - y_i, ``[N]``."""
        return self.predictions(theta) - self.labels

    def jacobian(self, theta: Tensor) -> Tensor:
        """Return grad h(theta, x_i), ``[N, P]``: one backward pass for each point, not one for each pair of them.

        Raises:
            ValueError: As `predictions`.
        """
        self.predictions(theta)
        return _gradients(self.model)(theta, self.inputs)


@lru_cache(maxsize=64)
def _values(model: Model) -> Traced:
    return Traced(vmap(model, in_dims=(None, 0)))


@lru_cache(maxsize=64)
def _gradients(model: Model) -> Traced:
    return Traced(vmap(grad(model), in_dims=(None, 0)))
