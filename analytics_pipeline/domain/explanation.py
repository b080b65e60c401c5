"""One person explained: who it is, what counts, how it adds up, and what comes next."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS, cents_from
from analytics_pipeline.domain.sales import (
    give_reason,
    said,
    total_columns,
    value_column,
)
from analytics_pipeline.domain.tiers import Outlook, Purchase, look_ahead
from analytics_pipeline.domain.web_orders import (
    PAID_CODES,
    UNDONE_CODES,
    counts_unsynced,
    doubt_fulfilment,
    has_known_payment,
    show_word,
)
from analytics_pipeline.model.money import divide_half_away, format_cents, share_of
from analytics_pipeline.model.policy import GiftCards, MoneyBasis, Policy
from analytics_pipeline.model.vocabulary import WEB_SOURCE, OrderEvidence

# ----------------------------------------------------------------------------------
# One person explained: who it is, what counts, how it adds up, and what comes next.
#
# The sums are made here once more, from the lines that are shown, in plain Python;
# they are worth showing only if they are the figures that the pipeline published.


class LineKind(StrEnum):
    """What a line is about."""

    SALE = "sale"
    WEB_ORDER = "web order"
    WEB_REFUND = "refund of web order"


@dataclass(frozen=True, slots=True)
class Member:
    """One record, or web-shop e-mail, of the person, and why it is one with the others.

    Attributes:
        record_id: the record; ``ecom-…`` for a web-shop e-mail.
        kind: a ``RecordKind``.
        standing: ``own`` (it gives the person its id), ``live`` or ``deleted``.
        customer_code: blank where there is none.
        has_placeholder_email: its e-mail joins no one (rule 3.3).
        joined_by: forced, email or phone; blank for the own record.
        joined_to: the record that it shares this with; blank for the own record.
    """

    record_id: str
    kind: str
    standing: str
    customer_code: str
    has_placeholder_email: bool
    joined_by: str
    joined_to: str


@dataclass(frozen=True, slots=True)
class Line:
    """One sale, web order or refund up to D, and why it counts or does not.

    ``record_id`` is the member that it is under: the record of a sale (blank if it has
    no customer), the e-mail of a web order.  ``value_cents`` is what it is, or would
    be, worth; ``refunded_cents`` the worth of its return lines.  What does not
    ``count`` is in no figure.
    """

    kind: LineKind
    id: str
    record_id: str
    day: date
    value_cents: int
    refunded_cents: int
    counts: bool
    is_order: bool
    is_ecom: bool
    why: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of a person as of D, named as in ``CustomerAnalytics``."""

    lifetime_value_cents: int
    rolling_90_day_value_cents: int
    order_count: int
    rolling_90_day_order_count: int
    average_order_value_cents: int | None
    first_order_date: date | None
    last_order_date: date | None
    days_since_last_order: int | None
    is_vip: bool
    is_high_value: bool
    ecom_order_count: int
    retail_order_count: int
    refunded_value_cents: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A person as of a day, with everything that its row in the master comes from.

    Attributes:
        as_of: the day D.
        person_id: the person.
        name: as the master shows it; blank if there is none, as are the next two.
        email: as the master shows it.
        phone: as the master shows it.
        has_row: the master of D has the person; one of the web shop alone needs a
            counted order (rule 3.7).
        members: its records, its own one first.
        lines: its sales and web orders up to D, by day.
        figures: the sums of the lines that count.
        outlook: tier and segment, and when they next change.
        notes: what else a person should know, as sentences.
    """

    as_of: date
    person_id: str
    name: str
    email: str
    phone: str
    has_row: bool
    members: tuple[Member, ...]
    lines: tuple[Line, ...]
    figures: Figures
    outlook: Outlook
    notes: tuple[str, ...]

    @property
    def counted(self) -> tuple[Line, ...]:
        """The lines that count."""
        return tuple(line for line in self.lines if line.counts)

    @property
    def left_out(self) -> tuple[Line, ...]:
        """The lines that do not count."""
        return tuple(line for line in self.lines if not line.counts)


def window_start(day: date) -> date:
    """Return the first day of the rolling window of *day* (rule 5.2)."""
    return day - timedelta(days=ROLLING_DAYS - 1)


def add_up(lines: Sequence[Line], policy: Policy, day: date) -> Figures:
    """Add up the *lines* that count (rules 5.1 to 5.4)."""
    counted = [line for line in lines if line.counts]
    orders = [line for line in counted if line.is_order]
    recent = [line for line in counted if line.day >= window_start(day)]
    value = sum(line.value_cents for line in counted)
    days = [line.day for line in orders]
    last = max(days, default=None)
    vip, high = cents_from(policy.vip_from), cents_from(policy.high_value_from)
    return Figures(
        lifetime_value_cents=value,
        rolling_90_day_value_cents=sum(line.value_cents for line in recent),
        order_count=len(orders),
        rolling_90_day_order_count=sum(line.is_order for line in recent),
        average_order_value_cents=divide_half_away(value, len(orders))
        if orders
        else None,
        first_order_date=min(days, default=None),
        last_order_date=last,
        days_since_last_order=None if last is None else (day - last).days,
        is_vip=value >= vip,
        is_high_value=high <= value < vip,
        ecom_order_count=sum(line.is_ecom for line in orders),
        retail_order_count=sum(not line.is_ecom for line in orders),
        refunded_value_cents=sum(line.refunded_cents for line in counted),
    )


def foresee(lines: Sequence[Line], policy: Policy, day: date) -> Outlook:
    """Look ahead from the *lines* that count."""
    counted = (line for line in lines if line.counts)
    purchases = [
        Purchase(line.day, line.value_cents, line.is_order) for line in counted
    ]
    return look_ahead(purchases, policy, day)


def find_differences(
    figures: Figures, outlook: Outlook, row: Mapping[str, Any]
) -> list[str]:
    """Name the columns of a ``CustomerAnalytics`` *row* that say something else."""
    ours = asdict(figures) | {
        "tier": outlook.tier.value,
        "inactive_segment": outlook.segment.value,
    }
    return [name for name, value in ours.items() if value != _plain(row[name])]


def _plain(cell: Any) -> Any:
    """Return a cell of a frame as Python has it: days as dates, missing as None."""
    if pd.isna(cell):
        return None
    return cell.date() if isinstance(cell, pd.Timestamp) else cell


# ----------------------------------------------------------------------------------
# The records of one person, each with why it is one with the others (rule 3.6).


def explain_members(
    person_id: str, customer_identities: pd.DataFrame, customers: pd.DataFrame
) -> list[Member]:
    """Return the records of *person_id*: its own, then each behind the one it joined.

    Args:
        person_id: the person.
        customer_identities: the rows of this person.
        customers: gives the codes that staff see.
    """
    codes = dict(zip(customers["customer_id"], customers["customer_code"], strict=True))
    members = {
        row["record_id"]: _explain(row, person_id, said(codes.get(row["record_id"])))
        for row in customer_identities.to_dict("records")
    }
    return [members[record] for record in _outwards(person_id, members)]


def _outwards(person_id: str, members: Mapping[str, Member]) -> list[str]:
    """Order records as the tree of edges is walked from the person's own one."""
    behind: dict[str, list[str]] = defaultdict(list)
    for record, member in members.items():
        if record != person_id:
            behind[member.joined_to].append(record)
    order = [person_id]
    for record in order:
        order += sorted(behind[record])
    return order


def _explain(row: Mapping[Any, Any], person_id: str, code: str) -> Member:
    is_own = row["record_id"] == person_id
    live = "live" if row["is_live"] else "deleted"
    # The edges make a tree, so one of them joins each record but the own one.
    kind, _, other = ("", "", "") if is_own else said(row["evidence"]).partition(":")
    return Member(
        record_id=row["record_id"],
        kind=row["record_kind"],
        standing="own" if is_own else live,
        customer_code=code,
        has_placeholder_email=row["has_placeholder_email"],
        joined_by=kind,
        joined_to=other,
    )


# ----------------------------------------------------------------------------------
# The sales and web orders of one person, each with why it counts or does not.


EVIDENCE_WORDS: Mapping[str, str] = {
    OrderEvidence.SOURCE_ID: "the sale's source names the order",
    OrderEvidence.NOTE: "the sale's note names the order",
    OrderEvidence.EXPORT_ID: "the web shop's export names the sale",
}


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties sales and web orders to the person.

    Attributes:
        walk_in_ids: ids of the walk-in customer.
        orders_of_sale: the web order of each sale that is tied to one.
        own_orders: the numbers of the web orders made with the person's e-mails.
        refunds: by order number, what to say of an order that the web shop gave back
            while its sale counts.
    """

    walk_in_ids: Set[str]
    orders_of_sale: Mapping[str, str]
    own_orders: Set[str]
    refunds: Mapping[str, str] = field(default_factory=dict)


def explain_sales(sales: pd.DataFrame, ties: Ties, policy: Policy) -> list[Line]:
    """Return a line for each of *sales*, the ``RawSales`` rows of the person."""
    return [_explain_sale(row, ties, policy) for row in sales.to_dict("records")]


def _explain_sale(sale: Mapping[Any, Any], ties: Ties, policy: Policy) -> Line:
    reason = give_reason(sale, policy)
    record = said(sale["customer_id"])
    is_without_customer = not record or record in ties.walk_in_ids
    basis = "incl" if policy.money_basis is MoneyBasis.INCL_TAX else "excl"
    total, gift_cards = total_columns(policy)
    is_web = said(sale["source"]).startswith(WEB_SOURCE)
    tied = f"; {_tie(sale, ties)}" if is_without_customer else ""
    order = ties.orders_of_sale.get(sale["sale_id"], "")
    if reason.counts and order in ties.refunds:
        tied += f"; of its web order {order}, {ties.refunds[order]}"
    if reason.counts and sale[gift_cards]:
        tied += f"; {_explain_gift_cards(sale[total], sale[gift_cards], policy)}"
    return Line(
        kind=LineKind.SALE,
        id=sale["sale_id"],
        record_id="" if is_without_customer else record,
        day=sale["business_date"].date(),
        value_cents=int(sale[value_column(policy)]),
        refunded_cents=int(sale[f"refunded_{basis}_cents"]),
        counts=reason.counts,
        is_order=reason.is_order,
        is_ecom=is_web or sale["sale_id"] in ties.orders_of_sale,
        why=f"{reason.words}{tied}",
    )


def _explain_gift_cards(total: int, part: int, policy: Policy) -> str:
    """Say what of a sale's total does not count, and when it does (rule 2.6)."""
    when_sold = policy.gift_cards is GiftCards.WHEN_SOLD
    what = "was paid by gift card, which counted when it was sold"
    if not when_sold:
        what = "is for gift cards, which count when they are redeemed"
    return f"of its total of {format_cents(total)}, {format_cents(part)} {what}"


def _tie(sale: Mapping[Any, Any], ties: Ties) -> str:
    """Say why a sale without a named customer is this person's (rules 3.1, 4.5)."""
    is_walk_in = bool(said(sale["customer_id"]))
    holder = "under the walk-in customer" if is_walk_in else "without a customer"
    order = ties.orders_of_sale.get(sale["sale_id"])
    if order in ties.own_orders:
        return f"{holder}, but web order {order} was made with this person's e-mail"
    return f"{holder}, but it goes back to a sale of this person"


def explain_orders(
    orders: pd.DataFrame,
    matches: pd.DataFrame,
    own_sales: Set[str],
    policy: Policy,
    refunds: Mapping[str, str],
    day: date,
) -> list[Line]:
    """Return a line for each of *orders*, the ``EcomOrders`` rows of the person.

    One that counts and of which the web shop gave something back has a second line.

    Args:
        orders: those made with its e-mails, dated D or before.
        matches: the sales of every order as of D.
        own_sales: the ids of the person's sales.
        policy: says whether tax belongs to the value.
        refunds: as those of :class:`Ties`.
        day: the day D.
    """
    with_tax = policy.money_basis is MoneyBasis.INCL_TAX
    tied = matches[matches["order_number"].isin(orders["order_number"])]
    claims_of: dict[str, list[Mapping[Any, Any]]] = defaultdict(list)
    for claim in tied.to_dict("records"):
        claims_of[claim["order_number"]].append(claim)
    counts = counts_unsynced(orders).tolist()
    lines = []
    for order, is_good in zip(orders.to_dict("records"), counts, strict=True):
        number = order["order_number"]
        claims = claims_of[number]
        is_added = is_good and not _sales_in(claims)
        why = _why_order(order, claims, own_sales, refunds.get(number, ""))
        value = order["total_cents"] - (0 if with_tax else order["tax_cents"])
        lines.append(
            Line(
                kind=LineKind.WEB_ORDER,
                id=number,
                record_id=order["ecom_customer_id"],
                day=order["order_date"].date(),
                value_cents=value,
                refunded_cents=0,
                counts=is_added,
                is_order=is_added,
                is_ecom=True,
                why=why,
            )
        )
        if is_added:
            lines += _explain_refund(lines[-1], order, day)
    return lines


def _explain_refund(line: Line, order: Mapping[Any, Any], day: date) -> list[Line]:
    """Return the line of what the web shop gave back up to *day*, if it did.

    Without tax, it is as large a part of the refund as the *line* is of the order.
    """
    cents = share_of(order["refunded_cents"], line.value_cents, order["total_cents"])
    when = order["refund_date"]
    given_back = line.day if pd.isna(when) else when.date()
    if not cents or given_back > day:
        return []
    return [
        replace(
            line,
            kind=LineKind.WEB_REFUND,
            day=given_back,
            value_cents=-cents,
            refunded_cents=cents,
            is_order=False,
            why="the web shop gave this back, and no sale has the order",
        )
    ]


def _sales_in(claims: Sequence[Mapping[Any, Any]]) -> list[Mapping[Any, Any]]:
    return [claim for claim in claims if said(claim["sale_id"])]


def _why_order(
    order: Mapping[Any, Any],
    claims: Sequence[Mapping[Any, Any]],
    own_sales: Set[str],
    refund: str,
) -> str:
    """Say why an order adds to the value, or does not, and what speaks against it."""
    against = said(claims[0]["contradiction"]) if claims else ""
    parts = [_why_counted(order, _sales_in(claims), own_sales), refund]
    if against:
        parts.append(f"but {against}")
    return "; ".join(filter(None, parts))


def _why_counted(
    order: Mapping[Any, Any], sales: Sequence[Mapping[Any, Any]], own_sales: Set[str]
) -> str:
    """Say why an order adds to the value, or does not (rule 4.4)."""
    if sales:
        evidence = EVIDENCE_WORDS[sales[0]["evidence"]]
        ids = [sale["sale_id"] for sale in sales]
        named = f"is sale {' and sale '.join(ids)} ({evidence})"
        if set(ids) <= own_sales:
            return f"{named}, which represents it"
        return f"{named}, which is under another customer"
    paid, course = said(order["payment_status"]), said(order["fulfillment_status"])
    if not paid:
        return "no sale has it, and it has no payment status"
    if not has_known_payment(order):
        return (
            f"no sale has it, and its payment status is not known ({show_word(paid)})"
        )
    if paid not in PAID_CODES:
        return f"no sale has it, and it is not paid ({paid})"
    if course in UNDONE_CODES:
        return f"no sale has it, and it came to nothing ({course})"
    return f"an order that no sale has; paid ({paid}){doubt_fulfilment(order)}"
