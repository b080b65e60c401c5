"""A store asked without a socket, and the pipeline pointed at it.

Every request is answered from the store's own interface in the same process.  Between
two requests the store can be edited, and requests can fail by the simulator's plan.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pandas as pd
from pydantic import SecretStr
from starlette.datastructures import QueryParams

from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.ecwid_api import WebShopApi
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.simulator.quirks import Quirks, WebShopQuirks
from analytics_pipeline.simulator.replies import (
    Reply,
    damaged,
    http_date,
    reply_at_the_edge,
    too_many_requests,
    unauthorized,
)
from analytics_pipeline.simulator.store_api import StoreApi
from analytics_pipeline.storage.parquet import decode
from analytics_pipeline_tests.light_run import (
    UP_TO_REPORTING,
    PatientLightspeed,
    evidence_of,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import (
    expected_first_time_buyers,
    expected_master,
)
from analytics_pipeline_tests.simulated_shop import PUBLISHED, REPRODUCED
from analytics_pipeline_tests.system.histories.store_by_hand import StoreByHand

ANY_SIZE = 1_000_000
EMPTY_PAGE = b'{"data":[]'
CHANGES_AT_ANY_RUN = ("catch_ups", ".last_update_timestamp")


class InProcess(httpx.BaseTransport):
    """Answers requests from the store as it is at that moment."""

    def __init__(
        self,
        store: StoreByHand,
        *,
        page_limit: int = ANY_SIZE,
        quirks: Quirks | None = None,
        plan: FaultPlan | None = None,
        before: Callable[[int, str], object] = lambda _number, _path: None,
    ) -> None:
        """Serve *store*; *before* gets number, from 1, and path of each request."""
        self._store = store
        self._quirks = quirks or Quirks()
        self._plan = plan or FaultPlan()
        self._before = before
        self._api = StoreApi(lambda: store.state, page_limit, page_limit, self._quirks)
        self._web_shop = WebShopApi(lambda: store.state, WebShopQuirks())
        self.requests: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number = len(self.requests) + 1
        path = request.url.path.removeprefix("/api/")
        self._before(number, path.partition("/")[2])
        self.requests.append(path)
        fault = self._plan.fault_at(number)
        _break_off(fault, request)
        reply = self._reply(path, QueryParams(request.url.query), fault)
        return httpx.Response(
            reply.status,
            headers={
                "Date": http_date(self._store.now),
                "Content-Type": reply.content_type,
                **reply.headers,
            },
            content=reply.body,
        )

    def _reply(self, path: str, params: QueryParams, fault: FaultKind | None) -> Reply:
        if fault is FaultKind.RATE_LIMITED:
            wait = self._plan.retry_after_seconds
            return too_many_requests(self._store.now, wait, self._quirks.retry_after)
        if fault is FaultKind.TOKEN_REVOKED:
            return unauthorized()
        edge = reply_at_the_edge(fault)
        if edge is not None:
            return edge
        if path.startswith("v3/"):
            return self._web_shop.answer(path.removeprefix("v3/"), params, fault)
        reply = self._api.answer(path, params, fault)
        if fault is FaultKind.STUCK_VERSION and reply.body.startswith(EMPTY_PAGE):
            # Nothing comes before that version, so nothing can come again, and an
            # empty page is no stuck one: it is the end.
            reply = self._api.answer(path, params, None)
        return damaged(reply, fault)


def _break_off(fault: FaultKind | None, request: httpx.Request) -> None:
    """Fail as the network does, where the fault is of that kind."""
    if fault is FaultKind.READ_TIMEOUT:
        raise httpx.ReadTimeout("nothing came", request=request)
    if fault is FaultKind.CONNECTION_RESET:
        raise httpx.ReadError("reset", request=request)
    if fault is FaultKind.ABORTED_BODY:
        raise httpx.RemoteProtocolError("cut off", request=request)


@dataclass
class Pipeline:
    """The pipeline's view of a store by hand: one data directory, one API version."""

    store: StoreByHand
    settings: Settings
    page_limit: int = ANY_SIZE
    quirks: Quirks = field(default_factory=Quirks)
    full_reads: int = 0
    watch: Callable[[list[Any]], object] = lambda _events: None

    @property
    def data(self) -> Path:
        return self.settings.data_dir

    @property
    def yesterday(self) -> date:
        """The last day that is over in the store."""
        today = self.store.now.astimezone(ZoneInfo(self.store.time_zone)).date()
        return today - timedelta(days=1)

    def export(self) -> None:
        """Export the web shop's orders."""
        self.data.mkdir(parents=True, exist_ok=True)
        write_export(self.store.state, self.data / "ecom_orders_export.csv")
        self.store.note_export()

    def run(
        self,
        day: date,
        *,
        days: int = 0,
        tables: tuple[str, ...] = UP_TO_REPORTING,
        rebuild: bool = False,
        **transport: Any,
    ) -> InProcess:
        """Update *tables* as of *day*, or make all again; return who was asked."""
        asked = InProcess(
            self.store, page_limit=self.page_limit, quirks=self.quirks, **transport
        )
        options = {"transport": asked, "now": lambda: self.store.now, "attempts": 2}
        self.full_reads += rebuild
        events = run_light(
            self.settings,
            day,
            days=days,
            full_resync=rebuild,
            recut_all_days=rebuild,
            tables=tables,
            lightspeed=PatientLightspeed(self.settings, options),
            clock=lambda: self.store.now,
        )
        if "customer_changes" in tables:
            self.expect_causes(events)
        self.watch(events)
        return asked

    def expect_causes(self, events: list[Any]) -> None:
        """Every change has a cause, while the log of the earlier master is there."""
        facts = evidence_of(events, "customer_changes", "causes_are_known")
        assert facts["unknown"] == 0 or self.full_reads > 1

    def fresh_copy(self, folder: Path) -> "Pipeline":
        """Return the pipeline of an empty directory with this key and this export."""
        folder.mkdir(parents=True)
        for name in (".identity_key", "ecom_orders_export.csv"):
            (folder / name).write_bytes((self.data / name).read_bytes())
        settings = self.settings.model_copy(update={"data_dir": folder})
        return Pipeline(self.store, settings)

    def reproducible(self, day: date) -> Mapping[str, str]:
        """Fingerprint every file that rule 7.3 names, for the snapshot of *day*.

        The days of sales after *day*, which a run for today may have cut, are left out.
        """
        warehouse = self.data / "warehouse"
        files = [self.data / name for name in PUBLISHED]
        files.append(warehouse / f"customer_analytics/{day}.parquet")
        for table in REPRODUCED:
            stored = (warehouse / table).glob("*.parquet")
            files += (f for f in stored if f.stem in REPRODUCED or f.stem <= str(day))
        return self._fingerprints(files)

    def everything(self) -> Mapping[str, str]:
        """Fingerprint every file that running anything twice must not change (7.4)."""
        files = (path for path in self.data.rglob("*") if path.is_file())
        return self._fingerprints(
            path for path in files if not {*CHANGES_AT_ANY_RUN} & {*path.parts}
        )

    def published(self) -> Mapping[str, str]:
        """Fingerprint the files that people use, as far as there are any."""
        paths = (self.data / name for name in PUBLISHED)
        return self._fingerprints(path for path in paths if path.exists())

    def _fingerprints(self, files: Any) -> Mapping[str, str]:
        return {
            str(path.relative_to(self.data)): sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
        }

    def compare_with_ledger(self, day: date, *, published: bool = True) -> None:
        """Compare the master and the buyers of *day* with the store's own figures."""
        state = self.store.as_exported
        expected = {
            "customer_analytics": expected_master(state, day),
            "first_time_buyers": expected_first_time_buyers(state, day),
        }
        for name, rows in expected.items():
            found = _read_csv(self.data / f"archive/{name}_{day}.csv")
            assert _cells(found) == _cells(rows)
        for name, file in zip(expected, PUBLISHED, strict=True) if published else ():
            archived = (self.data / f"archive/{name}_{day}.csv").read_bytes()
            assert (self.data / file).read_bytes() == archived

    def log(self) -> pd.DataFrame:
        """Every version of every sale in the log, as it was appended."""
        segments = open_shop(self.settings).sales_log().segments()
        return pd.concat(
            [decode(segment.path.read_bytes(), SalesFeed) for segment in segments],
            ignore_index=True,
        )


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Name the files that one side lacks, or has with other bytes."""
    return sorted({name for name, _ in ours.items() ^ theirs.items()})


def _cells(rows: list[dict[str, str]]) -> list[str]:
    """List every cell as one line, so that a failure shows those that differ."""
    return [
        f"row {n} {name}: {row[name]}" for n, row in enumerate(rows) for name in row
    ]


def _read_csv(path: Path) -> list[dict[str, str]]:
    """Read a file as a spreadsheet would."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def open_pipeline(
    store: StoreByHand, data: Path, *, api_version: str, **options: Any
) -> Pipeline:
    """Return the pipeline of an empty data directory; its first day is a recent one."""
    opened: datetime = store.now
    settings = load_settings(
        data_dir=data,
        start_date=opened.date() - timedelta(days=4),
        time_zone=store.time_zone,
        domain_prefix="demo",
        token=SecretStr("by-hand"),
        api_url="http://127.0.0.1:9",
        api_version=api_version,
    )
    return Pipeline(store, settings, **options)
