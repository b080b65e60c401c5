"""``customer_analytics_master``: every person once, as the file that people read."""

import logging
from collections.abc import Iterator
from datetime import date
from functools import partial

from analytics_pipeline.assets.customer_analytics import load_analytics
from analytics_pipeline.assets.customer_identities import (
    describe_everyone,
)
from analytics_pipeline.assets.shared_checks import CatchUpCheck
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.exports import (
    assemble_master,
)
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
)
from analytics_pipeline.model.vocabulary import Tier
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.csv import render_csv
from analytics_pipeline.tables import CUSTOMER_ANALYTICS_MASTER

_LOG = logging.getLogger(__name__)


def list_master(shop: Shop, day: date) -> Candidate:
    """List every person with contact and figures as of *day*."""
    catch_up = CatchUpCheck(shop)
    caught_up, provisional = catch_up.evaluate(day), catch_up.is_provisional(day)
    if caught_up.blocks:
        return Candidate(None, [caught_up], partition=day.isoformat())
    shop.refuse_failed("first_time_buyers", [day.isoformat()])
    frame = assemble_master(load_analytics(shop, day), describe_everyone(shop))
    figures: dict[str, int | str] = {
        "lifetime_value_cents": int(frame["lifetime_value_cents"].sum()),
        "orders": int(frame["order_count"].sum()),
        "first_time_buyers": int((frame["order_count"] == 1).sum()),
        "vip": int(frame["is_vip"].sum()),
        **{f"tier_{tier}": int((frame["tier"] == tier).sum()) for tier in Tier},
        "provisional": "yes" if provisional else "no",
    }
    return Candidate(
        frame,
        [caught_up],
        partition=day.isoformat(),
        figures=figures,
        places={
            "stored": f"archive/customer_analytics_{day}.csv",
            "report": f"reports/customer_report_{day}.html",  # made after it
        },
        store=partial(publish_master, shop, provisional=provisional),
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


@table(CUSTOMER_ANALYTICS_MASTER)
def customer_analytics_master(run: TableRun) -> Iterator[Candidate]:
    """List every person once as of each day, and publish the list."""
    for day in run.days:
        yield list_master(run.shop, day)
