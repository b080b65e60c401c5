"""What a sale's row must say, counted from its JSON by the rules' own words.

Nothing here is shared with the reader under test: amounts are fractions, and the
two shapes are read by lists of paths.
"""

import re
from datetime import UTC, date, datetime
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

FLAT = {
    "date": ("sale_date",),
    "outlet": ("outlet_id",),
    "return_for": ("return_for",),
    "status": ("status",),
    "incl": ("total_price_incl",),
    "excl": ("total_price",),
    "line_return": ("is_return",),
    "line_total": ("price_total",),
    "line_total_again": ("total_price",),
    "line_tax": ("tax_total",),
    "line_tax_again": ("total_tax",),
}
NESTED = {
    "date": ("date",),
    "outlet": ("source", "outlet_id"),
    "return_for": ("return", "original_sale_id"),
    "status": ("status",),
    "incl": ("totals", "price_incl_tax"),
    "excl": ("totals", "price"),
    "line_return": ("return", "is_return"),
    "line_total": ("pricing", "total"),
    "line_total_again": (),
    "line_tax": ("tax", "total"),
    "line_tax_again": (),
}
CLOSED = {
    "CLOSED", "LAYBY_CLOSED", "ONACCOUNT_CLOSED", "PICKED_UP_CLOSED",
    "DISPATCHED_CLOSED", "SERVICE_CLOSED",
}  # fmt: skip
AWAITING = {"AWAITING_PICKUP", "AWAITING_DISPATCH"}
OWN_ATTRIBUTE = {
    "AWAITING_PICKUP": {"pickup"},
    "AWAITING_DISPATCH": {"delivery"},
}
OTHERS = {"OPEN", "SAVED", "QUOTE", "LAYBY", "ONACCOUNT", "SERVICE", "VOIDED"}
STATES = {"closed", "pending", "parked", "voided"}
ATTRIBUTES = {"pickup", "delivery", "layby", "onaccount", "service"}
LARGEST = 10**13
MOST_DIGITS = 100
WHOLE = re.compile("-?[0-9]+")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?")


class Unreadable(Exception):
    """No number can be right: the sale must be rejected."""


def expected_figures(
    sale: Any, shape: dict[str, Any], zones: dict[str, str]
) -> dict[str, Any]:
    """Return what the rules make of *sale*.

    Raises:
        Unreadable: they cannot make anything of it.
    """
    incl = money(get(sale, shape["incl"]))
    paid = paid_amount(sale.get("payments"))
    lines = refunds_and_sold_lines(sale.get("line_items"), shape)
    total_cents = half_away(incl)
    completed = is_completed(sale, shape, total_cents, paid)
    return_for = blank_or_text(get(sale, shape["return_for"]))
    return {
        "total_incl_cents": total_cents,
        "total_excl_cents": half_away(money(get(sale, shape["excl"]))),
        "paid_cents": paid,
        "refunded_incl_cents": lines[0],
        "refunded_excl_cents": lines[1],
        "sold_line_count": lines[2],
        "is_deleted": is_moment(sale.get("deleted_at")),
        "is_completed": completed,
        "is_unknown": is_unknown(sale, shape),
        "gift_line_count": lines[3],
        "is_order": completed and return_for is None and lines[2] > lines[3],
        "business_date": business_date(sale, shape, zones),
    }


def get(value: Any, path: tuple[str, ...]) -> Any:
    """Return what is at *path*, or nothing."""
    for key in path:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Unreadable
        value = value.get(key)
    return value


def money(value: Any) -> Fraction:
    """Rule 1.3: a number or a string of one, exactly."""
    if not isinstance(value, str) or not NUMBER.fullmatch(value.strip()):
        raise Unreadable
    if len(value) > MOST_DIGITS:
        raise Unreadable
    amount = Fraction(value.strip())
    if abs(amount) > LARGEST:
        raise Unreadable
    return amount


def half_away(amount: Fraction) -> int:
    """Rule 1.3: cents, half away from zero."""
    cents = floor(abs(amount) * 100 + Fraction(1, 2))
    return cents if amount > 0 else -cents


def paid_amount(payments: Any) -> int:
    """Rule 2.1: what the payments that are not deleted sum to, in whole cents."""
    if not isinstance(payments, list):
        raise Unreadable
    counted = [
        money(get(payment, ("amount",)))
        for payment in payments
        if not is_moment(get(payment, ("deleted_at",)))
    ]
    return floor(sum(counted, Fraction(0)) * 100)


def refunds_and_sold_lines(
    lines: Any, shape: dict[str, Any]
) -> tuple[int, int, int, int]:
    """Rules 2.3, 2.5, 2.6: refunds with and without tax, lines that sell, and gifts."""
    if not isinstance(lines, list):
        raise Unreadable
    totals, taxes, sold, gifts = Fraction(0), Fraction(0), 0, 0
    for line in lines:
        if blank_or_text(get(line, ("status",))) == "VOIDED":
            continue
        is_return = get(line, shape["line_return"])
        if is_return not in (None, True, False):
            raise Unreadable
        is_gift = is_named(get(line, ("gift_card_number",)))
        if is_return or is_gift:
            total = money(either(line, shape, "line_total"))
            tax = money(either(line, shape, "line_tax"))
            totals, taxes = totals + total * (not is_gift), taxes + tax * (not is_gift)
        if not is_return:
            sells = money(get(line, ("quantity",))) > 0
            sold, gifts = sold + sells, gifts + (sells and is_gift)
    return -half_away(totals + taxes), -half_away(totals), sold, gifts


def is_named(value: Any) -> bool:
    """Say whether a number is given, as text or as a whole number of 64 bits."""
    if type(value) is str or value is None:
        return blank_or_text(value) is not None
    if not isinstance(value, str) or not WHOLE.fullmatch(value):
        raise Unreadable
    if abs(int(value)) >= 2**63:
        raise Unreadable
    return True


def either(line: Any, shape: dict[str, Any], name: str) -> Any:
    """Return an amount by its name, else by its other name (API 3.1)."""
    found, again = get(line, shape[name]), shape[f"{name}_again"]
    return get(line, again) if found is None and again else found


def is_moment(value: Any) -> bool:
    """Say whether a moment is given."""
    if blank_or_text(value) is None:
        return False
    moment(value)
    return True


def moment(value: Any) -> datetime:
    """Return a moment of a time in which a shop can have been open."""
    if type(value) is not str or "T" not in value:
        raise Unreadable
    try:
        found = datetime.fromisoformat(value)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable from None
    if not 1969 <= found.year < 2200:
        raise Unreadable
    return found


def blank_or_text(value: Any) -> str | None:
    """Return trimmed text, or nothing."""
    if value is None:
        return None
    if type(value) is not str:
        raise Unreadable
    return value.strip() or None


def word(value: Any) -> str | None:
    """Return a word; what is none is never a known one."""
    return blank_or_text(value) if value is None or type(value) is str else "?"


def is_completed(sale: Any, shape: dict[str, Any], total_cents: int, paid: int) -> bool:
    """Rules 2.1 and 2.2."""
    state, status = word(sale.get("state")), word(get(sale, shape["status"]))
    if not words_are_known(state, status) or is_moment(sale.get("deleted_at")):
        return False
    if state == "closed" or (state is None and status in CLOSED):
        return True
    given = attributes(sale, status)
    awaits = bool(given & {"pickup", "delivery"}) and not given & {"layby", "onaccount"}
    pending = state == "pending" or (state is None and status in AWAITING)
    known = given <= ATTRIBUTES
    return pending and known and awaits and paid >= total_cents - 1


def is_unknown(sale: Any, shape: dict[str, Any]) -> bool:
    """Rule 2.2: a word that no list knows, or none where one is needed."""
    state, status = word(sale.get("state")), word(get(sale, shape["status"]))
    known = words_are_known(state, status)
    return not known or not attributes(sale, status) <= ATTRIBUTES


def words_are_known(state: str | None, status: str | None) -> bool:
    """Say whether state and older status say something, and nothing unheard of."""
    known_status = CLOSED | AWAITING | OTHERS | {None}
    return bool(state or status) and state in STATES | {None} and status in known_status


def attributes(sale: Any, status: str | None) -> set[str]:
    """Return all that is said of a sale, by its list and by its older status."""
    given = sale.get("attributes")
    if given is None:
        given = [] if status else ["?"]
    words = {word(each) or "?" for each in given} if type(given) is list else {"?"}
    return words | OWN_ATTRIBUTE.get(status or "", set())


def business_date(sale: Any, shape: dict[str, Any], zones: dict[str, str]) -> date:
    """Rule 1.2; under "" is the store's own zone."""
    outlet = blank_or_text(get(sale, shape["outlet"]))
    zone = zones.get(outlet or "", zones[""])
    return moment(get(sale, shape["date"])).astimezone(ZoneInfo(zone)).date()
