"""What several tables are judged by: records turned away, and whether all was read."""

from collections.abc import Sequence
from datetime import date, datetime

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.lightspeed import LightspeedClient, Page


def judge_rejections(
    rejected: int, read: int, limit: int | None, rejections: Sequence[Rejection]
) -> Finding:
    """Judge records turned away: none is well, a few warn, many stop the table.

    Args:
        rejected: how many of the rows just read were turned away.
        read: how many rows were just read.
        limit: the shop's own limit; by default the larger of 10 and 0.1 %.
        rejections: every record that stands turned away, old ones included.
    """
    allowed = max(10, read // 1000) if limit is None else limit
    over = rejected > allowed
    ids = [rejection.record_id or rejection.position for rejection in rejections]
    rules = sorted({rejection.rule for rejection in rejections})
    sentence = (
        f"{rejected} of {read} records just read were turned away, more than the "
        f"{allowed} allowed."
        if over
        else f"{len(ids)} records stand in quarantine and are out of every figure."
    )
    return Finding(
        "rows_are_sound",
        not ids and not over,
        sentence,
        Severity.ERROR if over else Severity.WARN,
        {
            "read": read,
            "rejected": rejected,
            "allowed": allowed,
            "in_quarantine": len(ids),
            "rules": ", ".join(rules),
            "records": name_some(ids),
        },
    )


def walk_began(
    asked_at: datetime, first_page: Page | None, client: LightspeedClient
) -> datetime:
    """Return the moment from which on a walk of a feed can have missed something.

    The store's own clock counts where it is behind this machine's.
    """
    if first_page is not None:
        return first_page.began_at
    return min(asked_at, client.server_now)


def judge_catch_up(shop: Shop, day: date) -> Finding:
    """Check that sales and customers were read after *day* had ended everywhere.

    A day that is still going on may be published, provisionally.
    """
    began = [shop.warehouse.last_catch_up(t) for t in ("sales_feed", "customers")]
    moments = [walk.began_at for walk in began if walk is not None]
    ended = shop.end_of(day)
    complete = len(moments) == len(began) and min(moments) >= ended
    provisional = day == shop.today and len(moments) == len(began)
    evidence = {
        "day_ended": ended.isoformat(),
        "sales_read_from": began[0].began_at.isoformat() if began[0] else "never",
        "customers_read_from": began[1].began_at.isoformat() if began[1] else "never",
        "provisional": "yes" if provisional and not complete else "no",
    }
    return Finding(
        "is_caught_up",
        complete or provisional,
        "Sales and customers were read to the end after the day had ended."
        if complete
        else f"{day} is not over yet: its figures are provisional."
        if provisional
        else f"Sales and customers were not read to the end since {day} ended.",
        evidence=evidence,
    )
