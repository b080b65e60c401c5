"""The tables that people read, put together from figures and contacts (rules 6, 8)."""

import pandas as pd

from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)


def assemble_master(
    customer_analytics: pd.DataFrame,
    tier_outlook: pd.DataFrame,
    customer_predictions: pd.DataFrame,
    people: pd.DataFrame,
) -> pd.DataFrame:
    """Return ``CustomerAnalyticsMaster``, highest lifetime value first (rule 8.1).

    Args:
        customer_analytics: the figures as of the day.
        tier_outlook: what becomes of the tiers, as of the day.
        customer_predictions: what will probably be bought, as of the day; people
            without an order are not in it.
        people: what :func:`analytics_pipeline.domain.people.describe_people` says.
    """
    outlook = tier_outlook.drop(columns=["as_of", "tier"])
    parts = [outlook, customer_predictions.drop(columns="as_of"), people]
    master = customer_analytics
    for part in parts:
        master = master.merge(part, on="customer_id", how="left", validate="1:1")
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
