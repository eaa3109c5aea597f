"""An update rule as plain data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from numerics.label_noise import RADEMACHER, NoiseLaw


@dataclass(frozen=True)
class UpdateRule:
    """theta <- theta - lr * grad of the mean over the batch of loss(h(x, theta) - y - noise_std * z).

    Attributes:
        lr: Learning rate, > 0.
        noise_std: Standard deviation of the label noise, >= 0.
        sampling: ``full``: every data point in each step; ``iid``: ``batch_size`` points drawn with replacement.
        batch_size: Size of an iid batch; None for full batches.
        noise: The law of z (mean 0, variance 1).
        sharing: ``independent`` noise for every drawn label, or one value ``shared`` by the batch.
        loss: Per-sample loss of the residual, elementwise; the paper's is the square, factor 2 of its derivative kept.
        noise_in_time: ``white``: fresh noise in every step; ``zero-sum``, for full batches: an odd step (counted
            from 0) sees the noise of the step before it with the other sign.
    """

    lr: float
    noise_std: float
    sampling: Literal["full", "iid"] = "full"
    batch_size: int | None = None
    noise: NoiseLaw = RADEMACHER
    sharing: Literal["independent", "shared"] = "independent"
    loss: Callable[[Tensor], Tensor] = torch.square
    noise_in_time: Literal["white", "zero-sum"] = "white"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise ValueError(f"lr must be positive and finite, got {self.lr}")
        if not (math.isfinite(self.noise_std) and self.noise_std >= 0):
            raise ValueError(f"noise_std must be finite and >= 0, got {self.noise_std}")
        if self.sampling not in ("full", "iid"):
            raise ValueError(f"sampling must be 'full' or 'iid', got {self.sampling!r}")
        if self.sharing not in ("independent", "shared"):
            raise ValueError(f"sharing must be 'independent' or 'shared', got {self.sharing!r}")
        if self.noise_in_time not in ("white", "zero-sum"):
            raise ValueError(f"noise_in_time must be 'white' or 'zero-sum', got {self.noise_in_time!r}")
        if self.noise_in_time == "zero-sum" and self.sampling != "full":
            raise ValueError(f"noise_in_time='zero-sum' goes with sampling='full' only, got {self.sampling!r}")
        if (self.sampling == "iid") != (self.batch_size is not None):
            raise ValueError(
                f"batch_size goes with sampling='iid' and only with it, got {self.batch_size} with {self.sampling!r}"
            )
        if self.batch_size is not None and (not isinstance(self.batch_size, int) or self.batch_size < 1):
            raise ValueError(f"batch_size must be a whole number, at least 1, got {self.batch_size}")
