"""Sales by business day."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
from pydantic import Field

from analytics_pipeline.assets.sources import ShopResource
from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.daily_tables import store_days_if_sound
from analytics_pipeline.gates import Event, told_to_people
from analytics_pipeline.steps.missing_days import refuse_missing_day
from analytics_pipeline.steps.raw_sales import choose_days, recut_days


class RawSalesConfig(dg.Config):
    """Which days are cut."""

    refresh_late_days: bool = Field(
        False, description="Cut the days as well whose sales have changed since."
    )
    recut_all_days: bool = Field(
        False, description="Cut every day up to the last one again."
    )


def build_sales(
    catalogue: Catalogue, sources: list[dg.AssetsDefinition]
) -> list[dg.AssetsDefinition]:
    """Build the daily table of sales."""

    @dg.asset(
        deps=[
            source
            for source in sources
            if source.key.to_user_string() in {"sales_feed", "outlets"}
        ],
        partitions_def=catalogue.days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=catalogue.raw_sales.check_specs,
        metadata=catalogue.raw_sales.metadata,
        kinds={"duckdb", "parquet"},
    )
    def raw_sales(
        context: dg.AssetExecutionContext, config: RawSalesConfig, shop: ShopResource
    ) -> Iterator[Event]:
        """The sales of each business day, latest version, cut from the log.

        A late change re-opens only the day that it touches.
        """
        with told_to_people():
            keys = context.partition_keys
            if len(keys) == 1:  # a range passes over such a day
                refuse_missing_day(shop, date.fromisoformat(keys[0]))
            days = choose_days(shop, keys, **config.model_dump())
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.raw_sales,
            lambda: recut_days(shop, days, catalogue.raw_sales.audit),
            shop.store_as("raw_sales", catalogue.raw_sales.model),
            len(days),
        )

    return [raw_sales]
