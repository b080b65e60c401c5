"""Names that are typed, pasted or scanned so that tables and spreadsheets break."""

from datetime import datetime

from analytics_pipeline.simulator.people import Contact
from analytics_pipeline.simulator.people_arrivals import enrol
from analytics_pipeline.simulator.people_changes import choose_buyer
from analytics_pipeline.simulator.rare_cases import Case
from analytics_pipeline.simulator.sales import draw_basket, record_sale
from analytics_pipeline.simulator.shop import Shop

HAZARDOUS_NAMES: tuple[tuple[str, str | None], ...] = (
    ("＝1+1", "Wide"),
    ("＠SUM(A1:A9)", None),
    ("Reed;=1+1", None),
    ('Reed,"=1+1', "Quote"),
    ("Reed;\u200b-2+3", "Hidden"),
    ("Reed\n@SUM(1)", None),
    ("Reed\r=1+1", "Return"),
    ("Reed\t+1", "Tab"),
    ("\u200b=1+1", None),
    ("An\0n", "Null"),
    ("\x1b[31mAnn", "Escape"),
    ("Bell\x07", "Next\x85Line"),
    ("\x01=1+1", "Start"),
    ("\x07", "Bell-Only"),
    ("\u200b", None),
    ("#N/A", "inf"),
    ("+1-2", "Reed; Mark"),
)
"""First and last names; all come from forms that take whatever is pasted."""


def buy_under_a_hazardous_name(shop: Shop, moment: datetime) -> None:
    """Let somebody enrol under such a name, and buy."""
    first, last = shop.timeline.rng.choice(HAZARDOUS_NAMES)
    email = shop.crowd.fresh_email("pasted", "name")
    customer = enrol(shop, Contact(first, last, email=email), moment)
    till = shop.premises.tills[0]
    basket = draw_basket(shop, till)
    record_sale(shop, moment, till, basket, customer_id=customer.id)


def paste_a_hazardous_name(shop: Shop, moment: datetime) -> None:
    """Let a clerk paste such a name over that of somebody who has bought."""
    chosen = choose_buyer(shop)
    if chosen is None:
        return
    customer = shop.timeline.state.customers[chosen]
    customer.first_name, customer.last_name = shop.timeline.rng.choice(HAZARDOUS_NAMES)
    shop.timeline.edit(customer, moment)


def become_known_to_the_web_shop(shop: Shop, _moment: datetime) -> None:
    """Let the web shop know a stranger of such a name, who may order from now on."""
    names = [" ".join(filter(None, name)) for name in HAZARDOUS_NAMES]
    # A bare carriage return ends a row of the export, so it cannot hold one.
    name = shop.timeline.rng.choice([name for name in names if "\r" not in name])
    email = shop.crowd.fresh_email("web", "stranger")
    shop.crowd.web_only.append((name, email))


TEXT_MISHAPS: tuple[Case, ...] = (
    buy_under_a_hazardous_name,
    paste_a_hazardous_name,
    become_known_to_the_web_shop,
)
