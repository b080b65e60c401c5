"""Records of the store into the JSON of one API version.

One store, two projections (API §3.1 flat, §3.2 nested).  Both are filled from the
same values; they differ in arrangement and in how many trailing zeros they show.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from uuid import NAMESPACE_OID, uuid5

from analytics_pipeline.simulator import sale_shapes, shop_shapes
from analytics_pipeline.simulator.json_text import (
    flag,
    moment,
    number,
    quoted_number,
    text,
    texts,
)
from analytics_pipeline.simulator.records import (
    USUAL_GROUPS,
    Customer,
    CustomerGroup,
    Line,
    ListedProduct,
    Outlet,
    Payment,
    Register,
    Retailer,
    Sale,
)

UNIT_PLACES = Decimal("1e-10")
ZERO = Decimal(0)


@lru_cache(maxsize=4096)
def linked_id(kind: str, name: str) -> str:
    """Return the same invented id for the same thing, finished as JSON text."""
    return text(str(uuid5(NAMESPACE_OID, f"{kind}:{name}")))


_FLAGS = {True: "true", False: "false"}
SALES_TAX = linked_id("tax", "sales")
NO_TAX = linked_id("tax", "none")


@dataclass(frozen=True, slots=True)
class SaleShape:
    """One arrangement of a sale, and the fewest decimal places it shows."""

    sale: str
    line: str
    payment: str
    total_places: int
    line_places: int
    payment_places: int


FLAT = SaleShape(
    sale_shapes.FLAT_SALE, sale_shapes.FLAT_LINE, sale_shapes.FLAT_PAYMENT, 2, 5, 10
)
NESTED = SaleShape(
    sale_shapes.NESTED_SALE,
    sale_shapes.NESTED_LINE,
    sale_shapes.NESTED_PAYMENT,
    *(5, 10, 2),
)


def per_unit(total: Decimal, quantity: Decimal) -> Decimal:
    """Return the amount of one piece, to ten decimal places where it must round."""
    if not quantity:
        return ZERO
    if abs(quantity) == 1:
        return total * quantity
    return (total / quantity).quantize(UNIT_PLACES, ROUND_HALF_UP)


class Projection:
    """Writes records as one API version shows them."""

    def __init__(self, *, nested: bool, string_numbers: bool = False) -> None:
        """Choose the shape, and whether amounts are JSON numbers or strings."""
        self._sale = NESTED if nested else FLAT
        self._customer = shop_shapes.DATED_CUSTOMER if nested else shop_shapes.CUSTOMER
        self._number: Callable[[Decimal, int], str] = (
            quoted_number if string_numbers else number
        )
        self._zero = self._number(ZERO, 5)

    def sale(self, sale: Sale) -> bytes:
        """Write one sale with its lines and payments."""
        lines = (self._line(line, n) for n, line in enumerate(sale.lines))
        payments = (self._payment(payment, sale) for payment in sale.payments)
        values = {
            **self._references(sale),
            **self._totals(sale),
            "line_items": ",".join(lines),
            "payments": ",".join(payments),
        }
        return (self._sale.sale % values).encode()

    def _references(self, sale: Sale) -> dict[str, str]:
        return {
            "id": text(sale.id),
            "version": str(sale.version),
            "outlet_id": text(sale.outlet_id),
            "register_id": text(sale.register_id),
            "user_id": text(sale.user_id),
            "customer_id": text(sale.customer_id),
            "invoice_number": text(sale.invoice_number),
            "source": text(sale.source),
            "source_id": text(sale.source_id),
            "status": text(sale.status),
            "state": text(sale.state),
            "attributes": texts(sale.attributes),
            "note": text(sale.note),
            "short_code": text(sale.id[:6]),
            "return_for": text(sale.return_for),
            "return_ids": texts(sale.return_ids),
            "is_return": flag(sale.return_for is not None),
            "tax_id": SALES_TAX,
        }

    def _totals(self, sale: Sale) -> dict[str, str]:
        number, places = self._number, self._sale.total_places
        return {
            "zero": self._zero,
            "total_price": number(sale.total_price, places),
            "total_tax": number(sale.total_tax, places),
            "total_price_incl": number(sale.total_price_incl, 5),
            "sale_date": moment(sale.sale_date),
            "created_at": moment(sale.created_at),
            "updated_at": moment(sale.updated_at),
            "deleted_at": moment(sale.deleted_at),
        }

    def _line(self, line: Line, sequence: int) -> str:
        number, places, quantity = self._number, self._sale.line_places, line.quantity
        return self._sale.line % {
            "id": text(line.id),
            "product_id": text(line.product_id),
            "tax_id": SALES_TAX,
            "zero": self._zero,
            "quantity": number(quantity, places),
            "price": number(per_unit(line.total, quantity), places),
            "total": number(line.total, places),
            "discount": number(per_unit(line.discount_total, quantity), places),
            "discount_total": number(line.discount_total, places),
            "cost": number(per_unit(line.cost_total, quantity), places),
            "cost_total": number(line.cost_total, places),
            "promotions": self._promotion(line.promotion_total),
            "gift_card_number": text(line.gift_card_number),
            "tax": number(per_unit(line.tax_total, quantity), places),
            "tax_total": number(line.tax_total, places),
            "status": text(line.status),
            "sequence": str(sequence),
            "is_return": flag(line.is_return),
        }

    def _promotion(self, amount: Decimal) -> str:
        if not amount:
            return ""
        return sale_shapes.PROMOTION % {
            "amount": self._number(amount, 2),
            "promotion_id": linked_id("promotion", "three for two"),
        }

    def _payment(self, payment: Payment, sale: Sale) -> str:
        return self._sale.payment % {
            "id": text(payment.id),
            "register_id": text(sale.register_id),
            "outlet_id": text(sale.outlet_id),
            "open_sequence_id": linked_id("open sequence", sale.register_id),
            "config_id": linked_id("payment type", payment.name),
            "type_id": text(payment.payment_type_id),
            "name": text(payment.name),
            "amount": self._number(payment.amount, self._sale.payment_places),
            "date": moment(payment.paid_at),
            "deleted_at": moment(payment.deleted_at),
        }

    def customer(self, customer: Customer) -> bytes:
        """Write one customer; the deprecated ``name`` is first and last name."""
        full_name = " ".join(filter(None, (customer.first_name, customer.last_name)))
        values = {
            "id": text(customer.id),
            "customer_code": text(customer.customer_code),
            "first_name": text(customer.first_name),
            "last_name": text(customer.last_name),
            "name": text(full_name or None),
            "company_name": text(customer.company_name),
            "email": text(customer.email),
            "phone": text(customer.phone),
            "mobile": text(customer.mobile),
            "group_id": text(customer.group_id),
            "do_not_email": _FLAGS[customer.do_not_email],
            "enable_promotional_sms": _FLAGS[customer.enable_promotional_sms],
            "zero": self._zero,
            "created_at": moment(customer.created_at),
            "updated_at": moment(customer.updated_at),
            "deleted_at": moment(customer.deleted_at),
            "version": str(customer.version),
        }
        return (self._customer % values).encode()

    def customer_group(self, group: CustomerGroup, retailer: Retailer) -> bytes:
        """Write one group; that of all customers has a ``group_id`` of ones."""
        is_built_in = group.id == USUAL_GROUPS[0].id
        own = "1" * 10 if is_built_in else group.id
        values = {
            "id": text(group.id),
            "name": text(group.name),
            "group_id": text(own),
            "retailer_id": text(retailer.id),
            "deleted_at": moment(group.deleted_at),
            "version": str(group.version),
        }
        return (shop_shapes.CUSTOMER_GROUP % values).encode()

    def outlet(self, outlet: Outlet, retailer: Retailer) -> bytes:
        """Write one outlet; its zone is ``time_zone``, unlike the store's own."""
        values = {
            "id": text(outlet.id),
            "name": text(outlet.name),
            "time_zone": text(outlet.time_zone),
            "tax_id": SALES_TAX,
            "currency": text(outlet.currency or retailer.currency),
            "deleted_at": moment(outlet.deleted_at),
            "version": str(outlet.version),
        }
        return (shop_shapes.OUTLET % values).encode()

    def register(self, register: Register) -> bytes:
        """Write one register."""
        values = {
            "id": text(register.id),
            "name": text(register.name),
            "outlet_id": text(register.outlet_id),
            "template_id": linked_id("receipt template", "standard"),
            "open_sequence_id": linked_id("open sequence", register.id),
            "deleted_at": moment(register.deleted_at),
            "version": str(register.version),
        }
        return (shop_shapes.REGISTER % values).encode()

    def retailer(self, retailer: Retailer) -> bytes:
        """Write the store itself; its zone is ``timezone``, its version a string."""
        values = {
            "id": text(retailer.id),
            "name": text(retailer.name),
            "domain_prefix": text(retailer.domain_prefix),
            "country": text(retailer.country),
            "currency": text(retailer.currency),
            "discount_product_id": text(retailer.discount_product_id),
            "no_tax_id": NO_TAX,
            "zero": self._zero,
            "time_zone": text(retailer.time_zone),
            "version": '"28000000000"',
        }
        return (shop_shapes.RETAILER % values).encode()

    def product(self, product: ListedProduct) -> bytes:
        """Write one product; a brand that it lacks is an object without members."""
        values = {
            "id": text(product.id),
            "parent_id": text(product.parent_id),
            "name": text(product.name),
            "variant_name": text(product.variant_name),
            "handle": text(product.sku.lower()),
            "sku": text(product.sku),
            "is_active": flag(product.is_active),
            "has_variants": flag(product.parent_id is not None),
            "category": _named("category", product.category),
            "supplier": _named("supplier", product.supplier),
            "brand": _named("brand", product.brand),
            "zero": self._zero,
            "created_at": moment(product.created_at),
            "deleted_at": moment(product.deleted_at),
            "version": str(product.version),
        }
        return (shop_shapes.PRODUCT % values).encode()


def _named(kind: str, name: str | None) -> str:
    """Write what a product is among, with an id of its own."""
    if name is None:
        return "{}"
    return f'{{"id":{linked_id(kind, name)},"name":{text(name)}}}'
