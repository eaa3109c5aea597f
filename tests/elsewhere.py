"""A device that is not the processor, imitated by it: tensors there are wrapped, and may not meet unwrapped ones.

torch lets Python stand in for a device's backend (`PrivateUse1`), so that all of torch down to the single operation is
what it is on a GPU, torch.func and autograd too. The operation itself is done by the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME, HERE = "elsewhere", torch.device("cpu")
aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._to_copy.default}
TAKE_INDICES = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
TAKE_NUMBERS = {*TAKE_INDICES, aten.fill_.Tensor, aten.masked_fill.Tensor, aten.masked_fill_.Tensor}
"""Operations that, unlike others, take tensors of several devices: any; indices; numbers, as all pointwise ones do."""
MISMATCH = "Expected all tensors to be on the same device, but found at least two devices, elsewhere:0 and cpu!"


class Elsewhere(Tensor):
    """A tensor on the device. What asks for its memory is refused."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> Elsewhere:
        """Return the tensor of which the processor has ``here``."""
        layout: dict[str, Any] = {"strides": here.stride(), "storage_offset": here.storage_offset()}
        found = Tensor._make_wrapper_subclass(cls, here.shape, dtype=here.dtype, device=torch.device(NAME, 0), **layout)
        found.here = here
        return found

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # only operations count

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _done(operation, args, kwargs or {})

    def numpy(self, *_: Any, **__: Any) -> Any:
        """Refuse, as on a GPU."""
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() first.")

    def data_ptr(self) -> int:
        """Refuse: on a GPU it would be no address of the processor's memory."""
        raise RuntimeError(f"the processor has no address of a tensor on {NAME}:0")

    def tolist(self) -> Any:
        """Return the numbers, as on a GPU."""
        return self.here.tolist()

    def __repr__(self, **_: Any) -> str:
        return f"{self.here!r} on {NAME}:0"

    def __format__(self, spec: str) -> str:
        return format(self.here, spec)


class Generator(torch.Generator):
    """A generator that says that it is on the device, where there is none."""

    def __new__(cls, device: str | torch.device = HERE) -> Generator:
        """Return a generator; where it is, it has been told."""
        found = super().__new__(cls)
        found.device = torch.device(device)
        return found

    device: torch.device = HERE


def _done(operation: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the result of an operation, on the device if its arguments are, or if that is asked for."""
    tensors = [*_tensors((*args, *kwargs.values()))]
    is_elsewhere = any(isinstance(tensor, Elsewhere) for tensor in tensors)
    if is_elsewhere:
        _require_one_device(operation, args, tensors)
    inner = {name: _each(value, _here) for name, value in kwargs.items()}
    if (where := kwargs.get("device")) is not None:
        is_elsewhere = where.type == NAME
        inner["device"] = HERE if is_elsewhere else where
    if operation is aten._efficientzerotensor.default:  # without memory: for the processor's own kernels only
        operation = aten.zeros.default
    if torch.Tag.inplace_view in operation.tags:  # such as squeeze_: the wrapping's shape changes, too
        with no_dispatch():
            operation(*args, **kwargs)
    same = {id(_here(tensor)): tensor for tensor in tensors}

    def placed(result: Tensor) -> Tensor:
        if id(result) in same:
            return same[id(result)]
        return Elsewhere(result) if is_elsewhere else result

    return _each(operation(*_each(args, _here), **inner), placed)


def _here(tensor: Tensor) -> Tensor:
    return tensor.here if isinstance(tensor, Elsewhere) else tensor


def _each(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Return a value with a function applied to each tensor in it."""
    if isinstance(value, Tensor):
        return function(value)
    return type(value)([_each(part, function) for part in value]) if type(value) in (list, tuple) else value


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _require_one_device(operation: Any, args: tuple[Any, ...], tensors: list[Tensor]) -> None:
    """Raise what torch raises where tensors of two devices meet."""
    if operation in COPIES:
        return
    takes_indices = operation in TAKE_INDICES and isinstance(args[0], Elsewhere)
    indices = {id(index) for index in args[1]} if takes_indices else set()
    takes_numbers = operation in TAKE_NUMBERS or torch.Tag.pointwise in operation.tags
    for tensor in tensors:
        is_changed = operation._schema.is_mutable and tensor is args[0]
        is_number = takes_numbers and not tensor.ndim and not is_changed
        if not isinstance(tensor, Elsewhere) and id(tensor) not in indices and not is_number:
            raise RuntimeError(f"{MISMATCH} (in {operation})")


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return _done(operation, args, kwargs or {})


class _Generators(TorchFunctionMode):
    """A generator of one device draws no number on another."""

    def __torch_function__(self, function: Callable[..., Any], types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if generator := kwargs.get("generator"):
            where = args[0].device if args and isinstance(args[0], Tensor) else kwargs.get("device", HERE)
            if torch.device(where).type != generator.device.type:
                raise RuntimeError(f"Expected a '{where}' device type for generator but found '{generator.device}'")
        return function(*args, **kwargs)


@cache
def register() -> None:
    """Make the device known, once in a process: before any backward pass, which settles how many devices there are."""
    _setup_privateuseone_for_python_backend(NAME)


@contextmanager
def elsewhere() -> Iterator[str]:
    """Let there be a further device; give its name."""
    register()
    before = torch._C._only_lift_cpu_tensors()  # torch.tensor(..., device=NAME) is made here, then copied
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        with _Generators(), _Operations():
            yield NAME
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
