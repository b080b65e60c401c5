"""The tables that people read, put together from figures and contacts (rules 6, 8)."""

from collections.abc import Sequence

import pandas as pd

from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)


def assemble_master(
    customer_analytics: pd.DataFrame,
    insights: Sequence[pd.DataFrame],
    people: pd.DataFrame,
) -> pd.DataFrame:
    """Return ``CustomerAnalyticsMaster``, highest lifetime value first (rule 8.1).

    Args:
        customer_analytics: the figures as of the day.
        insights: tables of the same people and day; what they have in common with
            the figures is the person alone. People may be missing in one.
        people: what :func:`analytics_pipeline.domain.people.describe_people` says.
    """
    master = customer_analytics
    for each in (*(table.drop(columns="as_of") for table in insights), people):
        master = master.merge(each, on="customer_id", how="left", validate="1:1")
    columns = list(CustomerAnalyticsMaster.to_schema().columns)
    return master[columns].sort_values(
        ["lifetime_value_cents", "customer_id"],
        ascending=[False, True],
        ignore_index=True,
    )


def assemble_first_time_buyers(
    customer_analytics: pd.DataFrame, people: pd.DataFrame
) -> pd.DataFrame:
    """Return ``FirstTimeBuyers``: one order ever, newest first (rules 6, 8.2)."""
    once = customer_analytics[customer_analytics["order_count"] == 1]
    buyers = once.merge(people, on="customer_id", how="left", validate="1:1").assign(
        first_purchase_date=lambda t: t["first_order_date"],
        days_since_first_purchase=lambda t: t["days_since_last_order"],
    )
    columns = list(FirstTimeBuyers.to_schema().columns)
    return buyers[columns].sort_values(
        ["first_purchase_date", "customer_id"],
        ascending=[False, True],
        ignore_index=True,
    )
