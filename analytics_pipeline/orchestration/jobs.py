"""The jobs: a name, a promise and a selection; and the daily partitions."""

import dagster as dg

from analytics_pipeline.orchestration.records import (
    DAILY_UPDATE,
    ECOM_IMPORT,
    FULL_REBUILD,
    REDO_DAYS,
    SHOP_TAG,
    update_config,
)
from analytics_pipeline.orchestration.tables import asset_key
from analytics_pipeline.settings import Settings

# ----------------------------------------------------------------------------------
# The business days that daily tables are divided into.


def business_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the days from the start date to today, in store time.

    Today is one of them, because it may be published provisionally.
    """
    return dg.DailyPartitionsDefinition(
        start_date=settings.start_date.isoformat(),
        timezone=settings.time_zone,
        end_offset=1,
    )


# ----------------------------------------------------------------------------------
# The jobs: a name, a promise and a selection.


WORDS = {
    DAILY_UPDATE: "**Refresh now.** Reads what changed, re-opens the days that it "
    "touches, and publishes the master of the day. Choose one day: yesterday. *Latest* "
    "is today, which is published as provisional until the night.",
    FULL_REBUILD: "**Start over.** Reads everything again from the start, and "
    "publishes the master of the day. It takes as long as the first load. Choose one "
    "day: yesterday.",
    ECOM_IMPORT: "**Load this export.** Takes in a new export of the web shop and "
    "publishes the day again. It starts automatically when the file in the data "
    "directory "
    "changes; to take in another file, put it into the folder `inbox` of the data "
    "directory, open the launchpad, choose the published day and write "
    "`inbox/NAME.csv` into `file` of `ecom_orders`. Asks Lightspeed nothing.",
    REDO_DAYS: "**Redo last month.** Cuts the days again from what was read and makes "
    "their figures and files again, in one run for any range. Asks Lightspeed nothing. "
    "The published master stays, unless its own day is among them.",
}
"""What each job is for, as the UI shows it."""


def build_jobs(shop: str | None = None) -> dg.Definitions:
    """Build the jobs; the update and the rebuild make every table, for one day.

    Their runs are tagged with the *shop* of a chain.
    """
    # A planned check that a run does not come to would be shown as failed.
    everything = dg.AssetSelection.all().without_checks()
    tags = {SHOP_TAG: shop} if shop else {}
    update = dg.define_asset_job(
        DAILY_UPDATE,
        everything,
        description=WORDS[DAILY_UPDATE],
        tags=tags,
    )
    rebuild = dg.define_asset_job(
        FULL_REBUILD,
        everything,
        description=WORDS[FULL_REBUILD],
        config=update_config(days=0, full_resync=True, recut_all_days=True),
        tags=tags,
    )
    take_in = dg.define_asset_job(
        ECOM_IMPORT,
        # The sales too: an update of an earlier day may have read late ones since.
        dg.AssetSelection.assets(
            asset_key("ecom_orders", shop), asset_key("raw_sales", shop)
        )
        .downstream()
        .without_checks(),
        description=WORDS[ECOM_IMPORT],
        config={"ops": {"ecom_orders": {"config": {"file": ""}}}},
        tags=tags,
    )
    redo = dg.define_asset_job(
        REDO_DAYS,
        _daily_tables(shop),
        description=WORDS[REDO_DAYS],
        tags=tags,
    )
    return dg.Definitions(jobs=[update, rebuild, take_in, redo])


def _daily_tables(shop: str | None) -> dg.AssetSelection:
    """Select the daily tables and no other: each takes a range of days in one run."""
    sales = dg.AssetSelection.assets(asset_key("raw_sales", shop))
    as_of_no_day = dg.AssetSelection.assets(asset_key("ecom_reconciliation", shop))
    return (sales.downstream() - as_of_no_day).without_checks()
