"""Functions of tensors on a GPU as CUDA graphs: many launches then cost about as much as one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, cast

import torch
from torch import Tensor


class Graphed:
    """A function of tensors on a GPU and of other arguments, captured once for each set of shapes and then replayed.

    The function must not look at the values of tensors: a graph repeats its operations, whatever they are. The
    arguments of a first call are copied, those of later ones are copied to the same places; so is the result.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._replays: dict[Hashable, Callable[..., Tensor]] = {}

    def __call__(self, *args: Any) -> Tensor:
        """Return the function's value."""
        key = tuple((x.shape, x.stride(), x.dtype, x.device) if isinstance(x, Tensor) else x for x in args)
        tensors = [x for x in args if isinstance(x, Tensor)]
        if key not in self._replays:

            def of_tensors(*given: Tensor) -> Tensor:
                rest = iter(given)
                return self._function(*(next(rest) if isinstance(x, Tensor) else x for x in args))

            samples = tuple(x.clone() for x in tensors)
            self._replays[key] = cast(Callable[..., Tensor], torch.cuda.make_graphed_callables(of_tensors, samples))
        return self._replays[key](*tensors).clone()
