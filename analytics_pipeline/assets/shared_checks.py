"""Checks of several tables: rejected records, and whether all was read."""

from collections.abc import Sequence
from datetime import date, datetime, time

from analytics_pipeline.domain.business_days import end_of
from analytics_pipeline.model.checks import CheckResult, Rejection, Severity, name_some
from analytics_pipeline.model.text import say
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import Page, PointOfSale


def check_rejections(
    rejected: int,
    read: int,
    limit: int | None,
    rejections: Sequence[Rejection],
    *,
    are_then: str = "out of every figure",
) -> CheckResult:
    """Check the rejected records: none is fine, a few warn, many stop the table.

    Args:
        rejected: how many of the rows just read were rejected.
        read: how many rows were just read.
        limit: the shop's own limit; by default the larger of 10 and 0.1 %.
        rejections: every record in quarantine, old ones included.
        are_then: what records in quarantine are until they are good.
    """
    allowed = max(10, read // 1000) if limit is None else limit
    over = rejected > allowed
    ids = [rejection.record_id or rejection.position for rejection in rejections]
    rules = sorted({rejection.rule for rejection in rejections})
    sentence = (
        f"{rejected} of {read} records just read were rejected, more than the "
        f"{allowed} allowed."
        if over
        else f"{say(len(ids), 'record in quarantine is', 'records in quarantine are')} "
        f"{are_then}."
    )
    return CheckResult(
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
        subject="\n".join(
            sorted(
                f"{each.record_id} {each.version} {each.rule}" for each in rejections
            )
        ),
    )


def walk_began(
    asked_at: datetime, first_page: Page | None, client: PointOfSale
) -> datetime:
    """Return the moment from which on a walk of a feed can have missed something.

    The store's own clock counts where it is behind this machine's.
    """
    if first_page is not None:
        return first_page.began_at
    return min(asked_at, client.server_now)


class CatchUpCheck:
    """Says for any day whether sales and customers were read after it had ended.

    What it needs is read once, so that thousands of days are checked quickly.
    """

    def __init__(self, shop: Shop) -> None:
        """Look up when the feeds were last read to their end, and the shop's zones."""
        self._shop = shop
        self._zones = shop.zones()
        self._walks = {
            table: shop.warehouse.catch_ups.last(table)
            for table in ("sales_feed", "customers")
        }
        moments = [walk.began_at for walk in self._walks.values() if walk is not None]
        self._read_from = min(moments) if len(moments) == len(self._walks) else None

    def evaluate(self, day: date) -> CheckResult:
        """Check *day*; one that still goes on somewhere is sound, but provisional.

        A shop with outlets in several zones is asked for its day before the last
        outlet has ended it; that day is made again when it is over everywhere.
        """
        ended = end_of(day, self._zones)
        complete = self._is_complete(day)
        provisional = self.is_provisional(day)
        if complete:
            sentence = "Sales and customers were read to the end after the day ended."
        elif provisional:
            sentence = self._describe_open_day(day)
        else:
            sentence = (
                f"Sales and customers were not read to the end since {day} ended."
            )
        evidence: dict[str, int | str] = {"day_ended": ended.isoformat()}
        for table, walk in self._walks.items():
            evidence[f"{table}_read_from"] = (
                walk.began_at.isoformat() if walk else "never"
            )
        evidence["provisional"] = "yes" if provisional else "no"
        return CheckResult(
            "is_caught_up", complete or provisional, sentence, evidence=evidence
        )

    def _is_complete(self, day: date) -> bool:
        """Say whether both feeds were read to their end after *day*."""
        read = self._read_from
        return read is not None and read >= end_of(day, self._zones)

    def is_provisional(self, day: date) -> bool:
        """Say whether *day* still goes on somewhere, and was read since it began."""
        begun = datetime.combine(day, time(), self._shop.zone)
        return (
            not self._is_complete(day)
            and self._read_from is not None
            and self._read_from >= begun
            and self._shop.clock() < end_of(day, self._zones)
        )

    def _describe_open_day(self, day: date) -> str:
        """Say in which of the shop's own zones *day* goes on, and until when."""
        last = max(self._zones, key=lambda zone: (end_of(day, [zone]), zone))
        until = end_of(day, [last]).astimezone(self._shop.zone)
        return (
            f"{day} is not over in {last}, where the shop has an outlet: its figures "
            f"are provisional until {until:%Y-%m-%d %H:%M} in store time."
            if last != self._shop.settings.time_zone
            else f"{day} is not over in the store: its figures are provisional."
        )
