"""Tests for analytics_pipeline.assets.ecom_feed, and of the orders made from it."""

import csv
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from pydantic import SecretStr

from analytics_pipeline.assets.ecom_feed import open_known_orders
from analytics_pipeline.domain.web_order_log import LAST_WORDS
from analytics_pipeline.model.schemas.sources import EcomFeed, EcomOrders
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.app import WEB_STORE_ID, build_app
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.quirks import WebShopQuirks
from analytics_pipeline.simulator.records import DeletedWebOrder, WebOrder, WebRefund
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.simulator.trading_days import Trade
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.light_run import (
    UP_TO_PUBLISHING,
    UP_TO_REPORTING,
    evidence_of,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.oracle.bookings import is_paid_online
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.oracle.terms import Terms

TOKEN = "simulated-web-token"
OPENED = date(2025, 10, 20)
"""Before the clocks change: in the hour that comes twice there are orders too."""
LIVED_UNTIL = datetime(2026, 4, 2, 12, tzinfo=UTC)
DAY = date(2026, 4, 1)
EXPORT = "ecom_orders_export.csv"
ONLY_ORDERS = ("ecom_feed", "ecom_orders")
MADE_FROM_THEM = (
    *("customer_analytics_master.csv", "first_time_buyers.csv"),
    "reports/ecom_reconciliation.csv",
)


@dataclass
class WebShops:
    """One store, served on loopback, and data directories that read its web orders."""

    store: Store
    simulator: Any
    origin: str
    root: Path
    now: datetime = LIVED_UNTIL

    def settings(self, name: str, *, by_api: bool) -> Settings:
        """The settings of a data directory that reads by API, or by the export."""
        ways = {
            "ecwid_store_id": WEB_STORE_ID,
            "ecwid_token": SecretStr(TOKEN),
            "ecwid_api_url": f"{self.origin}/api/v3",
        }
        data = self.root / name
        data.mkdir(parents=True, exist_ok=True)
        (data / ".identity_key").write_text("ab" * 32 + "\n")
        chosen: Any = ways if by_api else {}
        return load_settings(
            data_dir=data,
            start_date=OPENED,
            domain_prefix="demo",
            token=SecretStr(TOKEN),
            api_url=self.origin,
            **chosen,
        )

    def read(
        self,
        name: str,
        *,
        by_api: bool,
        tables: Sequence[str] = ONLY_ORDERS,
        full: bool = False,
    ) -> list[Any]:
        """Let the first tables of a run be made."""
        settings = self.settings(name, by_api=by_api)
        if not by_api:
            write_export(self.store.state, settings.data_dir / EXPORT)
        return run_light(
            settings, DAY, tables=tables, clock=lambda: self.now, full_resync=full
        )

    def stored(self, name: str) -> pd.DataFrame:
        return open_shop(self.settings(name, by_api=True)).load(
            "ecom_orders", EcomOrders
        )

    def versions(self, name: str) -> pd.DataFrame:
        """Every version that the log of a data directory holds."""
        shop = open_shop(self.settings(name, by_api=True))
        log = open_known_orders(shop).log
        rows = shop.engine.to_pandas(shop.open_log(log)) if log.segments() else None
        found = pd.DataFrame() if rows is None else shape(rows, EcomFeed)
        return found.sort_values("segment", kind="stable") if len(found) else found

    def files(self, name: str) -> dict[str, bytes]:
        """Every file of the tables of a data directory."""
        folder = self.root / name / "warehouse"
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*.parquet")
        }

    def order(self, place: int = 0) -> WebOrder:
        return list(self.store.state.web_orders.values())[place]

    def later(self, days: float = 1) -> datetime:
        """Move on; nothing else happens meanwhile."""
        self.now += timedelta(days=days)
        self.store.state.now = self.now
        return self.now

    def change(self, order: WebOrder, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(order, name, value)
        order.updated_at = self.now - timedelta(hours=1)

    def delete(self, order: WebOrder) -> None:
        del self.store.state.web_orders[order.order_number]
        gone = DeletedWebOrder(order.order_number, self.now - timedelta(hours=1))
        self.store.state.deleted_web_orders.append(gone)

    def requests(self) -> int:
        return sum(
            count
            for kind, count in self.simulator.stats()["kinds"].items()
            if kind.startswith("web/")
        )


@cache
def grown_store() -> bytes:
    """A store after half a year; each test goes on with one of its own."""
    trade = Trade(web_changes=True, web_numbers=("A-", "/24"), random_web_ids=True)
    store = Store(3, customers=60, opened_on=OPENED, trade=trade)
    store.advance_to(LIVED_UNTIL)
    for order in store.state.web_orders.values():
        order.refunds.clear()  # an export does not say what was given back
    return pickle.dumps(store)


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[WebShops]:
    store = pickle.loads(grown_store())
    app = build_app(store, token=TOKEN, rate_limit=1_000_000)
    with serve(app) as origin:
        yield WebShops(store, app.state.simulator, origin, tmp_path)


def failed_checks(events: list[Any]) -> set[str]:
    return {
        event.check_name
        for event in events
        if isinstance(event, dg.AssetCheckEvaluation) and not event.passed
    }


def test_the_file_and_the_api_make_the_same_orders(shops):
    shops.read("file", by_api=False)
    shops.read("api", by_api=True)

    assert len(shops.stored("api")) > 100
    by_file, by_api = (
        shops.stored(name).drop(columns=LAST_WORDS) for name in ("file", "api")
    )
    pd.testing.assert_frame_equal(by_file, by_api)
    assert (shops.stored("api")["ordered_at"].dt.second == 0).all()


def test_switching_between_file_and_api_changes_nothing(shops):
    shops.read("one", by_api=True)
    first, versions = shops.stored("one"), len(shops.versions("one"))

    for by_api in (False, True, False, False, True, True):
        shops.later(0.1)
        shops.read("one", by_api=by_api)
        pd.testing.assert_frame_equal(shops.stored("one"), first)

    assert len(shops.versions("one")) == versions
    assert not (shops.root / "one/warehouse/ecom_feed/failed_gates.json").exists()


@pytest.mark.parametrize("begins_by_api", [True, False])
def test_changes_come_by_either_way(shops, begins_by_api):
    shops.read("one", by_api=begins_by_api)
    shops.later()
    shops.change(shops.order(0), total=Decimal("77.70"))
    shops.delete(shops.order(1))

    shops.read("one", by_api=not begins_by_api)
    shops.read("other", by_api=True)

    pd.testing.assert_frame_equal(shops.stored("one"), shops.stored("other"))


def read_files(shops: WebShops, name: str) -> dict[str, bytes]:
    """The files for people, and the days of sales, of a data directory."""
    data = shops.root / name
    days = (data / "warehouse/raw_sales").glob("*.parquet")
    paths = [*(data / each for each in MADE_FROM_THEM), *days]
    return {str(path.relative_to(data)): path.read_bytes() for path in paths}


def test_by_file_and_by_api_master_and_reconciliation_are_the_same_bytes(shops):
    shops.read("file", by_api=False, tables=UP_TO_REPORTING)
    shops.read("api", by_api=True, tables=UP_TO_REPORTING)
    before = read_files(shops, "api")

    assert len(before["reports/ecom_reconciliation.csv"].splitlines()) > 100
    assert read_files(shops, "file") == before


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_late_change_by_api_makes_the_bytes_of_a_fresh_directory(shops):
    shops.read("api", by_api=True, tables=UP_TO_REPORTING)
    before = read_files(shops, "api")
    shops.later(0.1)
    unsynced = next(
        order
        for order in shops.store.state.web_orders.values()
        if order.exported_sale_id is None and order.payment_status == "ACCEPTED"
    )
    shops.change(unsynced, payment_status="CANCELLED")
    shops.read("api", by_api=True, tables=UP_TO_REPORTING)
    shops.read("fresh", by_api=True, tables=UP_TO_REPORTING)

    after = read_files(shops, "api")
    assert after == read_files(shops, "fresh")
    changed = {name for name in before if before[name] != after[name]}
    assert "reports/ecom_reconciliation.csv" in changed
    assert not any(name.startswith("warehouse/raw_sales") for name in changed)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("with_tax", [True, False])
def test_refunds_of_unsynced_orders_equal_the_ledger_rule_4_4(shops, with_tax):
    unsynced = [
        order
        for order in shops.store.state.web_orders.values()
        if order.exported_sale_id is None and is_paid_online(order)
    ]
    assert len(unsynced) >= 3
    for number, order in enumerate(unsynced):
        order.payment_status = "PARTIALLY_REFUNDED"
        for days in range(number % 3):
            amount = (order.total / (days + 3)).quantize(Decimal("0.01"))
            when = min(order.placed_at + timedelta(days=40 * days), LIVED_UNTIL)
            order.refunds.append(WebRefund(amount, when))
    terms = Terms(with_tax=with_tax, web_refunds=True)
    (shops.root / "one").mkdir()
    basis = "incl_tax" if with_tax else "excl_tax"
    (shops.root / "one/analytics.toml").write_text(f'money_basis = "{basis}"\n')

    for by_api in (True, False):
        shops.read("one", by_api=by_api, tables=UP_TO_PUBLISHING)

        published = shops.root / "one" / MADE_FROM_THEM[0]
        with published.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows == expected_master(shops.store.state, DAY, terms)
    without = expected_master(shops.store.state, DAY, Terms(with_tax=with_tax))
    assert rows != without


def test_a_quiet_night_costs_two_requests_and_no_version(shops):
    shops.read("one", by_api=True)
    versions = len(shops.versions("one"))
    shops.later()
    shops.simulator.clear_stats()

    shops.read("one", by_api=True)

    assert shops.requests() == 2
    assert len(shops.versions("one")) == versions


def test_all_orders_are_walked_once_a_week(shops):
    shops.read("one", by_api=True)
    whole = -(-len(shops.store.state.web_orders) // 100)
    asked = []
    for _ in range(9):
        shops.later()
        shops.simulator.clear_stats()
        shops.read("one", by_api=True)
        asked.append(shops.requests())

    assert asked == [2] * 6 + [whole + 1] + [2] * 2


def test_a_full_read_walks_all_orders_at_once(shops):
    shops.read("one", by_api=True)
    whole = -(-len(shops.store.state.web_orders) // 100)
    shops.later(0.1)
    shops.simulator.clear_stats()

    shops.read("one", by_api=True, full=True)

    assert shops.requests() == whole + 1


def test_a_late_edit_is_one_version_more(shops):
    shops.read("one", by_api=True)
    before, versions = shops.stored("one"), len(shops.versions("one"))
    shops.later()
    number = shops.order().order_number
    shops.change(shops.order(), total=Decimal("77.70"))

    shops.read("one", by_api=True)

    after = shops.stored("one")
    changed = (after != before) & ~(after.isna() & before.isna())
    assert changed.sum().sum() == 1
    assert after.loc[changed["total_cents"], "order_number"].tolist() == [number]
    assert after.loc[changed["total_cents"], "total_cents"].tolist() == [7770]
    assert len(shops.versions("one")) == versions + 1


def test_a_deleted_order_leaves_the_orders_and_not_the_log(shops):
    shops.read("one", by_api=True)
    shops.later()
    gone = shops.order(2)
    shops.delete(gone)

    events = shops.read("one", by_api=True)

    assert gone.order_number not in set(shops.stored("one")["order_number"])
    versions = shops.versions("one")
    own = versions[versions["order_number"] == gone.order_number]
    assert own["is_deleted"].tolist() == [False, True]
    shown = evidence_of(events, "ecom_orders", "export_is_complete")
    assert shown["gone_orders"] == gone.order_number


def test_no_contact_is_in_the_log(shops):
    shops.read("one", by_api=True)

    logged = shops.versions("one").to_csv()
    for order in shops.store.state.web_orders.values():
        assert order.order_number in logged
        assert order.name not in logged
        assert order.email is None or order.email not in logged


def test_what_only_the_api_says_is_in_the_log(shops):
    refund = WebRefund(Decimal("5.00"), LIVED_UNTIL - timedelta(days=2))
    paid_so = {
        "loyalty": Decimal(2),
        "store_credit": Decimal(3),
        "gift_card": Decimal(4),
    }
    shops.change(shops.order(), refunds=[refund], **paid_so)
    shops.read("one", by_api=True)

    versions = shops.versions("one").set_index("order_number")
    own = versions.loc[shops.order().order_number]
    assert own["refunded_cents"] == 500
    assert own["refunded_at"] == pd.Timestamp(refund.refunded_at)
    assert (own["loyalty_cents"], own["store_credit_cents"]) == (200, 300)
    assert own["gift_card_cents"] == 400
    assert {"yes", "no"} <= set(versions["accept_marketing"].dropna())


def test_a_full_walk_that_lacks_a_known_order_keeps_it_and_warns(shops):
    shops.read("one", by_api=True)
    shops.later(7)
    before = shops.stored("one")
    lost = shops.order(3).order_number
    del shops.store.state.web_orders[lost]

    events = shops.read("one", by_api=True)

    assert failed_checks(events) == {"known_orders_are_there"}
    shown = evidence_of(events, "ecom_feed", "known_orders_are_there")
    assert shown["lost_orders"] == lost
    pd.testing.assert_frame_equal(shops.stored("one"), before)


def test_another_web_shop_is_stopped(shops):
    shops.read("one", by_api=True)
    shops.later(7)
    before = shops.stored("one")
    orders = shops.store.state.web_orders
    for number in list(orders)[: len(orders) // 2]:
        del orders[number]

    with pytest.raises(dg.Failure) as failure:
        shops.read("one", by_api=True)

    assert exit_code_of(failure.value) == 1
    pd.testing.assert_frame_equal(shops.stored("one"), before)


def break_total(order: WebOrder) -> None:
    order.total = Decimal("1e30")


def test_a_bad_order_is_rejected_until_it_is_good(shops):
    bad, total = shops.order(), shops.order().total
    break_total(bad)

    events = shops.read("one", by_api=True)

    assert failed_checks(events) == {"rows_are_sound"}
    shown = evidence_of(events, "ecom_feed", "rows_are_sound")
    assert shown["rules"] == "total_is_an_amount"
    assert bad.order_number not in set(shops.stored("one")["order_number"])
    listed = next((shops.root / "one/quarantine").rglob("*ecom_feed*"))
    assert bad.email is not None
    text = listed.read_text() if listed.is_file() else ""
    assert bad.email not in text

    shops.later()
    shops.change(bad, total=total)
    assert failed_checks(shops.read("one", by_api=True)) == set()
    assert bad.order_number in set(shops.stored("one")["order_number"])


@pytest.mark.parametrize(
    "quirks",
    [
        WebShopQuirks(bounds_inclusive=False, sort="oldest"),
        WebShopQuirks(sort="updated"),
        WebShopQuirks(sort="scrambled"),
    ],
    ids=str,
)
def test_however_the_web_shop_sorts_the_bytes_are_the_same(shops, quirks):
    shops.read("one", by_api=True)
    shops.simulator._web_api._quirks = quirks
    shops.read("two", by_api=True)

    one, two = map(shops.files, ("one", "two"))
    assert one == two


def revoke(shops: WebShops) -> None:
    shops.simulator.use_faults(FaultPlan({2: FaultKind.TOKEN_REVOKED}))


def end_the_plan(shops: WebShops) -> None:
    shops.simulator._web_access._has_api = False


def lie(shops: WebShops) -> None:
    shops.simulator._web_api._quirks = WebShopQuirks(total_off_by=1)


@pytest.mark.parametrize(
    ("hurt", "words"),
    [(revoke, "403"), (end_the_plan, "402"), (lie, "other orders than it counts")],
)
def test_a_web_shop_that_cannot_be_read_changes_nothing(
    shops: WebShops, hurt: Callable[[WebShops], None], words: str
) -> None:
    shops.read("one", by_api=True)
    before = shops.files("one")
    shops.later(7)
    shops.change(shops.order(), total=Decimal("77.70"))
    hurt(shops)

    with pytest.raises(dg.Failure) as failure:
        shops.read("one", by_api=True)

    assert exit_code_of(failure.value) == 3
    assert words in str(failure.value.metadata["cause"].value)
    assert TOKEN not in str(failure.value)
    assert shops.files("one") == before


# Every fault at every request of whole reads ------------------------------------------


def before_a_first_load(_shops: WebShops) -> None:
    """Nothing was read yet."""


def before_an_ordinary_night(shops: WebShops) -> None:
    shops.read("start", by_api=True)
    shops.later()
    shops.change(shops.order(0), total=Decimal("77.70"))
    shops.delete(shops.order(1))


def before_a_weekly_walk(shops: WebShops) -> None:
    before_an_ordinary_night(shops)
    shops.later(7)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("hung")
@pytest.mark.parametrize(
    "prepare", [before_a_first_load, before_an_ordinary_night, before_a_weekly_walk]
)
@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_at_any_request_of_the_web_shop_loses_and_doubles_nothing(
    shops: WebShops, kind: FaultKind, prepare: Callable[[WebShops], None]
) -> None:
    prepare(shops)
    start = shops.root / "start"
    start.mkdir(exist_ok=True)
    shops.simulator.clear_stats()
    shutil.copytree(start, shops.root / "right")
    shops.read("right", by_api=True)
    right, before = shops.files("right"), shops.files("start")
    assert right != before

    for position in range(1, shops.requests() + 1):
        hurt = f"hurt-{position}"
        shutil.copytree(start, shops.root / hurt)
        plan = FaultPlan(
            {position: kind}, hang_seconds=30, slow_seconds=0.01, drip_seconds=0.05
        )
        shops.simulator.use_faults(plan)
        if kind is FaultKind.TOKEN_REVOKED:
            with pytest.raises(dg.Failure) as failure:
                shops.read(hurt, by_api=True)
            assert exit_code_of(failure.value) == 3
            assert shops.files(hurt) == before
            shops.simulator.use_faults(FaultPlan())
        shops.read(hurt, by_api=True)
        if kind is FaultKind.POISONED_VERSION:  # the log has it as it was delivered
            pd.testing.assert_frame_equal(shops.stored(hurt), shops.stored("right"))
        else:
            assert shops.files(hurt) == right
