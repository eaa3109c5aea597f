"""C++ source of a step from its graph: loops over the axes of one replica, a vector of replicas in each place.

Elementwise operations are not carried out where they stand but written into the loop that needs them; a result is
stored where it is summed, broadcast, or used more than once and dear. Padding and concatenation stay as pieces.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from numerics.lanes.assembly import ASSEMBLIES, assembly
from numerics.lanes.elementwise import clamped, elementwise
from numerics.lanes.index import Index
from numerics.lanes.operations import (
    ARITHMETIC,
    BITWISE,
    COMPARISONS,
    COPIES,
    EXTREMES,
    FUNCTIONS,
    REDUCTIONS,
    UnsupportedError,
)
from numerics.lanes.selection import SELECTIONS, selection
from numerics.lanes.statements import Statements
from numerics.lanes.sums import PRODUCTS, product, reduced
from numerics.lanes.value import CONSTANT, LANE, STEP, Kind, Value, filled, number
from numerics.lanes.views import PARTITIONS, broadcast, converted, parts, view

DEAR = 12
"""Operations from which on a result that is used twice is stored."""
FACTORIES = ("full", "full_like", "zeros", "zeros_like", "ones", "ones_like", "scalar_tensor", "new_zeros")
"""Tensors of which all elements are equal."""


def statements(graph: GraphModule, inputs: Sequence[Value | None], neighbours: int = 1) -> Statements:
    """Return the statements of a step.

    Args:
        graph: The step of one replica, traced to core operations.
        inputs: The values of its placeholders, in their order; None for one that is not used.
        neighbours: Neighbouring numbers of a replica that loops take at a time; 1: a lane is a replica.

    Raises:
        UnsupportedError: If the graph holds an operation that has no translation.
    """
    code = Statements(neighbours)
    values: dict[Node, Any] = {}
    needed, given = _needed(graph), iter(inputs)
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            if (value := next(given)) is not None:
                values[node] = value
        elif node not in needed:
            continue
        elif node.op == "get_attr":
            values[node] = code.constant(getattr(graph, cast(str, node.target)))
        elif node.op == "output":
            (result,) = cast(tuple[Node], node.args) if isinstance(node.args[0], Node) else node.args[0]
            code.write(values[result], "next", STEP if neighbours > 1 else LANE)
        elif node.target is operator.getitem:
            values[node] = values[node.args[0]][node.args[1]]
        elif (name := _name(node)) in PARTITIONS:
            args, shapes = map_arg(node.args, values.get), [tuple(part.shape) for part in node.meta["val"]]
            values[node] = parts(code, name, args, shapes)
        else:
            value = _applied(code, node, map_arg(node.args, values.get))
            is_shared = len(node.users) > 1 and value.cost >= DEAR and code.is_kept(value)
            values[node] = code.stored(value) if is_shared else value
    return code


def _applied(code: Statements, node: Node, args: tuple[Any, ...]) -> Value:
    """Return the result of a node's operation, given its arguments, which are numbers, values and lists of them."""
    name, (shape, kind) = _name(node), _result(node)

    def operand(argument: Any) -> Value:
        return argument if isinstance(argument, Value) else number(argument)

    if name in FACTORIES:
        return filled(name, args, shape, kind)
    if name == "arange" and kind == "int":
        start, _, stride = (*args, 1)[:3] if len(args) > 1 else (0, None, 1)

        def counted(at: tuple[Index, ...]) -> str:
            place = f"count_from({at[0].first})" if at[0].is_register else f"int64_t({at[0]})"
            return f"({start} + {place} * {stride})"

        return Value(shape, kind, CONSTANT, counted)
    if name in COPIES or name == "relu" or name in FUNCTIONS or name in ARITHMETIC or name in EXTREMES:
        return elementwise(code, name, [operand(a) for a in args[: 1 if name in COPIES else 2]], shape, kind)
    if name in COMPARISONS or name in BITWISE or name in ("where", "pow"):
        return elementwise(code, name, [operand(a) for a in args], shape, kind)
    if name == "copy":
        return broadcast(code, converted(code, operand(args[1]), kind), shape)
    if name == "clamp":
        bounds = [None if bound is None else operand(bound) for bound in args[1:]]
        return clamped(code, operand(args[0]), bounds, shape, kind)
    if name in ASSEMBLIES:
        return assembly(code, name, args, shape)
    first = args[0] if args and isinstance(args[0], Value) else number(0.0)
    if name in REDUCTIONS:
        axes = cast(Sequence[int], args[1]) if len(args) > 1 and args[1] else range(len(first.shape))
        return reduced(code, name, first, [a % len(first.shape) for a in axes], shape)
    if name in PRODUCTS:
        return product(code, first, args[1], shape)
    if name == "addmm":
        return elementwise(code, "add", [first, product(code, args[1], args[2], shape)], shape, kind)
    if name in SELECTIONS:
        return selection(code, name, args, shape)
    return view(code, name, first, args, shape)


def _name(node: Node) -> str:
    """Return the name of a node's operation, the same for its forms in place and with different overloads."""
    target = node.target
    name = getattr(getattr(target, "overloadpacket", None), "__name__", str(target)).rstrip("_")
    name = name if name else str(target)
    return f"{name}__" if name in ("__rshift", "__lshift") else name


def _result(node: Node) -> tuple[tuple[int, ...], Kind]:
    """Return shape and kind of a node's result."""
    target, meta = node.target, node.meta.get("val")
    if not isinstance(meta, torch.Tensor):
        raise UnsupportedError(f"{target} returns {type(meta).__name__}")
    shape = tuple(meta.shape)
    kind: Kind = "bool" if meta.dtype == torch.bool else "real" if meta.dtype.is_floating_point else "int"
    if node.kwargs.get("alpha", 1) != 1 or node.kwargs.get("rounding_mode") or math.prod(shape) == 0:
        raise UnsupportedError(f"{target} with {node.kwargs} and shape {list(shape)}")
    return shape, kind


def _needed(graph: GraphModule) -> set[Node]:
    """Return the nodes that the result depends on by more than their shape."""
    (result,) = (node for node in graph.graph.nodes if node.op == "output")
    found, open_nodes = set(), list(result.all_input_nodes)
    found.add(result)
    while open_nodes:
        node = open_nodes.pop()
        if node not in found:
            found.add(node)
            inputs = node.all_input_nodes
            open_nodes += (
                [] if "_like" in str(node.target) else inputs[1:] if "aten.copy" in str(node.target) else inputs
            )
    return found
