"""A record that sells as only a walk-in customer does (rule 3.8)."""

from dataclasses import dataclass

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.usual_policy import Usual
from analytics_pipeline.domain.wording import say

CHECK = "walk_in_is_known"
ECOM_PREFIX = "ecom-"


@dataclass(frozen=True, slots=True)
class Busiest:
    """The person with the most orders.

    Attributes:
        person_id: the person.
        orders: how many the person has.
        next_orders: how many the next person has.
    """

    person_id: str
    orders: int
    next_orders: int


def find_busiest(figures: pd.DataFrame) -> Busiest | None:
    """Return who has the most orders in ``CustomerAnalytics``; nobody without any.

    Whoever is known from the web shop alone is no record that a till could use.
    """
    ranked = figures.nlargest(2, "order_count")
    if ranked.empty:
        return None
    person, orders = ranked[["customer_id", "order_count"]].iloc[0]
    if not orders or str(person).startswith(ECOM_PREFIX):
        return None
    following = ranked["order_count"].iloc[1:]
    return Busiest(str(person), int(orders), int(following.sum()))


def sells_as_a_walk_in(
    orders: int, next_orders: int, all_orders: int, usual: Usual
) -> bool:
    """Say whether a record with so many *orders* can only be the walk-in customer.

    The next person counts for at least one order, so that the first customers of a new
    shop are left in peace.
    """
    least = usual.walk_in_factor * max(next_orders, 1)
    return orders > least and orders > usual.walk_in_share * all_orders


def judge_walk_in(
    record_id: str | None, orders: int, next_orders: int, all_orders: int
) -> Finding:
    """Warn of the record that sells as a walk-in; pass if there is none."""
    return Finding(
        CHECK,
        record_id is None,
        "No record has so many orders as only the walk-in customer has."
        if record_id is None
        else f"Record {record_id} has {say(orders, 'order', 'orders')} of "
        f"{all_orders:,}, the next person {next_orders:,}: it sells as only a walk-in "
        f'customer does. If it is nobody, set walk_in_customer_id = "{record_id}" in '
        "analytics.toml.",
        Severity.WARN,
        {
            "record": record_id or "",
            "orders": orders,
            "next_orders": next_orders,
            "all_orders": all_orders,
        },
    )
