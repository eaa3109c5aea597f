import pytest
import torch

from numerics.graphed import Graphed
from tests.models import normal
from tests.numerics.emulation import captured


@pytest.mark.usefixtures("gpu")
def test_a_graph_gives_the_value_of_later_arguments_and_leaves_earlier_results_alone():
    graphed = Graphed(lambda x, factor, nothing: x * factor + (0 if nothing is None else nothing))
    x, y = normal(1, 3), normal(2, 3)
    begin = x.clone()
    first = graphed(x, 2, None)
    assert torch.equal(graphed(y, 2, None), 2 * y)
    assert torch.equal(first, 2 * x)
    assert torch.equal(x, begin)


@pytest.mark.usefixtures("gpu")
def test_other_shapes_and_other_arguments_are_captured_anew(monkeypatch):
    shapes = []

    def capturing(function, samples):
        shapes.append([tuple(x.shape) for x in samples])
        return captured(function, samples)

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", capturing)
    graphed = Graphed(lambda x, factor: x * factor)
    for x, factor in ((normal(1, 3), 2), (normal(2, 3), 2), (normal(1, 4), 2), (normal(1, 3), 5)):
        assert torch.equal(graphed(x, factor), x * factor)
    assert shapes == [[(3,)], [(4,)], [(3,)]]
