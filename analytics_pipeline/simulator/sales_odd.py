"""Single odd sales, each made on purpose: what tills do seldom, but do."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from analytics_pipeline.simulator import people_changes
from analytics_pipeline.simulator.premises import HUNDRED_THOUSANDTH, to_cents
from analytics_pipeline.simulator.records import Line, Sale
from analytics_pipeline.simulator.sales import (
    ONE,
    discount_line,
    draw_basket,
    gift_card_line,
    pay,
    pay_cash_with_change,
    record_sale,
    set_status,
    shelf_line,
)
from analytics_pipeline.simulator.sales_later import give_back, turned
from analytics_pipeline.simulator.sales_pending import start_layby, start_pending
from analytics_pipeline.simulator.shop import Shop


def buy(
    shop: Shop,
    moment: datetime,
    lines: list[Line] | None = None,
    *,
    named: bool = True,
) -> Sale:
    """Make an ordinary sale at the front till, of *lines* or of a drawn basket."""
    till = shop.premises.tills[0]
    basket = draw_basket(shop, till) if lines is None else lines
    buyer = people_changes.choose_buyer(shop) if named else None
    return record_sale(shop, moment, till, basket, customer_id=buyer)


def buy_and_then(
    action: Callable[..., object], days: float, shop: Shop, moment: datetime
) -> None:
    """Make a sale to which *action* happens *days* later."""
    sale = buy(shop, moment)
    shop.timeline.plan_in(moment, days, partial(action, shop, sale.id))


def buy_as_duplicate_and_then(
    action: Callable[..., object], shop: Shop, moment: datetime
) -> None:
    """Let somebody buy under a second record, to which *action* happens later."""
    pair = people_changes.live_duplicate(shop, moment)
    if pair is None:
        return
    till = shop.premises.tills[0]
    first, second = pair
    for record in pair:
        basket = draw_basket(shop, till)
        record_sale(shop, moment, till, basket, customer_id=record.id)
    shop.timeline.plan_in(moment, 3, partial(action, shop, first.id, second.id))


def pending(status: str, closes_in: float | None, shop: Shop, moment: datetime) -> None:
    """Make a sale of *status* that is closed later, or stays open."""
    start_pending(
        shop,
        moment,
        till=shop.premises.tills[0],
        customer_id=people_changes.choose_buyer(shop),
        status=status,
        closes_in=closes_in,
    )


def layby(finishes: bool, shop: Shop, moment: datetime) -> None:
    """Start a layby."""
    start_layby(
        shop,
        moment,
        till=shop.premises.tills[0],
        customer_id=people_changes.choose_buyer(shop),
        finishes=finishes,
    )


def discounted(shop: Shop, moment: datetime) -> None:
    """Sell with a discount line, and take it all back: the sign flips (API §3.5)."""
    till = shop.premises.tills[0]
    lines = [shelf_line(shop, shop.premises.products[0], till, Decimal(3))]
    sale = buy(shop, moment, [*lines, discount_line(shop, lines, till)])
    shop.timeline.plan_in(moment, 6, partial(give_back, shop, sale.id))


def free(shop: Shop, moment: datetime) -> None:
    """Give a thing away: an order of total 0 (rule 2.3)."""
    till = shop.premises.tills[0]
    lines = [shelf_line(shop, shop.premises.products[1], till, ONE)]
    buy(shop, moment, [*lines, discount_line(shop, lines, till, ONE)])


def unreferenced_return(shop: Shop, moment: datetime) -> None:
    """Take something back without knowing from which sale, as old tills did."""
    till = shop.premises.tills[0]
    line = shelf_line(shop, shop.premises.products[2], till, Decimal(-1))
    buy(shop, moment, [line])


def fractional(shop: Shop, moment: datetime) -> None:
    """Sell by weight."""
    till = shop.premises.tills[0]
    line = shelf_line(shop, shop.premises.products[3], till, Decimal("1.25"))
    buy(shop, moment, [line])


def cash_with_change(shop: Shop, moment: datetime) -> None:
    """Pay cash and get change back."""
    sale = buy(shop, moment)
    sale.payments = pay_cash_with_change(
        shop, sale.total_price + sale.total_tax, moment
    )
    sale.total_price_incl = sale.total_price + sale.total_tax


def deleted_payment(shop: Shop, moment: datetime) -> None:
    """Take a payment twice and delete one of them."""
    sale = buy(shop, moment)
    if sale.payments:
        again = pay_cash_with_change(shop, sale.total_price, moment)[0]
        again.deleted_at = moment
        sale.payments.append(again)


def voided_line(shop: Shop, moment: datetime) -> None:
    """Leave a line on the sale that was struck out; it counts for nothing."""
    sale = buy(shop, moment)
    struck = turned(shop, sale.lines[0])
    struck.total = struck.tax_total = Decimal(0)
    struck.status = "VOIDED"
    sale.lines.append(struck)


def gift_card(shop: Shop, moment: datetime) -> None:
    """Sell a gift card with some goods; somebody else pays with it later."""
    till = shop.premises.tills[0]
    goods = shelf_line(shop, shop.premises.products[9], till, ONE)
    buy(shop, moment, [goods, gift_card_line(shop, Decimal(60))])
    shop.timeline.plan_in(moment, 8, partial(redeem, shop, Decimal(60)))


def redeem(shop: Shop, amount: Decimal, moment: datetime) -> None:
    """Pay with a gift card as far as it goes, and the rest by card."""
    sale = buy(shop, moment)
    due = to_cents(sale.total_price_incl)
    part = min(amount, due)
    rest = [pay(shop, "Square", due - part, moment)] if due > part else []
    sale.payments = [pay(shop, "Gift Card", part, moment), *rest]


def gift_card_alone(shop: Shop, moment: datetime) -> None:
    """Sell nothing but a gift card: no order; it is taken back later (rule 2.6)."""
    line = gift_card_line(shop, Decimal("75.50"))
    sale = buy(shop, moment, [line])
    shop.timeline.plan_in(moment, 12, partial(give_back, shop, sale.id))


def promoted(shop: Shop, moment: datetime) -> None:
    """Sell three for two: what a promotion took off is named on the line."""
    till = shop.premises.tills[0]
    line = shelf_line(shop, shop.premises.products[10], till, Decimal(3))
    off = to_cents(line.total / 3)
    line.total -= off
    line.tax_total = (line.total * till.tax_rate).quantize(HUNDRED_THOUSANDTH)
    line.promotion_total = line.discount_total = off
    buy(shop, moment, [line])


def offline(shop: Shop, moment: datetime) -> None:
    """Record a sale that a till without network made days ago (API §3.6)."""
    buy(shop, moment).sale_date -= timedelta(days=3, hours=5)


def return_twice(shop: Shop, moment: datetime) -> None:
    """Return two of three goods on two days."""
    till, products = shop.premises.tills[0], shop.premises.products
    lines = [shelf_line(shop, product, till, ONE) for product in products[4:7]]
    sale = buy(shop, moment, lines)
    for days in (2, 9):
        action = partial(give_back, shop, sale.id, one_line=True)
        shop.timeline.plan_in(moment, days, action)


def unattributed_return(shop: Shop, moment: datetime) -> None:
    """Sell without a customer, and take the sale back."""
    sale = buy(shop, moment, named=False)
    shop.timeline.plan_in(moment, 1, partial(give_back, shop, sale.id))


def return_of_a_return(shop: Shop, moment: datetime) -> None:
    """Return without a name what was bought in an exchange without a name."""
    sale = buy(shop, moment)
    line = shelf_line(
        shop, shop.premises.products[8], shop.premises.tills[0], Decimal(2)
    )
    swap = give_back(shop, sale.id, moment, nameless=True, new_lines=(line,))
    if swap is not None:
        action = partial(_return_last_line, shop, swap.id)
        shop.timeline.plan_in(moment, 3, action)


def _return_last_line(shop: Shop, sale_id: str, moment: datetime) -> None:
    original = shop.timeline.state.sales[sale_id]
    back = [turned(shop, original.lines[-1])]
    sale = record_sale(shop, moment, shop.premises.tills[0], back, customer_id=None)
    sale.return_for = sale_id
    original.return_ids.append(sale.id)
    shop.timeline.edit(original, moment)


def unknown_status(shop: Shop, moment: datetime) -> None:
    """Use an unknown status."""
    set_status(shop, buy(shop, moment), "ARCHIVED", moment)


def unknown_attribute(state: str, shop: Shop, moment: datetime) -> None:
    """Use an unknown attribute, on a known *state*."""
    sale = buy(shop, moment)
    status = "CLOSED" if state == "closed" else "AWAITING_PICKUP"
    set_status(shop, sale, status, moment)
    sale.attributes = (*sale.attributes, "kerbside")
