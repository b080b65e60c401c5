"""``customer_analytics_master``: every person once, as the file that people read."""

import logging
from datetime import date
from functools import partial

import pandas as pd

from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.exports import assemble_master
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
from analytics_pipeline.model.vocabulary import Tier
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.csv import render_csv
from analytics_pipeline.tables import CUSTOMER_ANALYTICS_MASTER

_LOG = logging.getLogger(__name__)


@table(CUSTOMER_ANALYTICS_MASTER)
def customer_analytics_master(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    tier_outlook: pd.DataFrame,
    customer_rfm: pd.DataFrame,
    customer_predictions: pd.DataFrame,
    people: pd.DataFrame,
) -> Candidate:
    """List every person with contact and figures as of the day, and publish it."""
    frame = assemble_master(
        customer_analytics,
        [tier_outlook.drop(columns="tier"), customer_rfm, customer_predictions],
        people,
    )
    figures: dict[str, int | str] = {
        "lifetime_value_cents": int(frame["lifetime_value_cents"].sum()),
        "orders": int(frame["order_count"].sum()),
        "first_time_buyers": int((frame["order_count"] == 1).sum()),
        "vip": int(frame["is_vip"].sum()),
        **{f"tier_{tier}": int((frame["tier"] == tier).sum()) for tier in Tier},
        "provisional": "yes" if run.is_provisional else "no",
    }
    return Candidate(
        frame,
        figures=figures,
        places={
            "stored": f"archive/customer_analytics_{run.day}.csv",
            "report": f"reports/customer_report_{run.day}.html",  # made after it
        },
        store=partial(publish_master, run.shop, provisional=run.is_provisional),
    )


def publish_master(shop: Shop, candidate: Candidate, *, provisional: bool) -> None:
    """Publish the master of a day with its first-time buyers and the stamp."""
    rows = candidate.rows
    is_out = shop.publication.publish_master(
        date.fromisoformat(str(candidate.partition)),
        render_csv(rows, CustomerAnalyticsMaster, shop.policy.csv_bom),
        len(rows),
        shop.clock(),
        provisional=provisional,
    )
    if is_out:
        _LOG.info("Published: people read the master of %s now.", candidate.partition)
