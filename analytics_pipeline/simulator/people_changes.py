"""What happens to customer records: edits, merges, deletions and their undoing."""

from datetime import datetime
from functools import partial

from analytics_pipeline.simulator.people import Contact, draw_name
from analytics_pipeline.simulator.people_arrivals import repeat, retype
from analytics_pipeline.simulator.records import Customer
from analytics_pipeline.simulator.shop import Shop

OCCASIONAL_SHARE = 0.08
FAVOUR_OF_REGULARS = 2.3
TRIES = 6


def choose_buyer(shop: Shop) -> str | None:
    """Draw who buys: mostly regulars, the earlier ones more; None if no one is left."""
    rng, crowd = shop.timeline.rng, shop.crowd
    customers = shop.timeline.state.customers
    for _ in range(TRIES):
        if crowd.occasionals and (
            not crowd.regulars or rng.random() < OCCASIONAL_SHARE
        ):
            chosen = rng.choice(crowd.occasionals)
        elif crowd.regulars:
            rank = int(len(crowd.regulars) * rng.random() ** FAVOUR_OF_REGULARS)
            chosen = crowd.regulars[rank]
        else:
            return None
        if customers[chosen].deleted_at is None:
            return chosen
    return None


def live_duplicate(shop: Shop, moment: datetime) -> tuple[Customer, Customer] | None:
    """Return an older and a newer live record of one person, made if need be."""
    customers = shop.timeline.state.customers
    for older_id, newer_id in reversed(shop.crowd.duplicates):
        older, newer = customers[older_id], customers[newer_id]
        if older.deleted_at is None and newer.deleted_at is None:
            return older, newer
    living = [
        identity
        for identity in shop.crowd.genuine
        if customers[identity].deleted_at is None
    ]
    if not living:
        return None
    chosen = shop.timeline.rng.choice(living)
    return customers[chosen], repeat(shop, chosen, moment)


def merge(shop: Shop, primary_id: str, second_id: str, moment: datetime) -> None:
    """Merge two records: the sales move, the second record is deleted (API §4.2)."""
    primary, second = _both_live(shop, primary_id, second_id)
    if primary is None or second is None:
        return
    for sale_id in tuple(shop.timeline.sales_of.get(second.id, ())):
        sale = shop.timeline.state.sales[sale_id]
        shop.timeline.hand_over(sale, primary.id, moment)
    primary.group_id = second.group_id
    shop.timeline.edit(primary, moment)
    shop.timeline.delete(second, moment)


def delete_second(
    shop: Shop, primary_id: str, second_id: str, moment: datetime
) -> None:
    """Delete the newer of two records by hand; its sales stay behind (rule 3.1)."""
    _, second = _both_live(shop, primary_id, second_id)
    if second is not None:
        shop.timeline.delete(second, moment)


def _both_live(
    shop: Shop, first_id: str, second_id: str
) -> tuple[Customer, Customer] | tuple[None, None]:
    customers = shop.timeline.state.customers
    first, second = customers[first_id], customers[second_id]
    if first.deleted_at is not None or second.deleted_at is not None:
        return None, None
    return first, second


def delete_buyer(shop: Shop, moment: datetime, *, back_in: float | None = None) -> None:
    """Delete somebody who has bought and has no second record, perhaps by mistake."""
    customers = shop.timeline.state.customers
    doubled = {identity for pair in shop.crowd.duplicates for identity in pair}
    single = [
        identity
        for identity in shop.crowd.genuine
        if identity not in doubled
        and shop.timeline.sales_of.get(identity)
        and customers[identity].deleted_at is None
    ]
    if not single:
        return
    chosen = customers[shop.timeline.rng.choice(single)]
    shop.timeline.delete(chosen, moment)
    if back_in is not None:
        shop.timeline.plan_in(moment, back_in, partial(shop.timeline.restore, chosen))


def rename(shop: Shop, moment: datetime) -> None:
    """Correct a name, and change whether text messages are welcome."""
    customer = _any_customer(shop)
    if customer is not None:
        customer.last_name = draw_name(shop.timeline.rng)[1]
        customer.enable_promotional_sms = not customer.enable_promotional_sms
        shop.timeline.edit(customer, moment)


def change_contact(shop: Shop, moment: datetime) -> None:
    """Give somebody a new e-mail, write the number in another way, change a choice."""
    customer = _any_customer(shop)
    if customer is None or customer.id not in shop.crowd.genuine:
        return
    rng, known = shop.timeline.rng, shop.crowd.genuine[customer.id]
    customer.email = shop.crowd.fresh_email(*draw_name(rng))
    customer.phone = retype(rng, customer.phone)
    customer.do_not_email = not customer.do_not_email
    shop.crowd.genuine[customer.id] = Contact(
        known.first_name,
        known.last_name,
        email=customer.email,
        phone=customer.phone,
        mobile=customer.mobile,
    )
    shop.timeline.edit(customer, moment)


def _any_customer(shop: Shop) -> Customer | None:
    chosen = choose_buyer(shop)
    return shop.timeline.state.customers[chosen] if chosen is not None else None
