"""The daily update without Dagster around it: the same assets, gates and files.

Each asset's own body is run, in the order of the job, with the little of Dagster's
context that it asks for.  A run costs well under a second instead of several, so that
a fault at every request, and a kill at every write, can be tried.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import dagster as dg

from analytics_pipeline.assets.table import TableRun, function_of, no_web_shop
from analytics_pipeline.commands.running import Stored
from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.orchestration.assets import CONFIGS
from analytics_pipeline.orchestration.gate import make_table
from analytics_pipeline.orchestration.records import update_config
from analytics_pipeline.orchestration.run_records import read_last_results
from analytics_pipeline.orchestration.upkeep import bring_up_to_date, set_damaged_aside
from analytics_pipeline.settings import Engine, Settings
from analytics_pipeline.shop import open_shop, system_clock
from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection, origin_for
from analytics_pipeline.sources.lightspeed.store import LightspeedStore
from analytics_pipeline.sources.protocol import PointOfSale, WebShop
from analytics_pipeline.sources.web_shop.ecwid import EcwidConnection, EcwidShop
from analytics_pipeline.tables import TABLES as SPECS

SOURCES = (
    *("ecom_feed", "ecom_orders", "outlets", "sales_feed"),
    *("customers", "customer_log", "products"),
)
"""In the order in which the job reads them."""
TABLES = (
    *SOURCES,
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
UP_TO_PUBLISHING = TABLES[: TABLES.index("customer_analytics_master") + 1]
"""Without the tables that explain what was published: they take a third of a run."""
AFTER_PUBLISHING = TABLES[len(UP_TO_PUBLISHING) :]
UP_TO_REPORTING = TABLES[:-1]
"""Without the report, which nothing is built on: it takes a quarter of a small run."""


@dataclass
class PatientLightspeed:
    """The way to a store for tests: no one really waits between two tries.

    Every wait that was asked for is in ``waits``; the requests of all clients that
    were opened are counted in ``requests``.
    """

    settings: Settings
    client_options: Mapping[str, Any] = field(default_factory=dict)
    waits: list[tuple[float, str]] = field(default_factory=list)
    requests: int = 0

    @contextmanager
    def open(self) -> Iterator[PointOfSale]:
        token = self.settings.token
        assert token is not None
        options = {
            "sleep": lambda _seconds: None,
            "on_wait": lambda seconds, why: self.waits.append((seconds, why)),
            **self.client_options,
        }
        with LightspeedClient(
            Connection(
                origin_for("demo", self.settings.api_url),
                token.get_secret_value(),
                self.settings.api_version,
                **options,
            )
        ) as client:
            try:
                yield LightspeedStore(client)
            finally:
                self.requests += client.requests

    @contextmanager
    def open_web_shop(self) -> Iterator[WebShop | None]:
        store_id, token = self.settings.ecwid_store_id, self.settings.ecwid_token
        if store_id is None or token is None:
            yield None
            return
        options = {
            "sleep": lambda _seconds: None,
            "on_wait": lambda seconds, why: self.waits.append((seconds, why)),
            **self.client_options,
        }
        secret, url = token.get_secret_value(), self.settings.ecwid_api_url
        with EcwidShop(EcwidConnection(store_id, secret, url, **options)) as web_shop:
            yield web_shop
            self.requests += web_shop.requests


@cache
def _engine() -> Any:
    """One engine for all runs of this process: to open one costs a third of a run."""
    return connect(Engine.DUCKDB)


def run_light(
    settings: Settings,
    day: date,
    *,
    days: int = 7,
    full_resync: bool = False,
    recut_all_days: bool = False,
    replay: bool = False,
    tables: Sequence[str] = UP_TO_PUBLISHING,
    lightspeed: Any = None,
    clock: Any = None,
    reported: list[Any] | None = None,
    figures: dict[str, Mapping[str, Any]] | None = None,
) -> list[Any]:
    """Run the bodies of *tables* for *day*; return every event that they yielded.

    They are put into *reported* too, which has them also when the run fails; the
    figures that a table was stored with are put into *figures*, under its name.

    Raises:
        dagster.Failure: as the run would fail, with exit code, cause and remedy in
            its metadata.
    """
    stored = Stored({} if figures is None else figures)
    shop = open_shop(settings, clock or system_clock, on_stored=stored.note)
    shop.__dict__["engine"] = _engine()
    bring_up_to_date(shop)
    set_damaged_aside(shop)
    config = update_config(
        days=days,
        full_resync=full_resync,
        recut_all_days=recut_all_days,
        replay=replay,
    )["ops"]
    events: list[Any] = [] if reported is None else reported
    way = lightspeed or PatientLightspeed(settings)
    for name in tables:
        spec = SPECS[name]
        run = TableRun(
            shop=shop,
            days=[day] if spec.is_daily else [],
            as_of=day,
            lightspeed=way.open,
            web_shop=getattr(way, "open_web_shop", no_web_shop),
            options=_options(name, config),
            last_results=partial(read_last_results, _records(), None, but=name),
        )
        events += make_table(_context(), spec, function_of(spec), run)
    return events


def _options(table: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a table as a run has it: what is not set is the default."""
    if table not in CONFIGS:
        return {}
    return CONFIGS[table](**config.get(table, {"config": {}})["config"]).model_dump()


def evidence_of(events: list[Any], table: str, check: str) -> dict[str, Any]:
    """The evidence of the last result of a check among *events*."""
    found = [
        event.metadata
        for event in events
        if isinstance(event, dg.AssetCheckEvaluation)
        and event.check_name == check
        and event.asset_key == dg.AssetKey(table)
    ]
    return {name: entry.value for name, entry in found[-1].items()}


def exit_code_of(failure: dg.Failure) -> int:
    """The exit code that the command would end with."""
    return int(str(failure.metadata["exit_code"].value))


@cache
def _records() -> dg.DagsterInstance:
    """Records of Dagster that nothing is ever written to."""
    return dg.DagsterInstance.ephemeral()


def _context() -> Any:
    """What the gate asks of Dagster's context."""
    return SimpleNamespace(
        log_event=lambda _event: None,
        add_asset_metadata=lambda *_metadata, **_where: None,
        op_execution_context=SimpleNamespace(selected_output_names=set()),
    )
