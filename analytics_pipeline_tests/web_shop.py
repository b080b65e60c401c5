"""A web shop of thousands of orders, each of a kind whose reconciliation is known.

Made without the simulator and without the code under test: the export is text, the
sales are rows, and the category of each order is beside its kind.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from analytics_pipeline.assets.export_in_place import EXPORT_FILE
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.model.vocabulary import ReconciliationCategory as Category
from analytics_pipeline.shop import Shop
from analytics_pipeline_tests.made import export_read, made
from analytics_pipeline_tests.tables import make_table

FIRST = date(2026, 5, 1)
D = date(2026, 6, 20)
PEOPLE = 150
_DAYS = (D - FIRST).days + 1


@dataclass(frozen=True)
class Kind:
    """How an order went: what the export says, and what sale there is if any."""

    category: Category | None
    payment: str = "ACCEPTED"
    fulfillment: str = "SHIPPED"
    by: str | None = None
    more: int = 0
    state: str = "closed"
    has_email: bool = True
    wrong_hint: bool = False
    late_sale: bool = False
    late_order: bool = False
    returned: bool = False


KINDS = (
    Kind(Category.MATCHED_BY_SOURCE_ID, by="source"),
    Kind(Category.MATCHED_BY_NOTE, by="note"),
    Kind(Category.MATCHED_BY_EXPORT_ID, by="hint"),
    Kind(Category.AMOUNT_DIFFERS, by="source", more=500),
    Kind(Category.AMOUNT_DIFFERS, by="note", more=-2),
    Kind(Category.MATCHED_BY_SOURCE_ID, by="source", more=1),
    Kind(Category.MATCHED_BY_SOURCE_ID, by="source", state="voided"),
    Kind(Category.CONTRADICTING, by="source", wrong_hint=True),
    Kind(Category.CONTRADICTING, wrong_hint=True, by="source", more=777),
    Kind(Category.UNSYNCED_COUNTED),
    Kind(Category.UNSYNCED_COUNTED, "PARTIALLY_REFUNDED"),
    Kind(Category.UNSYNCED_COUNTED, by="source", late_sale=True),
    Kind(Category.UNSYNCED_NOT_COUNTED, "QUEUED", "NEW"),
    Kind(Category.UNSYNCED_NOT_COUNTED, "CANCELLED", "WILL_NOT_DELIVER"),
    Kind(Category.UNSYNCED_NOT_COUNTED, "ACCEPTED", "RETURNED", has_email=False),
    Kind(Category.UNATTRIBUTED, has_email=False),
    Kind(Category.REFUNDED_IN_WEB_SHOP, "REFUNDED", "RETURNED", by="source"),
    Kind(Category.REFUNDED_IN_WEB_SHOP, "CANCELLED", by="note", more=500),
    Kind(Category.MATCHED_BY_SOURCE_ID, "REFUNDED", by="source", returned=True),
    Kind(None, late_order=True),
)


@dataclass
class WebShop:
    """The rows of an export and of the sales, and what each order should come to."""

    rows: list[dict[str, str]] = field(default_factory=list)
    sales: list[dict[str, Any]] = field(default_factory=list)
    expected: dict[str, Category] = field(default_factory=dict)
    cents: dict[str, int] = field(default_factory=dict)

    def export(self) -> str:
        """The export as the web shop writes it."""
        text = io.StringIO()
        writer = csv.DictWriter(
            text, list(self.rows[0]), delimiter=";", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def days(self) -> Mapping[str, list[dict[str, Any]]]:
        """The sales of each business day up to D."""
        days: dict[str, list[dict[str, Any]]] = {
            (FIRST + timedelta(days=n)).isoformat(): [] for n in range(_DAYS)
        }
        for sale in self.sales:
            if sale["business_date"] in days:
                days[sale["business_date"]].append(sale)
        return days


def email_of(number: int) -> str:
    return f"buyer{number % PEOPLE}@example.com"


def open_web_shop(orders: int) -> WebShop:
    """Let a web shop take so many orders, of every kind in turn."""
    shop = WebShop()
    for number in range(1, orders + 1):
        _take_order(shop, number, KINDS[number % len(KINDS)])
    return shop


def _take_order(shop: WebShop, number: int, kind: Kind) -> None:
    day = FIRST + timedelta(days=number % (_DAYS - 8))
    day = D + timedelta(days=1) if kind.late_order else day
    cents = 500 + number * 37 % 20_000
    hint = f"sale-{number}" if kind.by == "hint" else ""
    if kind.wrong_hint:
        shop.sales.append(_sale(f"till-{number}", day, 100))
        hint = f"till-{number}"
    if kind.by:
        sold_on = D + timedelta(days=1) if kind.late_sale else day
        sale = _sale(f"sale-{number}", sold_on, cents + kind.more, kind.state)
        if kind.by == "source":
            sale |= {"source": "ecw:0123456789ABCDEF", "source_id": str(number)}
        if kind.by == "note":
            sale["web_order_number"] = str(number)
        shop.sales.append(sale)
        if kind.returned:
            back = _sale(f"back-{number}", sold_on, -sale["total_incl_cents"])
            shop.sales.append(back | {"return_for": sale["sale_id"]})
    if kind.category:
        shop.expected[str(number)] = kind.category
        shop.cents[str(number)] = cents
    shop.rows += _rows(number, day, cents, hint, kind)


def _sale(sale_id: str, day: date, cents: int, state: str = "closed") -> dict[str, Any]:
    return {
        "sale_id": sale_id,
        "business_date": day.isoformat(),
        "sale_date": f"{day} 16:00",
        "version": 1,
        "time_zone": "America/New_York",
        "state": state,
        "is_completed": state == "closed",
        "is_order": state == "closed",
        "total_incl_cents": cents,
        "total_excl_cents": cents,
    }


def _rows(
    number: int, day: date, cents: int, hint: str, kind: Kind
) -> list[dict[str, str]]:
    """One row for each of one to three line items, with what people type."""
    moment = datetime.combine(day, datetime.min.time()) + timedelta(hours=number % 24)
    shared = {
        "X-series Order ID": hint,
        "null": "",
        "order_number": str(number),
        "email": email_of(number) if kind.has_email else "",
        "timestamp": f"{moment:%b} {moment.day}, {moment:%Y %I:%M %p}",
        "order_total": f"{cents // 100}.{cents % 100:02d}",
        "order_tax": "0.00",
        "payment_status_code": kind.payment,
        "fulfillment_status_code": kind.fulfillment,
        'Say "it"; or\nnot': 'a;b\n"c"',
    }
    return [{"sku": f"sku-{n}", **shared} for n in range(1 + number % 3)]


def store_web_shop(shop: Shop, web: WebShop) -> None:
    """Put its export in place, and store everything that the reconciliation needs."""
    data = shop.settings.data_dir
    data.mkdir(parents=True, exist_ok=True)
    (data / EXPORT_FILE).write_text(web.export(), encoding="utf-8", newline="")
    keys = shop.contact_keys("US")
    people = [
        {
            "customer_id": f"person-{number}",
            "version": number + 1,
            "created_at": "2026-01-01",
            "email": email_of(number),
            "email_key": keys.of_email(email_of(number)),
        }
        for number in range(PEOPLE)
    ]
    shop.warehouse.write("customers", Customers, make_table(Customers, people))
    for day, sales in web.days().items():
        shop.warehouse.write("raw_sales", RawSales, make_table(RawSales, sales), day)
    shop.store_as("ecom_orders", EcomOrders)(export_read(shop))
    shop.store_as("customer_identities", CustomerIdentities)(
        made(shop, "customer_identities")
    )
    publish(shop, D)


def publish(shop: Shop, day: date) -> None:
    """Publish some master of *day*."""
    shop.publication.stage_first_time_buyers(day, b"buyers\n")
    shop.publication.publish_master(
        day, b"a master\n", 0, shop.clock(), provisional=False
    )
