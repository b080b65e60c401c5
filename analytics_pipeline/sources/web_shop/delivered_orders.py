"""Orders of the web shop's API as rows of ``ecom_feed``, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analytics_pipeline.domain.order_numbers import clean_number
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.model.text import LONGEST_ORDER_NUMBER
from analytics_pipeline.model.vocabulary import WEB_ORDER_WORDS, OrderOrigin
from analytics_pipeline.sources.values import (
    Unusable,
    amount,
    flag,
    instant,
    nearest_cents,
    sort_out,
    text,
)

if TYPE_CHECKING:
    from analytics_pipeline.domain.contacts import ContactKeys

ABANDONED = "INCOMPLETE"
"""The payment status of a cart that was left: no order."""

_SECONDS = range(1, 7_258_118_400)
"""Seconds since 1970 that are taken for a moment: up to the year 2199."""


@dataclass(frozen=True, slots=True)
class DeliveredOrders:
    """What became of the orders of a walk.

    Attributes:
        rows: the values of each good one, in the column order of ``EcomFeed``.
        contacts: the values of each, in the column order of ``EcomContacts``.
        rejections: those that break a rule.
    """

    rows: list[tuple[Any, ...]]
    contacts: list[tuple[Any, ...]]
    rejections: list[Rejection]


def read_delivered(
    orders: Iterable[Any], keys: ContactKeys, zone: ZoneInfo, *, segment: int
) -> DeliveredOrders:
    """Return what *orders* become; abandoned carts are left out.

    Args:
        orders: as the API delivered them.
        keys: make the hashes of contacts.
        zone: of the store, by whose clock the web shop dates its orders.
        segment: where in the log the rows will be.
    """
    found, rejections = sort_out(
        orders,
        lambda order: _read(order, keys, zone, segment),
        table="ecom_feed",
        page=1,
    )
    good = [each for each in found if each is not None]
    return DeliveredOrders(
        [row for row, _contact in good], [contact for _row, contact in good], rejections
    )


def _read(
    order: dict[str, Any], keys: ContactKeys, zone: ZoneInfo, segment: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """Return the values of one order and of its buyer; nothing of an abandoned cart."""
    payment = _word(order, "paymentStatus")
    if payment == ABANDONED:
        return None
    number, placed_at = _number(order), _moment(order, "createTimestamp")
    email = text(order.get("email"), "email_is_text")
    row = (
        number,
        segment,
        OrderOrigin.API.value,
        False,
        _wall_minute(placed_at, zone),
        placed_at,
        _changed_at(order),
        payment,
        _word(order, "fulfillmentStatus"),
        *(_cents(order, field) for field in ("total", "tax")),
        _cents_if_any(order, "refundedAmount"),
        _refunded_at(order),
        _cents_if_any(order, "giftCardRedemption"),
        *(_redeemed(order, kind) for kind in ("loyalty", "storeCredit")),
        _consent(order),
        _sale(order),
        keys.of_email(email),
    )
    return row, (number, _name(order), email)


def _number(order: Mapping[str, Any]) -> str:
    number = clean_number(text(order.get("id"), "id_is_given") or "")
    if not number:
        raise Unusable("id_is_given")
    if len(number) > LONGEST_ORDER_NUMBER:
        raise Unusable("id_is_an_order_number")
    return number


def _moment(order: Mapping[str, Any], field: str) -> datetime:
    """Return the moment that a field counts in seconds since 1970."""
    value = order.get(field)
    if type(value) is not int or value not in _SECONDS:
        raise Unusable(f"{field}_is_a_time")
    return datetime.fromtimestamp(value, UTC)


def _changed_at(order: Mapping[str, Any]) -> datetime | None:
    """Return when the order last changed; one that cannot be read is none.

    No figure depends on it, so the order is good without it.
    """
    try:
        return _moment(order, "updateTimestamp")
    except Unusable:
        return None


def _wall_minute(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the store's clock showed, to the minute, as the export has it."""
    return moment.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


def _word(order: Mapping[str, Any], field: str) -> str | None:
    """Return a status in the one vocabulary of export and API."""
    word = text(order.get(field), f"{field}_is_text")
    return None if word is None else WEB_ORDER_WORDS.get(word.upper(), word.upper())


def _cents(order: Mapping[str, Any], field: str) -> int:
    rule = f"{field}_is_an_amount"
    return nearest_cents(amount(order.get(field), rule), rule)


def _cents_if_any(order: Mapping[str, Any], field: str) -> int:
    """Return an amount that is left out, or null, where there is none."""
    return 0 if order.get(field) is None else _cents(order, field)


def _part(order: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return an object within an order, which may be missing."""
    value = order.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unusable(f"{field}_is_an_object")
    return value


def _redeemed(order: Mapping[str, Any], kind: str) -> int:
    """Return what was paid by points or credit and not taken back."""
    redemption = _part(_part(order, kind), "redemption")
    is_cancelled = flag(redemption.get("cancelled"), f"{kind}_cancelled_is_a_flag")
    return 0 if is_cancelled else _cents_if_any(redemption, "amount")


def _refunded_at(order: Mapping[str, Any]) -> datetime | None:
    """Return when the web shop last gave money back."""
    refunds = order.get("refunds") or []
    if not isinstance(refunds, list):
        raise Unusable("refunds_is_a_list")
    dates = [_part({"each": each}, "each").get("date") for each in refunds]
    rule = "refund_has_a_date"
    given = [date.replace(" +", "+") for date in dates if type(date) is str]
    return max((instant(date, rule) for date in given), default=None)


def _consent(order: Mapping[str, Any]) -> str | None:
    """Return whether the buyer agreed to mail; nothing where that was not asked."""
    value = order.get("acceptMarketing")
    if value is None:
        return None
    return "yes" if flag(value, "acceptMarketing_is_a_flag") else "no"


def _sale(order: Mapping[str, Any]) -> str | None:
    """Return the sale that the web shop names, as the export's own column does."""
    known = _part(order, "externalOrderData").get("externalOrderId")
    return plain_id(text(known, "externalOrderId_is_text")) or None


def _name(order: Mapping[str, Any]) -> str | None:
    """Return who is billed, else who it is sent to."""
    people = (_part(order, each) for each in ("billingPerson", "shippingPerson"))
    names = (text(each.get("name"), "name_is_text") for each in people)
    return next((name for name in names if name), None)
