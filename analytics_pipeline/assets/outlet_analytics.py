"""``outlet_analytics``: what each outlet and channel comes to (rule 12.2)."""

import pandas as pd

from analytics_pipeline.assets.purchases import Ledger
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
    unattributed = purchases.unattributed_sums
    return Candidate(
        rows,
        [check_places(rows, customer_analytics, unattributed)],
        figures={
            "outlets": int(rows["outlet_id"].nunique()),
            "value_cents": int(rows["value_cents"].sum()),
        },
    )
