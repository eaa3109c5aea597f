"""Rootings of a free tree."""

from __future__ import annotations

from theory.rooted_trees import Tree


def rootings(tree: Tree, above: Tree | None = None) -> list[Tree]:
    """Return one rooting of the same free tree for each vertex; ``above`` is the branch that hung on the old root."""
    branches = tree if above is None else (*tree, above)
    found = [tuple(sorted(branches))]
    for child in tree:
        rest = list(branches)
        rest.remove(child)
        found += rootings(child, tuple(sorted(rest)))
    return found
