"""The ledger's own books: what counts, on which day, for whom (rules 1, 2 and 4)."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from zoneinfo import ZoneInfo

from analytics_pipeline.simulator.records import Sale, StoreState, WebOrder
from analytics_pipeline_tests.oracle.people import People, email_key, is_made_up
from analytics_pipeline_tests.oracle.terms import NORMAL, Terms

STATUSES_DONE = {
    "CLOSED",
    "LAYBY_CLOSED",
    "ONACCOUNT_CLOSED",
    "PICKED_UP_CLOSED",
    "DISPATCHED_CLOSED",
    "SERVICE_CLOSED",
}
STATUSES_AWAITING = {"AWAITING_PICKUP", "AWAITING_DISPATCH"}
PAID = {"ACCEPTED", "PAID", "PARTIALLY_REFUNDED"}
UNDONE = {"WILL_NOT_DELIVER", "RETURNED"}
NOTE = re.compile(r"\s*Order ID:([^\r\n]*)")
ONE_CENT = Decimal("0.01")
HALF_AWAY = ROUND_HALF_UP


@dataclass(frozen=True, slots=True)
class Booking:
    """One completed sale or one added web order; ``person`` None is unattributed.

    ``gift_card_cents`` is what of its total does not count (rule 2.6); ``outlet`` is
    the id of that which sold.
    """

    person: str | None
    day: date
    cents: int
    is_order: bool
    is_ecom: bool
    refunded_cents: int
    is_web_order: bool
    gift_card_cents: int = 0
    outlet: str | None = None


def cents_of(amount: Decimal) -> int:
    """Round to cents, half away from zero (rule 1.3)."""
    return int(amount.quantize(ONE_CENT, ROUND_HALF_UP) * 100)


def local_day(moment: datetime, zone: str) -> date:
    """Return the date that clocks in *zone* show."""
    return moment.astimezone(ZoneInfo(zone)).date()


def business_day(state: StoreState, sale: Sale) -> date:
    """Return a sale's day in its outlet's zone, else the store's (rule 1.2)."""
    outlet = state.outlets.get(sale.outlet_id)
    zone = state.retailer.time_zone if outlet is None else outlet.time_zone
    return local_day(sale.sale_date, zone)


def is_completed(sale: Sale, terms: Terms = NORMAL) -> bool:
    """Say whether a sale is money (rules 2.1 and 2.2)."""
    if sale.deleted_at is not None:
        return False
    if sale.state == "closed":
        return sale.status in STATUSES_DONE
    return is_awaiting(sale) and unpaid(sale) <= terms.paid_tolerance


def is_awaiting(sale: Sale) -> bool:
    """Say whether a sale only waits for its pickup or dispatch (rule 2.1)."""
    if sale.state != "pending" or sale.status not in STATUSES_AWAITING:
        return False
    return bool(sale.attributes) and set(sale.attributes) <= {"pickup", "delivery"}


def unpaid(sale: Sale) -> Decimal:
    """Return what of the rounded total is not paid, in shop currency."""
    paid = [p.amount for p in sale.payments if p.deleted_at is None]
    return Decimal(cents_of(sale.total_price_incl)) / 100 - sum(paid, Decimal(0))


def is_order(sale: Sale, terms: Terms = NORMAL) -> bool:
    """Say whether a completed sale is an order (rules 2.3 and 2.6)."""
    bought = any(
        line.quantity > 0
        and not line.is_return
        and line.status != "VOIDED"
        and (terms.gift_cards_when_sold or not line.gift_card_number)
        for line in sale.lines
    )
    return sale.return_for is None and bought


def total_of(sale: Sale, terms: Terms = NORMAL) -> int:
    """Return the total of a sale in cents (rule 1.4)."""
    return cents_of(sale.total_price_incl if terms.with_tax else sale.total_price)


def value_of(sale: Sale, terms: Terms = NORMAL) -> int:
    """Return what counts of a completed sale, in cents (rules 2.4, 2.6 and 1.4)."""
    total = total_of(sale, terms)
    if not terms.gift_cards_when_sold:
        return total - cents_of(sum(_gift_cards_sold(sale, terms), Decimal(0)))
    by_card = [
        payment.amount
        for payment in sale.payments
        if payment.name == "Gift Card" and payment.deleted_at is None
    ]
    paid = Decimal(cents_of(sum(by_card, Decimal(0))))
    whole = cents_of(sale.total_price_incl)
    return total - int((paid * total / whole if whole else paid).quantize(1, HALF_AWAY))


def _gift_cards_sold(sale: Sale, terms: Terms) -> list[Decimal]:
    """Return what each gift card came to, less where it was taken back."""
    return [
        line.total + line.tax_total * terms.with_tax
        for line in sale.lines
        if line.gift_card_number and line.status != "VOIDED"
    ]


def refunded(sale: Sale, terms: Terms = NORMAL) -> int:
    """Return what a completed sale gave back, in cents (rules 2.5 and 1.4)."""
    back = [
        line.total + line.tax_total if terms.with_tax else line.total
        for line in sale.lines
        if line.is_return and line.status != "VOIDED" and not line.gift_card_number
    ]
    return -cents_of(sum(back, Decimal(0)))


def exported_number(order: WebOrder) -> str:
    """Return the number under which the export has an order, as far as it is seen."""
    return _seen(order.exported_number or order.order_number)


def _seen(text: str) -> str:
    """Take out what is invisible: marks of direction, joiners, signs of no width."""
    return "".join(c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")


def same_number(text: str) -> str:
    """Return what two spellings of one order number have in common (rule 4.3)."""
    return unicodedata.normalize("NFKC", _seen(text).strip()).casefold()


def in_number_order(orders: Iterable[WebOrder]) -> list[WebOrder]:
    """Sort orders by number: as integers, where they are."""

    def rank(order: WebOrder) -> tuple[bool, int, str]:
        number = exported_number(order)
        is_count = re.fullmatch("[0-9]+", number) is not None
        return not is_count, int(number) if is_count else 0, number

    return sorted(orders, key=rank)


def numbers_on(note: str) -> list[str]:
    """Return every number that a note may name, the longest first (rule 4.3)."""
    reported = NOTE.match(_seen(note))
    line = reported[1].strip() if reported else ""
    ends = [place for place, letter in enumerate(line) if letter.isspace()]
    return [same_number(line[:end]) for end in [len(line), *reversed(ends)] if line]


def match_web_orders(orders: list[WebOrder], sales: list[Sale]) -> dict[str, WebOrder]:
    """Return the order that each matched sale belongs to (rule 4.3)."""
    known = {same_number(exported_number(order)) for order in orders}
    by_source: dict[str, list[str]] = {}
    by_note: dict[str, list[str]] = {}
    naming = set()
    for sale in sales:
        if sale.source.startswith("ecw:") and sale.source_id:
            by_source.setdefault(same_number(sale.source_id), []).append(sale.id)
            naming.add(sale.id)
        noted = numbers_on(sale.note)
        if noted and sale.return_for is None:
            named = next((number for number in noted if number in known), noted[0])
            by_note.setdefault(named, []).append(sale.id)
            naming.add(sale.id)
    order_of: dict[str, WebOrder] = {}
    open_orders = []
    for order in in_number_order(orders):
        found = by_source.get(same_number(exported_number(order)), [])
        order_of |= dict.fromkeys(found, order)
        if not found:
            open_orders.append(order)
    still_open = []
    for order in open_orders:
        reported = by_note.get(same_number(exported_number(order)), [])
        free = [sale_id for sale_id in reported if sale_id not in order_of]
        order_of |= dict.fromkeys(free, order)
        if not free:
            still_open.append(order)
    stored = {sale.id for sale in sales}
    for order in still_open:
        hint = order.exported_sale_id
        if hint in stored and hint not in naming and hint not in order_of:
            order_of[str(hint)] = order
    return order_of


def person_of_web_order(order: WebOrder, people: People) -> str | None:
    """Return who ordered, by the e-mail alone (rules 3.7 and 4.5)."""
    key = email_key(order.email)
    if key is None or is_made_up(key) or key in people.placeholders:
        return None
    if key in people.person_of_email:
        return people.person_of_email[key]
    return f"ecom-{sha256(key.encode()).hexdigest()[:16]}"


def book_everything(
    state: StoreState, as_of: date, people: People, terms: Terms = NORMAL
) -> list[Booking]:
    """Book every completed sale and every added web order up to *as_of*."""
    days = {sale.id: business_day(state, sale) for sale in state.sales.values()}
    sales = [sale for sale in state.sales.values() if days[sale.id] <= as_of]
    zone = state.retailer.time_zone
    orders = [
        order
        for order in state.web_orders.values()
        if local_day(order.placed_at, zone) <= as_of
    ]
    order_of = match_web_orders(orders, sales)
    known = {sale.id: sale for sale in sales}
    books = []
    for sale in sales:
        if is_completed(sale, terms):
            person = person_of_sale(sale, known, order_of, people)
            ecom = sale.source.startswith("ecw:") or sale.id in order_of
            books.append(
                Booking(
                    person,
                    days[sale.id],
                    value_of(sale, terms),
                    is_order(sale, terms),
                    ecom,
                    refunded(sale, terms),
                    is_web_order=False,
                    gift_card_cents=total_of(sale, terms) - value_of(sale, terms),
                    outlet=sale.outlet_id,
                )
            )
    synced = {order.order_number for order in order_of.values()}
    unsynced = [order for order in orders if order.order_number not in synced]
    paid = [order for order in unsynced if is_paid_online(order)]
    books += _book_web_orders(paid, zone, people, terms)
    if terms.web_refunds:
        books += _book_refunds(paid, zone, people, terms, as_of)
    return books


def is_paid_online(order: WebOrder) -> bool:
    """Say whether an order that no sale represents counts (rule 4.4)."""
    return order.payment_status in PAID and order.fulfillment_status not in UNDONE


def _book_refunds(
    orders: list[WebOrder], zone: str, people: People, terms: Terms, as_of: date
) -> list[Booking]:
    """Book what came back of such orders, on the day of the last of it (rule 4.4)."""
    books = []
    for order in orders:
        back = sum((each.amount for each in order.refunds), Decimal(0))
        last = max((each.refunded_at for each in order.refunds), default=None)
        if not back or last is None or local_day(last, zone) > as_of:
            continue
        cents = cents_of(back)
        if not terms.with_tax:  # cents of the order and of the refund are whole
            cents = int(
                (back * (order.total - order.tax) / order.total * 100).quantize(
                    Decimal(1), ROUND_HALF_UP
                )
            )
        books.append(
            Booking(
                person_of_web_order(order, people),
                local_day(last, zone),
                -cents,
                is_order=False,
                is_ecom=True,
                refunded_cents=cents,
                is_web_order=True,
            )
        )
    return books


def _book_web_orders(
    orders: list[WebOrder], zone: str, people: People, terms: Terms
) -> list[Booking]:
    """Book the orders that no sale represents."""
    return [
        Booking(
            person_of_web_order(order, people),
            local_day(order.placed_at, zone),
            cents_of(order.total if terms.with_tax else order.total - order.tax),
            is_order=True,
            is_ecom=True,
            refunded_cents=0,
            is_web_order=True,
        )
        for order in orders
    ]


def person_of_sale(
    sale: Sale, known: dict[str, Sale], order_of: dict[str, WebOrder], people: People
) -> str | None:
    """Return whose sale it is; a nameless return follows its original (rule 3.1)."""
    seen = set()
    current: Sale | None = sale
    while current is not None and current.id not in seen:
        seen.add(current.id)
        customer = current.customer_id
        if customer is not None and customer not in people.nobodies:
            return people.person_of_customer.get(customer)
        if current.id in order_of:
            return person_of_web_order(order_of[current.id], people)
        current = known.get(current.return_for or "")
    return None
