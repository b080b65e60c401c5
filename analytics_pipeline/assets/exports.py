"""The files that people read."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from analytics_pipeline.assets.sources import ShopResource
from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.daily_tables import store_days_if_sound
from analytics_pipeline.gates import Event
from analytics_pipeline.steps.changes import explain_changes, store_changes
from analytics_pipeline.steps.exports import (
    list_first_time_buyers,
    list_master,
    publish_master,
    store_first_time_buyers,
)

RAW_SALES_OF_THE_DAY = dg.AssetDep(
    "raw_sales", partition_mapping=dg.IdentityPartitionMapping()
)


def build_exports(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the exports; the master comes last, because it publishes both."""
    same_day = dg.AssetDep(
        "customer_analytics", partition_mapping=dg.IdentityPartitionMapping()
    )

    @dg.asset(
        deps=[same_day],
        partitions_def=catalogue.days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=catalogue.first_time_buyers.check_specs,
        metadata=catalogue.first_time_buyers.metadata,
        kinds={"csv"},
    )
    def first_time_buyers(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """The people with exactly one order as of the day, newest first."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.first_time_buyers,
            lambda: (list_first_time_buyers(shop, day) for day in days),
            lambda table: store_first_time_buyers(shop, table),
        )

    @dg.asset(
        deps=[same_day, first_time_buyers],
        partitions_def=catalogue.days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=catalogue.customer_analytics_master.check_specs,
        metadata=catalogue.customer_analytics_master.metadata,
        kinds={"csv"},
    )
    def customer_analytics_master(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """The master: every person once, with contact, figures, segment and tier."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.customer_analytics_master,
            lambda: (list_master(shop, day) for day in days),
            lambda table: publish_master(shop, table),
        )

    @dg.asset(
        deps=[customer_analytics_master, RAW_SALES_OF_THE_DAY],
        partitions_def=catalogue.days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=catalogue.customer_changes.check_specs,
        metadata=catalogue.customer_changes.metadata,
        kinds={"csv", "parquet"},
    )
    def customer_changes(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """What changed from one published master to the next, and what did it."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.customer_changes,
            lambda: explain_changes(shop, days),
            lambda table: store_changes(shop, table),
        )

    return [first_time_buyers, customer_analytics_master, customer_changes]
