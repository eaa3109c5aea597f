from collections.abc import Callable, Iterator

import pytest
import torch

from numerics import ensemble as ensemble_module
from numerics import gpu_sensing
from numerics import kernels as kernels_module
from numerics.lanes import cuda_kernel as cuda_kernel_module
from numerics.step import eager_step
from tests.numerics.emulation import captured, emulated


@pytest.fixture
def gpu(monkeypatch) -> Iterator[list[str]]:
    """Make every tensor say that it is on a GPU, which is emulated; return the sources that are compiled for it."""
    sources = []

    def compiled(source: str, name: str) -> Callable[..., None]:
        sources.append(source)
        return emulated(source, name)

    monkeypatch.setattr(torch.Tensor, "is_cuda", property(lambda _: True))
    monkeypatch.setattr(cuda_kernel_module, "compiled", compiled)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", captured)
    monkeypatch.setattr(ensemble_module, "compiled_step", lambda model, structure, _: eager_step(model, structure))
    for found in (kernels_module._thread_kernel, gpu_sensing._kernels):
        found.cache_clear()
    yield sources
    gpu_sensing._kernels.cache_clear()
