"""The spanning forest of very many edges, in a few passes over whole arrays.

Taking edges one by one in a fixed order makes the minimum spanning forest, each edge
weighing its place in that order.  Borůvka's way finds the same one: in every round
each tree takes the first edge that leads out of it, so that at least half of the
trees that still have one are gone.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Places = npt.NDArray[np.int64]
"""Positions in a table: of records, or of edges."""


def span_forest(edges: pd.DataFrame, size: int) -> tuple[pd.DataFrame, Places]:
    """Return the *edges* that join two trees, and the lowest record of every tree.

    Args:
        edges: ``left`` and ``right``, each once, in the order in which they are
            taken.
        size: how many records there are.
    """
    left, right = (edges[end].to_numpy("int64") for end in ("left", "right"))
    is_taken = np.zeros(len(edges), dtype="bool")
    tree = np.arange(size)
    first = np.full(size, len(edges))
    remaining = np.arange(len(edges))
    while True:
        one, two = tree[left[remaining]], tree[right[remaining]]
        is_open = one != two
        remaining, one, two = remaining[is_open], one[is_open], two[is_open]
        if not len(remaining):
            return edges[is_taken], _lowest(tree)
        for end in (one, two):
            np.minimum.at(first, end, remaining)
        roots = np.flatnonzero(first < len(edges))
        chosen = first[roots]
        is_taken[chosen] = True
        other = tree[left[chosen]] + tree[right[chosen]] - roots
        tree = _hung(roots, other, size)[tree]
        first[roots] = len(edges)


def sort_once(numbers: Places) -> Places:
    """Return *numbers* sorted, each once: several times as fast as ``np.unique``."""
    ordered = np.sort(numbers)
    return ordered[begins(ordered)]


def begins(ordered: Places) -> npt.NDArray[np.bool_]:
    """Tell where a number stands in *ordered* for the first time."""
    is_new = np.ones(len(ordered), dtype="bool")
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    return is_new


def _hung(roots: Places, other: Places, size: int) -> Places:
    """Hang each of *roots* on its *other*; return the root that each then has.

    The only circles are of two that chose each other: the lower one stays a root.
    """
    parent = np.arange(size)
    parent[roots] = other
    lower = roots[(parent[other] == roots) & (roots < other)]
    parent[lower] = lower
    while True:
        above = parent[parent[roots]]
        if np.array_equal(above, parent[roots]):
            return parent
        parent[roots] = above


def _lowest(tree: Places) -> Places:
    """Name each tree by its lowest record."""
    lowest = np.arange(len(tree))
    np.minimum.at(lowest, tree, np.arange(len(tree)))
    return lowest[tree]
