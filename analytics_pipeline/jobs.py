"""The jobs: a name, a promise and a selection."""

from typing import Any

import dagster as dg

from analytics_pipeline.contracts import asset_key

DAILY_UPDATE = "daily_update"
FULL_REBUILD = "full_rebuild"
ECOM_IMPORT = "ecom_import"
SHOP_TAG = "shop"


def update_config(
    *,
    days: int = 7,
    full_resync: bool = False,
    recut_all_days: bool = False,
    replay: bool = False,
) -> dict[str, Any]:
    """Return the run configuration of an update.

    Args:
        days: how many days are compared with the search.
        full_resync: read sales and customers again from the start.
        recut_all_days: cut every day again, whether it seems to have changed or not.
        replay: try the records in quarantine again.
    """
    return {
        "ops": {
            "sales_feed": {
                "config": {"days": days, "full_resync": full_resync, "replay": replay}
            },
            "customers": {"config": {"full_resync": full_resync, "replay": replay}},
            "raw_sales": {
                "config": {"refresh_late_days": True, "recut_all_days": recut_all_days}
            },
        }
    }


def build_jobs(shop: str | None = None) -> dg.Definitions:
    """Build the jobs, each run for one day; all but the import make every table.

    Their runs are tagged with the *shop* of a chain.
    """
    everything = dg.AssetSelection.all()
    tags = {SHOP_TAG: shop} if shop else {}
    update = dg.define_asset_job(
        DAILY_UPDATE,
        everything,
        description="Read what changed, re-open the days that it touches, and publish "
        "the master of the day.",
        config=update_config(),
        tags=tags,
    )
    rebuild = dg.define_asset_job(
        FULL_REBUILD,
        everything,
        description="Read everything again from the start, and publish the master of "
        "the day.",
        config=update_config(days=0, full_resync=True, recut_all_days=True),
        tags=tags,
    )
    take_in = dg.define_asset_job(
        ECOM_IMPORT,
        # The sales too: an update of an earlier day may have read late ones since.
        dg.AssetSelection.assets(
            asset_key("ecom_orders", shop), asset_key("raw_sales", shop)
        ).downstream(),
        description="Take in a new export of the web shop, and publish the day again. "
        "Asks Lightspeed nothing.",
        config={"ops": {"raw_sales": {"config": {"refresh_late_days": True}}}},
        tags=tags,
    )
    return dg.Definitions(jobs=[update, rebuild, take_in])
