"""What becomes of web orders later: the web shop edits, refunds and deletes them.

A store has such changes only if its :class:`Trade` says so, and draws them apart from
all else, so the histories of all other stores stay as they are.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from analytics_pipeline.simulator.premises import to_cents
from analytics_pipeline.simulator.records import DeletedWebOrder, WebOrder, WebRefund
from analytics_pipeline.simulator.shop import Shop

SETTLED_AFTER = timedelta(days=1)
"""An order that changed less than this ago is left alone."""

Change = Callable[[Shop, WebOrder, datetime, Random], None]


def add_to_it(_shop: Shop, order: WebOrder, _moment: datetime, rng: Random) -> None:
    """Add something to an order; its tax is not worked out again."""
    more = Decimal(rng.randrange(100, 2_000)) / 100
    order.subtotal += more
    order.total += more


def refund_some(_shop: Shop, order: WebOrder, moment: datetime, rng: Random) -> None:
    """Give a part of what is left of the order's money back."""
    left = order.total - sum((each.amount for each in order.refunds), Decimal(0))
    amount = to_cents(left * Decimal(rng.randrange(10, 60)) / 100)
    if amount > 0:
        order.refunds.append(WebRefund(amount, moment))
        order.payment_status = "PARTIALLY_REFUNDED"


def refund_all(_shop: Shop, order: WebOrder, moment: datetime, _rng: Random) -> None:
    """Give all that is left of the order's money back."""
    left = order.total - sum((each.amount for each in order.refunds), Decimal(0))
    order.refunds.append(WebRefund(left, moment))
    order.payment_status, order.fulfillment_status = "REFUNDED", "RETURNED"


def deliver(_shop: Shop, order: WebOrder, _moment: datetime, _rng: Random) -> None:
    """Mark the order as delivered."""
    order.fulfillment_status = "DELIVERED"


def delete(shop: Shop, order: WebOrder, moment: datetime, _rng: Random) -> None:
    """Delete the order; the web shop says for a while that it did."""
    state = shop.timeline.state
    del state.web_orders[order.order_number]
    gone = DeletedWebOrder(order.order_number, moment)
    state.deleted_web_orders.append(gone)


CHANGES: tuple[Change, ...] = (add_to_it, refund_some, deliver, delete, refund_all)


def change_web_orders(shop: Shop, moment: datetime) -> None:
    """Let one settled order change, drawn by the seed and the moment."""
    settled = [
        order
        for order in shop.timeline.state.web_orders.values()
        if order.changed_at <= moment - SETTLED_AFTER
        and order.payment_status in {"ACCEPTED", "PARTIALLY_REFUNDED"}
    ]
    if settled:
        rng = Random(f"{shop.timeline.seed}/web changes/{moment.isoformat()}")
        order = rng.choice(settled)
        order.updated_at = moment
        rng.choice(CHANGES)(shop, order, moment, rng)
