"""What the log of sales says: the latest version of each sale, and what changed.

Ibis expressions; the same on every engine.
"""

import ibis
import ibis.expr.types as ir

from analytics_pipeline.domain.ids import UUID, UUID_LENGTH
from analytics_pipeline.vocabulary import SaleAttribute, SaleState

IDS = ("sale_id", "outlet_id", "register_id", "customer_id", "return_for")
"""The ids of a version of a sale."""


def has_other_spellings(sales_feed: ir.Table) -> ir.BooleanScalar:
    """Say whether an id of the log is not in lower case, as UUIDs are read now."""
    ids = (sales_feed[name] for name in IDS)
    return ibis.or_(*(each != each.lower() for each in ids)).any().fill_null(False)


def in_one_spelling(sales_feed: ir.Table) -> ir.Table:
    """Return the log with each UUID in lower case, whatever its letters were."""
    return sales_feed.mutate(**{name: _plain_id(sales_feed[name]) for name in IDS})


def _plain_id(ids: ir.StringValue) -> ir.StringValue:
    is_uuid = (ids.length() == UUID_LENGTH) & ids.re_search(f"^{UUID}$")
    return ibis.ifelse(is_uuid, ids.lower(), ids)


def latest_versions(sales_feed: ir.Table, rejections: ir.Table) -> ir.Table:
    """Return the latest version of each sale, one row a sale.

    A sale whose latest version was turned away is left out of every figure.
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
    """Return the newest good version of each sale, whatever was turned away since.

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
    """Return the rejections that no later good version of the sale has made good.

    Args:
        sales_feed: the log.
        rejections: ``record_id, version, segment`` of each record turned away.
    """
    return rejections.anti_join(
        sales_feed,
        [
            rejections["record_id"] == sales_feed["sale_id"],
            _is_later(sales_feed, rejections),
        ],
    )


def _is_later(good: ir.Table, rejected: ir.Table) -> ir.BooleanValue:
    """Say whether the good version makes the one turned away good.

    A version is one state of a sale, so a good delivery of it counts, whenever it
    came.  What was delivered without a version is made good by whatever came later.
    """
    reaches = (good["version"] >= rejected["version"]).fill_null(False)
    came_later = good["segment"] > rejected["segment"]
    return reaches | (rejected["version"].isnull() & came_later)


AS_DELIVERED = (
    "sale_date",
    "outlet_id",
    "customer_id",
    "source",
    "source_id",
    "web_order_number",
    "return_for",
    "status",
    "is_deleted",
    "total_incl_cents",
    "total_excl_cents",
    "paid_cents",
    "refunded_incl_cents",
    "refunded_excl_cents",
    "sold_line_count",
)
"""What a stored sale has unchanged from the log: a repair may change it, and leave the
version as it is."""


def changed_sales(
    latest: ir.Table,
    raw_sales: ir.Table,
    outlets: ir.Table,
    store_time_zone: str,
    paid_tolerance_cents: int = 1,
) -> ir.Table:
    """Return the sales whose stored day may be out of date.

    One row a sale: its stored ``business_date`` (missing if it is new), and the
    ``sale_date`` and ``outlet_id`` that now place it (missing if it is to vanish).  A
    sale is listed when its version or what it says differs, when it is on one side
    only, when the zone of its outlet, or the store's for an unknown one, changed, or
    when it counts by another tolerance of what is paid (rule 2.1).
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
        is_judged_otherwise=_is_paid_otherwise(raw_sales, paid_tolerance_cents),
        **{f"old_{name}": raw_sales[name] for name in AS_DELIVERED},
    )
    both = now.outer_join(stored, now["sale_id"] == stored["stored_id"])
    differs = (
        both["sale_id"].isnull()
        | both["stored_id"].isnull()
        | (both["new_version"] != both["old_version"])
        | (both["zone_now"] != both["old_zone"])
        # A state that was not given is read from the status, which is compared.
        | (both["state"] != both["old_state"]).fill_null(False)
        | both["is_judged_otherwise"].fill_null(False)
    )
    for name in AS_DELIVERED:
        differs |= ~both[name].identical_to(both[f"old_{name}"])
    return both.filter(differs).select("business_date", "sale_date", "outlet_id")


def _is_paid_otherwise(
    raw_sales: ir.Table, paid_tolerance_cents: int
) -> ir.BooleanValue:
    """Say whether a stored waiting sale counts, or not, by another tolerance.

    A pending sale is completed only if it waits for its hand-over and is paid, so one
    that is completed and lacks too much was judged otherwise, and so was one that
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


def sales_around(sales: ir.Table, first: str, last: str) -> ir.Table:
    """Return the sales that may fall on the days *first* to *last* in some zone."""
    return sales.filter(falls_around(sales, first, last))


def falls_around(sales: ir.Table, first: str, last: str) -> ir.BooleanValue:
    """Say whether a sale may fall on the days *first* to *last* in some zone.

    No zone is more than 14 hours from UTC; the exact day is decided afterwards.
    """
    since = ibis.timestamp(f"{first} 00:00:00") - ibis.interval(hours=15)
    until = ibis.timestamp(f"{last} 00:00:00") + ibis.interval(hours=39)
    return (sales["sale_date"] >= since) & (sales["sale_date"] < until)
