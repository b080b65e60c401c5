"""Outlets, channels and first products once more, booking by booking (rule 12)."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from analytics_pipeline.simulator.records import Sale, StoreState
from analytics_pipeline_tests.oracle.bookings import (
    Booking,
    book_everything,
    business_day,
    is_completed,
    is_order,
    local_day,
    match_web_orders,
    person_of_sale,
)
from analytics_pipeline_tests.oracle.people import find_people
from analytics_pipeline_tests.oracle.terms import NORMAL, Terms

Place = tuple[str, bool]
"""An outlet, '' where none has it, and whether it was online."""

WITHIN = (30, 60, 90, 180, 365)
VALUED = (90, 365)


def expected_places(
    state: StoreState, as_of: date, terms: Terms = NORMAL
) -> dict[Place, list[Any]]:
    """Return what each place comes to: the columns of the table after the channel."""
    books = book_everything(state, as_of, find_people(state), terms)
    at: dict[Place, list[Booking]] = defaultdict(list)
    orders: dict[str, Counter[Place]] = defaultdict(Counter)
    first: dict[str, tuple[date, bool, str]] = {}
    for booking in books:
        place = (booking.outlet or "", booking.is_ecom)
        at[place].append(booking)
        if booking.is_order and booking.person is not None:
            orders[booking.person][place] += 1
            began = (booking.day, booking.is_ecom, booking.outlet or "")
            first[booking.person] = min(began, first.get(booking.person, began))
    new = Counter((outlet, online) for _, online, outlet in first.values())
    rows = {}
    for place, own in at.items():
        here = [places for places in orders.values() if places[place]]
        again = sum(places[place] > 1 for places in here)
        elsewhere = sum(sum(n > 0 for n in places.values()) > 1 for places in here)
        rows[place] = [
            sum(booking.cents for booking in own),
            sum(booking.is_order for booking in own),
            sum(booking.refunded_cents for booking in own),
            *(len(here), new[place]),
            *(again, share(again, len(here)), elsewhere, share(elsewhere, len(here))),
        ]
    return rows


def share(part: int, whole: int) -> int | None:
    """Return a part in basis points, a half upwards."""
    if not whole:
        return None
    exact = Decimal(10_000 * part) / whole
    return int(exact.to_integral_value(ROUND_HALF_UP))


def expected_products(
    state: StoreState, as_of: date, terms: Terms = NORMAL
) -> dict[str, list[Any]]:
    """Return what came of the first buyers of each product, by its family."""
    books = book_everything(state, as_of, find_people(state), terms)
    own: dict[str, list[Booking]] = defaultdict(list)
    for booking in books:
        if booking.person is not None:
            own[booking.person].append(booking)
    bought = _families_bought(state, as_of, terms)
    buyers: dict[str, list[list[Booking]]] = defaultdict(list)
    after: dict[str, Counter[str]] = defaultdict(Counter)
    for person, mine in own.items():
        days = sorted({booking.day for booking in mine if booking.is_order})
        for family in bought.get((person, days[0]), set()) if days else set():
            buyers[family].append(mine)
            if days[1:]:
                after[family].update(bought.get((person, days[1]), set()))
    return {
        family: [*_followed(mine, as_of), *_next_of(after[family])]
        for family, mine in buyers.items()
    }


def _families_bought(
    state: StoreState, as_of: date, terms: Terms
) -> dict[tuple[str, date], set[str]]:
    """Return the families of goods that each person bought on each order day."""
    people, zone = find_people(state), state.retailer.time_zone
    sales = [s for s in state.sales.values() if business_day(state, s) <= as_of]
    known = {sale.id: sale for sale in sales}
    placed = state.web_orders.values()
    orders = [each for each in placed if local_day(each.placed_at, zone) <= as_of]
    order_of = match_web_orders(orders, sales)
    bought: dict[tuple[str, date], set[str]] = defaultdict(set)
    for sale in sales:
        person = person_of_sale(sale, known, order_of, people)
        if person and is_completed(sale, terms) and is_order(sale, terms):
            bought[person, business_day(state, sale)] |= set(_families(state, sale))
    return bought


def _families(state: StoreState, sale: Sale) -> Iterator[str]:
    for line in sale.lines:
        is_goods = not line.gift_card_number
        is_goods &= line.product_id != state.retailer.discount_product_id
        if line.status != "VOIDED" and is_goods and not line.is_return:
            product = state.products.get(line.product_id)
            yield (product.parent_id if product else None) or line.product_id


def _followed(buyers: list[list[Booking]], as_of: date) -> Iterator[int | None]:
    """Say what came of some people: the columns of counts, then those of values."""
    yield len(buyers)
    starts = []
    for mine in buyers:
        days = sorted({booking.day for booking in mine if booking.is_order})
        starts.append((days[0], days[1] if days[1:] else None, mine))
    for within in WITHIN:
        had = [each for each in starts if (as_of - each[0]).days >= within]
        again = sum(s is not None and (s - f).days <= within for f, s, _ in had)
        yield from (len(had), again, share(again, len(had)))
    for within in VALUED:
        had = [each for each in starts if (as_of - each[0]).days >= within]
        value = sum(
            booking.cents
            for first, _, mine in had
            for booking in mine
            if (booking.day - first).days <= within
        )
        yield value
        exact = Decimal(value) / max(1, len(had))
        yield int(exact.to_integral_value(ROUND_HALF_UP)) if had else None


def _next_of(after: Counter[str]) -> list[Any]:
    """Return what most of them bought next, and how many did."""
    if not after:
        return ["", 0]
    most = max(after.values())
    return [min(family for family, count in after.items() if count == most), most]


def place_differences(
    state: StoreState, data: Path, day: date, terms: Terms
) -> Iterator[str]:
    """Name every row of both tables that the store's own ledger has not."""
    stored = pd.read_parquet(data / f"warehouse/outlet_analytics/{day}.parquet")
    cells = stored.drop(columns=["as_of", "outlet"])
    found = {
        (_plain(outlet) or "", channel == "online"): [_plain(each) for each in rest]
        for outlet, channel, *rest in cells.itertuples(index=False, name=None)
    }
    yield from _compare("outlet", expected_places(state, day, terms), found)
    stored = pd.read_parquet(data / f"warehouse/product_analytics/{day}.parquet")
    cells = stored.drop(columns=["as_of", "product", "next_product"])
    rows = {
        product: [*map(_plain, rest), _plain(after) or "", _plain(people)]
        for product, *rest, after, people in cells.itertuples(index=False, name=None)
    }
    yield from _compare("product", expected_products(state, day, terms), rows)


def _plain(value: Any) -> Any:
    """Return a cell as Python has it; a missing one is None."""
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else int(value)


def _compare(what: str, expected: Any, found: Any) -> Iterator[str]:
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            yield f"{what} {key}: {expected.get(key)} expected, {found.get(key)} found"
