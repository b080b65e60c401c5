"""A flipped bit in a file of any kind is found by anyone who reads that file."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.engine.duckdb import connect, open_table
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.model.schemas.table import Table
from analytics_pipeline.settings import Engine
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.older_files import StoredVersions
from analytics_pipeline.storage.parquet import (
    State,
    decode,
    encode,
    examine,
    proved_files,
    seal_in,
    seal_of,
)
from analytics_pipeline.storage.state import (
    FailedCheck,
    open_note,
    read_identity_key,
    seal_note,
)
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import SALES_FEED
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.tables import make_table

FLIPS = 200
DAY = "2026-06-20"
MODELS: dict[str, type[Table]] = {
    "outlets": Outlets,
    "customers": Customers,
    "ecom_orders": EcomOrders,
}
FEED = {"sale_id": "s", "sale_date": "2026-06-20 10:00", "version": 5}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: where it is, and how it is read."""

    path: str
    read: Callable[[Warehouse], Any]


def table(name: str, model: type[Table], day: str | None = None) -> Kind:
    path = f"{name}/{day or name}.parquet"
    return Kind(path, lambda warehouse: warehouse.read(name, model, day))


def note(path: str, read: Callable[[Warehouse], Any]) -> Kind:
    return Kind(path, read)


def log(warehouse: Warehouse) -> FeedLog:
    return FeedLog(warehouse.root / "sales_feed", SALES_FEED)


KINDS = {
    "outlets": table("outlets", Outlets),
    "customers": table("customers", Customers),
    "ecom_orders": table("ecom_orders", EcomOrders),
    "raw_sales day": table("raw_sales", RawSales, DAY),
    "customer_analytics day": table("customer_analytics", CustomerAnalytics, DAY),
    "notes of a footer": Kind(
        "customers/customers.parquet", lambda warehouse: warehouse.notes("customers")
    ),
    "segment": Kind(
        "sales_feed/generation-000001/0*.parquet",
        lambda warehouse: log(warehouse).sound_segments(),
    ),
    "notes of a segment": Kind(
        "sales_feed/generation-000001/0*.parquet",
        lambda warehouse: log(warehouse).segments()[0].notes(),
    ),
    "judged_segments": note(
        "sales_feed/generation-000001/judged_segments",
        lambda warehouse: log(warehouse).checked_segments(),
    ),
    "current_generation": note("sales_feed/current_generation", log),
    "failed_gates.json": note(
        "raw_sales/failed_gates.json", lambda warehouse: warehouse.failures("raw_sales")
    ),
    "catch-up": note(
        "customers/catch_ups/00000/00000001.json",
        lambda warehouse: Warehouse(str(warehouse.root)).catch_ups.last("customers"),
    ),
    "usual.json": note(
        "customers/usual.json",
        lambda warehouse: warehouse.runs_before("customers", date(2026, 6, 21)),
    ),
    "first_day": note(
        "raw_sales/first_day", lambda warehouse: warehouse.first_day("raw_sales")
    ),
    "store_id": note("store_id", lambda warehouse: warehouse.store_id()),
    "versions.json": note(
        "versions.json", lambda warehouse: StoredVersions(warehouse.root).all()
    ),
    "identity key": note(
        "identity_key",
        lambda warehouse: read_identity_key(Path(str(warehouse.root / "identity_key"))),
    ),
}


def a_row(name: str, number: int) -> dict[str, Any]:
    key = {"outlets": "outlet_id", "customers": "customer_id"}
    return {key.get(name, "order_number"): f"{name} {number}"}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A store with a file of each kind."""
    warehouse = Warehouse(str(tmp_path_factory.mktemp("store")))
    for name, model in MODELS.items():
        rows = make_table(model, [a_row(name, number) for number in range(30)])
        warehouse.write(name, model, rows, notes={"cursor": "7"})
    sales = [{"sale_id": f"s{number}", "business_date": DAY} for number in range(30)]
    warehouse.write("raw_sales", RawSales, make_table(RawSales, sales), DAY)
    people = make_table(CustomerAnalytics, [{"customer_id": "c"}], as_of=DAY)
    warehouse.write("customer_analytics", CustomerAnalytics, people, DAY)
    first = log(warehouse)
    first.append(make_table(SalesFeed, [FEED]), [], number=0, cursor=5)
    first.mark_checked()
    first.make_current()
    failed = FailedCheck("is_caught_up", "why not", "2026-06-21T06:05:00+00:00")
    warehouse.remember_failure("raw_sales", DAY, [failed])
    warehouse.catch_ups.record("customers", CatchUp(clock.now(), 7))
    warehouse.record_run("customers", date(2026, 6, 20), {"email": 3})
    warehouse.note_first_day("raw_sales", DAY)
    warehouse.note_store_id("0a1b2c3d-store")
    StoredVersions(warehouse.root).note({"raw_sales": 2, "notes": 3})
    read_identity_key(Path(str(warehouse.root / "identity_key")))
    return warehouse


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_is_read_as_content(warehouse: Warehouse, kind: str) -> None:
    path = next(Path(str(warehouse.root)).glob(KINDS[kind].path))
    content = path.read_bytes()
    bits = random.Random(kind).choices(range(8 * len(content)), k=FLIPS)
    believed = []
    try:
        KINDS[kind].read(Warehouse(str(warehouse.root)))
        for bit in bits:
            path.write_bytes(flip(content, bit))
            proved_files().forget()  # as each run does
            try:
                KINDS[kind].read(Warehouse(str(warehouse.root)))
            except LocalFailure:
                continue
            believed.append(bit)
    finally:
        path.write_bytes(content)

    assert believed == []


# Copies: a damaged one is not used ---------------------------------------------------


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A store whose May is in a bundle: a sale on each day."""
    warehouse = Warehouse(str(tmp_path_factory.mktemp("bundled")))
    for number in range(33):
        day = date(2026, 5, 1) + timedelta(days=number)
        row = {"sale_id": str(day), "business_date": str(day)}
        warehouse.write("raw_sales", RawSales, make_table(RawSales, [row]), str(day))
    return warehouse


@pytest.mark.parametrize("name", ["2026-05.parquet", "index.json"])
def test_a_damaged_copy_is_left_for_the_days_themselves(
    bundled: Warehouse, name: str
) -> None:
    bundled.bundle("raw_sales")
    path = Path(str(bundled.root / "raw_sales/bundles" / name))
    content = path.read_bytes()
    days = bundled.partitions("raw_sales")
    assert len(bundled.plan("raw_sales", days).days) == 2
    believed = []

    for bit in random.Random(name).choices(range(8 * len(content)), k=FLIPS):
        path.write_bytes(flip(content, bit))
        proved_files().forget()
        bundled.list_again()
        plan = bundled.plan("raw_sales", days)
        if plan.bundles or len(plan.days) != 33:
            believed.append(bit)

    assert believed == []
    bundled.bundle("raw_sales")
    assert len(bundled.plan("raw_sales", days).days) == 2
    assert path.read_bytes() == content


def test_an_engine_is_handed_no_damaged_file(warehouse: Warehouse) -> None:
    path = Path(str(warehouse.path("raw_sales", DAY)))
    content = path.read_bytes()
    engine = connect(Engine.DUCKDB)
    try:
        for bit in random.Random(1).choices(range(8 * len(content)), k=50):
            path.write_bytes(flip(content, bit))
            proved_files().forget()
            with pytest.raises(LocalFailure, match=DAY):
                open_table(engine, [str(path)], RawSales)
    finally:
        path.write_bytes(content)


def test_what_is_cut_off_or_appended_is_found_too(warehouse: Warehouse) -> None:
    path = Path(str(warehouse.path("customers")))
    content = path.read_bytes()
    for changed in (b"", content[:-1], content + b"\0", content[:100], content * 2):
        with pytest.raises(LocalFailure):
            decode(changed, Customers, "customers")


# The seal itself ---------------------------------------------------------------------


def test_the_seal_is_one_note_over_all_bytes_and_found_at_the_end(
    warehouse: Warehouse,
) -> None:
    for name in MODELS:
        path = Path(str(warehouse.path(name)))
        content = path.read_bytes()

        assert content.count(b"file_sha256") == 1
        assert examine(content) is State.SOUND
        assert seal_of(path) == seal_in(content)


@given(st.text(), st.integers(0, 50))
def test_no_text_of_a_row_or_a_note_is_taken_for_the_seal(text: str, rows: int) -> None:
    text = text.replace("\0", "") + "file_sha256\x18@" + "0" * 64
    frame = make_table(Outlets, [{"outlet_id": text}] * rows)

    content = encode(frame, Outlets)

    assert examine(content) is State.SOUND
    assert len(decode(content, Outlets)) == rows


@given(st.text(), st.data())
def test_any_change_of_a_note_is_found(text: str, data: st.DataObject) -> None:
    sealed = seal_note(text + "\n")
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))

    assert open_note(sealed) == (text + "\n").encode()
    assert open_note(flip(sealed, bit)) != (text + "\n").encode()
