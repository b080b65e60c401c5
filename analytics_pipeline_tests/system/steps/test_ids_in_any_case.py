"""Ids in another case of letters: one sale, one customer, one outlet."""

import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from analytics_pipeline.model import ids
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.storage.versions import VERSIONS
from analytics_pipeline.tables import SALES_FEED
from analytics_pipeline_tests.light_run import (
    UP_TO_REPORTING,
    PatientLightspeed,
    evidence_of,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    SimulatedShop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
MASTER, _ = PUBLISHED
UUID = re.compile(ids.UUID)
AT_NIGHT = pytest.mark.nightly

Spell = Callable[[str], str]


class Spelled(httpx.HTTPTransport):
    """Spells every UUID in the replies to some paths in another way."""

    def __init__(self, paths: str, spell: Spell) -> None:
        super().__init__()
        self.paths, self.spell = re.compile(paths), spell

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = super().handle_request(request)
        text = reply.read().decode()
        if self.paths.fullmatch(request.url.path.split("/", 3)[3]):
            text = UUID.sub(lambda found: self.spell(found[0]), text)
        headers = {"Date": reply.headers["Date"]}
        return httpx.Response(reply.status_code, headers=headers, text=text)


def update(shop: SimulatedShop, paths: str, spell: Spell = str.upper) -> list[Any]:
    class Way(PatientLightspeed):
        def open(self) -> Any:  # each client closes its own transport
            self.client_options = {"transport": Spelled(paths, spell)}
            return super().open()

    return run_light(shop.settings, NEXT_DAY, lightspeed=Way(shop.settings))


def empty(data: Path) -> None:
    """Leave of a data directory nothing but the export."""
    for path in data.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "ecom_orders_export.csv":
            path.unlink()


def edit_some(shop: SimulatedShop) -> None:
    """Give each sale of the last days a new version; move one to an earlier day."""
    state, timeline = shop.store.state, shop.store._shop.timeline
    late = [s for s in state.sales.values() if s.sale_date >= state.now - DAYS]
    for sale in late:
        timeline.edit(sale, state.now)
    moved = next(sale for sale in late if sale.total_price_incl > 1)
    moved.sale_date -= timedelta(days=4)


DAYS = timedelta(days=3)


def assert_each_counts_once(shop: SimulatedShop) -> None:
    state = shop.store.state
    assert shop.rows(MASTER) == expected_master(state, NEXT_DAY)
    local = shop.local
    feed = local.open_feed(local.sales_log())
    assert set(local.engine.to_pandas(feed["sale_id"])) == set(state.sales)
    stored = local.open_sales(local.warehouse.partitions("raw_sales"))
    days = local.engine.to_pandas(stored["sale_id"])
    assert sorted(days) == sorted(state.sales)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("paths", "spell"),
    [
        pytest.param("sales", str.upper, id="the feed of sales", marks=AT_NIGHT),
        pytest.param(
            "search|sales/.*", str.upper, id="search and single sales", marks=AT_NIGHT
        ),
        pytest.param("customers", str.upper, id="customers", marks=AT_NIGHT),
        pytest.param("outlets", str.upper, id="outlets", marks=AT_NIGHT),
        pytest.param("registers|retailer", str.upper, id="store", marks=AT_NIGHT),
        pytest.param("sales", str.title, id="mixed letters", marks=AT_NIGHT),
        pytest.param("customers", "{{{}}}".format, id="in braces", marks=AT_NIGHT),
        pytest.param(".*", "urn:uuid:{}".format, id="all of them"),
    ],
)
def test_replies_may_spell_ids_otherwise_than_they_did(
    small_shop: SimulatedShop, paths: str, spell: Spell
) -> None:
    small_shop.live_until(NEXT_DAY)
    edit_some(small_shop)

    update(small_shop, paths, spell)

    assert_each_counts_once(small_shop)


@pytest.mark.nightly
@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(".*", id="all"),
        pytest.param("sales", id="the sales alone", marks=AT_NIGHT),
        pytest.param("customers", id="the customers alone", marks=AT_NIGHT),
        pytest.param("outlets", id="the outlets alone", marks=AT_NIGHT),
    ],
)
def test_what_an_earlier_release_kept_in_capitals_is_not_counted_twice(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch, paths: str
) -> None:
    """The days, the customers and the last master hold other spellings.

    Its log is of an older version, and so it is read again.
    """
    shop = small_shop
    with monkeypatch.context() as before:
        before.setattr(ids, "_SPELLINGS", re.compile("(?!)"))
        before.setitem(VERSIONS, SALES_FEED.form, 2)

        class Way(PatientLightspeed):
            def open(self) -> Any:
                self.client_options = {"transport": Spelled(paths, str.upper)}
                return super().open()

        empty(shop.data)
        way = Way(shop.settings)
        run_light(shop.settings, FIRST_DAY, tables=UP_TO_REPORTING, lightspeed=way)
        assert shop.rows(MASTER)
    shop.live_until(NEXT_DAY)
    edit_some(shop)

    events = run_light(shop.settings, NEXT_DAY, tables=UP_TO_REPORTING)

    assert_each_counts_once(shop)
    found = evidence_of(events, "customer_analytics", "no_person_vanished")
    assert found["unexplained"] == 0
    changes = shop.local.warehouse.read(
        "customer_changes", CustomerChanges, NEXT_DAY.isoformat()
    )
    assert not changes["customer_id"].str.contains("[A-F]").any()
