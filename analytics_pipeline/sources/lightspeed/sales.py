"""Sales from the feed or the search, as rows of ``sales_feed`` (API 3)."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from analytics_pipeline.domain.order_numbers import noted_text
from analytics_pipeline.domain.sale_lines import Line, LineMark, write_lines
from analytics_pipeline.model.money import LARGEST_AMOUNT, share_of
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.sources.lightspeed.pages import (
    RawAdjustment,
    RawLine,
    RawPayment,
    TypedSale,
    raw_sale,
)
from analytics_pipeline.sources.values import (
    EXACT,
    LARGEST_VERSION,
    UNREADABLE_WORD,
    Rejection,
    Unusable,
    amount,
    flag,
    frame_of,
    id_in,
    identifier,
    instant,
    is_set,
    nearest_cents,
    optional_name,
    plain_text,
    reference,
    sort_out,
    text,
    version,
    whole_cents,
    word,
)

# ----------------------------------------------------------------------------------
# Sales from the feed or the search, as rows of ``sales_feed``.
#
# Only amounts, links and words of closed sets are taken; of a note, nothing but what
# follows ``Order ID:`` at its start, to the end of that line (rules 4.3 and 4.7).


_LINES, _PAYMENTS = "line_amounts_are_numbers", "payment_amounts_are_numbers"
_STATUS, _VOIDED = "line_status_is_text", "VOIDED"
_NOTHING = Decimal(0)
_MOST_ATTRIBUTES = 100


GIFT_CARD_TYPE, GIFT_CARD_NAME = "118", "gift card"
"""How a payment by gift card is marked: by the number of its type, or by its name
where there is no number (API 3.1)."""


class LineSums(NamedTuple):
    """What the lines of a sale add up to; money is integer cents."""

    refunded_incl_cents: int
    refunded_excl_cents: int
    sold_line_count: int
    gift_line_count: int
    gift_sold_incl_cents: int
    gift_sold_excl_cents: int


class Totals(NamedTuple):
    """The totals of a sale in cents."""

    incl: int
    excl: int


def sales_rows(
    records: Iterable[Any],
    *,
    segment: int,
    page: int,
    highest_version: int = LARGEST_VERSION,
) -> tuple[pd.DataFrame, list[Rejection]]:
    """Return ``SalesFeed`` rows of *records*, and what was rejected and why.

    A record that appears twice on a page with the same version makes one row.  One
    above *highest_version* is rejected.
    """
    rows, rejections = sort_out(
        records,
        lambda record: _row(record, segment),
        table="sales_feed",
        page=page,
        highest_version=highest_version,
    )
    latest = {(row[0], row[1]): row for row in rows}
    return frame_of(list(latest.values()), SalesFeed), rejections


def _row(record: dict[str, Any] | TypedSale, segment: int) -> tuple[Any, ...]:
    """Return the values of one sale in the column order of ``SalesFeed``."""
    sale_id = identifier(id_in(record))
    sale = raw_sale(record)
    totals = Totals(_total_cents(sale.total_incl), _total_cents(sale.total_excl))
    lines, payments = list(sale.lines), list(sale.payments)
    return (
        sale_id,
        version(sale.version),
        segment,
        instant(sale.sale_date, "sale_date_is_a_time"),
        reference(sale.outlet_id, "outlet_id_is_text"),
        optional_name(sale.register_id),
        optional_name(sale.user_id),
        reference(sale.customer_id, "customer_id_is_text"),
        text(sale.source, "source_is_text"),
        text(sale.source_id, "source_id_is_text"),
        _order_number(sale.note),
        reference(sale.return_for, "return_for_is_text"),
        word(sale.state),
        word(sale.status),
        _attributes(sale.attributes, sale.status),
        is_set(sale.deleted_at, "deleted_at_is_a_time"),
        *totals,
        _paid_cents(payments),
        *_line_sums(lines),
        *_paid_by_gift_card(payments, totals),
        write_lines(_goods(lines), _charges(sale.adjustments)),
    )


def _total_cents(value: Any) -> int:
    """Return a total rounded half away from zero to cents, once (rule 1.3)."""
    if value is None or value == "":
        raise Unusable("total_is_given")
    rule = "total_is_a_number"
    return nearest_cents(amount(value, rule), rule)


def _paid_cents(payments: Sequence[RawPayment]) -> int:
    """Return the whole cents of the payments that are not deleted (rule 2.1)."""
    paid = (
        amount(payment.amount, _PAYMENTS)
        for payment in payments
        if not is_set(payment.deleted_at, _PAYMENTS)
    )
    return whole_cents(_exact_sum(paid, _PAYMENTS), _PAYMENTS)


def _paid_by_gift_card(payments: Sequence[RawPayment], totals: Totals) -> Totals:
    """Return what gift cards paid, and its share of the total without tax (2.6)."""
    paid = [
        amount(payment.amount, _PAYMENTS)
        for payment in payments
        if _is_gift_card(payment) and not is_set(payment.deleted_at, _PAYMENTS)
    ]
    if not paid:
        return Totals(0, 0)
    cents = nearest_cents(_exact_sum(paid, _PAYMENTS), _PAYMENTS)
    without_tax = share_of(cents, totals.excl, totals.incl)
    if abs(without_tax) > LARGEST_AMOUNT:
        raise Unusable(_PAYMENTS)
    return Totals(cents, without_tax)


def _is_gift_card(payment: RawPayment) -> bool:
    kind, name = payment.kind, payment.name
    if kind is not None:
        return str(kind).strip() == GIFT_CARD_TYPE
    return type(name) is str and name.strip().casefold() == GIFT_CARD_NAME


def _line_sums(lines: Sequence[RawLine]) -> LineSums:
    """Return refunded value (rule 2.5), lines that sell (2.3) and gift cards (2.6).

    A value is checked only where a figure needs it: the price of a line that sells is
    in the sale's total already.  A gift card that is taken back is no refund: it was
    no value when it was sold.
    """
    refunds: list[RawLine] = []
    gifts: list[RawLine] = []
    sold = gift_lines = 0
    for line in lines:
        if plain_text(line.status, _STATUS) == _VOIDED:
            continue
        is_gift, is_return = _sells_gift_card(line), flag(line.is_return, _LINES)
        if is_gift:
            gifts.append(line)
        elif is_return:
            refunds.append(line)
        if not is_return and amount(line.quantity, _LINES) > 0:
            sold, gift_lines = sold + 1, gift_lines + is_gift
    back, cards = _add_up(refunds), _add_up(gifts)
    return LineSums(-back.incl, -back.excl, sold, gift_lines, *cards)


def _sells_gift_card(line: RawLine) -> bool:
    """Say whether a line names a gift card; the number itself is not kept."""
    return text(line.gift_card, "gift_card_number_is_text") is not None


def _add_up(lines: Sequence[RawLine]) -> Totals:
    """Return what *lines* come to, each sum rounded once (rule 1.3)."""
    if not lines:
        return Totals(0, 0)
    totals = [amount(line.total, _LINES) for line in lines]
    taxes = [amount(line.tax, _LINES) for line in lines]
    excl, incl = _exact_sum(totals, _LINES), _exact_sum(totals + taxes, _LINES)
    return Totals(nearest_cents(incl, _LINES), nearest_cents(excl, _LINES))


# ----------------------------------------------------------------------------------
# The lines as they are kept. No figure of a person depends on them, so what cannot be
# read of one is missing, and the sale counts all the same.


def _goods(lines: Sequence[RawLine]) -> Iterator[Line]:
    """Yield what is kept of the lines that are not voided."""
    for line in lines:
        if plain_text(line.status, _STATUS) != _VOIDED:
            yield Line(
                LineMark.GIFT_CARD if _sells_gift_card(line) else LineMark.GOODS,
                optional_name(line.product_id),
                flag(line.is_return, _LINES),
                _readable(line.quantity),
                _readable(line.total),
                _readable(line.tax),
                _readable(line.discount),
                _readable_sum(line.promotions),
                _readable(line.cost),
            )


def _charges(adjustments: Iterator[RawAdjustment]) -> Iterator[Line]:
    """Yield what was added to the whole sale, or taken off it, as lines."""
    for each in adjustments:
        is_discount = word(each.kind) == "DISCOUNT"
        yield Line(
            LineMark.DISCOUNT if is_discount else LineMark.SURCHARGE,
            total=_readable(each.value),
            tax=_readable_sum(each.taxes),
        )


def _readable(value: Any) -> Decimal | None:
    """Return an amount, or nothing where it cannot be read."""
    try:
        return None if value is None else amount(value, _LINES)
    except Unusable:
        return None


def _readable_sum(values: Sequence[Any]) -> Decimal | None:
    """Return the sum of amounts, which is nothing if one of them cannot be read."""
    amounts = [_readable(value) for value in values]
    known = [each for each in amounts if each is not None]
    return _exact_sum(known, _LINES) if len(known) == len(amounts) else None


def _exact_sum(amounts: Iterable[Decimal], rule: str) -> Decimal:
    """Add *amounts* without losing a digit, or call them unusable."""
    total = _NOTHING
    try:
        for value in amounts:
            total = EXACT.add(total, value)
    except ArithmeticError as error:
        raise Unusable(rule) from error
    return total


def _order_number(note: Any) -> str | None:
    """Return what a note says of a web order, at most 60 characters of one line."""
    found = noted_text(note) if isinstance(note, str) else None
    return None if found is None else text(found, "note_is_text")


def _attributes(value: Any, status: Any) -> str:
    """Return the attributes, sorted and joined; one that is no word is unknown.

    The older status says the attribute too; where neither is given, what a pending
    sale waits for is unknown.
    """
    if value is None:
        return UNREADABLE_WORD if word(status) is None else ""
    if not isinstance(value, list) or len(value) > _MOST_ATTRIBUTES:
        return UNREADABLE_WORD
    if not value:
        return ""
    return ";".join(sorted({word(item) or UNREADABLE_WORD for item in value}))
