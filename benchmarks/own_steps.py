"""The product's daily update step by step, without Dagster around it.

Each asset's own body is run in the order of the job, with the little of Dagster's
context that it asks for; gates, files and requests are those of any update.
"""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from functools import cache
from types import SimpleNamespace
from typing import Any

import dagster as dg

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.orchestration.assets import (
    CustomersConfig,
    EcomOrdersConfig,
    RawSalesConfig,
    SalesFeedConfig,
)
from analytics_pipeline.orchestration.jobs import update_config
from analytics_pipeline.orchestration.resources import Lightspeed
from analytics_pipeline.orchestration.upkeep import set_damaged_aside
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import Shop, hold_directory, open_shop
from benchmarks.simulated_store import TOKEN

BEFORE = "hashing what is stored"
"""What a run does before its first step."""

STEPS = (
    "ecom_orders",
    "outlets",
    "sales_feed",
    "customers",
    "raw_sales",
    "customer_identities",
    "customer_analytics",
    "first_time_buyers",
    "customer_analytics_master",
    "customer_changes",
    "ecom_reconciliation",
    "customer_report",
)
"""In the order in which the job runs them."""

CONFIGS = {
    "ecom_orders": EcomOrdersConfig,
    "sales_feed": SalesFeedConfig,
    "customers": CustomersConfig,
    "raw_sales": RawSalesConfig,
}

Watch = Callable[[str, Shop], AbstractContextManager[None]]
"""Watches one step: told its name and the shop, it surrounds it."""


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
    bodies = bodies_of(settings)
    config = update_config(days=days)["ops"]
    with hold_directory(settings.data_dir, wait=False):
        shop = open_shop(settings)
        given = {
            "context": _context(day),
            "shop": shop,
            "lightspeed": Lightspeed(settings),
        }
        with watch(BEFORE, shop):
            set_damaged_aside(shop)
        for step in STEPS:
            if step in CONFIGS:
                given["config"] = CONFIGS[step](
                    **config.get(step, {}).get("config", {})
                )
            wanted = inspect.signature(bodies[step]).parameters
            with watch(step, shop):
                list(bodies[step](**{name: given[name] for name in wanted}))


def bodies_of(settings: Settings) -> dict[str, Any]:
    """Return the body of every asset, by its name."""
    assets: Any = build_definitions(settings).assets or ()
    return {
        asset.key.to_user_string(): asset.op.compute_fn.decorated_fn for asset in assets
    }


@cache
def _records() -> dg.DagsterInstance:
    """Return records of Dagster that nothing is ever written to."""
    return dg.DagsterInstance.ephemeral()


def _context(day: str) -> Any:
    """Return what the bodies ask of Dagster's context."""
    return SimpleNamespace(
        partition_keys=[date.fromisoformat(day).isoformat()],
        instance=_records(),
        run=SimpleNamespace(run_id="own", tags={"dagster/partition": day}),
        log_event=lambda _event: None,
        add_asset_metadata=lambda *_given, **_named: None,
        op_execution_context=SimpleNamespace(selected_output_names=set()),
    )
