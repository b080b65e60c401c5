"""``customer_cohorts``: what became of those who first ordered in a month (10.5)."""

import pandas as pd

from analytics_pipeline.assets.purchases import Ledger
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.cohorts import (
    add_up_cohorts,
    check_cohorts,
    find_second_days,
    list_buyers,
    measure_cohorts,
    measure_repurchase,
    name_months,
    spread_repurchase,
)
from analytics_pipeline.domain.report import FIRST_ORDER, join_first_orders
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.insights import CustomerCohorts
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import CUSTOMER_COHORTS


@table(CUSTOMER_COHORTS)
def customer_cohorts(
    run: TableRun, customer_analytics: pd.DataFrame, purchases: Ledger
) -> Candidate:
    """Count each cohort month by month up to the day, and hold it against everyone."""
    ask = run.shop.engine.to_pandas
    firsts = customer_analytics[list(FIRST_ORDER)]
    joined = join_first_orders(
        purchases.person_days, columns_to_ibis(firsts, FIRST_ORDER)
    )
    cohorts = measure_cohorts(name_months(ask(add_up_cohorts(joined))), run.day)
    buyers = list_buyers(firsts, ask(find_second_days(joined)))
    shares = spread_repurchase(measure_repurchase(buyers, run.day))
    rows = shape(
        cohorts.merge(shares, on="cohort", how="left", validate="m:1").assign(
            as_of=pd.Timestamp(run.day)
        ),
        CustomerCohorts,
    )
    first = rows[rows["months_since"] == 0]
    return Candidate(
        rows,
        [check_cohorts(rows, customer_analytics)],
        figures={"cohorts": len(first), "members": int(first["members"].sum())},
    )
