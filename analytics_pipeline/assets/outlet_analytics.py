"""``outlet_analytics``: what each outlet and channel comes to (rule 12.2)."""

import pandas as pd

from analytics_pipeline.assets.purchases import Ledger, net_value
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.channels import (
    add_up_places,
    check_places,
    count_people_of_places,
    describe_places,
)
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.insights import OutletAnalytics
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import OUTLET_ANALYTICS


@table(OUTLET_ANALYTICS)
def outlet_analytics(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    outlets: pd.DataFrame,
) -> Candidate:
    """Add up each outlet and channel up to the day, and hold them against the shop."""
    ask = run.shop.engine.to_pandas
    places = describe_places(
        ask(add_up_places(purchases.purchase_days)),
        ask(count_people_of_places(purchases.person_days)),
        outlets,
    )
    rows = shape(places.assign(as_of=pd.Timestamp(run.day)), OutletAnalytics)
    return Candidate(
        rows,
        [check_places(rows, customer_analytics, add_up_shop(purchases))],
        figures={
            "outlets": int(rows["outlet_id"].nunique()),
            "value_cents": int(rows["value_cents"].sum()),
        },
    )


def add_up_shop(purchases: Ledger) -> dict[str, int]:
    """Return value and orders of the shop, from single sales as they are stored.

    These are the other side of the law of conservation (rule 7.1).
    """
    sales, added = purchases.sales_sums, purchases.web.added_orders
    return {
        "value_cents": sales["cents"] - sales["gift_cards"] + net_value(added),
        "orders": sales["orders"] + len(added),
    }
