"""Each registered derivation needs a test marked ``agreement(name)``, and each such mark a registered derivation."""

from __future__ import annotations

import pkgutil
from collections.abc import Collection, Iterable
from importlib import import_module
from pathlib import Path

import pytest

import theory
from theory.derivation import DERIVATIONS


def registered() -> set[str]:
    """Return the names of all derivations, every module of theory imported."""
    for module in pkgutil.walk_packages(theory.__path__, "theory."):
        import_module(module.name)
    return set(DERIVATIONS)


def is_collected_whole(config: pytest.Config, directory: Path) -> bool:
    """Return whether the run was asked for all of a directory, not for some of its files or for past failures."""
    if config.getoption("lf", default=False):
        return False
    here = config.invocation_params.dir
    asked = [(here / argument).resolve() for argument in config.args if "::" not in argument]
    return any(directory.resolve().is_relative_to(path) for path in asked)


def complaint(items: Iterable[pytest.Item], names: Collection[str], *, whole: bool) -> str:
    """Return what is wrong with the agreement marks of the collected tests; empty if nothing is.

    A test that is skipped without a condition covers nothing.
    """
    covered: set[str] = set()
    for item in items:
        for mark in item.iter_markers("agreement"):
            if len(mark.args) != 1 or mark.args[0] not in names:
                return f"{item.nodeid}: agreement{mark.args} names no registered derivation; known: {sorted(names)}"
            if not item.get_closest_marker("skip"):
                covered.add(mark.args[0])
    missing = sorted(set(names) - covered)
    if whole and missing:
        return f"no test is marked agreement(name) for the derivations {missing}; every derivation needs one"
    return ""
