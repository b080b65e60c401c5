"""Edges between customer records: who holds which contact key, and what people forced.

Records are named by their place in a table sorted by id, so that comparing two
numbers compares the two ids.  Whether an edge joins two people is for
``domain.identity_forest``.
"""

from collections import defaultdict
from collections.abc import Iterator
from enum import IntEnum

import numpy as np
import pandas as pd

Edge = tuple[int, int, int]
"""Kind, then the two records, the one with the lower id first."""


class EdgeKind(IntEnum):
    """Why two records are one person, in the order in which edges are taken."""

    FORCED = 0
    EMAIL = 1
    PHONE = 2

    @property
    def word(self) -> str:
        """How evidence names it."""
        return self.name.lower()


KEY_COLUMNS = (
    (EdgeKind.EMAIL, "email_key"),
    (EdgeKind.PHONE, "phone_key"),
    (EdgeKind.PHONE, "mobile_key"),
)


def list_holders(records: pd.DataFrame, max_shared: int) -> pd.DataFrame:
    """Return who holds which key: kind, key, record, group and ``is_shared``.

    A key is shared if more live records than *max_shared* hold it (rule 3.3); a
    record that gives one number as phone and as mobile holds it once.
    """
    place = np.arange(len(records))
    columns = [
        pd.DataFrame({"kind": int(kind), "key": records[column], "record": place})
        for kind, column in KEY_COLUMNS
    ]
    every = pd.concat(columns, ignore_index=True)
    held = every[every["key"].fillna("") != ""].drop_duplicates(ignore_index=True)
    group = held.groupby(["kind", "key"], sort=False).ngroup().to_numpy()
    is_live = ~records["is_deleted"].to_numpy()[held["record"].to_numpy()]
    live_holders = np.bincount(group[is_live], minlength=len(held))
    return held.assign(group=group, is_shared=(live_holders > max_shared)[group])


def star_edges(holders: pd.DataFrame) -> pd.DataFrame:
    """Return edges from the lowest record of each key to its other holders.

    They span the same forest as all pairs do, because in the fixed order of edges
    those of the lowest record come before any between two others.
    """
    hub = holders.groupby("group")["record"].transform("min")
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
    place = pd.Series(np.arange(len(ids)), index=ids.to_numpy())
    pairs = overrides[overrides["rule"] == rule]
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
    return (
        edges.astype("int64")
        .drop_duplicates()
        .sort_values(["kind", "left", "right"], ignore_index=True)
    )
