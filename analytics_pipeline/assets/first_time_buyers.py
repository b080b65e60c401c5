"""``first_time_buyers``: the people with exactly one order, newest first."""

from datetime import date
from functools import partial

import pandas as pd

from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.exports import assemble_first_time_buyers
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.exports import FirstTimeBuyers
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.csv import render_csv
from analytics_pipeline.tables import FIRST_TIME_BUYERS


@table(FIRST_TIME_BUYERS)
def first_time_buyers(
    run: TableRun, customer_analytics: pd.DataFrame, people: pd.DataFrame
) -> Candidate:
    """List the people with exactly one order as of the day, newest first."""
    frame = assemble_first_time_buyers(customer_analytics, people)
    return Candidate(
        frame,
        figures={"lifetime_value_cents": int(frame["lifetime_value_cents"].sum())},
        places={"stored": f"archive/first_time_buyers_{run.day}.csv"},
        store=partial(store_first_time_buyers, run.shop),
    )


def store_first_time_buyers(shop: Shop, candidate: Candidate) -> None:
    """Archive the buyers of a day; they are published with its master."""
    content = render_csv(candidate.rows, FirstTimeBuyers, shop.policy.csv_bom)
    shop.publication.stage_first_time_buyers(
        date.fromisoformat(str(candidate.partition)), content
    )
