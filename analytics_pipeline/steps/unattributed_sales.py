"""Find sales that are nobody's because of who the customers are taken for (rule 3.8)."""

from collections.abc import Mapping

import pandas as pd

from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.domain.hidden_walk_in import (
    Busiest,
    find_busiest,
    judge_walk_in,
    sells_as_a_walk_in,
)
from analytics_pipeline.domain.left_out_sales import judge_undelivered, value_column
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ledger import Ledger
from analytics_pipeline.vocabulary import RecordKind


def judge_customers(
    shop: Shop,
    ledger: Ledger,
    identities: pd.DataFrame,
    figures: pd.DataFrame,
    sides: Mapping[str, int],
) -> list[Finding]:
    """Judge whether each customer of a sale is known, and is no hidden walk-in.

    Args:
        shop: whose sales these are.
        ledger: what counts up to the day.
        identities: ``CustomerIdentities``.
        figures: ``CustomerAnalytics`` of the day.
        sides: both sides of the law of conservation (rule 7.1).
    """
    busiest = find_busiest(figures)
    orders = sides["sales_orders"] + sides["web_orders_orders"]
    record = busiest and find_hidden_walk_in(shop, ledger, identities, busiest, orders)
    name, count = record or (None, busiest.orders if busiest else 0)
    following = busiest.next_orders if busiest else 0
    return [
        judge_undelivered(list_undelivered(shop, ledger, identities)),
        judge_walk_in(name, count, following, orders),
    ]


def list_undelivered(
    shop: Shop, ledger: Ledger, identities: pd.DataFrame
) -> pd.DataFrame:
    """Return the customers that sales name and that have no record.

    One row each: ``customer_id, sales, value_cents``, of completed sales.
    """
    records = identities.loc[
        identities["record_kind"] == RecordKind.CUSTOMER, "record_id"
    ]
    known = pd.DataFrame({"customer_id": [*records, *ledger.nobody]}, dtype="str")
    sales = ledger.sales.filter(
        ledger.sales["is_completed"] & ledger.sales["customer_id"].notnull()  # noqa: PD004 (Ibis's own)
    ).anti_join(lend_columns(known, {"customer_id": "string"}), "customer_id")
    value = sales[value_column(shop.policy)].sum().cast("int64")
    found: pd.DataFrame = shop.engine.to_pandas(
        sales.group_by("customer_id").aggregate(sales=sales.count(), value_cents=value)
    )
    return found


def find_hidden_walk_in(
    shop: Shop,
    ledger: Ledger,
    identities: pd.DataFrame,
    busiest: Busiest,
    all_orders: int,
) -> tuple[str, int] | None:
    """Return the record of the *busiest* person that sells as a walk-in, if one does.

    A record has no more orders than its person, so the sales are asked only about a
    person who has so many.
    """
    following = busiest.next_orders
    if not sells_as_a_walk_in(busiest.orders, following, all_orders, shop.usual):
        return None
    person = identities["person_id"] == busiest.person_id
    records = identities.loc[person, "record_id"].tolist()
    sales = ledger.sales
    orders = sales.filter(sales["is_order"] & sales["customer_id"].isin(records))
    counted = shop.engine.to_pandas(
        orders.group_by("customer_id").aggregate(orders=orders.count())
    ).sort_values(["orders", "customer_id"], ascending=[False, True])
    if counted.empty:
        return None
    record, count = counted[["customer_id", "orders"]].iloc[0]
    if not sells_as_a_walk_in(int(count), following, all_orders, shop.usual):
        return None
    return str(record), int(count)
