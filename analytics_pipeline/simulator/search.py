"""Search: the second way to the records, by date and field, paged by offset."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

from starlette.datastructures import QueryParams

from analytics_pipeline.simulator.queries import BadRequest, read_flag, read_moment
from analytics_pipeline.simulator.records import Customer, ListedProduct, Sale

SALE_FIELDS = (
    "invoice_number",
    "customer_id",
    "user_id",
    "outlet_id",
    "register_id",
    "state",
    "status",
)
SALE_ORDERS = ("sale_date", "created_at", "updated_at", "version", "invoice_number")
CUSTOMER_FIELDS = (
    "customer_code",
    "first_name",
    "last_name",
    "company_name",
    "mobile",
    "phone",
    "email",
)
CUSTOMER_ORDERS = ("created_at", "updated_at", "version", "customer_code")

Found = TypeVar("Found", Sale, Customer, ListedProduct)
_sale_date = attrgetter("sale_date")


def in_sale_date_order(sales: Mapping[str, Sale]) -> list[Sale]:
    """Return the sales by the moment they happened, the latest at the end."""
    return sorted(sales.values(), key=attrgetter("sale_date", "id"))


def find_sales(
    by_date: list[Sale], params: QueryParams, *, indexed_until: datetime
) -> list[Sale]:
    """Return the matching sales, latest ``sale_date`` first unless asked otherwise.

    ``date_from`` and ``date_to`` bound the moment of the sale, both inclusive.
    """
    first, last = read_moment(params, "date_from"), read_moment(params, "date_to")
    start = 0 if first is None else bisect_left(by_date, first, key=_sale_date)
    stop = len(by_date)
    if last is not None:
        stop = bisect_right(by_date, last, key=_sale_date)
    sales = _known(by_date[start:stop], params, indexed_until)
    for name in SALE_FIELDS:
        sales = _only(sales, name, params.getlist(name))
    kinds = set(params.getlist("attributes"))
    if kinds:
        sales = [sale for sale in sales if kinds.intersection(sale.attributes)]
    return _arranged(sales, params, SALE_ORDERS)


def find_customers(
    by_version: list[Customer], params: QueryParams, *, indexed_until: datetime
) -> list[Customer]:
    """Return the matching customers, the one changed last first."""
    customers = _known(by_version, params, indexed_until)
    for name in CUSTOMER_FIELDS:
        customers = _only(customers, name, params.getlist(name))
    return _arranged(customers, params, CUSTOMER_ORDERS)


def find_products(
    by_version: list[ListedProduct], params: QueryParams, *, indexed_until: datetime
) -> list[ListedProduct]:
    """Return the matching products, the one changed last first."""
    products = _known(by_version, params, indexed_until)
    return _arranged(_only(products, "sku", params.getlist("sku")), params, ("name",))


def _known(
    rows: list[Found], params: QueryParams, indexed_until: datetime
) -> list[Found]:
    """Keep what the index knows: deleted ones on demand, the newest not yet."""
    kept = [row for row in rows if row.created_at <= indexed_until]
    if not read_flag(params, "deleted"):
        kept = [row for row in kept if row.deleted_at is None]
    kept = _only(kept, "id", params.getlist("_id"))
    unwanted = set(params.getlist("-_id"))
    return [row for row in kept if row.id not in unwanted] if unwanted else kept


def _only(rows: list[Found], name: str, wanted: list[str]) -> list[Found]:
    """Keep the rows whose field is one of the wanted values, in any case."""
    if not wanted:
        return rows
    values = {value.casefold() for value in wanted}
    field = attrgetter(name)
    return [row for row in rows if (field(row) or "").casefold() in values]


def _arranged(
    rows: list[Found], params: QueryParams, allowed: tuple[str, ...]
) -> list[Found]:
    """Return the rows, which come in ascending order, in the order asked for."""
    order_by = params.get("order_by")
    if order_by:
        if order_by not in allowed:
            raise BadRequest(f"order_by must be one of {', '.join(allowed)}")
        rows = sorted(rows, key=attrgetter(order_by))
    return rows if params.get("order_direction") == "asc" else rows[::-1]
