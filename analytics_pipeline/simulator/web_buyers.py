"""Who orders in the web shop: regulars, strangers, and people without an e-mail."""

from dataclasses import dataclass
from datetime import datetime

from analytics_pipeline.simulator.people import INVALID_EMAILS, Contact, draw_name
from analytics_pipeline.simulator.people_arrivals import enrol
from analytics_pipeline.simulator.people_changes import choose_buyer
from analytics_pipeline.simulator.shop import Shop

KNOWN_SHARE = 0.7
RETURNING_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who orders in the web shop, and under which customer record if any."""

    name: str
    email: str | None
    customer_id: str | None


def known_buyer(shop: Shop) -> Buyer | None:
    """Draw somebody who has a record with an e-mail of their own."""
    chosen = choose_buyer(shop)
    if chosen not in shop.crowd.genuine:
        return None
    contact = shop.crowd.genuine[chosen]
    if contact.email is None:
        return None
    name = f"{contact.first_name or ''} {contact.last_name or ''}".strip()
    return Buyer(name, contact.email, chosen)


def stranger(shop: Shop, *, returning: bool = False) -> Buyer:
    """Draw somebody whom only the web shop knows, perhaps from an earlier order."""
    rng, crowd = shop.timeline.rng, shop.crowd
    if not (returning and crowd.web_only):
        first, last = draw_name(rng)
        crowd.web_only.append((f"{first} {last}", crowd.fresh_email(first, last)))
        return Buyer(*crowd.web_only[-1], None)
    return Buyer(*rng.choice(crowd.web_only), None)


def nameless_buyer(shop: Shop) -> Buyer:
    """Draw somebody whose e-mail is no key: blank, invalid or a placeholder."""
    email = shop.timeline.rng.choice(
        (None, INVALID_EMAILS[0].format("web"), "noemail@example.com")
    )
    return Buyer(" ".join(draw_name(shop.timeline.rng)), email, None)


def draw_buyer(shop: Shop) -> Buyer:
    """Draw who orders on an ordinary day."""
    if shop.timeline.chance(KNOWN_SHARE):
        buyer = known_buyer(shop)
        if buyer is not None:
            return buyer
    return stranger(shop, returning=shop.timeline.chance(RETURNING_SHARE))


def enrol_stranger(shop: Shop, buyer: Buyer, moment: datetime) -> str:
    """Make a record of somebody whom the web shop knew first."""
    first, _, last = buyer.name.partition(" ")
    customer = enrol(shop, Contact(first, last, email=buyer.email), moment)
    if (buyer.name, buyer.email) in shop.crowd.web_only:
        shop.crowd.web_only.remove((buyer.name, buyer.email or ""))
    return customer.id
