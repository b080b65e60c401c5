"""What an incident is: a fault, and the check that it trips."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from analytics_pipeline.simulator.records import Customer, Sale
from analytics_pipeline_tests.system.incidents.ordinary_shop import OrdinaryShop

OPENED = date(2026, 8, 20)
BAD_DAY = date(2026, 11, 5)
"""A Thursday after eleven weeks, without a holiday near it."""
DAY_BEFORE = BAD_DAY - timedelta(days=1)

Seed = Callable[[OrdinaryShop, pytest.MonkeyPatch], object]


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault that trips a check.

    Attributes:
        name: of the incident, for those who run it.
        table: the table that is checked.
        check: the check that fails.
        severity: ``ERROR`` stops the table, ``WARN`` does not.
        fault: what happened, in words for shopkeepers.
        message: a pattern that the sentence for people holds.
        seed: damages the store, which has lived through the bad day, its export, the
            settings, a stored file or a function of the program.
        begins_at: the first table that is run after the damage; those before it were
            made of the bad day without it.
        tables: the tables that are run, if not those from there up to ``table``.
    """

    name: str
    table: str
    check: str
    severity: str
    fault: str
    message: str
    seed: Seed
    begins_at: str = ""
    tables: Sequence[str] = ()


def seeded(act: Callable[[OrdinaryShop], object]) -> Seed:
    """Return *act* as a seed that leaves the program as it is."""
    return lambda shop, _patch: act(shop)


def todays(shop: OrdinaryShop) -> list[Sale]:
    """Return the completed sales of the bad day, in the order of their versions."""
    sales = (sale for sale in shop.sales_of(BAD_DAY) if sale.state == "closed")
    return sorted(sales, key=lambda sale: sale.version)


def forget(shop: OrdinaryShop, sales: Iterable[Sale]) -> None:
    """Let the store never have had *sales*."""
    for sale in sales:
        del shop.state.sales[sale.id]


def people_of(shop: OrdinaryShop) -> list[Customer]:
    """Return the live records of people whom no one else shares a contact with."""
    crowd, customers = shop.store._shop.crowd, shop.state.customers
    doubled = {identity for pair in crowd.duplicates for identity in pair}
    return [
        customers[identity]
        for identity in crowd.genuine
        if identity not in doubled and customers[identity].deleted_at is None
    ]


def an_earlier_sale(shop: OrdinaryShop) -> Sale:
    """Return a completed sale of somebody, made weeks before the bad day."""
    buyers = {person.id for person in people_of(shop)}
    day = BAD_DAY - timedelta(days=30)
    return next(
        sale
        for sale in shop.sales_of(day)
        if sale.state == "closed" and sale.customer_id in buyers and sale.lines
    )
