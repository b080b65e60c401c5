"""What happens to a sale after the customer has left: returns, voids, corrections."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from analytics_pipeline.simulator.events import Action
from analytics_pipeline.simulator.people_changes import choose_buyer
from analytics_pipeline.simulator.premises import Till
from analytics_pipeline.simulator.records import Line, Sale
from analytics_pipeline.simulator.sales import (
    draw_basket,
    record_sale,
    set_status,
    shelf_line,
)
from analytics_pipeline.simulator.shop import Shop

FATES = (
    (0.0080, "return"),
    (0.0115, "exchange"),
    (0.0235, "void"),
    (0.0250, "delete"),
    (0.0265, "move"),
    (0.0290, "reassign"),
)
"""Up to which draw a sale meets which fate; most meet none."""


def draw_fate(shop: Shop, sale: Sale, moment: datetime) -> None:
    """Decide whether something happens to *sale* later, and when."""
    drawn = shop.timeline.rng.random()
    fate = next((name for limit, name in FATES if drawn < limit), None)
    if fate is None:
        return
    days = shop.timeline.between(0.05, 4) if fate != "return" else None
    actions: dict[str, Action] = {
        "return": partial(give_back, shop, sale.id),
        "exchange": partial(exchange, shop, sale.id),
        "void": partial(void, shop, sale.id),
        "delete": partial(delete_sale, shop, sale.id),
        "move": partial(move_to_another_day, shop, sale.id),
        "reassign": partial(reassign, shop, sale.id),
    }
    if days is None:
        days = 1 + 100 * shop.timeline.rng.random() ** 3
    shop.timeline.plan_in(moment, days, actions[fate])


def _standing(shop: Shop, sale_id: str) -> Sale | None:
    sale = shop.timeline.state.sales[sale_id]
    gone = sale.deleted_at is not None or sale.state == "voided"
    return None if gone or not sale.lines else sale


def _open_till(shop: Shop, original: Sale, *, elsewhere: bool) -> Till:
    """Return the till of the original; if it was closed, or *elsewhere*, another."""
    tills = shop.premises.tills
    same = [till for till in tills if till.register_id == original.register_id]
    others = [till for till in tills if till.register_id != original.register_id]
    return others[0] if elsewhere or not same else same[0]


def turned(shop: Shop, line: Line) -> Line:
    """Return the line that takes *line* back; a discount's sign flips as well."""
    return Line(
        shop.timeline.new_id(),
        line.product_id,
        -line.quantity,
        -line.total,
        -line.tax_total,
        is_return=True,
        cost_total=-line.cost_total,
        gift_card_number=line.gift_card_number,
    )


def give_back(
    shop: Shop,
    sale_id: str,
    moment: datetime,
    *,
    one_line: bool = False,
    elsewhere: bool = False,
    nameless: bool = False,
    status: str = "CLOSED",
    new_lines: tuple[Line, ...] = (),
) -> Sale | None:
    """Return a sale or its first line; the original gets a new version (API §3.4)."""
    original = _standing(shop, sale_id)
    if original is None:
        return None
    lines = original.lines[:1] if one_line else original.lines
    sale = record_sale(
        shop,
        moment,
        _open_till(shop, original, elsewhere=elsewhere),
        [*(turned(shop, line) for line in lines), *new_lines],
        customer_id=None if nameless else original.customer_id,
        status=status,
        payments=[] if status == "SAVED" else None,
    )
    sale.note, sale.return_for = original.note, original.id
    original.return_ids.append(sale.id)
    shop.timeline.edit(original, moment)
    return sale


def exchange(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Swap the first line against a new basket, in one sale."""
    original = _standing(shop, sale_id)
    if original is not None:
        till = _open_till(shop, original, elsewhere=False)
        basket = tuple(draw_basket(shop, till))
        give_back(shop, sale_id, moment, one_line=True, new_lines=basket)


def exchange_evenly(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Swap the first line against its like: the total is nothing."""
    original = _standing(shop, sale_id)
    if original is not None:
        first = original.lines[0]
        like = Line(
            shop.timeline.new_id(),
            first.product_id,
            first.quantity,
            first.total,
            first.tax_total,
        )
        give_back(shop, sale_id, moment, one_line=True, new_lines=(like,))


def exchange_for(shop: Shop, sale_id: str, moment: datetime, *, rank: int) -> None:
    """Swap everything against the product of price *rank*: dearer or cheaper."""
    original = _standing(shop, sale_id)
    if original is not None:
        shelf = sorted(shop.premises.products, key=lambda product: product.price)
        till = _open_till(shop, original, elsewhere=False)
        new = shelf_line(shop, shelf[rank], till, Decimal(5 if rank else 1))
        give_back(shop, sale_id, moment, new_lines=(new,))


def void(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Void a sale that was closed."""
    sale = _standing(shop, sale_id)
    if sale is not None:
        set_status(shop, sale, "VOIDED", moment)


def delete_sale(
    shop: Shop, sale_id: str, moment: datetime, *, back_in: float | None = None
) -> None:
    """Delete a sale, perhaps by mistake: then it is back some days later."""
    sale = _standing(shop, sale_id)
    if sale is None:
        return
    shop.timeline.delete(sale, moment)
    if back_in is not None:
        shop.timeline.plan_in(moment, back_in, partial(restore_sale, shop, sale_id))


def restore_sale(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Take the deletion of a sale back."""
    sale = shop.timeline.state.sales[sale_id]
    if sale.deleted_at is not None:
        shop.timeline.restore(sale, moment)


def move_to_another_day(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Correct the day of a sale, two days back."""
    sale = _standing(shop, sale_id)
    if sale is not None:
        sale.sale_date -= timedelta(days=2)
        shop.timeline.edit(sale, moment)


def reassign(shop: Shop, sale_id: str, moment: datetime) -> None:
    """Put a sale under the right customer after all."""
    sale = _standing(shop, sale_id)
    buyer = choose_buyer(shop)
    if sale is not None and buyer is not None and buyer != sale.customer_id:
        shop.timeline.hand_over(sale, buyer, moment)
