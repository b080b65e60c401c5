"""What the checks report money left out, held against the store's own ledger."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from analytics_pipeline_tests.oracle.by_seed.seeded_stores import SeededShop
from analytics_pipeline_tests.oracle.left_out import (
    LeftOut,
    dated_later,
    hidden_walk_in,
    nearly_paid,
    without_record,
)

DeliveryResult = dg.AssetCheckEvaluation
NOTHING = LeftOut(0, 0)


def warned_otherwise(shop: SeededShop, day: date, events: Sequence[Any]) -> list[str]:
    """Name every warning of *day*'s update that is not what the ledger expects.

    Of many days at once only those that warn are reported one by one, so that the
    ledger has to know of no other one.
    """
    state, terms = shop.store.state, shop.plan.terms
    today = shop.store.now.astimezone(ZoneInfo(shop.plan.time_zone)).date()
    short = nearly_paid(state, terms)
    wrong = []
    for check, partition, evidence in _reported(events):
        if check == "walk_in_is_known":
            expected: Any = hidden_walk_in(state, day, terms) or ""
            found: Any = evidence["record"]
        elif check == "no_sale_is_a_little_short":
            expected = short.get(date.fromisoformat(str(partition)), NOTHING)
            found = _left_out(evidence)
        elif check == "no_sale_is_dated_later":
            expected, found = dated_later(state, today, terms), _left_out(evidence)
        elif check == "customers_have_records":
            expected, found = without_record(state, day, terms), _left_out(evidence)
        else:
            continue
        if expected != found:
            wrong.append(f"{check} {partition}: {expected} expected, {found} found")
    return wrong + _days_not_reported(short, day, events)


def _days_not_reported(
    short: Mapping[date, LeftOut], day: date, events: Sequence[Any]
) -> list[str]:
    """Name the days of a first run that ought to be warned of and are not."""
    facts = {
        partition
        for check, partition, _ in _reported(events)
        if check == "no_sale_is_a_little_short"
    }
    counts = [
        int(evidence.get("days", 1))
        for check, _, evidence in _reported(events)
        if check == "no_sale_is_a_little_short"
    ]
    if max(counts, default=1) == 1:
        return []  # a later run reports the days that it cuts, and of no other
    return [
        f"{each} is not reported"
        for each in short
        if each <= day and str(each) not in facts
    ]


def _reported(
    events: Sequence[Any],
) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    for event in events:
        if isinstance(event, DeliveryResult):
            evidence = {name: entry.value for name, entry in event.metadata.items()}
            partition = getattr(event, "partition", None)
            yield str(event.check_name), partition, evidence


def _left_out(evidence: Mapping[str, Any]) -> LeftOut:
    cents = int(str(evidence["value"]).replace(".", ""))
    return LeftOut(int(evidence["sales"]), cents)
