"""What the simulated store is made of: the truth, before any API shape.

The store's history, its HTTP face, its export and its ledger all speak in these
records.  Nothing here knows how a record looks on the wire.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import NAMESPACE_OID, uuid5


@dataclass(slots=True)
class Outlet:
    """One shop of the store, in a time zone of its own.

    ``currency`` is empty where it is the store's, as it should be.
    """

    id: str
    name: str
    time_zone: str
    version: int
    deleted_at: datetime | None = None
    currency: str = ""


@dataclass(slots=True)
class Register:
    """One till."""

    id: str
    name: str
    outlet_id: str
    version: int
    deleted_at: datetime | None = None


@dataclass(slots=True)
class Retailer:
    """The store itself."""

    id: str
    name: str
    domain_prefix: str
    time_zone: str
    country: str
    currency: str
    discount_product_id: str


@dataclass(slots=True)
class CustomerGroup:
    """A group of customers; a record is in exactly one."""

    id: str
    name: str
    version: int
    deleted_at: datetime | None = None


def _group(number: int, name: str) -> CustomerGroup:
    return CustomerGroup(
        str(uuid5(NAMESPACE_OID, f"customer group:{name}")), name, number
    )


USUAL_GROUPS = tuple(
    _group(number, name)
    for number, name in enumerate(("All Customers", "Trade", "Staff"), start=1)
)
"""The group that every store has, which is that of most records, and two more."""


@dataclass(slots=True)
class Customer:
    """One customer record, as staff or the web shop typed it."""

    id: str
    customer_code: str
    first_name: str | None
    last_name: str | None
    company_name: str | None
    email: str | None
    phone: str | None
    mobile: str | None
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime | None = None
    group_id: str = USUAL_GROUPS[0].id
    do_not_email: bool = False
    enable_promotional_sms: bool = False


@dataclass(slots=True)
class ListedProduct:
    """One product as the store lists it; ``parent_id`` is a variant's."""

    id: str
    name: str
    variant_name: str
    sku: str
    version: int
    created_at: datetime
    parent_id: str | None = None
    category: str | None = None
    brand: str | None = None
    supplier: str | None = None
    is_active: bool = True
    deleted_at: datetime | None = None


@dataclass(slots=True)
class Line:
    """One line of a sale; amounts are for the whole line, tax apart."""

    id: str
    product_id: str
    quantity: Decimal
    total: Decimal
    tax_total: Decimal
    is_return: bool = False
    status: str = "CONFIRMED"
    discount_total: Decimal = Decimal(0)
    promotion_total: Decimal = Decimal(0)
    cost_total: Decimal = Decimal(0)
    gift_card_number: str | None = None


@dataclass(slots=True)
class Payment:
    """One payment; change given is a payment of its own, negative."""

    id: str
    name: str
    payment_type_id: str
    amount: Decimal
    paid_at: datetime
    deleted_at: datetime | None = None


@dataclass(slots=True)
class Sale:
    """One sale in its present state; ``version`` grows with every change."""

    id: str
    version: int
    outlet_id: str
    register_id: str
    user_id: str
    customer_id: str | None
    invoice_number: str
    source: str
    source_id: str | None
    state: str
    status: str
    attributes: tuple[str, ...]
    note: str
    sale_date: datetime
    created_at: datetime
    updated_at: datetime
    lines: list[Line]
    payments: list[Payment]
    total_price: Decimal
    total_tax: Decimal
    total_price_incl: Decimal
    return_for: str | None = None
    return_ids: list[str] = field(default_factory=list)
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebRefund:
    """What the web shop gave back of an order at one moment."""

    amount: Decimal
    refunded_at: datetime


@dataclass(slots=True)
class WebOrder:
    """One web-shop order; ``placed_at`` is a moment, the export shows local time.

    ``exported_number`` is its number in the export, where that has it otherwise.
    ``updated_at`` is when it last changed, where that was after it was placed.
    """

    order_number: str
    email: str | None
    name: str
    phone: str | None
    placed_at: datetime
    payment_status: str
    fulfillment_status: str
    lines: list[tuple[str, str, Decimal, int]]
    subtotal: Decimal
    tax: Decimal
    shipping: Decimal
    discount: Decimal
    total: Decimal
    exported_sale_id: str | None = None
    exported_number: str | None = None
    updated_at: datetime | None = None
    refunds: list[WebRefund] = field(default_factory=list)
    loyalty: Decimal = Decimal(0)
    store_credit: Decimal = Decimal(0)
    gift_card: Decimal = Decimal(0)

    @property
    def changed_at(self) -> datetime:
        """When the order last changed; placing it is the first change."""
        return self.updated_at or self.placed_at


@dataclass(frozen=True, slots=True)
class DeletedWebOrder:
    """What the web shop still says of an order that somebody deleted."""

    order_number: str
    deleted_at: datetime


@dataclass(slots=True)
class StoreState:
    """Everything that the store holds at one moment of its clock.

    The ids in ``loud_ids`` are shown in capitals by some replies, and not by others.
    """

    now: datetime
    retailer: Retailer
    outlets: dict[str, Outlet]
    registers: dict[str, Register]
    customers: dict[str, Customer]
    sales: dict[str, Sale]
    web_orders: dict[str, WebOrder]
    default_customer_id: str
    web_source: str
    loud_ids: set[str] = field(default_factory=set)
    customer_groups: dict[str, CustomerGroup] = field(
        default_factory=lambda: {each.id: replace(each) for each in USUAL_GROUPS}
    )
    deleted_web_orders: list[DeletedWebOrder] = field(default_factory=list)
    products: dict[str, ListedProduct] = field(default_factory=dict)
