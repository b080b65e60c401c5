"""Sales: on which business day each one is, and whether its money counts.

Takes the latest version of each sale; which version that is, the log knows.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from analytics_pipeline.vocabulary import SaleAttribute, SaleState, SaleStatus

STATE_OF_STATUS: Mapping[str, tuple[SaleState, SaleAttribute | None]] = {
    SaleStatus.CLOSED: (SaleState.CLOSED, None),
    SaleStatus.LAYBY_CLOSED: (SaleState.CLOSED, SaleAttribute.LAYBY),
    SaleStatus.ONACCOUNT_CLOSED: (SaleState.CLOSED, SaleAttribute.ONACCOUNT),
    SaleStatus.PICKED_UP_CLOSED: (SaleState.CLOSED, SaleAttribute.PICKUP),
    SaleStatus.DISPATCHED_CLOSED: (SaleState.CLOSED, SaleAttribute.DELIVERY),
    SaleStatus.SERVICE_CLOSED: (SaleState.CLOSED, SaleAttribute.SERVICE),
    SaleStatus.AWAITING_PICKUP: (SaleState.PENDING, SaleAttribute.PICKUP),
    SaleStatus.AWAITING_DISPATCH: (SaleState.PENDING, SaleAttribute.DELIVERY),
    SaleStatus.ONACCOUNT: (SaleState.PENDING, SaleAttribute.ONACCOUNT),
    SaleStatus.LAYBY: (SaleState.PENDING, SaleAttribute.LAYBY),
    SaleStatus.SERVICE: (SaleState.PENDING, SaleAttribute.SERVICE),
    SaleStatus.OPEN: (SaleState.PENDING, None),
    SaleStatus.SAVED: (SaleState.PARKED, None),
    SaleStatus.QUOTE: (SaleState.PARKED, None),
    SaleStatus.VOIDED: (SaleState.VOIDED, None),
}
"""What the older single word says in state and attribute (the vendor's table)."""

HANDED_OVER_LATER = frozenset({SaleAttribute.PICKUP, SaleAttribute.DELIVERY})
PAID_LATER = frozenset({SaleAttribute.LAYBY, SaleAttribute.ONACCOUNT})

SHORT_BELOW_CENTS = 100
"""A waiting sale that lacks less than this, but more than the tolerance, is a warning:
perhaps it was paid in rounded cash (rule 2.1)."""

WORDS = ["state", "status", "attributes"]

COLUMNS = [
    "sale_id",
    "business_date",
    "version",
    "sale_date",
    "time_zone",
    "outlet_id",
    "customer_id",
    "source",
    "source_id",
    "web_order_number",
    "return_for",
    "state",
    "status",
    "attributes",
    "is_deleted",
    "is_completed",
    "is_order",
    "is_unknown",
    "total_incl_cents",
    "total_excl_cents",
    "paid_cents",
    "refunded_incl_cents",
    "refunded_excl_cents",
    "sold_line_count",
]


class Standing(NamedTuple):
    """What state, status and attributes say together about a sale."""

    state: str | None
    attributes: str
    is_closed: bool
    is_awaiting: bool
    is_unknown: bool


def classify_sales(
    sales: pd.DataFrame,
    zones: pd.DataFrame,
    store_time_zone: str,
    paid_tolerance_cents: int = 1,
) -> pd.DataFrame:
    """Return ``RawSales``: each sale on its day, with what it counts as.

    Args:
        sales: ``SalesFeed`` rows, one per sale: its latest version.
        zones: ``Outlets``.
        store_time_zone: the zone of a sale whose outlet is unknown (rule 1.2).
        paid_tolerance_cents: what a waiting sale may lack and still be paid (rule
            2.1).
    """
    standing = _standings(sales[WORDS])
    time_zone = _time_zones(sales["outlet_id"], zones, store_time_zone)
    is_completed = _completed(sales, standing, paid_tolerance_cents)
    classified = sales.assign(
        business_date=_business_dates(sales["sale_date"], time_zone),
        time_zone=time_zone,
        state=standing["state"],
        attributes=standing["attributes"],
        is_completed=is_completed,
        is_order=is_completed & _sells_something_new(sales),
        is_unknown=standing["is_unknown"],
    )
    return classified[COLUMNS].sort_values(
        ["business_date", "sale_id"], ignore_index=True
    )


def read_standing(state: str, status: str, attributes: str) -> Standing:
    """Read the words of a sale (rules 2.1 and 2.2); a blank word was not given.

    The state decides where it is given; else the older status does.  Attributes are
    those given and the status's own, which agree in everything the vendor sends.
    """
    from_status, own = STATE_OF_STATUS.get(status, (None, None))
    given = {word for word in attributes.split(";") if word} | ({own} if own else set())
    known_words = (
        bool(state or status)
        and (not state or state in set(SaleState))
        and (not status or from_status is not None)
    )
    known_attributes = given <= set(SaleAttribute)
    read = state or from_status
    return Standing(
        state=read,
        attributes=";".join(sorted(given)),
        is_closed=known_words and read == SaleState.CLOSED,
        is_awaiting=known_words
        and known_attributes
        and read == SaleState.PENDING
        and bool(given & HANDED_OVER_LATER)
        and not given & PAID_LATER,
        is_unknown=not (known_words and known_attributes),
    )


def _standings(words: pd.DataFrame) -> pd.DataFrame:
    """Read each combination of words once: a store has a few dozen of them."""
    given = words.fillna("")
    number = given.groupby(WORDS, sort=False).ngroup()
    kinds: Sequence[Standing] = [
        read_standing(state, status, attributes)
        for state, status, attributes in given.drop_duplicates().itertuples(
            index=False, name=None
        )
    ]
    table = pd.DataFrame(kinds, columns=list(Standing._fields)).astype(
        {
            "state": "str",
            "attributes": "str",
            "is_closed": "bool",
            "is_awaiting": "bool",
            "is_unknown": "bool",
        }
    )
    return table.take(number.to_numpy()).set_axis(words.index)


def _completed(
    sales: pd.DataFrame, standing: pd.DataFrame, paid_tolerance_cents: int
) -> pd.Series:
    """Rule 2.1: closed, or awaiting hand-over and paid within the tolerance."""
    is_paid = sales["paid_cents"] >= sales["total_incl_cents"] - paid_tolerance_cents
    return ~sales["is_deleted"] & (
        standing["is_closed"] | (standing["is_awaiting"] & is_paid)
    )


def find_short_sales(
    raw_sales: pd.DataFrame, paid_tolerance_cents: int
) -> pd.DataFrame:
    """Return the waiting sales that are not completed for want of less than 1.00.

    Args:
        raw_sales: ``RawSales`` rows.
        paid_tolerance_cents: what a sale may lack and still be paid (rule 2.1).
    """
    lacking = raw_sales["total_incl_cents"] - raw_sales["paid_cents"]
    is_short = (lacking > paid_tolerance_cents) & (lacking < SHORT_BELOW_CENTS)
    found = raw_sales[is_short & ~raw_sales["is_deleted"]]
    return found[_standings(found[WORDS])["is_awaiting"]]


def _sells_something_new(sales: pd.DataFrame) -> pd.Series:
    """Rule 2.3: made against no earlier sale, with a line that sells."""
    return (sales["return_for"].fillna("") == "") & (sales["sold_line_count"] > 0)


def _time_zones(
    outlet_id: pd.Series, zones: pd.DataFrame, store_time_zone: str
) -> pd.Series:
    known = zones.set_index("outlet_id")["time_zone"]
    return outlet_id.map(known).astype("str").fillna(store_time_zone)


def _business_dates(sale_date: pd.Series, time_zone: pd.Series) -> pd.Series:
    """Rule 1.2: the local calendar day, whatever the clocks did that day."""
    days = pd.Series(pd.NaT, index=sale_date.index, dtype="datetime64[us]")
    for zone in time_zone.unique():
        here = time_zone == zone
        # Wall time first: midnight itself may not exist on a day of DST.
        wall = sale_date[here].dt.tz_convert(ZoneInfo(zone)).dt.tz_localize(None)
        days[here] = wall.dt.normalize()
    return days
