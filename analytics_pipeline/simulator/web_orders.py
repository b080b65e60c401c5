"""The web shop: orders, and the sales that the integration makes of them (API §6.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from analytics_pipeline.simulator.people import type_number
from analytics_pipeline.simulator.premises import Product, to_cents
from analytics_pipeline.simulator.records import Line, Payment, Sale, WebOrder
from analytics_pipeline.simulator.sales import (
    ONE,
    ZERO,
    discount_line,
    new_line,
    pay,
    record_sale,
    shelf_line,
)
from analytics_pipeline.simulator.sales_pending import close, pay_rest
from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.web_buyers import Buyer, enrol_stranger

SHIPPING = Decimal("6.95")


@dataclass(frozen=True, slots=True)
class Course:
    """How an order goes: what the web shop says of it, and how it reaches the till.

    ``spelled`` is how the till has its number, ``noted_after`` what the line of its
    note says after it.
    """

    payment: str = "ACCEPTED"
    fulfillment: str = "PROCESSING"
    synced_after: float | None = 20 / 86_400
    dated_late: bool = False
    by_note_only: bool = False
    paid: bool = True
    paid_later: bool = False
    fulfilled_after: float | None = None
    customer: str = "own"
    exported: str = "right"
    free: bool = False
    voided: bool = False
    spelled: Callable[[str], str] = str
    noted_after: str = ""


def draw_course(shop: Shop) -> Course:
    """Draw how an order goes; in a shop without oddities it reaches the till."""
    rng = shop.timeline.rng
    wrong = 3 if shop.oddities else 0
    exported = rng.choices(("right", "blank", "wrong"), (62, 35, wrong))[0]
    drawn = rng.random()
    if drawn < 0.04 and shop.oddities:
        return Course(synced_after=None, exported="blank")
    if drawn < 0.07:
        return Course("QUEUED", "NEW", paid=False, paid_later=drawn < 0.055)
    if drawn < 0.10:
        voided = not shop.oddities  # an ordinary shop states its tills of a refund
        return Course("REFUNDED", "RETURNED", exported=exported, voided=voided)
    fulfilled = rng.random() * 8 if rng.random() < 0.35 else None
    lag = rng.random() ** 4 * 0.02
    customer = rng.choices(("own", "enrolled", "none", "walk-in"), (60, 25, 10, 5))[0]
    return Course(
        fulfillment=rng.choice(("PROCESSING", "SHIPPED", "READY_FOR_PICKUP")),
        synced_after=lag,
        fulfilled_after=fulfilled,
        customer=customer,
        exported=exported,
    )


def place_order(shop: Shop, moment: datetime, buyer: Buyer, course: Course) -> WebOrder:
    """Take an order, and let it reach the till as *course* says."""
    goods = _draw_goods(shop)
    shipping = ZERO if course.free or shop.timeline.chance(0.5) else SHIPPING
    share = ONE if course.free else Decimal("0.15") * shop.timeline.chance(0.25)
    lines = _sale_lines(shop, goods, shipping, share)
    subtotal = sum((product.price * count for product, count in goods), ZERO)
    discount = to_cents(subtotal * share)
    tax = to_cents(sum((line.tax_total for line in lines), ZERO))
    shop.web.last_number += 1 + int(shop.timeline.rng.random() * 3)
    order = WebOrder(
        order_number=shop.web.order_number,
        email=buyer.email,
        name=buyer.name,
        phone=type_number(shop.timeline.rng, "2125550100"),
        placed_at=moment,
        payment_status=course.payment,
        fulfillment_status=course.fulfillment,
        lines=[(p.sku, p.name, p.price, count) for p, count in goods],
        subtotal=subtotal,
        tax=tax,
        shipping=shipping,
        discount=discount,
        total=subtotal + tax + shipping - discount,
    )
    shop.timeline.state.web_orders[order.order_number] = order
    _hint(shop, order, None, course)
    if course.synced_after is not None:
        action = partial(sync, shop, order.order_number, buyer, course, lines)
        shop.timeline.plan_in(moment, course.synced_after, action)
    return order


def _draw_goods(shop: Shop) -> list[tuple[Product, int]]:
    rng = shop.timeline.rng
    chosen = rng.sample(shop.premises.products, rng.choice((1, 1, 2, 2, 3, 4)))
    return [(product, rng.choice((1, 1, 1, 2))) for product in chosen]


def _sale_lines(
    shop: Shop, goods: list[tuple[Product, int]], shipping: Decimal, share: Decimal
) -> list[Line]:
    """Return the lines as the till shows them: goods, discount, untaxed shipping."""
    till = shop.premises.online_till
    lines = [shelf_line(shop, product, till, Decimal(n)) for product, n in goods]
    if share:
        lines.append(discount_line(shop, lines, till, share))
    if shipping:
        line = new_line(shop, shop.premises.shipping_product_id, till, ONE, shipping)
        line.tax_total = ZERO
        lines.append(line)
    return lines


def sync(
    shop: Shop,
    number: str,
    buyer: Buyer,
    course: Course,
    lines: list[Line],
    moment: datetime,
) -> None:
    """Make the sale of an order, dated as the order unless *course* is late.

    One that was deleted before never reaches the till.
    """
    order = shop.timeline.state.web_orders.get(number)
    if order is None:
        return
    kind = "AWAITING_DISPATCH" if order.shipping else "AWAITING_PICKUP"
    sale = record_sale(
        shop,
        moment,
        shop.premises.online_till,
        lines,
        customer_id=_customer_of(shop, buyer, course, moment),
        status="VOIDED" if course.voided else kind,
        payments=[],
    )
    sale.sale_date = moment if course.dated_late else order.placed_at
    spelling = course.spelled(number)
    noted = f"Order ID:{spelling}{course.noted_after}"
    sale.note = f"{noted}\nDeliver to: {order.name}\nThank you"
    if not course.by_note_only:
        sale.source, sale.source_id = shop.timeline.state.web_source, spelling
    sale.user_id = shop.web.user_id
    if course.paid:
        sale.payments.extend(_online_payment(shop, sale, moment))
    _hint(shop, order, sale, course)
    order.updated_at = moment
    shop.web.synced.append(sale.id)
    if course.paid_later:
        shop.timeline.plan_in(moment, 2, partial(pay_later, shop, sale.id, number))
    if course.fulfilled_after is not None:
        action = partial(close, shop, sale.id)
        shop.timeline.plan_in(moment, course.fulfilled_after, action)


def _online_payment(shop: Shop, sale: Sale, moment: datetime) -> list[Payment]:
    due = to_cents(sale.total_price_incl)
    return [pay(shop, "Square (Online)", due, moment)] if due else []


def _customer_of(
    shop: Shop, buyer: Buyer, course: Course, moment: datetime
) -> str | None:
    """Return the record that the sale is put under; perhaps make one (API §4.2)."""
    if course.customer == "none":
        return None
    if course.customer == "walk-in":
        return shop.timeline.state.default_customer_id
    if buyer.customer_id is not None:
        return buyer.customer_id
    if course.customer == "enrolled" and buyer.email is not None:
        return enrol_stranger(shop, buyer, moment)
    return None


def pay_later(shop: Shop, sale_id: str, number: str, moment: datetime) -> None:
    """Let an unpaid order be paid: in the web shop, and at the till."""
    order = shop.timeline.state.web_orders[number]
    order.payment_status, order.fulfillment_status = "ACCEPTED", "PROCESSING"
    order.updated_at = moment
    pay_rest(shop, sale_id, moment)


def _hint(shop: Shop, order: WebOrder, sale: Sale | None, course: Course) -> None:
    """Fill the export's hint as the web shop does: right, blank or wrong (API §6.2)."""
    if course.exported == "right" and sale is not None:
        order.exported_sale_id = sale.id
    elif course.exported == "wrong" and shop.web.synced:
        order.exported_sale_id = shop.timeline.rng.choice(shop.web.synced)
    elif course.exported == "till" and shop.recent:
        order.exported_sale_id = shop.recent[-1]
