"""``first_time_buyers``: the people with exactly one order, newest first."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial

from analytics_pipeline.assets.customer_analytics import load_analytics
from analytics_pipeline.assets.customer_identities import describe_everyone
from analytics_pipeline.assets.shared_checks import check_catch_up
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.exports import (
    assemble_first_time_buyers,
)
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.exports import (
    FirstTimeBuyers,
)
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.csv import render_csv
from analytics_pipeline.tables import FIRST_TIME_BUYERS


def list_first_time_buyers(shop: Shop, day: date) -> Candidate:
    """List the people with one order as of *day*."""
    caught_up = check_catch_up(shop, day)
    if caught_up.blocks:
        return Candidate(None, [caught_up], partition=day.isoformat())
    frame = assemble_first_time_buyers(
        load_analytics(shop, day), describe_everyone(shop)
    )
    value = int(frame["lifetime_value_cents"].sum())
    return Candidate(
        frame,
        [caught_up],
        partition=day.isoformat(),
        figures={"lifetime_value_cents": value},
        places={"stored": f"archive/first_time_buyers_{day}.csv"},
    )


def store_first_time_buyers(shop: Shop, candidate: Candidate) -> None:
    """Archive the buyers of a day; they are published with its master."""
    text = render_csv(candidate.rows, FirstTimeBuyers, shop.policy.csv_bom)
    shop.publication.stage_first_time_buyers(
        date.fromisoformat(str(candidate.partition)), text
    )


@table(FIRST_TIME_BUYERS)
def first_time_buyers(run: TableRun) -> Iterator[Candidate]:
    """List the people with exactly one order as of each day, newest first."""
    for day in run.days:
        candidate = list_first_time_buyers(run.shop, day)
        yield replace(candidate, store=partial(store_first_time_buyers, run.shop))
