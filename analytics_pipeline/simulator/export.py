"""The web shop's order export, in the dialect of the E-Series (API §6.1).

``;`` between cells, quoted only where needed, one row for each line of an order, and
custom checkout fields whose titles hold quotes.  It shows what the state holds now.
"""

import csv
import io
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from analytics_pipeline.simulator.records import StoreState, WebOrder

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
MONTHS = _MONTHS.split()
CENT = Decimal("0.01")
PERSON_PARTS = (
    "name",
    "street_1",
    "street_2",
    "city",
    "country_code",
    "postal_code",
    "state_code",
    "country_name",
    "state_name",
    "phone",
)
PAYMENT_LABELS = {
    "ACCEPTED": "Paid",
    "PAID": "Paid",
    "QUEUED": "Awaiting Payment",
    "REFUNDED": "Refunded",
    "PARTIALLY_REFUNDED": "Partially Refunded",
    "CANCELLED": "Canceled",
}
FULFILLMENT_LABELS = {
    "NEW": "Awaiting Processing",
    "PROCESSING": "Processing",
    "READY_FOR_PICKUP": "Ready For Pickup",
    "SHIPPED": "Shipped",
    "DELIVERED": "Delivered",
    "WILL_NOT_DELIVER": "Delivery Canceled",
    "RETURNED": "Returned",
}
UTM = ("affiliate_id", "utm_source", "utm_medium", "utm_campaign")
CONSENTS = {True: "true", False: "false", None: ""}
CUSTOM_FIELDS = (
    'Add a "gift" message?',
    "Allergies; please list",
    "How did you\nfind us",
)
COLUMNS: tuple[str, ...] = (
    *("order_number", "email", "sku", "name", "weight", "price", "total", "quantity"),
    *("options", "tax_details", "customer_tax_exempt", "customer_tax_id"),
    *("reversed_tax_applied", "timestamp"),
    *(f"shipto_person_{part}" for part in PERSON_PARTS),
    *(f"bill_person_{part}" for part in PERSON_PARTS),
    *("customer_group", "payment_method", "shipping_method", "payment_status"),
    *("fulfillment_status", "payment_status_code", "fulfillment_status_code"),
    *("order_subtotal", "order_tax", "order_shipping", "order_handling_fee"),
    "order_total",
    *(f"order_tax_{n}_{part}" for n in range(1, 5) for part in ("name", "value")),
    *("order_tracking_number", "coupon_code", "coupon_discount", "volume_discount"),
    *("detail_discount", "discount", "order_weight", "order_comments"),
    *UTM,
    *(f"{name}_{n}" for n in range(2, 11) for name in UTM[1:]),
    *("customer_ipaddress", "note_for_staff", "accept_marketing", "referer_id"),
    *("gift_card_redemption", "masked_gift_card_code", "pickup_time"),
    *("payment_transaction_id", "tips", "surcharges", "Pickup date and time"),
    *CUSTOM_FIELDS,
    *("null", "X-series Order ID", "language"),
)


def write_export(state: StoreState, path: Path) -> None:
    """Write the export as of the store's clock to *path*, for its owner only."""
    path.touch(mode=0o600)
    path.write_text(export_text(state), encoding="utf-8", newline="")


def export_text(state: StoreState) -> str:
    """Return the export as of the store's clock; the latest order number first."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    zone = ZoneInfo(state.retailer.time_zone)
    orders = sorted(state.web_orders.values(), key=_count, reverse=True)
    for order in orders:
        shared = _order_cells(order, zone)
        if order.exported_sale_id in state.loud_ids:
            shared["X-series Order ID"] = order.exported_sale_id.upper()
        for position in range(len(order.lines)):
            cells = shared | _line_cells(order, position)
            writer.writerow([cells.get(column, "") for column in COLUMNS])
    return text.getvalue()


def _count(order: WebOrder) -> int:
    """Return the count in an order number, without the shop's prefix and suffix."""
    counts = re.findall("[0-9]+", order.order_number)
    return int(max(counts, key=len, default="0"))


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment as the web shop does: ``Jan 5, 2025 03:07 PM``, local."""
    wall = moment.astimezone(zone)
    hour = (wall.hour + 11) % 12 + 1
    half = "AM" if wall.hour < 12 else "PM"
    day = f"{MONTHS[wall.month - 1]} {wall.day}, {wall.year}"
    return f"{day} {hour:02d}:{wall.minute:02d} {half}"


def consent_of(order: WebOrder) -> bool | None:
    """Return whether the buyer agreed to mail, or nothing if not asked."""
    return (True, False, None)[_count(order) % 3]


def _money(amount: Decimal) -> str:
    return str(amount.quantize(CENT))


def _order_cells(order: WebOrder, zone: ZoneInfo) -> dict[str, str]:
    """Return the cells that every row of *order* repeats."""
    discount = _money(order.discount)
    return {
        "order_number": order.exported_number or order.order_number,
        "email": order.email or "",
        "customer_tax_exempt": "false",
        "reversed_tax_applied": "false",
        "timestamp": local_time(order.placed_at, zone),
        "payment_method": "Square (Online)",
        "shipping_method": "Delivery" if order.shipping else "In-store pickup",
        "payment_status": _label(PAYMENT_LABELS, order.payment_status),
        "payment_status_code": order.payment_status,
        "fulfillment_status": _label(FULFILLMENT_LABELS, order.fulfillment_status),
        "fulfillment_status_code": order.fulfillment_status,
        "order_subtotal": _money(order.subtotal),
        "order_tax": _money(order.tax),
        "order_shipping": _money(order.shipping),
        "order_handling_fee": "0.00",
        "order_total": _money(order.total),
        "order_tax_1_name": "State tax",
        "order_tax_1_value": _money(order.tax),
        "coupon_code": "WELCOME" if order.discount else "",
        "coupon_discount": discount,
        "volume_discount": "0.00",
        "detail_discount": "volume_discount:0;customer_group_discount:0",
        "discount": discount,
        "gift_card_redemption": _money(order.gift_card),
        "X-series Order ID": order.exported_sale_id or "",
        "language": "en",
        **_person_cells(order),
        **_free_text(order),
    }


def _label(labels: dict[str, str], code: str) -> str:
    """Return how the web shop shows a status; one of the shop's own as its name."""
    return labels.get(code, code.replace("_", " ").capitalize())


def _person_cells(order: WebOrder) -> dict[str, str]:
    cells = {"city": "Springfield", "country_code": "US", "state_code": "NY"}
    cells |= {"country_name": "United States", "state_name": "New York"}
    cells |= {"street_1": "1 Example Street; rear", "postal_code": "00501"}
    cells |= {"name": order.name, "phone": order.phone or ""}
    return {
        f"{role}_person_{part}": cell
        for role in ("shipto", "bill")
        for part, cell in cells.items()
    }


def _free_text(order: WebOrder) -> dict[str, str]:
    """Return what people typed: line breaks, delimiters and quotes included."""
    number = _count(order)
    comment = 'Please ring;\nthe bell is\n"broken"' if number % 3 == 0 else ""
    return {
        "order_comments": comment,
        "note_for_staff": "Called\nback; ok" if number % 5 == 0 else "",
        "accept_marketing": CONSENTS[consent_of(order)],
        CUSTOM_FIELDS[0]: 'Say "hello"' if number % 4 == 0 else "",
        CUSTOM_FIELDS[1]: "nuts; milk" if number % 7 == 0 else "",
    }


def _line_cells(order: WebOrder, position: int) -> dict[str, str]:
    """Return the cells that differ from row to row of one order."""
    sku, name, price, count = order.lines[position]
    return {
        "sku": sku,
        "name": name,
        "weight": "0.50",
        "price": _money(price),
        "total": _money(price * count),
        "quantity": str(count),
        "options": "Colour:green\nSize:M" if position % 2 else "",
        "tax_details": f"State:${_money(price)}\nCity:$0.00",
    }
