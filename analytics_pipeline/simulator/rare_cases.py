"""Everything odd that a store meets, one oddity a day, so that none is left to luck.

A long enough history holds every case of the list again and again; the order is
fixed, the people and the goods are drawn.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from analytics_pipeline.simulator import people_changes, sales_later, sales_odd
from analytics_pipeline.simulator.sales_later import give_back
from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.web_cases import WEB_CASES

Case = Callable[[Shop, datetime], object]

ROUNDS_BETWEEN_UNKNOWN_WORDS = 4


def rename_outlet(shop: Shop, _moment: datetime) -> None:
    """Change the name of the last outlet."""
    *_, outlet = shop.timeline.state.outlets.values()
    outlet.name = f"{outlet.name.rstrip('*')}*"
    outlet.version = shop.timeline.next_version()


def rename_register(shop: Shop, _moment: datetime) -> None:
    """Change the name of the last register."""
    *_, register = shop.timeline.state.registers.values()
    register.name = f"{register.name.rstrip('*')}*"
    register.version = shop.timeline.next_version()


ORDINARY_CASES: tuple[Case, ...] = (
    partial(sales_odd.buy_as_duplicate_and_then, people_changes.delete_second),
    sales_odd.discounted,
    partial(sales_odd.layby, True),
    partial(sales_odd.layby, False),
    partial(sales_odd.buy_and_then, give_back, 30),
    partial(sales_odd.buy_and_then, sales_later.exchange_evenly, 4),
    partial(sales_odd.buy_and_then, partial(sales_later.exchange_for, rank=0), 5),
    partial(sales_odd.buy_and_then, partial(sales_later.exchange_for, rank=-1), 5),
    sales_odd.return_twice,
    partial(sales_odd.buy_and_then, partial(give_back, elsewhere=True), 2),
    partial(sales_odd.buy_and_then, partial(give_back, nameless=True), 3),
    sales_odd.unattributed_return,
    sales_odd.return_of_a_return,
    partial(sales_odd.buy_and_then, partial(give_back, status="SAVED"), 1),
    partial(sales_odd.pending, "ONACCOUNT", 20),
    partial(sales_odd.pending, "ONACCOUNT", None),
    partial(sales_odd.pending, "SERVICE", 6),
    partial(sales_odd.pending, "QUOTE", None),
    partial(sales_odd.buy_as_duplicate_and_then, people_changes.merge),
    partial(sales_odd.pending, "SAVED", 2),
    partial(sales_odd.pending, "SAVED", None),
    partial(sales_odd.pending, "OPEN", None),
    partial(sales_odd.buy_and_then, sales_later.void, 1.5),
    partial(sales_odd.buy_and_then, sales_later.delete_sale, 2.2),
    partial(sales_odd.buy_and_then, partial(sales_later.delete_sale, back_in=2), 1.2),
    partial(sales_odd.buy_and_then, sales_later.move_to_another_day, 4),
    partial(sales_odd.buy_and_then, sales_later.reassign, 2),
    sales_odd.free,
    lambda shop, moment: sales_odd.buy(shop, moment, []),
    sales_odd.unreferenced_return,
    sales_odd.fractional,
    sales_odd.cash_with_change,
    sales_odd.deleted_payment,
    sales_odd.voided_line,
    sales_odd.offline,
    people_changes.delete_buyer,
    people_changes.rename,
    people_changes.change_contact,
    partial(people_changes.delete_buyer, back_in=2.5),
    rename_outlet,
    rename_register,
    sales_odd.gift_card,
    sales_odd.gift_card_alone,
    sales_odd.promoted,
)
UNKNOWN_WORDS: tuple[Case, ...] = (
    sales_odd.unknown_status,
    partial(sales_odd.unknown_attribute, "closed"),
    partial(sales_odd.unknown_attribute, "pending"),
)


def cases_of_day(number: int, *, oddities: bool = True) -> list[Case]:
    """Return what is odd about the *number*-th day of the store.

    Without *oddities* nothing that somebody would have to be warned of.
    """
    cases = [ORDINARY_CASES[number % len(ORDINARY_CASES)]]
    if not oddities:
        return cases
    cases.append(WEB_CASES[number % len(WEB_CASES)])
    turn, place = divmod(number, len(ORDINARY_CASES))
    if turn % ROUNDS_BETWEEN_UNKNOWN_WORDS == 0 and place in (7, 17, 27):
        cases.append(UNKNOWN_WORDS[(place - 7) // 10])
    return cases
