"""Mishaps with order numbers: prefixes, longer notes, other spellings, lost numbers.

The web shop of a store with mishaps numbers its orders in a form that the seed chooses.
The integration, people at the till and the export spell such a number in ways of their
own.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from random import Random

from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.web_buyers import draw_buyer, known_buyer
from analytics_pipeline.simulator.web_orders import Course, place_order

PREFIXES = ("", "PLANT-", "#", "2026/", "MY SHOP ", "Nº ", "Ä.")
SUFFIXES = ("", "", "", "/26", ".A", " web")
DIGITS = (0, 0, 5, 7)
MOST_LOST = 2
"""So few orders of a store lose their number: more would stop its figures."""

BY_NOTE = Course(by_note_only=True, exported="blank")
LONG = " please ring the bell twice; if nobody is in, the neighbours take the parcel"


def choose_order_numbers(shop: Shop, seed: int) -> None:
    """Choose how the web shop numbers its orders, apart from all other draws."""
    rng = Random(f"{seed}/order numbers")
    shop.web.prefix = rng.choice(PREFIXES)
    shop.web.suffix = rng.choice(SUFFIXES)
    shop.web.digits = rng.choice(DIGITS)


def widen(number: str) -> str:
    """Write plain characters in their full-width forms, as some keyboards do."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in number)


def hide_marks(number: str) -> str:
    """Put invisible characters around and into a number."""
    return f"\u200e{number[:2]}\u200b{number[2:]}\ufeff"


def order(course: Course, shop: Shop, moment: datetime) -> None:
    """Let somebody order, and the number be spelled as *course* says."""
    place_order(shop, moment, draw_buyer(shop), course)


def export_otherwise(
    spelled: Callable[[str], str], shop: Shop, moment: datetime
) -> None:
    """Let the export spell the number of an order otherwise than the till."""
    placed = place_order(shop, moment, draw_buyer(shop), Course(exported="blank"))
    placed.exported_number = spelled(placed.order_number)


def lose_number(shop: Shop, moment: datetime) -> None:
    """Let a spreadsheet make a date of an order's number: it is counted twice."""
    if shop.web.lost >= MOST_LOST:
        return
    shop.web.lost += 1
    buyer = known_buyer(shop) or draw_buyer(shop)
    placed = place_order(shop, moment, buyer, Course(exported="blank"))
    placed.exported_number = f"{shop.web.last_number % 28 + 1}. Oct {shop.web.lost}"


def order_numbered_like_the_prefix(shop: Shop, moment: datetime) -> None:
    """Let an old order, which no sale has, be numbered as all others begin."""
    number = shop.web.prefix.rstrip(" /-.")
    orders = shop.timeline.state.web_orders
    if number in ("", "#") or number in orders:
        return
    placed = place_order(
        shop, moment, draw_buyer(shop), Course(synced_after=None, exported="blank")
    )
    del orders[placed.order_number]
    orders[number] = replace(placed, order_number=number)


ORDER_MISHAPS: tuple[Callable[[Shop, datetime], object], ...] = (
    partial(order, replace(BY_NOTE, noted_after=" leave at the door")),
    partial(order, replace(BY_NOTE, noted_after=LONG)),
    partial(order, replace(BY_NOTE, spelled=str.lower)),
    partial(order, replace(BY_NOTE, spelled=widen, noted_after="\u00a0(web)")),
    partial(order, Course(spelled=hide_marks, exported="blank")),
    partial(order, Course(spelled=str.upper, exported="blank")),
    partial(export_otherwise, str.lower),
    partial(export_otherwise, hide_marks),
    lose_number,
    order_numbered_like_the_prefix,
)
