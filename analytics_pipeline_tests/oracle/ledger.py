"""The truth that the pipeline is measured against: RULES, worked out once more.

Plain Python over the store's records, by another route than ``domain/``: nothing is
shared, nothing is incremental, nothing is fast.  Of the policy it knows the two bases
and when a waiting sale is paid; what else a shop may choose has its default.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline_tests.oracle.bookings import (
    Booking,
    book_everything,
    in_number_order,
    person_of_web_order,
)
from analytics_pipeline_tests.oracle.people import People, Person, find_people
from analytics_pipeline_tests.oracle.rhythm import rhythm_cells
from analytics_pipeline_tests.oracle.terms import NORMAL, Terms
from analytics_pipeline_tests.oracle.texts import cell, readable

VIP_CENTS = 100_000
HIGH_VALUE_CENTS = 50_000
TIERS = ((150_000, "Evergreen"), (75_000, "Bloom"), (25_000, "Sprout"))
LADDER = ["None", "Seed", *(tier for _, tier in reversed(TIERS))]
SEGMENTS = ((90, "90d"), (60, "60d"), (30, "30d"))
ROLLING_DAYS = 90
FEWEST_PREDICTED = 500
PREDICTED_COLUMNS = (
    *("Predicted Orders 365 Days", "Predicted Value 365 Days"),
    *("Chance Of Order 90 Days", "Expected Next Order Date"),
)
FIRST_TIME_COLUMNS = (
    *("Customer ID", "Customer Code", "Name", "Email", "Phone"),
    *("First Purchase Date", "Days Since First Purchase", "Lifetime Value"),
    *("Order Count", "Average Order Value", "Last Order Date", "Tier"),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one person comes to, as of a day; money in cents."""

    lifetime: int
    rolling: int
    orders: int
    rolling_orders: int
    ecom_orders: int
    refunded: int
    first: date | None
    last: date | None
    days_since: int | None
    later: tuple[tuple[date, int], ...]
    """The rolling value of each of the 90 days that follow, if nothing is bought."""
    rhythm: dict[str, str]
    """The cells of ``oracle.rhythm``."""

    def ranked(self, terms: Terms) -> int:
        """Return the value that the tier is set on."""
        return self.lifetime if terms.tiers_by_lifetime else self.rolling


def expected_master(
    state: StoreState, as_of: date, terms: Terms = NORMAL
) -> list[dict[str, str]]:
    """Return every row of the master file, cell by cell, in order (rule 8.1)."""
    everybody = _everybody(state, as_of, terms)
    predicted = _predicted([figures for _, figures in everybody], as_of)
    rows = [
        (figures.lifetime, person.id, _master_row(person, figures, terms) | predicted)
        for person, figures in everybody
    ]
    rows.sort(key=lambda row: (-row[0], row[1]))
    return [row for _, _, row in rows]


def expected_first_time_buyers(
    state: StoreState, as_of: date, terms: Terms = NORMAL
) -> list[dict[str, str]]:
    """Return every row of the first-time buyers, newest first (rules 6 and 8.2)."""
    found = []
    for person, figures in _everybody(state, as_of, terms):
        if figures.orders == 1 and figures.first is not None:
            days = (as_of - figures.first).days
            cells = _master_row(person, figures, terms)
            cells["First Purchase Date"] = figures.first.isoformat()
            cells["Days Since First Purchase"] = str(days)
            row = {column: cells[column] for column in FIRST_TIME_COLUMNS}
            found.append((days, person.id, row))
    found.sort(key=lambda row: row[:2])
    return [row for _, _, row in found]


def expected_totals(
    state: StoreState, as_of: date, terms: Terms = NORMAL
) -> dict[str, int]:
    """Return the sums that must hold, in cents and counts (rule 7.1)."""
    people = find_people(state)
    books = book_everything(state, as_of, people, terms)
    persons = _everybody(state, as_of, terms)
    no_one = [booking for booking in books if booking.person is None]
    web = [booking for booking in books if booking.is_web_order]
    tills = [booking for booking in books if not booking.is_web_order]
    return {
        "revenue_cents": _sum_cents(tills),
        "gift_cards_cents": sum(booking.gift_card_cents for booking in tills),
        "added_web_orders_cents": _sum_cents(web),
        "added_web_order_count": len(web),
        "lifetime_value_cents": sum(figures.lifetime for _, figures in persons),
        "unattributed_cents": _sum_cents(no_one),
        "order_count": sum(booking.is_order for booking in books),
        "attributed_order_count": sum(figures.orders for _, figures in persons),
        "unattributed_order_count": sum(booking.is_order for booking in no_one),
        "ecom_order_count": sum(b.is_order and b.is_ecom for b in books),
        "refunded_cents": sum(booking.refunded_cents for booking in books),
        "completed_sale_count": len(tills),
        "person_count": len(persons),
    }


def _sum_cents(books: Iterable[Booking]) -> int:
    return sum(booking.cents for booking in books)


def _everybody(
    state: StoreState, as_of: date, terms: Terms
) -> list[tuple[Person, Figures]]:
    """Return each person with their figures, in no particular order."""
    people = find_people(state)
    books = book_everything(state, as_of, people, terms)
    by_person: dict[str, list[Booking]] = {}
    for booking in books:
        if booking.person is not None:
            by_person.setdefault(booking.person, []).append(booking)
    online = by_person.keys() - people.persons.keys()
    everybody = [*people.persons.values(), *_online_people(state, people, online)]
    everyone = {person.id: by_person.get(person.id, []) for person in everybody}
    rhythm = rhythm_cells(state, everyone, as_of, terms)
    return [
        (person, _figures(everyone[person.id], as_of, rhythm[person.id]))
        for person in everybody
    ]


def _online_people(
    state: StoreState, people: People, wanted: Iterable[str]
) -> list[Person]:
    """Name those whom only the web shop knows, by their latest order (rule 3.7)."""
    remaining = set(wanted)
    found = []
    zone = ZoneInfo(state.retailer.time_zone)
    orders = in_number_order(state.web_orders.values())
    # The export shows wall time: an hour that comes twice is one hour (rule 4.2).
    orders.sort(key=lambda order: f"{order.placed_at.astimezone(zone):%Y%m%d%H%M}")
    for order in reversed(orders):
        person_id = person_of_web_order(order, people)
        if person_id in remaining and person_id is not None:
            remaining.remove(person_id)
            email = (order.email or "").strip()
            found.append(Person(person_id, "", readable(order.name), email, "", ()))
    return found


def _figures(books: list[Booking], as_of: date, rhythm: dict[str, str]) -> Figures:
    """Add one person's bookings up (rules 5.1 to 5.3)."""
    orders = [booking for booking in books if booking.is_order]
    recent = [b for b in books if (as_of - b.day).days < ROLLING_DAYS]
    days = [booking.day for booking in orders]
    last = max(days, default=None)
    return Figures(
        lifetime=_sum_cents(books),
        rolling=_sum_cents(recent),
        orders=len(orders),
        rolling_orders=sum(booking.is_order for booking in recent),
        ecom_orders=sum(booking.is_ecom for booking in orders),
        refunded=sum(booking.refunded_cents for booking in books),
        first=min(days, default=None),
        last=last,
        days_since=None if last is None else (as_of - last).days,
        later=tuple(_rolling_after(recent, as_of)),
        rhythm=rhythm,
    )


def _rolling_after(recent: list[Booking], as_of: date) -> Iterator[tuple[date, int]]:
    """Let each booking leave the window on its day (rule 9.1)."""
    value = _sum_cents(recent)
    leaving = Counter[int]()
    for booking in recent:
        leaving[ROLLING_DAYS - (as_of - booking.day).days] += booking.cents
    for days in range(1, ROLLING_DAYS + 1):
        value -= leaving[days]
        yield as_of + timedelta(days=days), value


def _master_row(person: Person, figures: Figures, terms: Terms) -> dict[str, str]:
    duplicates = len(person.duplicate_ids)
    high = HIGH_VALUE_CENTS <= figures.lifetime < VIP_CENTS
    return {
        "Customer ID": cell(person.id),
        "Customer Code": cell(person.code),
        "Name": cell(person.name),
        "Email": cell(person.email),
        "Phone": cell(person.phone),
        "Lifetime Value": _money(figures.lifetime),
        "Rolling 90-Day Value": _money(figures.rolling),
        "Order Count": str(figures.orders),
        "Rolling 90-Day Order Count": str(figures.rolling_orders),
        "Average Order Value": _average(figures),
        "First Order Date": _day(figures.first),
        "Last Order Date": _day(figures.last),
        "Days Since Last Order": _number(figures.days_since),
        "Is VIP": _yes_or_no(figures.lifetime >= VIP_CENTS),
        "Is High Value": _yes_or_no(high),
        "Inactive Segment": _segment(figures.days_since),
        "Tier": _tier(figures.ranked(terms), figures),
        "eCom Order Count": str(figures.ecom_orders),
        "Retail Order Count": str(figures.orders - figures.ecom_orders),
        "Refunded Value": _money(figures.refunded),
        "Duplicate IDs": ";".join(person.duplicate_ids),
        "Note": f"Merged {duplicates} duplicate records" if duplicates else "",
        **_outlook(figures, terms),
        **figures.rhythm,
    }


def _average(figures: Figures) -> str:
    """Divide value by orders, half away from zero; empty without orders (rule 5.1)."""
    if not figures.orders:
        return ""
    exact = Decimal(figures.lifetime) / figures.orders
    return _money(int(exact.to_integral_value(ROUND_HALF_UP)))


def _outlook(figures: Figures, terms: Terms) -> dict[str, str]:
    """Walk the 90 days that follow, one by one (rule 9)."""
    dropped = dict.fromkeys(("Tier Drop Date", "Tier After Drop", "Spend To Keep Tier"))
    tier = _tier(figures.ranked(terms), figures)
    before = tier
    for day, value in () if terms.tiers_by_lifetime else figures.later:
        then = _tier(value, figures)
        if LADDER.index(then) < LADDER.index(before):
            bound = {name: least for least, name in TIERS}[before]
            kept = _day(day), then, _money(bound - value)
            dropped = dict(zip(dropped, kept, strict=True))
            break
        before = then
    tomorrow = figures.lifetime if terms.tiers_by_lifetime else figures.later[0][1]
    above = LADDER[LADDER.index(tier) + 1 :][:1]
    bounds = {name: least for least, name in TIERS}
    lacking = [max(1, bounds.get(name, 0) - tomorrow) for name in above]
    if above == ["Seed"]:  # any order will do
        lacking = [1]
    return {
        **{name: value or "" for name, value in dropped.items()},
        "Next Tier": "".join(above),
        "Spend To Next Tier": "".join(map(_money, lacking)),
    }


def _predicted(everybody: list[Figures], as_of: date) -> dict[str, str]:
    """Predict nothing: the store is too small or too young for it (rule 11.3).

    The models are held against the past on three days, 30 days apart or more, with 180
    days before each and 365 after.  Larger stores are in ``oracle/predicted``.
    """
    month_before = as_of.replace(day=1) - timedelta(days=1)
    firsts = [each.first for each in everybody if each.first is not None]
    firsts = [first for first in firsts if first <= month_before]
    oldest = min(firsts, default=month_before)
    is_young = (month_before - oldest).days + 1 < 180 + 365 + 2 * 30
    assert len(firsts) < FEWEST_PREDICTED or is_young, "a store to be predicted"
    return dict.fromkeys(PREDICTED_COLUMNS, "")


def _tier(ranked: int, figures: Figures) -> str:
    """Return the rung that a value reaches (rule 5.6)."""
    for least, tier in TIERS:
        if ranked >= least:
            return tier
    return "Seed" if figures.orders else "None"


def _segment(days: int | None) -> str:
    """Return how long the last order is past (rule 5.5)."""
    if days is None:
        return "never"
    return next((name for least, name in SEGMENTS if days >= least), "active")


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _yes_or_no(answer: bool) -> str:
    return "Yes" if answer else "No"


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _number(number: int | None) -> str:
    return "" if number is None else str(number)
