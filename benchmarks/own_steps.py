"""The product's daily update step by step, without Dagster around it.

Each asset's own body is run in the order of the job, with the little of Dagster's
context that it asks for; gates, files and requests are those of any update.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

from analytics_pipeline.assets.table import TableRun, function_of
from analytics_pipeline.orchestration.assets import CONFIGS
from analytics_pipeline.orchestration.gate import make_table
from analytics_pipeline.orchestration.records import update_config
from analytics_pipeline.orchestration.tills import Lightspeed
from analytics_pipeline.orchestration.upkeep import set_damaged_aside
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import Shop, hold_directory, open_shop
from analytics_pipeline.tables import TABLES
from benchmarks.simulated_store import TOKEN

BEFORE = "hashing what is stored"
"""What a run does before its first step."""

STEPS = (
    "ecom_feed",
    "ecom_orders",
    "outlets",
    "sales_feed",
    "customers",
    "customer_log",
    "products",
    "raw_sales",
    "sale_lines",
    "customer_identities",
    "customer_analytics",
    "tier_outlook",
    "customer_rfm",
    "prediction_models",
    "customer_predictions",
    "first_time_buyers",
    "customer_analytics_master",
    "customer_changes",
    "ecom_reconciliation",
    "customer_cohorts",
    "outlet_analytics",
    "product_analytics",
    "customer_report",
)
"""In the order in which the job runs them."""

Watch = Callable[[str, Shop], AbstractContextManager[None]]
"""Watches one step: with its name and the shop, it surrounds it."""


def unwatched(_step: str, _shop: Shop) -> AbstractContextManager[None]:
    """Watch nothing."""
    return nullcontext()


def settings_for(folder: str, origin: str, start: str) -> Settings:
    """Return the settings of a shop whose store is simulated at *origin*."""
    return load_settings(
        data_dir=folder,
        start_date=start,
        domain_prefix="demo",
        token=TOKEN,
        api_url=origin,
        alert_urls=None,
    )


def run_steps(
    settings: Settings, day: str, *, days: int = 7, watch: Watch = unwatched
) -> None:
    """Run every step of the update of *day*, each within *watch*."""
    config = update_config(days=days)["ops"]
    with hold_directory(settings.data_dir, wait=False):
        shop = open_shop(settings)
        with watch(BEFORE, shop):
            set_damaged_aside(shop)
        for step in STEPS:
            spec, as_of = TABLES[step], date.fromisoformat(day)
            run = replace(
                run_for(shop, [as_of] if spec.is_daily else []),
                as_of=as_of,
                options=_options(step, config),
            )
            with watch(step, shop):
                list(make_table(_context(), spec, function_of(spec), run))


def run_for(shop: Shop, days: Sequence[date]) -> TableRun:
    """Return what a table is made in, with the shop's own way to its store."""
    as_of = days[-1] if days else shop.yesterday
    return TableRun(shop, days, as_of, Lightspeed(shop.settings).open)


def _options(step: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a step, with the defaults of what is not set."""
    if step not in CONFIGS:
        return {}
    return CONFIGS[step](**config.get(step, {}).get("config", {})).model_dump()


def _context() -> Any:
    """Return the little of Dagster's context that the gate asks for."""
    return SimpleNamespace(
        log_event=lambda _event: None,
        add_asset_metadata=lambda *_metadata, **_where: None,
        op_execution_context=SimpleNamespace(selected_output_names=set()),
    )
