"""Hold the web orders that are added against the sales that are no order's."""

from datetime import date

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.analytics import WEB_SOURCE
from analytics_pipeline.domain.attribution import name_people
from analytics_pipeline.domain.counted_once import (
    CHECK,
    find_counted_twice,
    judge_counted_once,
)
from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.schemas.sources import EcomOrders
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ledger import Ledger
from analytics_pipeline.steps.published_masters import recall_master_before

_OF_SALES = ["sale_id", "customer_id", "business_date", "total_incl_cents"]


def judge_added_orders(
    shop: Shop, ledger: Ledger, customer_identities: pd.DataFrame
) -> Finding:
    """Say whether the orders that *ledger* adds may be sales already (rule 4.3)."""
    added = ledger.web.added_orders
    totals = shop.load("ecom_orders", EcomOrders)[["order_number", "total_cents"]]
    orders = added.merge(totals, on="order_number", validate="1:1")
    sales = name_people(
        _sales_without_order(shop, ledger, orders),
        ledger.sale_people,
        set(ledger.nobody),
        customer_identities,
    )
    twice = find_counted_twice(orders, sales)
    accepted = set() if twice.empty else _accepted_orders(shop)
    return judge_counted_once(twice, len(added), accepted)


def _sales_without_order(
    shop: Shop, ledger: Ledger, orders: pd.DataFrame
) -> pd.DataFrame:
    """Return the web shop's sales of the totals of *orders* that are no order's."""
    sales: ir.Table = ledger.sales
    totals = lend_columns(orders, {"total_cents": "int64"}).distinct()
    tied = lend_columns(ledger.web.sale_orders, {"sale_id": "string"}).distinct()
    from_web = sales["source"].startswith(WEB_SOURCE).fill_null(False)
    alike = sales.filter(
        from_web & sales["total_incl_cents"].isin(totals["total_cents"])
    )
    found: pd.DataFrame = shop.engine.to_pandas(
        alike.anti_join(tied, "sale_id").select(*_OF_SALES)
    )
    return found


def _accepted_orders(shop: Shop) -> set[str]:
    """Return the orders that the last master adds, if a person has accepted that.

    Whoever accepted them once need not do so again for every day that follows.
    """
    last, _ = recall_master_before(shop, date.max)
    accepted_days = shop.warehouse.acceptances.days("customer_analytics", CHECK)
    if last is None or not any(day <= last.as_of.isoformat() for day in accepted_days):
        return set()
    return {number for number, *_ in last.made_from.added_orders}
