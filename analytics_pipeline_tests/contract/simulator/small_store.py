"""A store of a few records made by hand, and the means to ask it questions."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from starlette.applications import Starlette

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.records import (
    Customer,
    Line,
    ListedProduct,
    Outlet,
    Payment,
    Register,
    Retailer,
    Sale,
    StoreState,
)

TOKEN = "lsxs_pt_simulated"
OPENED = datetime(2025, 3, 1, 15, 0, tzinfo=UTC)
FIRST_VERSION = 30_000_000_000


@dataclass
class SmallStore:
    """A store to which nothing happens automatically; its clock only moves."""

    state: StoreState

    def advance_to(self, moment: datetime) -> None:
        self.state.now = moment

    def touch(self, record: Any) -> None:
        """Give the record the newest version, as any change does."""
        held = (
            self.state.sales,
            self.state.customers,
            self.state.outlets,
            self.state.registers,
        )
        newest = max(row.version for rows in held for row in rows.values())
        record.version = newest + 7


def make_line(n: int = 1, **changes: Any) -> Line:
    fields: dict[str, Any] = {
        "id": f"line-{n}",
        "product_id": f"product-{n}",
        "quantity": Decimal(1),
        "total": Decimal("18.50"),
        "tax_total": Decimal("1.52625"),
    }
    return Line(**{**fields, **changes})


def make_payment(n: int = 1, **changes: Any) -> Payment:
    fields: dict[str, Any] = {
        "id": f"payment-{n}",
        "name": "Cash",
        "payment_type_id": "1",
        "amount": Decimal("20.03"),
        "paid_at": OPENED,
    }
    return Payment(**{**fields, **changes})


def make_sale(n: int = 1, **changes: Any) -> Sale:
    """The n-th sale: an hour after the one before, with the next version."""
    moment = OPENED + timedelta(hours=n)
    fields: dict[str, Any] = {
        "id": f"sale-{n:03}",
        "version": FIRST_VERSION + 10 * n,
        "outlet_id": "outlet-1",
        "register_id": "register-1",
        "user_id": "user-1",
        "customer_id": "customer-1",
        "invoice_number": str(n),
        "source": "USER",
        "source_id": None,
        "state": "closed",
        "status": "CLOSED",
        "attributes": (),
        "note": "",
        "sale_date": moment,
        "created_at": moment,
        "updated_at": moment,
        "lines": [make_line()],
        "payments": [make_payment()],
        "total_price": Decimal("18.50"),
        "total_tax": Decimal("1.53"),
        "total_price_incl": Decimal("20.02625"),
    }
    return Sale(**{**fields, **changes})


def make_customer(n: int = 1, **changes: Any) -> Customer:
    fields: dict[str, Any] = {
        "id": f"customer-{n}",
        "customer_code": f"Rivera-{n:04}",
        "first_name": "Ada",
        "last_name": "Rivera",
        "company_name": None,
        "email": f"ada.{n}@example.com",
        "phone": "(212) 555-0123",
        "mobile": None,
        "created_at": OPENED,
        "updated_at": OPENED,
        "version": FIRST_VERSION + 10 * n,
    }
    return Customer(**{**fields, **changes})


def make_product(n: int = 1, **changes: Any) -> ListedProduct:
    fields: dict[str, Any] = {
        "id": f"product-{n}",
        "name": "Clay mug",
        "variant_name": f"Clay mug / {n}",
        "sku": f"SKU-{n}",
        "version": FIRST_VERSION + 10 * n,
        "created_at": OPENED,
    }
    return ListedProduct(**{**fields, **changes})


def make_store(*sales: Sale, customers: tuple[Customer, ...] = ()) -> SmallStore:
    people = customers or (make_customer(),)
    outlet = Outlet("outlet-1", "Main Street", "America/New_York", FIRST_VERSION + 1)
    tills = (
        Register("register-1", "Till 1", "outlet-1", FIRST_VERSION + 2),
        Register("register-2", "Till 2", "outlet-1", FIRST_VERSION + 3, OPENED),
    )
    retailer = Retailer(
        id="retailer-1",
        name="Fern & Field",
        domain_prefix="demo",
        time_zone="America/New_York",
        country="US",
        currency="USD",
        discount_product_id="product-discount",
    )
    return SmallStore(
        StoreState(
            now=OPENED + timedelta(days=30),
            retailer=retailer,
            outlets={outlet.id: outlet},
            registers={till.id: till for till in tills},
            customers={person.id: person for person in people},
            sales={sale.id: sale for sale in sales},
            web_orders={},
            default_customer_id="customer-walkin",
            web_source="ecw:0123456789ABCDEF",
        )
    )


@dataclass
class Asker:
    """Asks the application directly, without a socket, with the right token."""

    app: Starlette
    origin: str = "http://127.0.0.1"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        options.setdefault("headers", {"Authorization": f"Bearer {TOKEN}"})
        return asyncio.run(self._ask(method, path, options))

    async def _ask(
        self, method: str, path: str, options: dict[str, Any]
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=self.origin
        ) as client:
            return await client.request(method, path, **options)


def asking(store: SmallStore, **options: Any) -> Asker:
    """Put the store behind HTTP and return the one who asks it."""
    return Asker(build_app(store, token=TOKEN, **options))


def ids(response: httpx.Response) -> list[str]:
    """The ids of the records in a reply, in their order."""
    return [row["id"] for row in response.json()["data"]]
