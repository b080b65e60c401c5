"""Sales: on which business day each one is, whether its money counts, and why."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from analytics_pipeline.model.checks import CheckResult, Severity, name_some
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.policy import GiftCards, MoneyBasis, Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.table import columns_of
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import SaleAttribute, SaleState, SaleStatus

# ----------------------------------------------------------------------------------
# Sales: on which business day each one is, and whether its money counts.
#
# Takes the latest version of each sale; which version that is, the log knows.


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

WHEN_SOLD = GiftCards.WHEN_SOLD

HANDED_OVER_LATER = frozenset({SaleAttribute.PICKUP, SaleAttribute.DELIVERY})
PAID_LATER = frozenset({SaleAttribute.LAYBY, SaleAttribute.ONACCOUNT})

SHORT_BELOW_CENTS = 100
"""A waiting sale that lacks less than this, but more than the tolerance, is a warning:
perhaps it was paid in rounded cash (rule 2.1)."""

WORDS = ["state", "status", "attributes"]


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
    policy: Policy,
) -> pd.DataFrame:
    """Return ``RawSales``: each sale on its day, with what it counts as.

    Args:
        sales: ``SalesFeed`` rows, one per sale: its latest version.
        zones: ``Outlets``.
        store_time_zone: the zone of a sale whose outlet is unknown (rule 1.2).
        policy: what a waiting sale may lack and still be paid (rule 2.1), and when
            gift cards count (rule 2.6).
    """
    standing = _standings(sales[WORDS])
    time_zone = _time_zones(sales["outlet_id"], zones, store_time_zone)
    is_completed = _completed(sales, standing, policy.paid_tolerance_cents)
    classified = sales.assign(
        business_date=_business_dates(sales["sale_date"], time_zone),
        time_zone=time_zone,
        state=standing["state"],
        attributes=standing["attributes"],
        is_completed=is_completed,
        is_order=is_completed & _sells_something_new(sales, policy.gift_cards),
        is_unknown=standing["is_unknown"],
        **{
            f"value_{basis}_cents": value_of(sales, basis, policy.gift_cards)
            for basis in ("incl", "excl")
        },
    )
    return classified[columns_of(RawSales)].sort_values(
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


def _sells_something_new(sales: pd.DataFrame, gift_cards: GiftCards) -> pd.Series:
    """Rules 2.3 and 2.6: made against no earlier sale, with a line that sells."""
    sells: pd.Series = lines_that_sell(sales, gift_cards) > 0
    return (sales["return_for"].fillna("") == "") & sells


def lines_that_sell(sales: Any, gift_cards: GiftCards) -> Any:
    """Return how many lines of a sale make it an order (rules 2.3 and 2.6).

    Args:
        sales: a sale, or a column each: of a frame or of the engine.
        gift_cards: when they count.
    """
    every = sales["sold_line_count"]
    return every if gift_cards is WHEN_SOLD else every - sales["gift_line_count"]


def value_of(sales: Any, basis: str, gift_cards: GiftCards) -> Any:
    """Return what counts of the totals of *sales* (rules 2.4 and 2.6), in cents.

    Args:
        sales: a sale, or a column each: of a frame or of the engine.
        basis: ``incl`` or ``excl``, as in the columns' names.
        gift_cards: when they count: what does not is taken off.
    """
    part = "paid" if gift_cards is WHEN_SOLD else "sold"
    return sales[f"total_{basis}_cents"] - sales[f"gift_{part}_{basis}_cents"]


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


# ----------------------------------------------------------------------------------
# Why a sale's money counts or not, and why it is an order or not, in words.
#
# The same rules as ``domain.sales`` (2.1 to 2.3), for a person.


CLOSED_AS: Mapping[str, str] = {
    SaleAttribute.LAYBY: "closed, the layby is paid off",
    SaleAttribute.ONACCOUNT: "closed, the account is settled",
    SaleAttribute.DELIVERY: "closed, dispatched",
    SaleAttribute.PICKUP: "closed, picked up",
    SaleAttribute.SERVICE: "closed, the service is done",
}
"""What a closed sale was before, the most specific first."""


@dataclass(frozen=True, slots=True)
class SaleReason:
    """What a sale counts as, and why.

    Attributes:
        counts: its money counts (rule 2.1).
        is_order: it is an order (rule 2.3).
        words: why, for a person.
    """

    counts: bool
    is_order: bool
    words: str


def give_reason(sale: Mapping[str, Any], policy: Policy) -> SaleReason:
    """Say of a ``RawSales`` row what it counts as, and why."""
    standing = read_standing(*(said(sale[word]) for word in _WORDS))
    if sale["is_deleted"]:
        return SaleReason(False, False, "deleted")
    if standing.is_closed:
        is_order, words = _reason_of_order(sale, policy.gift_cards)
        odd = f" ({_oddity(sale)})" if standing.is_unknown else ""
        return SaleReason(True, is_order, f"{_closed_as(standing)}{odd}; {words}")
    if standing.is_unknown:
        return SaleReason(False, False, _oddity(sale))
    if not standing.is_awaiting:
        return SaleReason(False, False, _unfinished(sale, standing))
    hand_over, is_paid = _awaiting(sale, standing, policy.paid_tolerance_cents)
    if not is_paid:
        return SaleReason(False, False, hand_over)
    is_order, words = _reason_of_order(sale, policy.gift_cards)
    return SaleReason(True, is_order, f"{hand_over}; {words}")


_WORDS = ("state", "status", "attributes")


def said(value: Any) -> str:
    """Return a text cell; blank where it is missing."""
    return "" if value is None or pd.isna(value) else str(value)


def _oddity(sale: Mapping[str, Any]) -> str:
    """Name the words that are on no list of the vendor's."""
    state, status, attributes = (said(sale[word]) for word in _WORDS)
    if not state and not status:
        return "it has neither a state nor a status"
    known: list[tuple[str, Collection[str]]] = [
        (state, set(SaleState)),
        (status, STATE_OF_STATUS.keys()),
        *((word, set(SaleAttribute)) for word in attributes.split(";")),
    ]
    unknown = [word for word, words in known if word and word not in words]
    return f"not a known word: {', '.join(dict.fromkeys(unknown))}"


def _closed_as(standing: Standing) -> str:
    words = standing.attributes.split(";")
    return next((text for word, text in CLOSED_AS.items() if word in words), "closed")


def _awaiting(
    sale: Mapping[str, Any], standing: Standing, paid_tolerance_cents: int
) -> tuple[str, bool]:
    """Say what is waited for, and whether it is paid within the tolerance."""
    is_dispatch = SaleAttribute.DELIVERY in standing.attributes.split(";")
    awaited = "dispatch" if is_dispatch else "pickup"
    paid, total = int(sale["paid_cents"]), int(sale["total_incl_cents"])
    amounts = f"{format_cents(paid)} of {format_cents(total)}"
    if paid >= total:
        return f"awaiting {awaited}, paid ({amounts})", True
    lacking = total - paid
    if lacking <= paid_tolerance_cents:
        but = "a cent" if lacking == 1 else format_cents(lacking)
        return f"awaiting {awaited}, paid but for {but} ({amounts})", True
    words = f"awaiting {awaited}, but only {amounts} is paid"
    if lacking < SHORT_BELOW_CENTS:
        words += (
            f"; the {format_cents(lacking)} missing is more than paid_tolerance "
            f"({format_cents(paid_tolerance_cents)})"
        )
    return words, False


def _unfinished(sale: Mapping[str, Any], standing: Standing) -> str:
    """Say what a sale is that is neither closed nor awaits its hand-over."""
    if standing.state == SaleState.VOIDED:
        return "voided"
    if standing.state == SaleState.PARKED:
        is_quote = said(sale["status"]) == SaleStatus.QUOTE
        return "a quote" if is_quote else "parked: a draft"
    words = standing.attributes.split(";")
    if SaleAttribute.LAYBY in words:
        return "a layby that is not paid off"
    if SaleAttribute.ONACCOUNT in words:
        return "on account and not settled"
    if SaleAttribute.SERVICE in words:
        return "a service that is not done"
    return "still open"


def _reason_of_order(
    sale: Mapping[str, Any], gift_cards: GiftCards
) -> tuple[bool, str]:
    """Say whether a completed sale is an order, and why."""
    original = said(sale["return_for"])
    sells = lines_that_sell(sale, gift_cards) > 0
    if original and sells:
        return False, f"an exchange against sale {original}, so no order"
    if original:
        return False, f"a return of sale {original}, so no order"
    if not sells and sale["sold_line_count"]:
        return False, "it sells gift cards only, so no order"
    if not sells:
        has_returns = sale["refunded_incl_cents"] != 0
        lines = "it has return lines only" if has_returns else "no line of it sells"
        return False, f"{lines}, so no order"
    return True, "an order, for free" if sale["total_incl_cents"] == 0 else "an order"


# ----------------------------------------------------------------------------------
# Money that is in no figure of a person, reported with count and sum.
#
# Each of these is right by the rules, and none may go unseen: a person has to look.


UNNAMED = "not named"
"""Shown for an outlet or a register that the sale does not name."""

MOST_REGISTERS_NAMED = 3


def total_columns(policy: Policy) -> tuple[str, str]:
    """Return the columns of a total, and of what does not count of it (rule 2.6)."""
    basis = "incl" if policy.money_basis is MoneyBasis.INCL_TAX else "excl"
    part = "paid" if policy.gift_cards is WHEN_SOLD else "sold"
    return f"total_{basis}_cents", f"gift_{part}_{basis}_cents"


def value_column(policy: Policy) -> str:
    """Return the column of ``RawSales`` that is a sale's value (rules 1.4 and 2.6)."""
    with_tax = policy.money_basis is MoneyBasis.INCL_TAX
    return "value_incl_cents" if with_tax else "value_excl_cents"


def check_short_sales(raw_sales: pd.DataFrame, policy: Policy) -> CheckResult:
    """Report waiting sales that are paid but for less than 1.00 (rule 2.1).

    They do not count unless ``paid_tolerance`` says so.
    """
    short = find_short_sales(raw_sales, policy.paid_tolerance_cents)
    value = format_cents(int(short[value_column(policy)].sum()))
    missing = format_cents(int((short["total_incl_cents"] - short["paid_cents"]).sum()))
    waiting = say(len(short), "sale that waits", "sales that wait")
    lacks = "lacks" if len(short) == 1 else "lack"
    return CheckResult(
        "no_sale_is_a_little_short",
        short.empty,
        "No waiting sale lacks less than 1.00 of its total."
        if short.empty
        else f"{waiting} for pickup or dispatch {lacks} less than 1.00 of the total "
        f"({missing} in all), so {value} is not counted. If the tills round cash, set "
        "paid_tolerance in analytics.toml.",
        Severity.WARN,
        {
            "sales": len(short),
            "value": value,
            "missing": missing,
            "paid_tolerance": format_cents(policy.paid_tolerance_cents),
            "sale_ids": name_some(short["sale_id"].tolist()),
        },
    )


def check_dated_after_today(
    later: pd.DataFrame, today: date, policy: Policy
) -> CheckResult:
    """Report sales dated after *today*, which are in no figure (rules 1.1 and 1.5).

    Args:
        later: ``RawSales`` rows of them, with ``register_id``.
        today: in store time.
        policy: the shop's choices.
    """
    value = format_cents(int(later[value_column(policy)].sum()))
    earliest = "" if later.empty else str(later["business_date"].min())[:10]
    tills = name_registers(later)
    shown = "; ".join(tills[:MOST_REGISTERS_NAMED])
    more = len(tills) - MOST_REGISTERS_NAMED
    shown += f" and {more} more" if more > 0 else ""
    return CheckResult(
        "no_sale_is_dated_later",
        later.empty,
        "No sale is dated after today."
        if later.empty
        else f"{say(len(later), 'sale is', 'sales are')} dated after today ({today}), "
        f"the first one {earliest}, so {value} is in no figure. The clock of a till is "
        f"wrong ({shown}): set it, and correct the date of the sales in Lightspeed.",
        Severity.WARN,
        {
            "sales": len(later),
            "value": value,
            "earliest": earliest,
            "registers": name_some(tills),
            "sale_ids": name_some(later["sale_id"].tolist()),
        },
    )


def name_registers(later: pd.DataFrame) -> list[str]:
    """Return each register of the sales *later*, with its outlet, by their ids."""
    places = later[["register_id", "outlet_id"]].fillna(UNNAMED).drop_duplicates()
    return sorted(
        f"register {register}, outlet {outlet}"
        for register, outlet in places.itertuples(index=False, name=None)
    )


def check_undelivered(undelivered: pd.DataFrame) -> CheckResult:
    """Report sales under customers of whom there is no record (rule 3.8).

    Args:
        undelivered: ``customer_id, sales, value_cents`` of each such customer.
    """
    sales = int(undelivered["sales"].sum())
    value = format_cents(int(undelivered["value_cents"].sum()))
    customers = say(len(undelivered), "customer", "customers")
    return CheckResult(
        "customers_have_records",
        undelivered.empty,
        "Every customer of a sale that counts has a record."
        if undelivered.empty
        else f"{say(sales, 'sale', 'sales')} of {customers} without a record "
        f"{'is' if sales == 1 else 'are'} unattributed: {value}. Lightspeed does not "
        "deliver these customers, or their records are in quarantine.",
        Severity.WARN,
        {
            "sales": sales,
            "value": value,
            "customers": len(undelivered),
            "customer_ids": name_some(undelivered["customer_id"].tolist()),
        },
    )
