"""``product_analytics``: what people buy first, and what comes of it (rule 12.4)."""

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.purchases import Ledger
from analytics_pipeline.assets.table import StoredDays, TableRun, table
from analytics_pipeline.domain.first_products import (
    FAMILY,
    check_first_products,
    count_first_buyers,
    describe_first_products,
    find_next_families,
    follow_buyers,
    list_bought,
    list_order_days,
)
from analytics_pipeline.domain.report import FIRST_ORDER, join_first_orders
from analytics_pipeline.engine.duckdb import columns_to_ibis, materialize
from analytics_pipeline.model.checks import Candidate, name_some
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.schemas.insights import ProductAnalytics
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import PRODUCT_ANALYTICS


@table(PRODUCT_ANALYTICS)
def product_analytics(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    sale_lines: StoredDays,
    products: pd.DataFrame,
) -> Candidate:
    """Count the first buyers of each product up to the day, and what followed."""
    engine = run.shop.engine
    firsts = columns_to_ibis(customer_analytics[list(FIRST_ORDER)], FIRST_ORDER)
    followed = materialize(
        engine, follow_buyers(join_first_orders(purchases.person_days, firsts))
    )
    bought = materialize(
        engine,
        list_bought(
            purchases.orders_on(list_order_days(followed)),
            open_lines(run, sale_lines),
            columns_to_ibis(products[list(FAMILY)], FAMILY),
        ),
    )
    counts = engine.to_pandas(count_first_buyers(bought, followed, run.day))
    following = engine.to_pandas(find_next_families(bought))
    described = describe_first_products(counts, following, products)
    rows = shape(described.assign(as_of=pd.Timestamp(run.day)), ProductAnalytics)
    return Candidate(rows, [check_first_products(rows, customer_analytics)])


def open_lines(run: TableRun, sale_lines: StoredDays) -> ir.Table:
    """Return the lines of every day up to that of the run.

    Raises:
        InputFailed: the last attempt at one of the days failed its gate.
        LocalFailure: a day is missing.
    """
    days = run.shop.days_until(run.day)
    sale_lines.refuse_failed(days)
    if missing := set(days) - sale_lines.states().keys():
        raise LocalFailure(
            f"sale_lines lacks days: {name_some(sorted(missing))}.",
            f"Run: analytics-pipeline update --as-of {run.day}",
        )
    return sale_lines.open(days)
