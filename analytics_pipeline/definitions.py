"""Everything put together: the one place that knows all the parts.

``build_definitions`` takes what differs between production, the demo and the tests;
``defs`` is the production call of it, made when Dagster asks for it.
"""

import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import dagster as dg

from analytics_pipeline.alerts.delivery import build_alert_sensor, look_from_within
from analytics_pipeline.holding import Progress, Tell, silent, unheard
from analytics_pipeline.orchestration.assets import (
    OUTSIDE,
    build_customers,
    build_exports,
    build_outside,
    build_reconciliation,
    build_reports,
    build_sales,
    build_sources,
)
from analytics_pipeline.orchestration.jobs import build_jobs, business_days
from analytics_pipeline.orchestration.log_followers import start_followers_deaf
from analytics_pipeline.orchestration.resources import (
    Lightspeed,
    StoredBehindTheGate,
    log_wait,
    shop_resource,
)
from analytics_pipeline.orchestration.run_records import build_dead_run_sensor
from analytics_pipeline.orchestration.schedules import (
    build_schedule,
    build_sensors,
    fresh_every_morning,
)
from analytics_pipeline.orchestration.tables import Catalogue, asset_key, present
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import open_shop, system_clock
from analytics_pipeline.storage.machine import allow_more_files

EXPORTS = "exports"
REPORTS = "reports"
OUTSIDE_GROUP = "outside"


def build_definitions(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = system_clock,
    progress: Progress = silent,
    tell: Tell = unheard,
    on_wait: Callable[[float, str], None] = log_wait,
) -> dg.Definitions:
    """Build the assets, checks, jobs, schedule and sensors of one shop."""
    start_followers_deaf()
    days = business_days(settings)
    catalogue = Catalogue(days, settings.shop_name)
    watched = partial(open_shop, settings, clock)
    placed = [
        asset
        for group, assets in _tell_the_story(catalogue).items()
        for asset in _place(assets, group, settings, catalogue)
    ]
    tables = dg.Definitions(
        assets=[
            *build_outside(settings.shop_name, _name_group(OUTSIDE_GROUP, settings)),
            *_name_for(settings.shop_name, placed),
        ],
        schedules=[build_schedule(settings, days)],
        sensors=[
            *build_sensors(watched),
            build_alert_sensor(watched),
            build_dead_run_sensor(watched),
        ],
        resources={
            "io_manager": StoredBehindTheGate(),
            "shop": shop_resource(partial(watched, progress, tell)),
            "lightspeed": Lightspeed(settings, on_wait),
        },
        # One process for all steps: a process for each would cost more than the work.
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(tables, build_jobs(settings.shop_name))


def _tell_the_story(catalogue: Catalogue) -> dict[str, list[dg.AssetsDefinition]]:
    """Return the assets by group, from what is delivered to what is read."""
    return {
        "sources": build_sources(catalogue),
        "sales": build_sales(catalogue),
        "customers": build_customers(catalogue),
        EXPORTS: [*build_exports(catalogue), *build_reconciliation(catalogue)],
        REPORTS: build_reports(catalogue, look_from_within),
    }


def _place(
    assets: list[dg.AssetsDefinition],
    group: str,
    settings: Settings,
    catalogue: Catalogue,
) -> Sequence[dg.AssetsDefinition]:
    """Put *assets* into their group of the story; what people read must be fresh."""

    def placed(spec: dg.AssetSpec) -> dg.AssetSpec:
        return present(spec, catalogue, settings).replace_attributes(
            group_name=_name_group(group, settings),
            freshness_policy=fresh_every_morning(settings)
            if group in {EXPORTS, REPORTS}
            else None,
        )

    return [asset.map_asset_specs(placed) for asset in assets]


def _name_group(group: str, settings: Settings) -> str:
    """Return the name of a group: those of one name are drawn as one in a chain."""
    shop = settings.shop_name
    return f"{shop}_{group}" if shop else group


def _name_for(
    shop: str | None, assets: list[dg.AssetsDefinition]
) -> list[dg.AssetsDefinition]:
    """Put the shop's name before that of every table: a chain shares its records.

    Steps, and so the configuration of runs, are named for the table alone.
    """
    if shop is None:
        return assets
    names = [*OUTSIDE, *(asset.key.path[-1] for asset in assets)]
    keys = {dg.AssetKey(name): asset_key(name, shop) for name in names}
    return [asset.with_attributes(asset_key_replacements=keys) for asset in assets]


def ignore_previews() -> None:
    """Ignore Dagster's warnings of what a later version may change.

    The version is pinned, and whoever starts the UI can do nothing about them.
    """
    for kind in (dg.BetaWarning, dg.PreviewWarning):
        warnings.simplefilter("ignore", kind)


@dg.definitions
def defs() -> dg.Definitions:
    """Build the definitions of the configured shop."""
    ignore_previews()
    allow_more_files()
    return build_definitions(load_settings())
