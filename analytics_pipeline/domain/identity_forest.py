"""The forest of people: edges taken one by one, each joining two trees or none.

Knows nothing of contacts; ``domain.identity_edges`` says which edges there are, and
``domain.identity_spanning`` takes them all at once where nobody is kept apart.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from analytics_pipeline.domain.identity_edges import (
    EDGE_COLUMNS,
    Edge,
    all_pairs,
    list_holders,
    override_edges,
    star_edges,
)
from analytics_pipeline.domain.identity_spanning import Places, span_forest
from analytics_pipeline.domain.policy import Policy


@dataclass(frozen=True)
class Links:
    """Which records are one person, and why.

    Attributes:
        holders: who holds which contact key, of the keys that several hold.
        tree: for each record, the lowest record of its person.
        joined: the edges that joined them, one fewer than records in each person.
        left_out: the edges that would have joined what was declared different.
    """

    holders: pd.DataFrame
    tree: Places
    joined: pd.DataFrame
    left_out: pd.DataFrame


class Forest:
    """Trees of records that grow together, save those declared different."""

    def __init__(self, size: int, forbidden: Iterable[tuple[int, int]] = ()) -> None:
        """Start with every record a tree of its own."""
        self._parent = list(range(size))
        self._apart: dict[int, set[int]] = defaultdict(set)
        for left, right in forbidden:
            self._apart[left].add(right)
            self._apart[right].add(left)

    def root(self, record: int) -> int:
        """Return the lowest record of the tree, halving the path to it."""
        parent = self._parent
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    def grow(self, edges: Iterable[Edge]) -> tuple[list[Edge], list[Edge]]:
        """Take *edges* in order; return those that joined and those left out."""
        joined: list[Edge] = []
        left_out: list[Edge] = []
        for edge in edges:
            low, high = sorted((self.root(edge[1]), self.root(edge[2])))
            if low == high:
                continue
            if self._are_apart(low, high):
                left_out.append(edge)
                continue
            joined.append(edge)
            self._parent[high] = low
            if high in self._apart:
                self._apart[low] |= self._apart.pop(high)
        return joined, left_out

    def _are_apart(self, one: int, two: int) -> bool:
        if one not in self._apart or two not in self._apart:
            return False
        fewer, other = sorted((one, two), key=lambda root: len(self._apart[root]))
        return any(self.root(enemy) == other for enemy in self._apart[fewer])


def link_records(
    records: pd.DataFrame, overrides: pd.DataFrame, policy: Policy
) -> Links:
    """Join *records*, sorted by id and without the walk-in (rule 3.4).

    Stars of edges suffice where nobody is declared different.  Only the people that
    would hold both ends of such a pair are joined again, by all pairs, because there
    an edge that is left out makes another one matter.
    """
    holders = list_holders(records, policy.max_shared)
    linking = holders[~holders["is_shared"]]
    forced = override_edges(overrides, "same", records["customer_id"])
    different = override_edges(overrides, "different", records["customer_id"])
    edges = pd.concat([forced, star_edges(linking)], ignore_index=True)
    joined, tree = span_forest(edges, len(records))

    left, right = (different[end].to_numpy() for end in ("left", "right"))
    is_tangled = np.isin(tree, tree[left][tree[left] == tree[right]])
    strict = Forest(len(records) if is_tangled.any() else 0, _pairs(different))
    again, left_out = strict.grow(
        chain(
            _edges(forced[is_tangled[forced["left"].to_numpy()]]),
            all_pairs(linking[is_tangled[linking["record"].to_numpy()]]),
        )
    )
    tree[is_tangled] = list(map(strict.root, np.flatnonzero(is_tangled).tolist()))
    joined = joined[~is_tangled[joined["left"].to_numpy()]]
    joined = pd.concat([joined, _table(again)], ignore_index=True)
    return Links(holders, tree, joined, _table(left_out))


def _edges(table: pd.DataFrame) -> Iterable[Edge]:
    columns = (table[column].tolist() for column in EDGE_COLUMNS)
    return zip(*columns, strict=True)


def _pairs(table: pd.DataFrame) -> Iterable[tuple[int, int]]:
    return zip(table["left"].tolist(), table["right"].tolist(), strict=True)


def _table(edges: list[Edge]) -> pd.DataFrame:
    return pd.DataFrame(edges, columns=EDGE_COLUMNS, dtype="int64")
