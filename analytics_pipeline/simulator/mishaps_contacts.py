"""Contacts as copying, spreadsheets and hurried people leave them (rules 3.2, 3.3)."""

from collections.abc import Callable
from datetime import datetime
from random import Random

from analytics_pipeline.simulator.people import Contact, draw_name, type_number
from analytics_pipeline.simulator.people_arrivals import enrol
from analytics_pipeline.simulator.rare_cases import Case
from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.web_buyers import Buyer, stranger
from analytics_pipeline.simulator.web_orders import Course, place_order

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
FILLER = "2222222"
UNSYNCED = Course(synced_after=None, exported="blank")

DECORATIONS: tuple[Callable[[str], str], ...] = (
    "\ufeff{}".format,
    "\u202a{}\u202c".format,
    "mailto:{}".format,
    "<{}>".format,
    "At Home <{}>".format,
    "<mailto:{}>;".format,
    "{}.".format,
    "{},".format,
    "{};".format,
    lambda email: email.replace("@", "@\u200b"),
    lambda email: email.replace("example", "exam\u00adple"),
    lambda email: email.translate(FULL_WIDTH),
)


def decorate(rng: Random, email: str) -> str:
    """Write an e-mail as it comes out of another program."""
    return rng.choice(DECORATIONS)(email)


def _someone_known(shop: Shop) -> Contact | None:
    """Draw the contact of a live record that has an e-mail of its own."""
    customers = shop.timeline.state.customers
    known = [
        contact
        for identity, contact in shop.crowd.genuine.items()
        if contact.email and customers[identity].deleted_at is None
    ]
    return shop.timeline.rng.choice(known) if known else None


def come_again_decorated(shop: Shop, moment: datetime) -> None:
    """Enrol somebody again, with the e-mail as copied: one person (rule 3.4)."""
    known, rng = _someone_known(shop), shop.timeline.rng
    if known is not None and known.email:
        email = decorate(rng, known.email)
        enrol(shop, Contact(known.first_name, known.last_name, email=email), moment)


def share_a_field(shop: Shop, moment: datetime) -> None:
    """Enrol a couple in one record, with both addresses: no key (rule 3.2)."""
    known, rng = _someone_known(shop), shop.timeline.rng
    if known is not None:
        other = shop.crowd.fresh_email(*draw_name(rng))
        email = rng.choice(("{}; {}", "{},{}", "{} {}")).format(known.email, other)
        enrol(shop, Contact(known.first_name, known.last_name, email=email), moment)


def number_with_point_zero(shop: Shop, moment: datetime) -> None:
    """Enrol somebody twice, the second time out of a spreadsheet: one person."""
    digits, rng = shop.crowd.fresh_number(), shop.timeline.rng
    if digits is not None:
        name = draw_name(rng)
        enrol(shop, Contact(*name, phone=type_number(rng, digits)), moment)
        enrol(shop, Contact(*name, phone=f"{digits}.0"), moment)


def number_in_scientific_notation(shop: Shop, moment: datetime) -> None:
    """Enrol two people whose numbers lost their digits: no one joins (rule 3.2)."""
    for _ in range(2):
        digits = shop.crowd.fresh_number()
        if digits is not None:
            name = draw_name(shop.timeline.rng)
            enrol(shop, Contact(*name, phone=f"{int(digits):.2E}"), moment)


def colleagues(shop: Shop, moment: datetime) -> None:
    """Enrol people behind one switchboard, one of them twice (rule 3.2)."""
    digits, rng = shop.crowd.fresh_number(), shop.timeline.rng
    if digits is not None:
        for extension in ("", " ext. 5", " x7", " x5"):
            number = f"{type_number(rng, digits)}{extension}"
            enrol(shop, Contact(*draw_name(rng), mobile=number), moment)


def filler_number(shop: Shop, moment: datetime) -> None:
    """Enrol two people with a number that fills the field: no one joins (rule 3.3)."""
    digits, rng = shop.crowd.fresh_number(), shop.timeline.rng
    if digits is not None:
        for _ in range(2):
            typed = type_number(rng, digits[:3] + FILLER)
            enrol(shop, Contact(*draw_name(rng), phone=typed), moment)


def order_decorated(shop: Shop, moment: datetime) -> None:
    """Let somebody known order with the e-mail as copied (rule 4.5)."""
    known, rng = _someone_known(shop), shop.timeline.rng
    if known is not None and known.email:
        name = f"{known.first_name} {known.last_name}"
        buyer = Buyer(name, decorate(rng, known.email), None)
        course = rng.choice((UNSYNCED, Course(customer="none")))
        place_order(shop, moment, buyer, course)


def order_again_decorated(shop: Shop, moment: datetime) -> None:
    """Let a stranger order twice, once with the e-mail as copied (rule 3.7)."""
    buyer = stranger(shop)
    place_order(shop, moment, buyer, UNSYNCED)
    email = decorate(shop.timeline.rng, buyer.email or "")
    place_order(shop, moment, Buyer(buyer.name, email, None), UNSYNCED)


def order_for_two(shop: Shop, moment: datetime) -> None:
    """Let somebody order with two addresses in the field: unattributed (rule 4.5)."""
    buyer = stranger(shop)
    other = shop.crowd.fresh_email(*draw_name(shop.timeline.rng))
    both = Buyer(buyer.name, f"{buyer.email}; {other}", None)
    place_order(shop, moment, both, UNSYNCED)


CONTACT_MISHAPS: tuple[Case, ...] = (
    come_again_decorated,
    share_a_field,
    number_with_point_zero,
    number_in_scientific_notation,
    colleagues,
    filler_number,
    order_decorated,
    order_again_decorated,
    order_for_two,
)
