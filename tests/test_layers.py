"""Data flows one way: theory -> verify <- numerics, verify -> paper_figs. The imports are read, not executed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("theory", "numerics", "verify", "paper_figs")
ARROWS = {"verify": {"theory", "numerics"}, "paper_figs": {"verify"}}
"""Which other rooms a room imports."""
PACKAGES = {"theory": {"sympy"}, "numerics": {"torch", "numpy"}}
"""The only packages that a room imports, besides the standard library; other rooms are free but for `FORBIDDEN`."""
FORBIDDEN = {"paper_figs": {"torch"}}


class Import(NamedTuple):
    """A file, a line, and the top-level name that is imported there."""

    place: str
    name: str


def imports(root: Path, room: str) -> Iterator[Import]:
    """Yield every import of a room: at any depth of the code, for type checking too, and by a literal name."""
    for path in sorted((root / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            place = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.Import(names=aliases):
                    yield from (Import(place, alias.name.split(".")[0]) for alias in aliases)
                case ast.ImportFrom(module=str(module), level=0):
                    yield Import(place, module.split(".")[0])
                case ast.ImportFrom(level=level) if level > len(path.relative_to(root).parts) - 1:
                    yield Import(place, "beyond the top")
                case ast.Call(func=function, args=[ast.Constant(value=str(module)), *_]) if _imports(function):
                    yield Import(place, module.split(".")[0])


def _imports(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def is_allowed(room: str, name: str) -> bool:
    """Return whether a room may import a top-level name."""
    if name == room or name in ARROWS.get(room, set()):
        return True
    if name in ROOMS or name in ("tests", "beyond the top") or name in FORBIDDEN.get(room, set()):
        return False
    return room not in PACKAGES or name in PACKAGES[room] or name in sys.stdlib_module_names


def offences(root: Path) -> list[str]:
    """Return the imports that no arrow allows, as ``file:line imports name``."""
    return [
        f"{place} imports {name}" for room in ROOMS for place, name in imports(root, room) if not is_allowed(room, name)
    ]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of four rooms without an offence."""
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("import math\n")
    (tmp_path / "verify" / "sub").mkdir()
    (tmp_path / "verify" / "sub" / "lowered.py").write_text("import theory.drift\nfrom numerics import problem\n")
    (tmp_path / "paper_figs" / "figure.py").write_text("from verify.report import report\nimport matplotlib\n")
    return tmp_path


def test_no_import_goes_against_the_arrows():
    assert offences(ROOT) == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_read(room):
    assert any(name == "__future__" for _, name in imports(ROOT, room))


def test_arrows_form_no_cycle():
    def reachable(room: str) -> set[str]:
        nearest = ARROWS.get(room, set())
        return nearest.union(*map(reachable, nearest))

    assert all(room not in reachable(room) for room in ROOMS)


def test_a_tree_that_keeps_to_the_arrows_passes(tree):
    assert offences(tree) == []


@pytest.mark.parametrize(
    ("file", "line", "name"),
    [
        ("theory/a.py", "import torch", "torch"),
        ("theory/a.py", "import numpy as np", "numpy"),
        ("theory/a.py", "from numerics.problem import Problem", "numerics"),
        ("theory/a.py", "import math, verify.claim", "verify"),
        ("theory/a.py", "def f():\n    from verify import run", "verify"),
        ("numerics/a.py", "import sympy", "sympy"),
        ("numerics/a.py", "import scipy.stats", "scipy"),
        ("numerics/a.py", "from theory.rule import Rule", "theory"),
        ("numerics/a.py", "if TYPE_CHECKING:\n    import theory", "theory"),
        ("verify/a.py", "import paper_figs", "paper_figs"),
        ("verify/sub/a.py", "from paper_figs.figure import draw", "paper_figs"),
        ("verify/a.py", "importlib.import_module('paper_figs.figure')", "paper_figs"),
        ("verify/a.py", "from tests.models import PLACES", "tests"),
        ("verify/a.py", "from ..paper_figs import figure", "beyond the top"),
        ("paper_figs/a.py", "import torch.nn", "torch"),
        ("paper_figs/a.py", "from theory import drift", "theory"),
        ("paper_figs/a.py", "from numerics import drift", "numerics"),
    ],
)
def test_a_forbidden_import_is_caught_with_its_line(tree, file, line, name):
    (tree / file).write_text(f"import math\n{line}\n")
    lines = 2 + line.count("\n")
    assert offences(tree) == [f"{file}:{lines} imports {name}"]
