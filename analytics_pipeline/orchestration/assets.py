"""The assets as Dagster sees them: one builder for every table of ``tables.TABLES``."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import dagster as dg
from pydantic import Field

from analytics_pipeline.assets.table import TableRun, function_of
from analytics_pipeline.domain.incidents import Incidents
from analytics_pipeline.model.checks import LastResult
from analytics_pipeline.orchestration.gate import Event, make_table
from analytics_pipeline.orchestration.run_records import (
    keep_warnings,
    read_last_results,
)
from analytics_pipeline.orchestration.schedules import fresh_every_morning
from analytics_pipeline.orchestration.tables import (
    OWNER,
    asset_key,
    check_specs,
    code_version,
    dependencies,
    describe,
    metadata_of,
    tags_of,
)
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop
from analytics_pipeline.tables import TABLES, Group, Source, TableSpec

READ_BY_PEOPLE = {Group.EXPORTS, Group.REPORTS}
"""The groups that must be fresh every morning."""


class SalesFeedConfig(dg.Config):
    """How the feed of sales is read."""

    days: int = Field(
        7, ge=0, le=366, description="Compare so many days with the search, and repair."
    )
    full_resync: bool = Field(False, description="Read all sales again from the start.")
    replay: bool = Field(False, description="Try the sales in quarantine again.")


class CustomersConfig(dg.Config):
    """How the customer records are read."""

    full_resync: bool = Field(False, description="Read all records again.")
    replay: bool = Field(False, description="Try the records in quarantine again.")


class EcomFeedConfig(dg.Config):
    """How the web shop's API is read."""

    full_resync: bool = Field(
        False, description="Read all orders again, not only those that changed."
    )


class ProductsConfig(dg.Config):
    """How the products are read."""

    full_resync: bool = Field(False, description="Read all products again.")


class EcomOrdersConfig(dg.Config):
    """Which export of the web shop is read."""

    file: str = Field(
        "",
        description="An export to put in place, if it is good: inbox/NAME.csv, a file "
        "in the folder inbox of the data directory. Without one, the export that is in "
        "place is read.",
    )


class RawSalesConfig(dg.Config):
    """Which days are cut."""

    refresh_late_days: bool = Field(
        True, description="Cut the days as well whose sales have changed since."
    )
    recut_all_days: bool = Field(
        False, description="Cut every day up to the last one again."
    )


CONFIGS: Mapping[str, type[dg.Config]] = MappingProxyType(
    {
        "sales_feed": SalesFeedConfig,
        "customers": CustomersConfig,
        "ecom_feed": EcomFeedConfig,
        "products": ProductsConfig,
        "ecom_orders": EcomOrdersConfig,
        "raw_sales": RawSalesConfig,
    }
)
"""The configuration of a run, by the table that it is for."""

LookFromWithin = Callable[[Shop, dg.DagsterInstance, str], Incidents]
"""Returns what is wrong now, as the run of that id sees it."""


def build_assets(
    settings: Settings,
    days: dg.DailyPartitionsDefinition,
    look: LookFromWithin = lambda *_: {},
) -> list[dg.AssetsDefinition]:
    """Build the asset of every table.

    Args:
        settings: of the shop; in a chain its name goes before each key and group.
        days: the partitions of the daily tables.
        look: what the report asks for the incidents of the present run.
    """
    shop = settings.shop_name
    assets = [build_asset(spec, settings, days, look) for spec in TABLES.values()]
    if shop is None:
        return assets
    # Steps, and so the configuration of runs, are named for the table alone.
    names = [*(source.value for source in Source), *TABLES]
    keys = {dg.AssetKey(name): asset_key(name, shop) for name in names}
    return [asset.with_attributes(asset_key_replacements=keys) for asset in assets]


OUTSIDE: Mapping[Source, str] = MappingProxyType(
    {
        Source.LIGHTSPEED: "Lightspeed Retail: sales, customers, products and "
        "outlets, as its API gives them. It is only read; `sales_feed` keeps every "
        "version of a sale.",
        Source.WEB_SHOP: "The web shop: its orders, as its API gives them, or as "
        "exported into `ecom_orders_export.csv` in the data directory.",
    }
)
"""What each source outside is, as the UI shows it."""


def build_outside(shop: str | None) -> list[dg.AssetSpec]:
    """Return the left edge of the graph: where the first tables are read from."""
    return [
        dg.AssetSpec(
            asset_key(source.value, shop),
            description=description,
            group_name=_name_group("outside", shop),
        )
        for source, description in OUTSIDE.items()
    ]


def build_asset(
    spec: TableSpec,
    settings: Settings,
    days: dg.DailyPartitionsDefinition,
    look: LookFromWithin,
) -> dg.AssetsDefinition:
    """Build the asset of one table: everything of it follows from *spec*.

    A run may leave the checks out of its plan: the gate reports them all the same, and
    one that it does not come to keeps its last result instead of a failure.  Only a
    multi-asset can be run without its checks.
    """
    config = CONFIGS.get(spec.name)
    is_read = spec.group in READ_BY_PEOPLE
    asset_spec = dg.AssetSpec(
        spec.name,
        deps=dependencies(spec),
        description=describe(spec),
        metadata=metadata_of(spec, settings),
        kinds=set(spec.kinds),
        owners=[OWNER],
        tags=tags_of(spec),
        group_name=_name_group(spec.group.value, settings.shop_name),
        code_version=code_version(spec, settings),
        partitions_def=days if spec.is_daily else None,
        freshness_policy=fresh_every_morning(settings) if is_read else None,
    )

    @dg.multi_asset(
        name=spec.name,
        specs=[asset_spec],
        check_specs=check_specs(spec, days),
        can_subset=True,
        partitions_def=days if spec.is_daily else None,
        backfill_policy=dg.BackfillPolicy.single_run() if spec.is_daily else None,
        config_schema=config.to_fields_dict() if config else None,
        required_resource_keys={"shop", "lightspeed"},
    )
    def make(context: dg.AssetExecutionContext) -> Iterator[Event]:
        run = _run_of(context, spec, look)
        yield from make_table(context, spec, function_of(spec), run)

    return make


def _name_group(group: str, shop: str | None) -> str:
    """Groups of one name are drawn as one, so those of a chain have the shop's name."""
    return f"{shop}_{group}" if shop else group


def _run_of(
    context: dg.AssetExecutionContext, spec: TableSpec, look: LookFromWithin
) -> TableRun:
    """Describe the run to the function that makes the table."""
    shop: Shop = context.resources.shop
    days = context.partition_keys if spec.is_daily else ()
    options: Mapping[str, Any] = context.op_execution_context.op_config or {}
    return TableRun(
        shop=shop,
        days=[date.fromisoformat(day) for day in days],
        as_of=day_of(context, shop),
        lightspeed=context.resources.lightspeed.open,
        web_shop=context.resources.lightspeed.open_web_shop,
        options=options,
        last_results=cache(partial(_read_last_results, context, shop, spec, look)),
    )


def _read_last_results(
    context: dg.AssetExecutionContext, shop: Shop, spec: TableSpec, look: LookFromWithin
) -> list[LastResult]:
    """Return what every check but those of *spec* found last."""
    instance = context.instance
    return keep_warnings(
        read_last_results(instance, shop.settings.shop_name, but=spec.name),
        look(shop, instance, context.run.run_id),
    )


def day_of(context: dg.AssetExecutionContext, shop: Shop) -> date:
    """Return the day that the run is for; without one, yesterday in the store."""
    day = context.run.tags.get("dagster/partition")
    return date.fromisoformat(day) if day else shop.yesterday
