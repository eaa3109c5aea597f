"""Which operation of a model has the derivative that is not right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_unflatten

from numerics.derivative_check import Failure, Kind, first_failure
from numerics.problem import Model


def culprit(model: Model, theta: Tensor, x: Tensor, kind: Kind) -> tuple[str, Failure] | None:
    """Return the first operation of the model that fails in the same way by itself, and how; None if none does."""
    with _Recorder(theta) as recorder:
        result = model(theta, x)
    used = {id(leaf) for call in recorder.calls for leaf in call.arguments} | {id(result)}
    for call in recorder.calls:
        outputs = [k for k, out in enumerate(call.results) if id(out) in used and _is_real(out)]
        if not outputs or call.operation._schema.is_mutable:
            continue
        try:
            failure = first_failure(call.between_curves(outputs), call.start, call.start.new_zeros(1))
        except RuntimeError:
            continue  # it has no derivatives by itself
        if failure is not None and failure.kind == kind:
            return call.operation.name().removeprefix("aten::").split(".")[0], failure
    return None


def handwritten_derivatives(model: Model, theta: Tensor, x: Tensor) -> list[str]:
    """Return the names of the model's operations that are a `torch.autograd.Function`."""
    names, seen = set(), set()
    front = [model(theta.detach().requires_grad_(), x).grad_fn]
    while front:
        node = front.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (function := getattr(node, "_forward_cls", None)) is not None:
            names.add(function.__name__)
        front += [following for following, _ in node.next_functions]
    return sorted(names)


@dataclass(frozen=True, eq=False)
class _Call:
    """One operation, below autograd.

    Attributes:
        operation: The operation.
        arguments: Its arguments, flat, and the tree that they come from.
        copies: The arguments as they were.
        places: Which of them depend on theta.
        results: What it returned, flat.
    """

    operation: OpOverload
    arguments: list[Any]
    tree: TreeSpec
    copies: list[Any]
    places: list[int]
    results: list[Any]

    @property
    def start(self) -> Tensor:
        """The arguments that depend on theta, flat."""
        return torch.cat([self.copies[k].flatten() for k in self.places])

    def between_curves(self, outputs: list[int]) -> Model:
        """Return the operation between two curved maps, as a function of ``start``.

        Some derivatives are wrong only where the vectors that they are multiplied by vary, too.
        """
        start, sizes = self.start, [self.copies[k].numel() for k in self.places]
        scale = start.square().mean().sqrt() if start.any() else 1.0
        generator = torch.Generator().manual_seed(1)
        num_outputs = sum(self.results[k].numel() for k in outputs)
        weights = torch.randn(2, num_outputs, dtype=start.dtype, generator=generator).to(start.device)

        def model(flat: Tensor, _: Tensor) -> Tensor:
            curved = flat + (flat - start).square() / (2 * scale)
            leaves = list(self.copies)
            for place, part in zip(self.places, curved.split(sizes), strict=True):
                leaves[place] = part.reshape(self.copies[place].shape)
            args, kwargs = tree_unflatten(leaves, self.tree)
            results = tree_leaves(self.operation(*args, **kwargs))
            first, second = weights @ torch.cat([results[k].flatten() for k in outputs])
            return first + first * second

        return model


class _Recorder(TorchDispatchMode):
    """Records the operations whose arguments depend on theta."""

    def __init__(self, theta: Tensor) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self.dependent = {id(theta): theta}  # keeps the tensors alive, so that no id is used twice

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        del types
        leaves, tree = tree_flatten((args, kwargs or {}))
        copies = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        result = func(*args, **(kwargs or {}))
        places = [k for k, leaf in enumerate(leaves) if id(leaf) in self.dependent and _is_real(leaf)]
        if places:
            results = tree_leaves(result)
            self.dependent |= {id(out): out for out in results if isinstance(out, Tensor)}
            self.calls.append(_Call(func, leaves, tree, copies, places, results))
        return result


def _is_real(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
