"""A store steered by hand: each action is a call, and nothing happens automatically.

It keeps the simulator's records, so its interface, export and ledger serve it.  What
an action draws by chance (ids, payments) depends on the actions before it alone, so
the same calls make the same store.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from analytics_pipeline.simulator import people_changes, sales_later, sales_pending
from analytics_pipeline.simulator.events import Timeline
from analytics_pipeline.simulator.people import Contact
from analytics_pipeline.simulator.people_arrivals import enrol
from analytics_pipeline.simulator.premises import (
    CENT,
    Till,
    found_retailer,
    open_premises,
    to_cents,
)
from analytics_pipeline.simulator.records import (
    Customer,
    Line,
    Sale,
    StoreState,
    WebOrder,
)
from analytics_pipeline.simulator.sales import pay, record_sale, set_status
from analytics_pipeline.simulator.shop import Shop

HOME = "America/New_York"
BEFORE_CLOCKS_CHANGE = (
    datetime(2026, 3, 6, 17, tzinfo=UTC),
    datetime(2026, 10, 30, 17, tzinfo=UTC),
)
"""Two days before an hour is missing, and before one comes twice."""

DEAREST = Decimal(3000)
FIRST_WEB_ORDER = 998
AWKWARD_AMOUNTS = (
    *("0", "0.005", "0.00499", "1.005", "9.99"),
    *("249.995", "250", "499.99499", "500", "749.995", "999.995", "1500"),
)
"""Nothing, half a cent, and the edges of tiers."""

MOMENTS = (
    *((0, "00:00:00"), (0, "12:00:00"), (-1, "23:59:59"), (-1, "00:00:00")),
    *((-2, "01:30:00"), (-2, "02:30:00"), (-3, "15:00:00"), (-5, "23:30:00")),
    *((-9, "08:00:00"), (1, "00:00:00"), (2, "09:00:00")),
)
"""When a sale is dated: days from today and the wall clock there; some to come."""

CONTACTS = (
    Contact("Ann", "Reed", email="ann@example.com", phone="(212) 555-0101"),
    Contact("Ann", None, email=" ANN@example.com"),
    Contact("A.", "Reed", mobile="+1 212 555 0101"),
    Contact("Bo", "Lowe", email="bo@example.com", phone="310-555-0102"),
    Contact("Bo", None, email="bo.lowe@example.com", mobile="1-310-555-0102"),
    Contact("Cy", "Hayes", email="bo.lowe@example.com", phone="555-0123"),
    Contact("=Di", "Vance", email="noemail@example.com", phone="8888888888"),
    Contact(company_name="Wren & Sons", email="office@", phone=""),
    Contact(email="web.only@example.com"),
    Contact(),
)
"""What is typed into customer forms: few contacts, so that many are shared."""

WEB_EMAILS = (
    *("ann@example.com", "Bo@example.com", "web.only@example.com"),
    *("nobody.known@example.com", "customer@example.com", "not an e-mail", None),
)
WEB_COURSES = (
    *(("ACCEPTED", "PROCESSING"), ("PAID", "SHIPPED"), ("QUEUED", "NEW")),
    *(("PARTIALLY_REFUNDED", "DELIVERED"), ("REFUNDED", "RETURNED")),
    ("ACCEPTED", "WILL_NOT_DELIVER"),
)
ZONES = (HOME, "America/Los_Angeles", "Pacific/Auckland")


@dataclass(frozen=True, slots=True)
class Basket:
    """What a sale comes to, to five decimals, and how much of it is not yet paid."""

    amount: Decimal = Decimal("12.34567")
    unpaid: Decimal = Decimal(0)


class StoreByHand:
    """A store with two outlets in two zones, and the export that was made of it."""

    def __init__(self, opened: datetime, time_zone: str = HOME) -> None:
        """Open with the walk-in customer and a few people; nothing is sold yet."""
        rng = Random("by hand")
        self.time_zone = time_zone
        self.state = StoreState(
            now=opened,
            retailer=found_retailer(rng, time_zone),
            outlets={},
            registers={},
            customers={},
            sales={},
            web_orders={},
            default_customer_id="",
            web_source="ecw:0123456789ABCDEF",
        )
        self.timeline = Timeline(0, self.state)
        self.shop = Shop(self.timeline, open_premises(self.timeline), size=0)
        self.exported: dict[str, WebOrder] = {}
        walk_in = enrol(self.shop, Contact("Walk-in"), opened - timedelta(days=900))
        walk_in.customer_code = "WALKIN"
        self.state.default_customer_id = walk_in.id
        for number, contact in enumerate(CONTACTS[:4]):
            enrol(self.shop, contact, opened - timedelta(days=30 - number))

    @property
    def now(self) -> datetime:
        return self.state.now

    @property
    def sales(self) -> list[Sale]:
        return list(self.state.sales.values())

    @property
    def people(self) -> list[Customer]:
        """Every customer record but the walk-in's, deleted ones too."""
        return list(self.state.customers.values())[1:]

    @property
    def tills(self) -> list[Till]:
        return self.shop.premises.tills

    @property
    def as_exported(self) -> StoreState:
        """The store with the web orders that its last export shows."""
        return replace(self.state, web_orders=self.exported)

    def step_clock(self, hours: int) -> None:
        self.timeline.play_until(self.now + timedelta(hours=hours))

    def note_export(self) -> None:
        """Remember what the export shows from now on."""
        self.exported = deepcopy(self.state.web_orders)

    def moment(self, day: int, wall: str, zone: str) -> datetime:
        """The moment *day* days from today at which clocks in *zone* show *wall*."""
        today = self.now.astimezone(ZoneInfo(zone)).date()
        shown = f"{today + timedelta(days=day)} {wall}"
        local = datetime.fromisoformat(shown).replace(tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)

    # Sales -----------------------------------------------------------------------

    def sell(
        self,
        basket: Basket,
        *,
        till: int = 0,
        buyer: int | None = None,
        status: str = "CLOSED",
        dated: tuple[int, str] | None = None,
    ) -> Sale:
        """Record a sale; *buyer* counts the records, the walk-in's being the first."""
        place = self.tills[till % len(self.tills)]
        people = list(self.state.customers)
        sale = record_sale(
            self.shop,
            self.now,
            place,
            self.lines(basket.amount),
            customer_id=None if buyer is None else people[buyer % len(people)],
            status=status,
            payments=[],
        )
        self._price(sale, basket)
        if dated is not None:
            sale.sale_date = self.moment(*dated, place.time_zone)
        return sale

    def lines(self, amount: Decimal) -> list[Line]:
        """Make one line that comes to *amount*, a tenth or so of it tax."""
        net = to_cents(amount * 9 / 10)
        one = Decimal(1)
        return [Line(self.timeline.new_id(), "goods", one, net, amount - net)]

    def _price(self, sale: Sale, basket: Basket) -> None:
        """Set the totals from the lines, unrounded, and one payment."""
        sale.total_price = sum((line.total for line in sale.lines), Decimal(0))
        sale.total_tax = sum((line.tax_total for line in sale.lines), Decimal(0))
        sale.total_price_incl = sale.total_price + sale.total_tax
        paid = to_cents(sale.total_price_incl) - basket.unpaid
        sale.payments = [pay(self.shop, "Square", paid, self.now)]

    def reprice(self, sale: Sale, basket: Basket) -> None:
        """Correct what was sold, and what was paid for it."""
        sale.lines = [*self.lines(basket.amount), *sale.lines[1:]]
        self._price(sale, basket)
        self.timeline.edit(sale, self.now)

    def strike_line(self, sale: Sale) -> None:
        """Strike out the first line; the total stays, as it may (rule 2.3)."""
        for line in sale.lines[:1]:
            line.status = "VOIDED"
        self.timeline.edit(sale, self.now)

    def delete_payment(self, sale: Sale) -> None:
        for payment in sale.payments[:1]:
            payment.deleted_at = self.now
        self.timeline.edit(sale, self.now)

    def set_status(self, sale: Sale, status: str) -> None:
        """Void, close, reopen: whatever the word says, known or not."""
        set_status(self.shop, sale, status, self.now)

    def add_attribute(self, sale: Sale) -> None:
        sale.attributes = (*sale.attributes, "kerbside")
        self.timeline.edit(sale, self.now)

    def pay_rest(self, sale: Sale) -> None:
        sales_pending.pay_rest(self.shop, sale.id, self.now)

    def move(self, sale: Sale, dated: tuple[int, str]) -> None:
        """Date a sale on another day; no other moment of it changes."""
        till = next(t for t in self._all_tills() if t.outlet_id == sale.outlet_id)
        sale.sale_date = self.moment(*dated, till.time_zone)
        self.timeline.edit(sale, self.now)

    def move_to_other_outlet(self, sale: Sale) -> None:
        others = [till for till in self.tills if till.outlet_id != sale.outlet_id]
        sale.outlet_id, sale.register_id = others[0].outlet_id, others[0].register_id
        self.timeline.edit(sale, self.now)

    def delete_or_restore(self, record: Sale | Customer) -> None:
        if record.deleted_at is None:
            self.timeline.delete(record, self.now)
        else:
            self.timeline.restore(record, self.now)

    def give_back(
        self,
        sale: Sale,
        *,
        for_amount: Decimal | None = None,
        nameless: bool = False,
        elsewhere: bool = False,
    ) -> Sale | None:
        """Return the first line of a sale, or exchange it; nothing if it is gone."""
        new = () if for_amount is None else tuple(self.lines(for_amount))
        return sales_later.give_back(
            self.shop,
            sale.id,
            self.now,
            one_line=True,
            elsewhere=elsewhere,
            nameless=nameless,
            new_lines=new,
        )

    def reassign(self, sale: Sale, buyer: int) -> None:
        """Put a sale under another record; the first one is the walk-in's."""
        people = list(self.state.customers)
        self.timeline.hand_over(sale, people[buyer % len(people)], self.now)

    # People ----------------------------------------------------------------------

    def enrol(self, contact: Contact) -> Customer:
        return enrol(self.shop, contact, self.now)

    def retype(self, record: Customer, contact: Contact) -> None:
        """Type another e-mail and other numbers into a record."""
        record.email, record.phone = contact.email, contact.phone
        record.mobile = contact.mobile
        self.timeline.edit(record, self.now)

    def merge(self, primary: Customer, second: Customer) -> None:
        """Merge two live records: the sales move, the second record is deleted."""
        if primary is not second:
            people_changes.merge(self.shop, primary.id, second.id, self.now)

    # The web shop ----------------------------------------------------------------

    def order_online(
        self,
        email: str | None,
        course: tuple[str, str],
        amount: Decimal,
        dated: tuple[int, str],
    ) -> WebOrder:
        """Take an order in the web shop; the tills do not know of it."""
        number = str(FIRST_WEB_ORDER + len(self.state.web_orders))
        total = to_cents(amount)
        order = WebOrder(
            order_number=number,
            email=email,
            name=f"Buyer of {number}",
            phone=None,
            placed_at=min(self.now, self.moment(*dated, self.time_zone)),
            payment_status=course[0],
            fulfillment_status=course[1],
            lines=[("SKU-1", "Goods", total, 1), ("SKU-2", "More", Decimal(0), 1)],
            subtotal=total,
            tax=Decimal(0),
            shipping=Decimal(0),
            discount=Decimal(0),
            total=total,
        )
        self.state.web_orders[number] = order
        return order

    def sync(
        self, order: WebOrder, *, how: str, basket: Basket, buyer: int | None
    ) -> Sale:
        """Let an order reach the till, tied by its source, a note or the export."""
        sale = self.sell(basket, buyer=buyer, status="AWAITING_PICKUP")
        if how != "hint":
            sale.note = f"Order ID:{order.order_number}\nThank you"
        if how == "source":
            sale.source, sale.source_id = self.state.web_source, order.order_number
        if how != "note":
            order.exported_sale_id = sale.id
        sale.sale_date = order.placed_at
        return sale

    def follow_course(self, order: WebOrder, course: tuple[str, str]) -> None:
        order.payment_status, order.fulfillment_status = course

    def hint(self, order: WebOrder, sale: Sale) -> None:
        """Let the export name this sale for the order, rightly or wrongly."""
        order.exported_sale_id = sale.id

    # The premises ----------------------------------------------------------------

    def move_outlet(self, number: int, pick: int) -> None:
        """Give an outlet another time zone: its sales may fall on other days."""
        outlet = list(self.state.outlets.values())[number % 2]
        others = [zone for zone in ZONES if zone != outlet.time_zone]
        outlet.time_zone = others[pick % len(others)]
        outlet.version = self.timeline.next_version()

    def _all_tills(self) -> Sequence[Till]:
        premises = self.shop.premises
        return [*premises.tills, premises.closing_till, premises.online_till]


UNPAID = (Decimal(0), CENT, 2 * CENT, Decimal(50))
"""What is left to pay: nothing, and both sides of what passes for paid (rule 2.1)."""


def _sale(store: StoreByHand, pick: int) -> Sale:
    return store.sales[pick % len(store.sales)]


def _merge(store: StoreByHand, pick: int) -> None:
    live = [person for person in store.people if person.deleted_at is None]
    if live:
        store.merge(live[pick % len(live)], live[(pick + 1) % len(live)])


def _delete(store: StoreByHand, pick: int) -> None:
    live = [sale for sale in store.sales if sale.deleted_at is None]
    if live:
        store.delete_or_restore(live[pick % len(live)])


def _restore(store: StoreByHand, pick: int) -> None:
    gone = [sale for sale in store.sales if sale.deleted_at is not None]
    for sale in gone[:1]:
        store.delete_or_restore(sale)


EDITS: Mapping[str, Callable[[StoreByHand, int], object]] = {
    "reprice": lambda store, pick: store.reprice(_sale(store, pick), Basket()),
    "sell": lambda store, pick: store.sell(Basket(), buyer=pick, dated=(-1, "12:00")),
    "delete": _delete,
    "restore": _restore,
    "move": lambda store, pick: store.move(_sale(store, pick), (-2, "23:59:59")),
    "merge": _merge,
    "retype": lambda store, pick: store.retype(
        store.people[pick % len(store.people)], CONTACTS[pick % len(CONTACTS)]
    ),
}
"""What can happen to a store between two requests; *pick* says to which record."""
