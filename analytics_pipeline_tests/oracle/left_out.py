"""The ledger's own list of what no person's figures hold, and people are warned of.

Rules 1.5, 2.1 and 3.8, worked out from the store's records alone.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from analytics_pipeline.simulator.records import Sale, StoreState
from analytics_pipeline_tests.oracle.bookings import (
    book_everything,
    business_day,
    is_awaiting,
    is_completed,
    is_order,
    local_day,
    unpaid,
    value_of,
)
from analytics_pipeline_tests.oracle.people import find_people
from analytics_pipeline_tests.oracle.terms import NORMAL, Terms

LEAST_TIMES, LEAST_PERCENT = 20, 5
NEARLY_PAID = Decimal(1)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """So many sales, and what they come to in cents."""

    sales: int
    cents: int


def dated_later(state: StoreState, today: date, terms: Terms = NORMAL) -> LeftOut:
    """Return the money dated after *today*, by the store's calendar (rule 1.5)."""
    zone = state.retailer.time_zone
    return _add_up(
        (
            sale
            for sale in state.sales.values()
            if is_completed(sale, terms) and local_day(sale.sale_date, zone) > today
        ),
        terms,
    )


def nearly_paid(state: StoreState, terms: Terms = NORMAL) -> dict[date, LeftOut]:
    """Return the waiting sales that lack less than 1.00, by business day (rule 2.1)."""
    by_day: dict[date, list[Sale]] = {}
    for sale in state.sales.values():
        waits = sale.deleted_at is None and is_awaiting(sale)
        if waits and terms.paid_tolerance < unpaid(sale) < NEARLY_PAID:
            by_day.setdefault(business_day(state, sale), []).append(sale)
    return {day: _add_up(sales, terms) for day, sales in by_day.items()}


def without_record(state: StoreState, as_of: date, terms: Terms = NORMAL) -> LeftOut:
    """Return the money up to *as_of* of customers that there are none of (rule 3.8)."""
    return _add_up(
        (
            sale
            for sale in state.sales.values()
            if sale.customer_id is not None
            and sale.customer_id not in state.customers
            and is_completed(sale, terms)
            and business_day(state, sale) <= as_of
        ),
        terms,
    )


def hidden_walk_in(state: StoreState, as_of: date, terms: Terms = NORMAL) -> str | None:
    """Return the record that sells as only a walk-in does, if one does (rule 3.8)."""
    people = find_people(state)
    books = book_everything(state, as_of, people, terms)
    orders = Counter(b.person for b in books if b.is_order and b.person is not None)
    by_record = Counter(
        sale.customer_id
        for sale in state.sales.values()
        if is_completed(sale, terms)
        and is_order(sale, terms)
        and business_day(state, sale) <= as_of
    )
    total = sum(booking.is_order for booking in books)
    for record, count in by_record.items():
        own = people.person_of_customer.get(record or "")
        if own is None:
            continue
        others = [number for person, number in orders.items() if person != own]
        most = max(others, default=0)
        if count > LEAST_TIMES * max(most, 1) and 100 * count > LEAST_PERCENT * total:
            return record
    return None


def _add_up(sales: Iterable[Sale], terms: Terms) -> LeftOut:
    totals = [value_of(sale, terms) for sale in sales]
    return LeftOut(len(totals), sum(totals))
