"""Records that cannot be decoded: quarantined by their place, and the feed goes on."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from analytics_pipeline_tests.light_run import (
    SOURCES,
    PatientLightspeed,
    evidence_of,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    SimulatedShop,
    open_simulated_shop,
)

MASTER, _ = PUBLISHED
DEEP = "[" * 3_000 + "]" * 3_000
RULE = "record_can_be_decoded"


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """A shop of twelve days of which nothing has been read."""
    opened = FIRST_DAY - timedelta(days=12)
    with open_simulated_shop(
        tmp_path / "data", seed=1, customers=20, opened_on=opened
    ) as simulated:
        yield simulated


class Nesting(httpx.HTTPTransport):
    """Nests each record that begins with one of these ids too deeply, anywhere."""

    def __init__(self, ids: Collection[str]) -> None:
        super().__init__()
        self.ids = ids

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = super().handle_request(request)
        text = reply.read().decode()
        for each in self.ids:
            begins = f'{{"id":"{each}"'
            text = text.replace(begins, f'{begins},"odd":{DEEP}')
        headers = {"Date": reply.headers["Date"]}
        return httpx.Response(reply.status_code, headers=headers, text=text)


def run(shop: SimulatedShop, ids: Collection[str], **options: Any) -> list[Any]:
    class Nested(PatientLightspeed):
        def open(self) -> Any:  # each client closes its own transport
            self.client_options = {"transport": Nesting(ids)}
            return super().open()

    way = Nested(shop.settings)
    return run_light(shop.settings, FIRST_DAY, lightspeed=way, **options)


def listed(shop: SimulatedShop, table: str) -> list[list[str]]:
    path = shop.data / "quarantine" / table / "records.csv"
    _, *lines = path.read_text().splitlines()
    return [line.split(",") for line in lines]


def some_sales(shop: SimulatedShop, *places: int) -> list[Any]:
    """Sales that count for a customer, by their place in the feed."""
    state = shop.store.state
    counted = [
        sale
        for sale in sorted(state.sales.values(), key=lambda sale: sale.version)
        if sale.customer_id not in (None, state.default_customer_id)
        and sale.state == "closed"
        and not sale.return_ids
        and not sale.source_id
        and sale.deleted_at is None
    ]
    return [counted[place] for place in places]


def test_sales_are_quarantined_and_good_after_a_replay(shop: SimulatedShop) -> None:
    """The first, one in the middle, and the last of the feed: all others count."""
    state = shop.store.state
    sales = some_sales(shop, 0, 5)
    sales.append(max(state.sales.values(), key=lambda sale: sale.version))

    events = run(shop, [sale.id for sale in sales], tables=SOURCES)

    assert evidence_of(events, "sales_feed", "rows_are_sound")["in_quarantine"] == 3
    assert {(rule, record) for rule, record, *_ in listed(shop, "sales_feed")} == {
        (RULE, sale.id) for sale in sales
    }
    log = shop.local.sales_log()
    assert log.cursor() == sales[-1].version
    assert log.row_count() == len(state.sales) - 3

    run(shop, [], days=0, replay=True)
    assert listed(shop, "sales_feed") == []
    assert expected_master(state, FIRST_DAY) == shop.rows(MASTER)


@pytest.mark.nightly
def test_what_is_still_unreadable_is_listed_once_after_each_run(
    shop: SimulatedShop,
) -> None:
    (sale,) = some_sales(shop, 3)
    for options in ({}, {"days": 7}, {"days": 0, "replay": True}):
        run(shop, [sale.id], tables=SOURCES, **options)

    assert [line[1] for line in listed(shop, "sales_feed")] == [sale.id]


def test_a_customer_record_is_quarantined_and_good_after_a_replay(
    shop: SimulatedShop,
) -> None:
    state = shop.store.state
    person = next(
        each
        for each in state.customers.values()
        if each.id != state.default_customer_id
    )

    run(shop, [person.id], tables=SOURCES)

    assert [line[:2] for line in listed(shop, "customers")] == [[RULE, person.id]]
    run(shop, [], tables=SOURCES, days=0, replay=True)
    assert listed(shop, "customers") == []


@pytest.mark.nightly
def test_a_known_outlet_keeps_its_time_zone(shop: SimulatedShop) -> None:
    run_light(shop.settings, FIRST_DAY, tables=["outlets"])
    stored = shop.data / "warehouse/outlets"
    before = {path.name: path.read_bytes() for path in stored.glob("*.parquet")}

    events = run(shop, [*shop.store.state.outlets][:1], tables=["outlets"])

    sentence = evidence_of(events, "outlets", "time_zone_agrees")
    assert sentence["store"] == "America/New_York"
    (reported,) = [
        e for e in events if getattr(e, "check_name", "") == "time_zone_agrees"
    ]
    assert not reported.passed
    after = {path.name: path.read_bytes() for path in stored.glob("*.parquet")}
    assert after == before


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("null", id="null"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="an empty object", marks=pytest.mark.nightly),
        pytest.param("{nothing}", id="no JSON", marks=pytest.mark.nightly),
    ],
)
def test_records_without_ids_are_counted_by_their_place(
    shop: SimulatedShop, damage: str
) -> None:
    """Each once, however often the feed is read on."""

    class Added(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            reply = super().handle_request(request)
            text = reply.read().decode()
            is_first = request.url.params.get("after") == "0"
            if is_first and request.url.path.endswith(("/sales", "/customers")):
                text = text.replace('{"data":[', f'{{"data":[{damage},{damage},', 1)
            headers = {"Date": reply.headers["Date"]}
            return httpx.Response(reply.status_code, headers=headers, text=text)

    class Odd(PatientLightspeed):
        def open(self) -> Any:
            self.client_options = {"transport": Added()}
            return super().open()

    for _ in range(2):
        run_light(
            shop.settings, FIRST_DAY, tables=SOURCES, lightspeed=Odd(shop.settings)
        )

    assert [line[1] for line in listed(shop, "sales_feed")] == ["", ""]
    places = [",".join(line[3:]) for line in listed(shop, "sales_feed")]
    assert places == ['"page 1, record 1"', '"page 1, record 2"']
    assert [line[1] for line in listed(shop, "customers")] == ["", ""]
