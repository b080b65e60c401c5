"""Scores, groups, rhythm and place, worked out once more (rules 10 and 12.1)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline_tests.oracle.bookings import Booking
from analytics_pipeline_tests.oracle.terms import Terms
from analytics_pipeline_tests.oracle.texts import cell

FEWEST_SPELLS = 100
GROUPS = """
5: Champions,        Champions,        Active,  Promising,       New
4: Loyal,            Loyal,            Active,  Promising,       New
3: Loyal,            Loyal,            Active,  Needs attention, Needs attention
2: Previously loyal, At risk,          At risk, Almost lost,     Almost lost
1: Previously loyal, Previously loyal, Dormant, Dormant,         Dormant
"""
"""The table of rule 10.2 as it is written: R down, FM from 5 to 1 across."""

Three = tuple[int, int, int]
"""Days since the last order, orders and cents."""


def rhythm_cells(
    state: StoreState, books: Mapping[str, list[Booking]], as_of: date, terms: Terms
) -> dict[str, dict[str, str]]:
    """Return the cells of the master that rules 10 and 12.1 give, by person.

    Args:
        state: whose outlets they are.
        books: each person's bookings up to the day; who has none may be left out.
        as_of: the day D.
        terms: from when on a person has lapsed.
    """
    edges = _edges(books.values(), as_of)
    lapse = lapse_point(books.values(), as_of, terms)
    return {
        person: {
            "Home Outlet": _home(state, own),
            "Channel": _channel(own),
            **_scores(own, as_of, edges),
            "Average Days Between Orders": _average(order_days(own)),
            "Lapse State": _lapse_state(own, as_of, lapse),
        }
        for person, own in books.items()
    }


def order_days(books: Iterable[Booking]) -> list[date]:
    """Return the days on which there was an order, each once, in order."""
    return sorted({booking.day for booking in books if booking.is_order})


# Scores and groups -----------------------------------------------------------------


def _three(books: list[Booking], day: date) -> Three | None:
    """Return a person's three figures as of *day*; none without an order."""
    known = [booking for booking in books if booking.day <= day]
    if not any(booking.is_order for booking in known):
        return None
    return (
        (day - order_days(known)[-1]).days,
        sum(booking.is_order for booking in known),
        sum(booking.cents for booking in known),
    )


def _edges(everyone: Iterable[list[Booking]], as_of: date) -> list[list[Fraction]]:
    """Return the four edges of each figure (rule 10.1)."""
    everyone = list(everyone)
    for day in (_quarter_end_before(as_of), as_of):
        figures = [three for own in everyone if (three := _three(own, day)) is not None]
        if figures:
            return [_quantiles(sorted(each)) for each in zip(*figures, strict=True)]
    return []


def _quarter_end_before(day: date) -> date:
    """Go back day by day to the end of a March, June, September or December."""
    before = day - timedelta(days=1)
    while before.month % 3 or (before + timedelta(days=1)).day != 1:
        before -= timedelta(days=1)
    return before


def _quantiles(ordered: list[int]) -> list[Fraction]:
    """Return the quantiles .2 to .8 of type 7, on the line between two values."""
    found = []
    for fifths in range(1, 5):
        place = Fraction((len(ordered) - 1) * fifths, 5)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        step = ordered[above] - ordered[below]
        found.append(ordered[below] + (place - below) * step)
    return found


def _scores(
    own: list[Booking], as_of: date, edges: list[list[Fraction]]
) -> dict[str, str]:
    three = _three(own, as_of)
    if three is None:
        return {"RFM Score": "", "RFM Group": "Prospects"}
    days, orders, cents = three
    recency = 6 - (1 + sum(edge < days for edge in edges[0]))
    frequency = 1 + sum(edge <= orders for edge in edges[1])
    monetary = 1 + sum(edge <= cents for edge in edges[2])
    mean = (Decimal(frequency + monetary) / 2).quantize(Decimal(1), ROUND_HALF_UP)
    row = GROUPS.strip().splitlines()[5 - recency]
    group = row.split(":")[1].split(",")[5 - int(mean)].strip()
    return {"RFM Score": f"{recency}{frequency}{monetary}", "RFM Group": group}


# Rhythm ----------------------------------------------------------------------------


def _average(days: list[date]) -> str:
    """Return the average time between order days, with one decimal (rule 10.3)."""
    if len(days) < 2:
        return ""
    exact = Decimal((days[-1] - days[0]).days) / (len(days) - 1)
    return str(exact.quantize(Decimal("0.1"), ROUND_HALF_UP))


def lapse_point(
    everyone: Iterable[list[Booking]], as_of: date, terms: Terms
) -> int | None:
    """Return after how many days people have lapsed (rule 10.4), if that is known."""
    spells: list[tuple[int, bool]] = []
    for own in everyone:
        days = order_days(own)
        spells += [((b - a).days, True) for a, b in pairwise(days)]
        spells += [((as_of - day).days, False) for day in days[-1:]]
    survival = _survival(spells)
    for day in range(len(survival) - terms.lapse_horizon_days):
        end = day + terms.lapse_horizon_days
        if sum(length >= end for length, _ in spells) < FEWEST_SPELLS:
            return None
        if 1 - survival[end] / survival[day] <= Fraction(terms.lapse_return_share):
            return day
    return None


def _survival(spells: Sequence[tuple[int, bool]]) -> list[Fraction]:
    """Return the estimate of Kaplan and Meier for each day from 0 on."""
    shares, share = [], Fraction(1)
    for day in range(max((length for length, _ in spells), default=-1) + 1):
        at_risk = sum(length >= day for length, _ in spells)
        share *= 1 - Fraction(spells.count((day, True)), at_risk)
        shares.append(share)
    return shares


def _lapse_state(own: list[Booking], as_of: date, lapse: int | None) -> str:
    days = order_days(own)
    if not days or lapse is None:
        return ""
    since = (as_of - days[-1]).days
    if since > lapse:
        return "lapsed"
    return "at risk" if since >= Fraction(8, 10) * lapse else "active"


# Where they order ------------------------------------------------------------------


def _home(state: StoreState, own: list[Booking]) -> str:
    """Return the outlet of most orders, then of the latest (rule 12.1)."""
    there = [(b.outlet, b.day) for b in own if b.is_order and b.outlet is not None]
    ids = sorted({outlet for outlet, _ in there})
    if not ids:
        return ""

    def rank(outlet: str) -> tuple[int, date]:
        days = [day for at, day in there if at == outlet]
        return len(days), max(days)

    home = max(ids, key=rank)  # of equals the first
    known = state.outlets.get(home)
    return cell(known.name if known is not None and known.name else home)


def _channel(own: list[Booking]) -> str:
    """Return where the orders were made (rule 12.1)."""
    ways = {booking.is_ecom for booking in own if booking.is_order}
    words = {(): "", (False,): "in store", (True,): "online"}
    return words.get(tuple(ways), "both")
