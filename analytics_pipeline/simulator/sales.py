"""Sales at the till: the basket, the money, and the record of both.

Lines add up to the totals, and the payments of a completed sale to its total; only
``total_price_incl`` may lie up to a cent off, as it does in the real API (§3.1).
"""

from datetime import datetime
from decimal import Decimal

from analytics_pipeline.simulator.premises import (
    CENT,
    HUNDRED_THOUSANDTH,
    Product,
    Till,
    to_cents,
)
from analytics_pipeline.simulator.records import Line, Payment, Sale
from analytics_pipeline.simulator.shop import Shop

STATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "CLOSED": ("closed", ()),
    "LAYBY_CLOSED": ("closed", ("layby",)),
    "ONACCOUNT_CLOSED": ("closed", ("onaccount",)),
    "PICKED_UP_CLOSED": ("closed", ("pickup",)),
    "DISPATCHED_CLOSED": ("closed", ("delivery",)),
    "SERVICE_CLOSED": ("closed", ("service",)),
    "AWAITING_PICKUP": ("pending", ("pickup",)),
    "AWAITING_DISPATCH": ("pending", ("delivery",)),
    "ONACCOUNT": ("pending", ("onaccount",)),
    "LAYBY": ("pending", ("layby",)),
    "SERVICE": ("pending", ("service",)),
    "OPEN": ("pending", ()),
    "SAVED": ("parked", ()),
    "QUOTE": ("parked", ()),
    "VOIDED": ("voided", ()),
    "ARCHIVED": ("archived", ()),
}
"""What each status means in the newer words; ARCHIVED is an unknown one."""

PAYMENT_TYPES = {
    "Cash": "1",
    "Square": "8",
    "Loyalty": "106",
    "Gift Card": "118",
    "Store Credit": "121",
    "Square (Online)": "171",
}
ONE = Decimal(1)
ZERO = Decimal(0)
LINE_COUNTS = (0.43, 0.76, 0.89, 0.95, 0.98, 1.0)
UNROUNDED_SHARE = 0.004
COST_SHARE = Decimal("0.45")
"""What goods cost the shop, of their price."""


def draw_basket(shop: Shop, till: Till) -> list[Line]:
    """Fill a basket: mostly one or two goods, now and then a discount on all."""
    rng, products = shop.timeline.rng, shop.premises.products
    drawn = rng.random()
    count = next(i for i, share in enumerate(LINE_COUNTS, 1) if drawn <= share)
    lines = []
    for _ in range(count):
        product = products[int(len(products) * rng.random())]
        quantity = ONE if rng.random() < 0.82 else Decimal(rng.randint(2, 4))
        lines.append(shelf_line(shop, product, till, quantity))
    if rng.random() < 0.12:
        lines.append(discount_line(shop, lines, till))
    return lines


def shelf_line(shop: Shop, product: Product, till: Till, quantity: Decimal) -> Line:
    """Sell *quantity* of *product*, taxed as the till's town does."""
    total = product.price if quantity is ONE else to_cents(product.price * quantity)
    line = new_line(shop, product.id, till, quantity, total)
    line.cost_total = to_cents(total * COST_SHARE)
    return line


def new_line(
    shop: Shop, product_id: str, till: Till, quantity: Decimal, total: Decimal
) -> Line:
    """Make a line of a known total; its tax has five decimals."""
    tax = (total * till.tax_rate).quantize(HUNDRED_THOUSANDTH)
    return Line(shop.timeline.new_id(), product_id, quantity, total, tax)


def gift_card_line(shop: Shop, amount: Decimal) -> Line:
    """Sell a gift card over *amount*: untaxed, because what it buys is taxed."""
    product = shop.premises.gift_card_product_id
    line = Line(shop.timeline.new_id(), product, ONE, amount, ZERO)
    line.gift_card_number = f"GC-{line.id[:8]}"
    return line


def discount_line(
    shop: Shop, lines: list[Line], till: Till, share: Decimal = Decimal("0.1")
) -> Line:
    """Take *share* off the whole sale: a line of its own, quantity −1 (API §3.5)."""
    off = to_cents(sum((line.total for line in lines), ZERO) * share)
    return new_line(shop, shop.premises.discount_product_id, till, -ONE, -off)


def pay(shop: Shop, name: str, amount: Decimal, moment: datetime) -> Payment:
    """Make one payment."""
    return Payment(shop.timeline.new_id(), name, PAYMENT_TYPES[name], amount, moment)


def settle(shop: Shop, due: Decimal, moment: datetime) -> list[Payment]:
    """Pay *due* exactly, in one of the ways in which people pay."""
    if due == 0:
        return []
    drawn = shop.timeline.rng.random()
    if due < 0:
        ways = ("Cash", "Square", "Square", "Store Credit")
        return [pay(shop, ways[int(drawn * len(ways))], due, moment)]
    if drawn < 0.45 or due < 5:
        return [pay(shop, "Square", due, moment)]
    if drawn < 0.50:
        return [pay(shop, "Cash", due, moment)]
    if drawn < 0.80:
        return pay_cash_with_change(shop, due, moment)
    other = "Loyalty" if drawn < 0.93 else "Gift Card"
    other = "Store Credit" if drawn > 0.97 else other
    part = to_cents(due * Decimal(shop.timeline.rng.randint(1, 5)) / 10)
    rest = due - part
    if drawn < 0.88:
        return [pay(shop, other, part, moment), pay(shop, "Square", rest, moment)]
    return [
        pay(shop, other, part, moment),
        *pay_cash_with_change(shop, rest, moment),
    ]


def pay_cash_with_change(shop: Shop, due: Decimal, moment: datetime) -> list[Payment]:
    """Hand over whole twenties and get change: a second, negative payment."""
    given = (due // 20 + 1) * 20
    change = due - given
    return [pay(shop, "Cash", given, moment), pay(shop, "Cash", change, moment)]


def record_sale(
    shop: Shop,
    moment: datetime,
    till: Till,
    lines: list[Line],
    *,
    customer_id: str | None,
    status: str = "CLOSED",
    payments: list[Payment] | None = None,
) -> Sale:
    """Write a sale into the books at *moment*; without *payments* it is settled."""
    price, tax, incl = _totals(shop, lines)
    state, attributes = STATES[status]
    sale = Sale(
        id=shop.timeline.new_id(),
        version=shop.timeline.next_version(),
        outlet_id=till.outlet_id,
        register_id=till.register_id,
        user_id=till.user_id,
        customer_id=customer_id,
        invoice_number=shop.next_invoice(till.register_id),
        source="USER",
        source_id=None,
        state=state,
        status=status,
        attributes=attributes,
        note="",
        sale_date=moment,
        created_at=moment,
        updated_at=moment,
        lines=lines,
        payments=settle(shop, to_cents(incl), moment) if payments is None else payments,
        total_price=price,
        total_tax=tax,
        total_price_incl=incl,
    )
    shop.timeline.keep_sale(sale)
    return sale


def _totals(shop: Shop, lines: list[Line]) -> tuple[Decimal, Decimal, Decimal]:
    """Return what the lines add up to: price, tax, and both together."""
    price = to_cents(sum((line.total for line in lines), ZERO))
    raw_tax = sum((line.tax_total for line in lines), ZERO)
    tax = to_cents(raw_tax)
    return price, tax, _total_incl(shop, price + tax, price + raw_tax)


def _total_incl(shop: Shop, rounded: Decimal, unrounded: Decimal) -> Decimal:
    """Return the total with tax: now and then unrounded, or a cent off (API §3.1)."""
    drawn = shop.timeline.rng.random()
    if drawn >= UNROUNDED_SHARE or rounded == 0:
        return rounded
    if drawn < UNROUNDED_SHARE / 4:
        return rounded + CENT
    return unrounded


def set_status(shop: Shop, sale: Sale, status: str, moment: datetime) -> None:
    """Move a sale on to another status."""
    sale.status = status
    sale.state, sale.attributes = STATES[status]
    shop.timeline.edit(sale, moment)


def due_of(sale: Sale) -> Decimal:
    """Return what is still to pay, in cents."""
    paid = sum((p.amount for p in sale.payments if p.deleted_at is None), ZERO)
    return to_cents(sale.total_price_incl) - paid
