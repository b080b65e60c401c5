"""What the store has before anyone buys: shops, tills, goods and payment types."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from uuid import UUID, uuid5

from analytics_pipeline.simulator.events import Timeline, draw_id
from analytics_pipeline.simulator.records import Outlet, Register, Retailer

CENT = Decimal("0.01")
HUNDRED_THOUSANDTH = Decimal("0.00001")
OTHER_ZONES = ("America/Los_Angeles", "America/New_York")
TAX_RATES = (Decimal("0.08875"), Decimal("0.095"))
GOODS = (
    "Linen shirt",
    "Wool scarf",
    "Beeswax candle",
    "Clay mug",
    "Oak tray",
    "Garden shears",
    "Seed box; mixed",
    'Frame 8" x 10"',
    "Soap bar",
    "Notebook",
)


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on the shelf; the price is for one, without tax."""

    id: str
    sku: str
    name: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Till:
    """A register with what a sale needs to know of its outlet."""

    register_id: str
    outlet_id: str
    time_zone: str
    tax_rate: Decimal
    user_id: str


@dataclass(slots=True)
class Premises:
    """The shop's furniture; tills in the order in which they are busy."""

    products: list[Product]
    tills: list[Till]
    closing_till: Till
    online_till: Till
    shipping_product_id: str
    discount_product_id: str
    gift_card_product_id: str


def to_cents(amount: Decimal) -> Decimal:
    """Round an amount to two decimals, half away from zero; nothing is never -0."""
    return amount.quantize(CENT, ROUND_HALF_UP) + 0


def found_retailer(rng: Random, time_zone: str, currency: str = "USD") -> Retailer:
    """Draw the store itself."""
    return Retailer(
        id=draw_id(rng),
        name="Fern & Thistle",
        domain_prefix="fernthistle",
        time_zone=time_zone,
        country="US",
        currency=currency,
        discount_product_id=draw_id(rng),
    )


def stock_shelves(timeline: Timeline, count: int = 120) -> list[Product]:
    """Draw the goods: many cheap ones, a few dear ones."""
    products = []
    for number in range(count):
        cents = int(400 + 9_600 * timeline.rng.random() ** 2.6)
        products.append(
            Product(
                id=timeline.new_id(),
                sku=f"SKU-{number:04d}",
                name=f"{GOODS[number % len(GOODS)]} no. {number}",
                price=Decimal(cents).scaleb(-2),
            )
        )
    return products


def open_premises(
    timeline: Timeline, outlets: int = 2, *, far_outlet: bool = True
) -> Premises:
    """Open two outlets in two time zones, with five registers, one to be closed.

    A third outlet, in the store's own zone, has the second till of the first one.
    Without a far outlet all are in the store's own zone.
    """
    home = timeline.state.retailer.time_zone
    away = next(zone for zone in OTHER_ZONES if zone != home) if far_outlet else home
    main = _open_outlet(timeline, "Main Street", home)
    west = _open_outlet(timeline, "West Side", away)
    second = _open_outlet(timeline, "Station", home) if outlets > 2 else main
    tills = [
        _open_till(timeline, outlet, name, rate)
        for outlet, name, rate in (
            (main, "Front till", TAX_RATES[0]),
            (second, "Back till", TAX_RATES[0]),
            (west, "West till", TAX_RATES[1]),
            (main, "Holiday till", TAX_RATES[0]),
            (main, "Online", TAX_RATES[0]),
        )
    ]
    return Premises(
        products=stock_shelves(timeline),
        tills=tills[:3],
        closing_till=tills[3],
        online_till=tills[4],
        shipping_product_id=timeline.new_id(),
        discount_product_id=timeline.state.retailer.discount_product_id,
        gift_card_product_id=str(uuid5(UUID(timeline.state.retailer.id), "gift card")),
    )


def _open_outlet(timeline: Timeline, name: str, time_zone: str) -> Outlet:
    outlet = Outlet(timeline.new_id(), name, time_zone, timeline.next_version())
    timeline.state.outlets[outlet.id] = outlet
    return outlet


def _open_till(timeline: Timeline, outlet: Outlet, name: str, rate: Decimal) -> Till:
    register = Register(timeline.new_id(), name, outlet.id, timeline.next_version())
    timeline.state.registers[register.id] = register
    return Till(register.id, outlet.id, outlet.time_zone, rate, timeline.new_id())
