"""Holding the log of sales against what the store's search shows of the last days.

The search may lag behind the feed.  So it never takes anything away: only what the log
lacks, holds in an older version, or holds with other words or money at the same
version is a difference.
"""

from enum import StrEnum

import pandas as pd

COMPARED = ("total_incl_cents", "state", "status")
"""What must agree at the same version."""

SEEN = {
    "sale_id": "str",
    "version": "Int64",
    "total_incl_cents": "Int64",
    "state": "str",
    "status": "str",
}
"""What is compared of a sale; of one that cannot be read, the id and the version."""


class Difference(StrEnum):
    """In what way the log differs from the search."""

    LACKING = "lacking"
    OLDER = "older"
    CONTRADICTING = "contradicting"


def find_differences(
    searched: pd.DataFrame, held: pd.DataFrame, quarantined: pd.DataFrame
) -> pd.Series:
    """Return the ``Difference`` of each sale that has one, by its id.

    Args:
        searched: ``SEEN``, one row a sale.
        held: ``SEEN``, the latest version of each sale in the log.
        quarantined: ``sale_id, version`` of the sales that stand in quarantine; they
            are known, and so not lacking.
    """
    both = _beside(searched, held).set_index("sale_id")
    away = quarantined.groupby("sale_id")["version"].max().reindex(both.index)
    held_version, away_version = both["version_held"].fillna(0), away.fillna(0)
    known = held_version.where(held_version >= away_version, away_version)
    # Of one turned away without a version nobody can say that it is older.
    is_unversioned = both.index.isin(
        quarantined.loc[quarantined["version"].isna(), "sale_id"]
    )
    found = pd.Series(None, index=both.index, dtype="str")
    # A sale without a version cannot be older; it can only be lacking.
    version = both["version"].fillna(0)
    found[(version == both["version_held"]).fillna(False) & _differ(both)] = (
        Difference.CONTRADICTING
    )
    found[(version > known) & ~is_unversioned] = Difference.OLDER
    found[(known == 0) & ~is_unversioned] = Difference.LACKING
    return found.dropna()


def find_news(fetched: pd.DataFrame, held: pd.DataFrame) -> pd.Series:
    """Say of each fetched row whether it tells what the log does not hold already."""
    both = _beside(fetched[list(SEEN)], held).set_axis(fetched.index)
    newer = both["version"] > both["version_held"].fillna(0)
    same = (both["version"] == both["version_held"]).fillna(False)
    return (newer | (same & _differ(both))).astype("bool")


def _beside(sales: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """Put what is held beside each of *sales*, in their order."""
    return sales.merge(held, on="sale_id", how="left", suffixes=("", "_held"))


def _differ(both: pd.DataFrame) -> pd.Series:
    """Say where the money or the words of a sale are not what is held.

    What only one side gives is not compared: search may answer in the other shape,
    which has a status or has none (API 1.5).
    """
    differs = pd.Series(False, index=both.index)
    for column in COMPARED:
        ours, theirs = both[column], both[f"{column}_held"]
        differs |= (ours.notna() & theirs.notna() & (ours != theirs)).fillna(False)
    return differs.astype("bool")
