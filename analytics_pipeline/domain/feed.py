"""The log of sales: latest versions, what changed, comparison with the search."""

from enum import StrEnum

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.sales import lines_that_sell, value_of
from analytics_pipeline.model.policy import GiftCards, Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.model.schemas.table import columns_of
from analytics_pipeline.model.vocabulary import SaleAttribute, SaleState

# ----------------------------------------------------------------------------------
# What the log of sales says: the latest version of each sale, and what changed.
#
# Ibis expressions; the same on every engine.


def latest_versions(sales_feed: ir.Table, rejections: ir.Table) -> ir.Table:
    """Return the latest version of each sale, one row a sale.

    A sale whose latest version was rejected is left out of every figure.
    """
    latest = newest_versions(sales_feed)
    return latest.anti_join(
        rejections,
        [
            latest["sale_id"] == rejections["record_id"],
            ~_is_later(latest, rejections),
        ],
    )


def newest_versions(sales_feed: ir.Table) -> ir.Table:
    """Return the newest good version of each sale, whatever was rejected since.

    Of two deliveries of one version the later one counts: it was a repair.
    """
    newest = ibis.row_number().over(
        group_by="sale_id", order_by=[ibis.desc("version"), ibis.desc("segment")]
    )
    return sales_feed.mutate(rank=newest).filter(lambda t: t["rank"] == 0).drop("rank")


def versions_of(sales_feed: ir.Table, wanted: ir.Table) -> ir.Table:
    """Return every version of each sale of which a version is among *wanted*.

    So that versions are ranked of a few sales only, and not of the whole log.
    """
    return sales_feed.semi_join(wanted.select("sale_id"), "sale_id")


def standing_rejections(sales_feed: ir.Table, rejections: ir.Table) -> ir.Table:
    """Return the rejections that no later good version of the sale has replaced.

    Args:
        sales_feed: the log.
        rejections: ``record_id, version, segment`` of each rejected record.
    """
    return rejections.anti_join(
        sales_feed,
        [
            rejections["record_id"] == sales_feed["sale_id"],
            _is_later(sales_feed, rejections),
        ],
    )


def _is_later(good: ir.Table, rejected: ir.Table) -> ir.BooleanValue:
    """Say whether the good version replaces the rejected one.

    A version is one state of a sale, so a good delivery of it counts, whenever it
    came.  What was delivered without a version is made good by whatever came later.
    """
    reaches = (good["version"] >= rejected["version"]).fill_null(False)
    came_later = good["segment"] > rejected["segment"]
    return reaches | (rejected["version"].isnull() & came_later)


AS_DELIVERED = [
    name
    for name in columns_of(RawSales)
    if name in columns_of(SalesFeed)
    and name not in ("sale_id", "version", "state", "attributes")
]
"""What a stored sale has unchanged from the log: a repair may change it, and leave the
version as it is."""


def changed_sales(
    latest: ir.Table,
    raw_sales: ir.Table,
    outlets: ir.Table,
    store_time_zone: str,
    policy: Policy,
) -> ir.Table:
    """Return the sales whose stored day may be out of date.

    One row a sale: its stored ``business_date`` (missing if it is new), and the
    ``sale_date`` and ``outlet_id`` that now place it (missing if it is to vanish).  A
    sale is listed when its version or what it says differs, when it is on one side
    only, when the zone of its outlet, or the store's for an unknown one, changed, or
    when it counts otherwise by the policy of now (rules 2.1 and 2.6).
    """
    now = latest.left_join(outlets, "outlet_id").select(
        *AS_DELIVERED,
        "state",
        sale_id=latest["sale_id"],
        new_version=latest["version"],
        zone_now=outlets["time_zone"].fill_null(store_time_zone),
    )
    stored = raw_sales.select(
        stored_id=raw_sales["sale_id"],
        old_version=raw_sales["version"],
        business_date=raw_sales["business_date"],
        old_zone=raw_sales["time_zone"],
        old_state=raw_sales["state"],
        is_counted_otherwise=_is_paid_otherwise(raw_sales, policy.paid_tolerance_cents)
        | _is_valued_otherwise(raw_sales, policy.gift_cards),
        **{f"old_{name}": raw_sales[name] for name in AS_DELIVERED},
    )
    both = now.outer_join(stored, now["sale_id"] == stored["stored_id"])
    found = both.filter(_differs_from_stored(both))
    return found.select("business_date", "sale_date", "outlet_id")


def _differs_from_stored(both: ir.Table) -> ir.BooleanValue:
    """Say whether a sale of the log is not, or not so, in its stored day."""
    differs = (
        both["sale_id"].isnull()
        | both["stored_id"].isnull()
        | (both["new_version"] != both["old_version"])
        | (both["zone_now"] != both["old_zone"])
        # A state that was not given is read from the status, which is compared.
        | (both["state"] != both["old_state"]).fill_null(False)
        | both["is_counted_otherwise"].fill_null(False)
    )
    for name in AS_DELIVERED:
        differs |= ~both[name].identical_to(both[f"old_{name}"])
    return differs


def _is_paid_otherwise(
    raw_sales: ir.Table, paid_tolerance_cents: int
) -> ir.BooleanValue:
    """Say whether a stored waiting sale counts, or not, by another tolerance.

    A pending sale is completed only if it waits for its hand-over and is paid, so one
    that is completed and lacks too much was counted otherwise, and so was one that
    waits, is paid, and is not completed.
    """
    lacking = raw_sales["total_incl_cents"] - raw_sales["paid_cents"]
    attributes = raw_sales["attributes"]
    waits = attributes.contains(SaleAttribute.PICKUP) | attributes.contains(
        SaleAttribute.DELIVERY
    )
    is_paid_later = attributes.contains(SaleAttribute.LAYBY) | attributes.contains(
        SaleAttribute.ONACCOUNT
    )
    may_count = waits & ~is_paid_later & ~raw_sales["is_unknown"]
    may_count &= ~raw_sales["is_deleted"]
    is_pending = (raw_sales["state"] == SaleState.PENDING).fill_null(False)
    counts = may_count & (lacking <= paid_tolerance_cents)
    return is_pending & (raw_sales["is_completed"] != counts)


def _is_valued_otherwise(raw_sales: ir.Table, gift_cards: GiftCards) -> ir.BooleanValue:
    """Say whether a stored sale has the value of another policy of gift cards."""
    sells = lines_that_sell(raw_sales, gift_cards) > 0
    may_be_order = raw_sales["is_completed"] & raw_sales["return_for"].isnull()
    differs = raw_sales["is_order"] != (may_be_order & sells)
    for basis in ("incl", "excl"):
        value = value_of(raw_sales, basis, gift_cards)
        differs |= raw_sales[f"value_{basis}_cents"] != value
    return differs


def falls_around(sales: ir.Table, first: str, last: str) -> ir.BooleanValue:
    """Say whether a sale may fall on the days *first* to *last* in some zone.

    No zone is more than 14 hours from UTC; the exact day is decided afterwards.
    """
    since = ibis.timestamp(f"{first} 00:00:00") - ibis.interval(hours=15)
    until = ibis.timestamp(f"{last} 00:00:00") + ibis.interval(hours=39)
    return (sales["sale_date"] >= since) & (sales["sale_date"] < until)


# ----------------------------------------------------------------------------------
# Holding the log of sales against what the store's search shows of the last days.
#
# The search may lag behind the feed. So it never takes anything away: only what the
# log lacks, holds in an older version, or holds with other words or money at the same
# version is a difference.


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
        quarantined: ``sale_id, version`` of the sales in quarantine; they are
            known, and so not lacking.
    """
    both = _attach_held(searched, held).set_index("sale_id")
    away = quarantined.groupby("sale_id")["version"].max().reindex(both.index)
    held_version, away_version = both["version_held"].fillna(0), away.fillna(0)
    known = held_version.where(held_version >= away_version, away_version)
    # One rejected without a version cannot be called older.
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
    """Say of each fetched row whether it holds what the log does not."""
    both = _attach_held(fetched[list(SEEN)], held).set_axis(fetched.index)
    newer = both["version"] > both["version_held"].fillna(0)
    same = (both["version"] == both["version_held"]).fillna(False)
    return (newer | (same & _differ(both))).astype("bool")


def _attach_held(sales: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """Join to each of *sales* what the log holds, in their order."""
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
