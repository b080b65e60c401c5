"""What else a person should know who reads an explanation, as sentences."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from analytics_pipeline.domain.explanation import Member
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.policy import MoneyBasis
from analytics_pipeline.domain.wording import say
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.quarantine import find_quarantined_sales

Row = Mapping[Any, Any]


def first_row(frame: pd.DataFrame) -> Row | None:
    """Return the only row of *frame*, or nothing of an empty one."""
    return None if frame.empty else frame.to_dict("records")[0]


def tell_day(shop: Shop, day: date) -> list[str]:
    """Say if the day is not over, or not the published one."""
    published = shop.publication.published()
    notes = []
    if day >= shop.today:
        notes.append(f"{day} is not over in the store, so all of this is provisional.")
    if published is None or published.as_of != day.isoformat():
        notes.append(
            f"Sales up to {day} count; records, contacts and states are as they are "
            "known now."
        )
    return notes


def compare_with_stored(
    shop: Shop, person: str, day: date, row: Row | None
) -> list[str]:
    """Say if the figures of *day* were stored otherwise: sales have changed since."""
    if not shop.warehouse.exists("customer_analytics", day.isoformat()):
        return []
    frame = shop.load("customer_analytics", CustomerAnalytics, day.isoformat())
    stored = first_row(frame[frame["customer_id"] == person])
    if row is None or stored is None:
        same = row is None and stored is None
        then = "had no row for this person"
    else:
        same = all(str(row[name]) == str(stored[name]) for name in row)
        value = format_cents(int(stored["lifetime_value_cents"]))
        then = f"said a lifetime value of {value}, tier {stored['tier']}"
    if same:
        return []
    return [
        f"The figures of {day} were stored before the latest changes: they {then}. "
        f"To store them anew, run: analytics-pipeline update --as-of {day}"
    ]


def tell_quarantine(shop: Shop, members: list[Member], day: date) -> list[str]:
    """Name the person's sales whose latest version could not be read."""
    quarantined = find_quarantined_sales(shop)
    known = quarantined.last_good
    records = [each.record_id for each in members]
    with_tax = shop.policy.money_basis is MoneyBasis.INCL_TAX
    total_column = "total_incl_cents" if with_tax else "total_excl_cents"
    theirs = known[
        known["customer_id"].isin(records) & (known["business_date"] <= str(day))
    ]
    notes = [
        f"Sale {sale} is in quarantine and in no figure; when it could last be read, "
        f"it came to {format_cents(total)}."
        for sale, total in zip(theirs["sale_id"], theirs[total_column], strict=True)
    ]
    unknown = quarantined.count - len(known)
    if unknown:
        notes.append(
            f"{say(unknown, 'sale', 'sales')} in quarantine could never be read; "
            "nobody knows whose."
        )
    return notes
