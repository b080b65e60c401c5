"""Find sales of customers without a record, and a record that is nobody (rule 3.8)."""

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
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.wording import say
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.errors import WrongUse
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
    orders = sides["sales_orders"] + sides["web_orders_orders"]
    return [
        judge_undelivered(list_undelivered(shop, ledger, identities)),
        judge_busiest(shop, ledger, identities, find_busiest(figures), orders),
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


def judge_busiest(
    shop: Shop,
    ledger: Ledger,
    identities: pd.DataFrame,
    busiest: Busiest | None,
    all_orders: int,
) -> Finding:
    """Judge whether a record of the *busiest* person sells as a walk-in does.

    A record has no more orders than its person, so the sales are asked only about a
    person who has so many.
    """
    if busiest is None:
        return judge_walk_in(None, 0, 0, all_orders)
    following = busiest.next_orders
    record, orders = busiest.person_id, busiest.orders
    is_alike = sells_as_a_walk_in(orders, following, all_orders, shop.usual)
    if is_alike:
        record, orders = _busiest_record(shop, ledger, identities, busiest)
        is_alike = sells_as_a_walk_in(orders, following, all_orders, shop.usual)
    return judge_walk_in(record if is_alike else None, orders, following, all_orders)


def _busiest_record(
    shop: Shop, ledger: Ledger, identities: pd.DataFrame, busiest: Busiest
) -> tuple[str, int]:
    """Return the record of the person with the most orders, and how many these are."""
    records = identities.loc[identities["person_id"] == busiest.person_id, "record_id"]
    sales = ledger.sales
    asked = lend_columns(pd.DataFrame({"id": records}), {"id": "string"})
    own = sales.filter(sales["is_order"] & sales["customer_id"].isin(asked["id"]))
    counted = shop.engine.to_pandas(
        own.group_by("customer_id").aggregate(orders=own.count())
    ).sort_values(["orders", "customer_id"], ascending=[False, True])
    if counted.empty:  # all of them are web orders, or under the walk-in
        return busiest.person_id, 0
    return str(counted["customer_id"].iloc[0]), int(counted["orders"].iloc[0])


def refuse_undelivered(shop: Shop, typed: str) -> None:
    """Raise if *typed* is a customer whom sales name and who has no record.

    Raises:
        WrongUse: it is; what is said holds the number and the sum of these sales.
    """
    sales = shop.open_sales(shop.warehouse.partitions("raw_sales"))
    own = sales.filter((sales["customer_id"] == typed) & sales["is_completed"])
    counts = shop.engine.to_pandas(
        own.aggregate(sales=own.count(), cents=own[value_column(shop.policy)].sum())
    ).iloc[0]
    count = int(counts["sales"])
    if count:
        raise WrongUse(
            "This customer has no record: Lightspeed does not deliver it, or it is in "
            f"quarantine. {say(count, 'sale', 'sales')} under it, "
            f"{format_cents(int(counts['cents']))} in all, "
            f"{'is' if count == 1 else 'are'} unattributed.",
            "If the record was erased, nothing has to be done. Else run: "
            "analytics-pipeline update --full",
        )
