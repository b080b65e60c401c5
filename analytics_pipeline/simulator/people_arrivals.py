"""How customer records come about: at the opening, automatically, and twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from analytics_pipeline.simulator import people
from analytics_pipeline.simulator.people import Contact, Crowd, type_number
from analytics_pipeline.simulator.records import USUAL_GROUPS, Customer
from analytics_pipeline.simulator.shop import Shop

Kind = Callable[[Crowd, Random], Contact]

KINDS: tuple[tuple[Kind, int], ...] = (
    (people.ordinary, 560),
    (people.with_email_only, 60),
    (people.with_phone_only, 60),
    (people.without_contact, 30),
    (people.company_only, 20),
    (people.with_untidy_email, 40),
    (people.with_invalid_email, 20),
    (people.with_placeholder_email, 30),
    (people.with_shared_email, 4),
    (people.with_shared_phone, 4),
    (people.with_made_up_phone, 20),
    (people.with_invalid_phone, 10),
    (people.with_foreign_script, 20),
    (people.with_hostile_name, 5),
)
DUPLICATE_SHARE = 0.09
REGULAR_SHARE = 0.55
SHARERS = 7
DAYS_TO_FILL = 500
SLOWEST_DAYS_TO_FILL = 10_000
LONGEST_SPELL_BEFORE_OPENING = 900


def enrol(
    shop: Shop, contact: Contact, moment: datetime, *, regular: bool | None = None
) -> Customer:
    """Make a customer record of *contact*, as typed at *moment*."""
    timeline = shop.timeline
    identity = timeline.new_id()
    customer = Customer(
        id=identity,
        customer_code=_code_for(shop, contact),
        first_name=contact.first_name,
        last_name=contact.last_name,
        company_name=contact.company_name,
        email=contact.email,
        phone=contact.phone,
        mobile=contact.mobile,
        created_at=moment,
        updated_at=moment,
        version=timeline.next_version(),
        **_choices_of(identity),
    )
    timeline.state.customers[customer.id] = customer
    shop.crowd.arrived += 1
    often = timeline.chance(REGULAR_SHARE) if regular is None else regular
    pool = shop.crowd.regulars if often else shop.crowd.occasionals
    pool.append(customer.id)
    return customer


def _choices_of(identity: str) -> dict[str, Any]:
    """Return the group, and what the person agreed to, as the digits of an id decide.

    Nothing is drawn for it, so that the rest of the history is what it always was.
    """
    number = int(identity[-4:], 16)
    groups = (*USUAL_GROUPS, *USUAL_GROUPS[:1] * 2)
    return {
        "group_id": groups[number % len(groups)].id,
        "do_not_email": number % 11 < 2,
        "enable_promotional_sms": number % 3 == 0,
    }


def _code_for(shop: Shop, contact: Contact) -> str:
    stem = (contact.first_name or contact.company_name or "Customer")[:12]
    return f"{stem.replace(chr(10), ' ').strip()}-{shop.crowd.arrived:04X}"


def arrive(shop: Shop, moment: datetime) -> None:
    """Let somebody come in who is new, or is new to the clerk."""
    rng = shop.timeline.rng
    if rng.random() < DUPLICATE_SHARE and (known := _whom_to_repeat(shop)):
        repeat(shop, rng.choice(known), moment)
        return
    kinds, weights = zip(*KINDS, strict=True)
    kind = rng.choices(kinds, weights)[0]
    enrol_kind(shop, kind, moment)


def _whom_to_repeat(shop: Shop) -> list[str]:
    """Return who may come in as if new; without oddities no one does it twice."""
    if shop.oddities:
        return list(shop.crowd.genuine)
    doubled = {identity for pair in shop.crowd.duplicates for identity in pair}
    return [identity for identity in shop.crowd.genuine if identity not in doubled]


def enrol_kind(shop: Shop, kind: Kind, moment: datetime) -> Customer:
    """Enrol somebody of *kind*, and remember whose contacts are their own."""
    contact = kind(shop.crowd, shop.timeline.rng)
    customer = enrol(shop, contact, moment)
    if kind is people.ordinary:
        shop.crowd.genuine[customer.id] = contact
    return customer


def repeat(shop: Shop, known_id: str, moment: datetime) -> Customer:
    """Enrol somebody a second time, joined to the first by e-mail or by number."""
    crowd, rng = shop.crowd, shop.timeline.rng
    known = crowd.genuine[known_id]
    first, last = known.first_name or "", known.last_name or ""
    again = Contact(first, last if rng.random() < 0.8 else None)
    number = retype(rng, known.phone or known.mobile)
    by_email = rng.random() < 0.5 or number is None
    if by_email:
        again.email = known.email.upper() if known.email else None
        again.phone = type_number(rng, crowd.fresh_number())
    else:
        again.mobile = number
        again.email = crowd.fresh_email(first, last)
    customer = enrol(shop, again, moment, regular=True)
    crowd.genuine[customer.id] = again
    crowd.duplicates.append((known_id, customer.id))
    return customer


def retype(rng: Random, typed: str | None) -> str | None:
    """Write a number again, perhaps in another format."""
    if typed is None:
        return None
    return type_number(rng, "".join(c for c in typed if c.isdigit())[-10:])


def arrivals_of_a_day(shop: Shop) -> int:
    """Draw how many come in: fewer as the shop fills, but never none forever."""
    missing = shop.size - shop.crowd.arrived
    expected = max(missing / DAYS_TO_FILL, shop.size / SLOWEST_DAYS_TO_FILL)
    whole = int(expected)
    return whole + int(shop.timeline.chance(expected - whole))


def open_the_books(shop: Shop, moment: datetime) -> None:
    """Enrol the walk-in customer and a third of the people, before the first sale.

    In a shop without oddities they are as people are, not one of each kind.
    """
    walk_in = enrol(shop, Contact("Walk-in"), moment - timedelta(days=1000))
    walk_in.customer_code = "WALKIN"
    shop.crowd.regulars.clear()
    shop.crowd.occasionals.clear()
    shop.timeline.state.default_customer_id = walk_in.id
    kinds = (_enrol_one_of_each,) if shop.oddities else ()
    for act in (_enrol_a_chain, _enrol_sharers, *kinds):
        if shop.crowd.arrived < shop.size // 3:
            act(shop, moment)
    while shop.crowd.arrived < shop.size // 3:
        arrive(shop, _before(shop, moment))
    shop.timeline.rng.shuffle(shop.crowd.regulars)


def _before(shop: Shop, moment: datetime) -> datetime:
    seconds = shop.timeline.between(1, LONGEST_SPELL_BEFORE_OPENING * 86_400)
    return moment - timedelta(seconds=int(seconds))


def _enrol_a_chain(shop: Shop, moment: datetime) -> None:
    """A–B by e-mail, B–C by number, C–D by e-mail; none shares both (rule 3.4)."""
    crowd = shop.crowd
    one, two = (crowd.fresh_email("chain", name) for name in ("one", "two"))
    links = (
        Contact("Chain", "Alpha", email=one),
        Contact("Chain", "Beta", email=f" {one.upper()}", phone="(907) 555-0101"),
        Contact("C.", "Alpha-Gamma", email=two, mobile="+1 907.555.0101"),
        Contact(email=two.title()),
    )
    for link in links:
        enrol(shop, link, _before(shop, moment), regular=True)


def _enrol_sharers(shop: Shop, moment: datetime) -> None:
    """More than five with one e-mail, and with one number: placeholders (rule 3.3)."""
    for kind in (people.with_shared_email, people.with_shared_phone):
        for _ in range(min(SHARERS, shop.size // 20)):
            enrol_kind(shop, kind, _before(shop, moment))


def _enrol_one_of_each(shop: Shop, moment: datetime) -> None:
    for kind, _weight in KINDS:
        enrol_kind(shop, kind, _before(shop, moment))
    for first, last in (*people.HOSTILE_NAMES, *people.UNICODE_NAMES):
        email = shop.crowd.fresh_email("guest", "book")
        contact = Contact(first, last, email=email)
        enrol(shop, contact, _before(shop, moment))
    for typed in (*people.REPEATED_PHONES, *people.REPEATED_PHONES[2:3]):
        contact = Contact(*people.draw_name(shop.timeline.rng), phone=typed)
        enrol(shop, contact, _before(shop, moment))
