"""Edges between customer records: who holds which contact key, and what people forced.

Records are named by their place in a table sorted by id, so that comparing two
numbers compares the two ids.  Whether an edge joins two people is for
``domain.identity_forest``.
"""

from collections import defaultdict
from collections.abc import Iterator
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics_pipeline.domain.identity_spanning import sort_once

Edge = tuple[int, int, int]
"""Kind, then the two records, the one with the lower id first."""

EDGE_COLUMNS = ["kind", "left", "right"]


class EdgeKind(IntEnum):
    """Why two records are one person, in the order in which edges are taken."""

    FORCED = 0
    EMAIL = 1
    PHONE = 2

    @property
    def word(self) -> str:
        """How evidence names it."""
        return self.name.lower()


KEY_COLUMNS = {
    EdgeKind.EMAIL: ["email_key"],
    EdgeKind.PHONE: ["phone_key", "mobile_key"],
}
"""Where a record gives its keys; those of one kind can be the same."""


def list_holders(records: pd.DataFrame, max_shared: int) -> pd.DataFrame:
    """Return who holds which key that several hold: kind, group, record, is_shared.

    A group is the holders of one key; rows are sorted by kind, group and record.  A
    key is shared if more live records than *max_shared* hold it (rule 3.3); a record
    that gives one number as phone and as mobile holds it once.
    """
    is_live = ~records["is_deleted"].to_numpy()
    return pd.concat(
        [
            _holders_of(records[columns], is_live, max_shared).assign(kind=int(kind))
            for kind, columns in KEY_COLUMNS.items()
        ],
        ignore_index=True,
    )


def _holders_of(
    keys: pd.DataFrame, is_live: npt.NDArray[np.bool_], max_shared: int
) -> pd.DataFrame:
    """Return the holders of the keys of one kind."""
    size, width = keys.shape
    every = pd.concat([keys[column] for column in keys], ignore_index=True)
    group, texts = pd.factorize(every.mask(every == ""))
    # Most keys have one holder and join nobody: they are dropped before all else.
    enough = np.bincount(group + 1, minlength=len(texts) + 1) > min(max_shared, 1)
    enough[0] = False
    record = np.tile(np.arange(size), width)
    held = enough[group + 1]
    group, record = np.divmod(sort_once(group[held] * size + record[held]), size)
    live_holders = np.bincount(group, weights=is_live[record], minlength=len(texts))
    return pd.DataFrame(
        {
            "group": group,
            "record": record,
            "is_shared": (live_holders > max_shared)[group],
        }
    )


def star_edges(holders: pd.DataFrame) -> pd.DataFrame:
    """Return edges from the lowest record of each key to its other holders.

    They span the same forest as all pairs do, because in the fixed order of edges
    those of the lowest record come before any between two others.
    """
    hub = holders.groupby(["kind", "group"], sort=False)["record"].transform("first")
    edges = pd.DataFrame(
        {"kind": holders["kind"], "left": hub, "right": holders["record"]}
    )
    return in_fixed_order(edges[edges["left"] != edges["right"]])


def all_pairs(holders: pd.DataFrame) -> Iterator[Edge]:
    """Yield an edge for every two holders of a key, in the fixed order.

    One at a time, because a key of many deleted records has very many pairs.
    """
    for kind, held in holders.groupby("kind", sort=True):
        members: dict[int, list[int]] = defaultdict(list)
        groups: dict[int, list[int]] = defaultdict(list)
        for record, group in zip(held["record"], held["group"], strict=True):
            members[group].append(record)
            groups[record].append(group)
        for left in sorted(groups):
            others = {other for group in groups[left] for other in members[group]}
            for right in sorted(other for other in others if other > left):
                yield int(str(kind)), left, right


def override_edges(overrides: pd.DataFrame, rule: str, ids: pd.Series) -> pd.DataFrame:
    """Return the pairs that people declared by *rule*, as forced edges.

    A pair with a record that is nobody (the walk-in) has no edge (rule 3.1).
    """
    pairs = overrides[overrides["rule"] == rule]
    named = np.flatnonzero(ids.isin([*pairs["left_id"], *pairs["right_id"]]))
    place = pd.Series(named, index=ids.take(named).to_numpy())
    ends = pd.DataFrame(
        {"one": pairs["left_id"].map(place), "two": pairs["right_id"].map(place)}
    )
    ends = ends.dropna().astype("int64")
    edges = pd.DataFrame(
        {
            "kind": int(EdgeKind.FORCED),
            "left": ends.min(axis="columns"),
            "right": ends.max(axis="columns"),
        }
    )
    return in_fixed_order(edges[edges["left"] != edges["right"]])


def in_fixed_order(edges: pd.DataFrame) -> pd.DataFrame:
    """Return each edge once: forced, e-mail, phone, then by the ids (rule 3.4)."""
    # One number for each edge sorts in a tenth of the time of three columns.
    kind, left, right = (edges[end].to_numpy("int64") for end in EDGE_COLUMNS)
    size = int(right.max(initial=0)) + 1
    both, right = np.divmod(sort_once((kind * size + left) * size + right), size)
    kind, left = np.divmod(both, size)
    return pd.DataFrame({"kind": kind, "left": left, "right": right})
