"""``customer_analytics_master``, ``first_time_buyers``: files that people read."""

import logging
from datetime import date

import pandas as pd

from analytics_pipeline.assets.customer_identities import (
    fingerprint_identities,
    load_identities,
)
from analytics_pipeline.assets.judgements import judge_catch_up
from analytics_pipeline.domain.exports import (
    assemble_first_time_buyers,
    assemble_master,
)
from analytics_pipeline.domain.people import describe_people
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.errors import GateFailed
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.model.vocabulary import Tier
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.csv import render_csv

_LOG = logging.getLogger(__name__)


def list_first_time_buyers(shop: Shop, day: date) -> Candidate:
    """List the people with one order as of *day*."""
    caught_up = judge_catch_up(shop, day)
    if caught_up.blocks:
        return Candidate(None, [caught_up], partition=day.isoformat())
    frame = assemble_first_time_buyers(load_analytics(shop, day), _people(shop))
    value = int(frame["lifetime_value_cents"].sum())
    return Candidate(
        frame,
        [caught_up],
        partition=day.isoformat(),
        figures={"lifetime_value_cents": value},
        places={"stored": f"archive/first_time_buyers_{day}.csv"},
    )


def list_master(shop: Shop, day: date) -> Candidate:
    """List every person with contact and figures as of *day*."""
    caught_up = judge_catch_up(shop, day)
    if caught_up.blocks:
        return Candidate(None, [caught_up], partition=day.isoformat())
    shop.refuse_failed("first_time_buyers", [day.isoformat()])
    frame = assemble_master(load_analytics(shop, day), _people(shop))
    figures: dict[str, int | str] = {
        "lifetime_value_cents": int(frame["lifetime_value_cents"].sum()),
        "orders": int(frame["order_count"].sum()),
        "first_time_buyers": int((frame["order_count"] == 1).sum()),
        "vip": int(frame["is_vip"].sum()),
        **{f"tier_{tier}": int((frame["tier"] == tier).sum()) for tier in Tier},
        "provisional": caught_up.evidence["provisional"],
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
    )


def store_first_time_buyers(shop: Shop, candidate: Candidate) -> None:
    """Archive the buyers of a day; they are published with its master."""
    text = render_csv(candidate.rows, FirstTimeBuyers, shop.policy.csv_bom)
    shop.publication.stage_first_time_buyers(_day(candidate), text)


def publish_master(shop: Shop, candidate: Candidate) -> None:
    """Publish the master of a day with its first-time buyers and the stamp."""
    rows = candidate.rows
    is_out = shop.publication.publish_master(
        _day(candidate),
        render_csv(rows, CustomerAnalyticsMaster, shop.policy.csv_bom),
        len(rows),
        shop.clock(),
        provisional=candidate.figures["provisional"] == "yes",
    )
    if is_out:
        _LOG.info("Published: people read the master of %s now.", candidate.partition)


def load_analytics(shop: Shop, day: date) -> pd.DataFrame:
    """Load the figures of *day*, if they are of the people known now.

    Raises:
        GateFailed: they were measured for other identities.
    """
    made_for = shop.warehouse.notes("customer_analytics", day.isoformat())
    if made_for and made_for.get("identities") != fingerprint_identities(shop):
        raise GateFailed(
            f"customer_analytics of {day} are older than customer_identities.",
            f"Materialize it first, or run: analytics-pipeline update --as-of {day}",
        )
    return shop.load("customer_analytics", CustomerAnalytics, day.isoformat())


def _people(shop: Shop) -> pd.DataFrame:
    """Describe every person from the records as they are now."""
    return describe_people(
        load_identities(shop),
        shop.load("customers", Customers),
        shop.load("ecom_orders", EcomOrders),
    )


def _day(candidate: Candidate) -> date:
    return date.fromisoformat(str(candidate.partition))
