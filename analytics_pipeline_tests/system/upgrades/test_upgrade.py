"""An older data directory becomes what this program would have made, byte for byte."""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from typer.testing import CliRunner
from upath import UPath

from analytics_pipeline.cli import app
from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.model.errors import LocalFailure, WrongUse
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.orchestration.records import ECOM_IMPORT
from analytics_pipeline.orchestration.upkeep import bring_up_to_date
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage import versions
from analytics_pipeline.storage.older_files import StoredVersions
from analytics_pipeline.tables import (
    CUSTOMER_CHANGES,
    CUSTOMERS,
    ECOM_ORDERS,
    RAW_SALES,
    SALES_FEED,
)
from analytics_pipeline_tests.conftest import SMALL, forget_environment
from analytics_pipeline_tests.light_run import (
    AFTER_PUBLISHING,
    TABLES,
    PatientLightspeed,
    run_light,
)
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    SimulatedShop,
    open_simulated_shop,
)
from analytics_pipeline_tests.system.crashes.crash_server import noon_after
from analytics_pipeline_tests.system.upgrades.older_shop import (
    OLDER,
    become_second,
    forget_versions,
    make_older,
    versions_in,
    write_version,
)
from analytics_pipeline_tests.tables import make_table

STORED = versions.STORED
NEXT_DAY = FIRST_DAY + timedelta(days=1)


@pytest.fixture(scope="module")
def older_data(
    small_shops_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What a program of the older version leaves of a shop's first day: made once."""
    data = tmp_path_factory.mktemp("older") / "data"
    shutil.copytree(small_shops_data, data)
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, data.parent)
        with open_simulated_shop(data, **SMALL) as shop:
            update(shop, FIRST_DAY, tables=AFTER_PUBLISHING)
    make_older(data)
    return data


@pytest.fixture
def older(older_data: Path, tmp_path: Path) -> Iterator[SimulatedShop]:
    """A shop on its second day, whose tables are of the older version."""
    data = shutil.copytree(older_data, tmp_path / "data")
    with open_simulated_shop(data, **SMALL) as shop:
        shop.live_until(NEXT_DAY)
        yield shop


FRESH: dict[int, Mapping[str, str]] = {}
"""What a build from nothing comes to, where sales are of that version: made once."""


def update(shop: SimulatedShop, day: date = NEXT_DAY, **options: Any) -> list[Any]:
    return run_light(
        shop.settings,
        day,
        lightspeed=PatientLightspeed(shop.settings),
        clock=lambda: noon_after(day),
        **{"tables": TABLES, **options},
    )


def built_fresh(shop: SimulatedShop, folder: Path) -> Mapping[str, str]:
    version = versions.VERSIONS[RAW_SALES.form]
    if version not in FRESH:
        fresh = shop.with_data(folder)
        update(fresh, days=0)
        FRESH[version] = fresh.reproducible(NEXT_DAY)
    return FRESH[version]


def state_of(data: Path) -> Mapping[str, str]:
    """Every file but those of locks and of Dagster."""
    return {
        str(path.relative_to(data)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and ".dagster" not in path.parts and path.name != ".lock"
    }


def upgrade(shop: SimulatedShop) -> tuple[list[str], set[str]]:
    """Bring the tables up to date; return the messages, and what was counted."""
    parts: list[str] = []
    counted: set[str] = set()
    opened = open_shop(
        shop.settings,
        progress=lambda what, _done, _of: counted.add(what),
        notify=parts.append,
    )
    bring_up_to_date(opened)
    return parts, counted


def is_stopping(event: Any) -> bool:
    """Say whether an event is a failed check that stops its table."""
    failed = getattr(event, "passed", True) is False
    return failed and event.severity is dg.AssetCheckSeverity.ERROR


def run_command(shop: SimulatedShop, *typed: str) -> tuple[int, str]:
    """Type a command; return how it ended and what it said."""
    environment = shop.settings.as_environment()
    ended = CliRunner(env=environment).invoke(app, typed)
    return ended.exit_code, ended.stderr


def version_note(version: int) -> bytes:
    """A version as a footer says it."""
    return str(version).encode()


@pytest.mark.nightly
def test_sources_are_read_again_and_the_rest_is_made_again_rule_7_3(
    older: SimulatedShop, tmp_path: Path
) -> None:
    become_second()

    reported, counted = upgrade(older)
    figures: dict[str, Any] = {}
    update(older, days=0, figures=figures)

    was = OLDER[RAW_SALES.form]
    assert reported[2].startswith(
        f"raw_sales is of version {was}, and this program has"
    )
    assert counted == {"files of customers", "files of raw_sales"}
    assert [sentence.partition(": ")[2] for sentence in reported] == [
        "all sales are read again from Lightspeed, "
        "which takes as long as a first load.",
        "it is read again from Lightspeed.",
        "it is cut again from the log.",
        "1 files stay as they are, and are not read. To make a day again: "
        "analytics-pipeline update --as-of DAY",
        "1 files stay as they are, and are not read. To make a day again: "
        "analytics-pipeline update --as-of DAY",
    ]
    assert older.reproducible(NEXT_DAY) == built_fresh(older, tmp_path / "fresh")
    read = figures["sales_feed"]["records_read"]
    assert read == older.local.sales_log().row_count()
    assert upgrade(older) == ([], set())
    # What was known on an earlier day is left unread, not misread.
    with pytest.raises(LocalFailure, match=r"of version \d, and this program reads"):
        older.local.load("customer_analytics", CustomerAnalytics, str(FIRST_DAY))


def test_nothing_is_built_on_a_log_that_must_be_read_again(
    older: SimulatedShop,
) -> None:
    """As when somebody materializes sales by day before any update."""
    become_second()

    feed = OLDER[SALES_FEED.form]
    with pytest.raises(dg.Failure, match=f"sales_feed is of version {feed}"):
        update(older, tables=["raw_sales"])
    assert older.local.warehouse.partitions("raw_sales") == []
    before = older.local.sales_log()
    assert (before.generation, before.version()) == (1, feed)


def test_older_tables_are_not_read_before_they_are_up_to_date(
    older: SimulatedShop,
) -> None:
    become_second()
    shop = older.local
    before = state_of(older.data)

    for read in (
        lambda: shop.load("customers", Customers),
        lambda: shop.open_sales([str(FIRST_DAY)]),
        lambda: shop.open_feed(shop.sales_log()),
    ):
        with pytest.raises(
            LocalFailure, match=r"of version \d, and this program reads"
        ):
            read()
    assert state_of(older.data) == before


def test_status_says_that_the_next_run_brings_older_tables_up_to_date(
    older: SimulatedShop,
) -> None:
    become_second()

    ended = CliRunner(env=older.settings.as_environment()).invoke(app, ["status"])

    assert "The tables are of an older version of this program" in ended.stdout


@pytest.mark.nightly
def test_the_command_reports_an_upgrade_where_it_was_typed(
    older: SimulatedShop,
) -> None:
    become_second()

    code, said = run_command(older, "update", "--as-of", str(NEXT_DAY), "--days", "0")

    assert code == 0
    was = OLDER[RAW_SALES.form]
    assert (
        f"note: raw_sales is of version {was}, and this program has version {was + 1}: "
        "it is cut again from the log." in said
    )


def test_any_run_upgrades_older_tables_and_says_so(
    older: SimulatedShop,
) -> None:
    become_second()
    parts: list[str] = []
    resources = build_definitions(older.settings, notify=parts.append).resources or {}

    with dg.build_resources({"shop": resources["shop"]}):
        assert len(parts) == 5


def write_versions(path: Path, **reported: int) -> None:
    """Let versions.json report other versions."""
    versions_now = StoredVersions(UPath(path.parent))
    versions_now.note(reported)


@pytest.mark.parametrize("reported", ["versions.json", "footers"])
def test_a_directory_of_a_newer_program_is_refused_and_left_as_it_is(
    small_shop: SimulatedShop, reported: str
) -> None:
    if reported == "versions.json":
        path = small_shop.data / "warehouse/versions.json"
        write_versions(path, raw_sales=9)
    else:  # which are asked where the file is lost
        write_version(small_shop.data, 9)
        (small_shop.data / "warehouse/versions.json").unlink()
    before = state_of(small_shop.data)
    shop = small_shop.local

    with pytest.raises(WrongUse, match="raw_sales is of version 9, and this program"):
        shop.open_sales([str(FIRST_DAY)])
    if reported == "footers":
        with pytest.raises(WrongUse, match="ecom_orders is of version 9"):
            shop.load("ecom_orders", EcomOrders)
        return
    for typed in (
        ["update", "--as-of", str(FIRST_DAY)],
        ["rebuild", "--as-of", str(FIRST_DAY)],
        ["status"],
        ["explain", "WALKIN"],
        ["import-ecom", str(small_shop.data / "ecom_orders_export.csv")],
        ["update", "--accept", "no_person_vanished", "--reason", "They left"],
    ):
        code, said = run_command(small_shop, *typed)
        assert code == 2, typed
        assert "The stored raw_sales is of version 9" in said
        assert "Install that newer analytics-pipeline again." in said
    assert state_of(small_shop.data) == before


def test_a_run_from_the_ui_refuses_a_newer_directory_too(
    small_shop: SimulatedShop,
) -> None:
    path = small_shop.data / "warehouse/versions.json"
    write_versions(path, notes=versions.NOTES_VERSION + 1)
    before = state_of(small_shop.data)
    job = build_definitions(small_shop.settings).resolve_job_def(ECOM_IMPORT)

    with pytest.raises(dg.DagsterResourceFunctionError) as refused:
        job.execute_in_process(partition_key=str(FIRST_DAY))
    text = f"set of notes about the tables is of version {versions.NOTES_VERSION + 1}"
    assert text in str(refused.value.__cause__)
    assert state_of(small_shop.data) == before


@pytest.mark.nightly
def test_a_directory_from_before_versions_is_read_again_and_gets_them(
    small_shop: SimulatedShop, tmp_path: Path
) -> None:
    """Of its tables, version 2 has changed what a note of a sale is kept as."""
    small_shop.live_until(NEXT_DAY)
    forget_versions(small_shop.data)
    assert versions_in(small_shop.data)["raw_sales"] == {None}
    with pytest.raises(
        LocalFailure, match=r"is not sealed.*Run: analytics-pipeline update"
    ):
        small_shop.local.load("customers", Customers)  # before any update

    reported, _counted = upgrade(small_shop)
    figures: dict[str, Any] = {}
    events = update(small_shop, figures=figures)

    assert reported == [
        "sales_feed is of version 1, and this program has version 3: all sales are "
        "read again from Lightspeed, which takes as long as a first load.",
        "outlets is of version 1, and this program has version 2: it is read again "
        "from Lightspeed.",
        "customers is of version 1, and this program has version 2: it is read again "
        "from Lightspeed.",
        "ecom_orders is of version 1, and this program has version 2: it is read again "
        "from the export, or made from the log of web orders.",
        "raw_sales is of version 1, and this program has version 3: it is cut again "
        "from the log.",
        "19 stored files are sealed, so that damage shows from now on.",
    ]
    assert not [each for each in events if is_stopping(each)]
    assert small_shop.reproducible(NEXT_DAY) == built_fresh(
        small_shop, tmp_path / "fresh"
    )
    assert small_shop.local.sales_log().generation == 2
    read = figures["sales_feed"]["records_read"]
    assert read == small_shop.local.sales_log().row_count()
    noted = json.loads((small_shop.data / "warehouse/versions.json").read_bytes())
    assert noted.items() >= versions.current_versions().items()
    found = versions_in(small_shop.data)
    assert found["raw_sales"] == {version_note(OLDER[RAW_SALES.form])}
    assert found["customers"] == {version_note(OLDER[CUSTOMERS.form])}


def test_a_lost_note_of_the_versions_costs_a_look_and_changes_nothing(
    small_shop: SimulatedShop,
) -> None:
    before = state_of(small_shop.data)
    (small_shop.data / "warehouse/versions.json").unlink()

    reported, counted = upgrade(small_shop)

    after = state_of(small_shop.data)
    assert (reported, counted) == ([], set())
    assert after.keys() == before.keys() - {"warehouse/raw_sales/agreement.json"}
    assert all(after[name] == before[name] for name in after)


def test_web_orders_are_not_cleared_away_while_their_export_is_gone(
    small_shop: SimulatedShop,
) -> None:
    was = OLDER[ECOM_ORDERS.form]
    versions.VERSIONS[ECOM_ORDERS.form] = was + 1
    export = small_shop.data / "ecom_orders_export.csv"
    content = export.read_bytes()
    export.unlink()

    with pytest.raises(WrongUse, match="their export is gone"):
        upgrade(small_shop)
    assert small_shop.local.warehouse.exists("ecom_orders")

    export.write_bytes(content)
    reported, _counted = upgrade(small_shop)
    assert reported == [
        f"ecom_orders is of version {was}, and this program has version {was + 1}: "
        "it is read again from the export, or made from the log of web orders."
    ]


@pytest.mark.parametrize("table", ["raw_sales", "customer_analytics"])
def test_a_damaged_file_does_not_stop_an_upgrade(
    older: SimulatedShop, table: str
) -> None:
    become_second()
    path = older.data / f"warehouse/{table}/{FIRST_DAY}.parquet"
    path.write_bytes(b"not a table")

    upgrade(older)

    # What can be made again is; what was known of a day stays, to be repaired by hand.
    assert path.exists() is (table == "customer_analytics")
    assert older.local.versions.of(table) == OLDER[STORED[table]] + 1


def test_days_in_which_a_column_held_fewer_words_are_read_as_they_are(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = CUSTOMER_CHANGES.form
    days = [str(FIRST_DAY - timedelta(days=before)) for before in (1, 2)]
    rows = make_table(
        CustomerChanges,
        [{"customer_id": "a", "change": "tier", "cause": "sale"}],
        as_of=days[0],
    )
    warehouse = small_shop.local.warehouse
    with monkeypatch.context() as older:
        older.setitem(versions.VERSIONS, form, 1)
        for day in days:
            warehouse.write("customer_changes", CustomerChanges, rows, day)
    small_shop.local.versions.note({"customer_changes": 1})

    assert not small_shop.local.versions.is_outdated()
    assert upgrade(small_shop) == ([], set())

    shop = small_shop.local
    assert shop.versions.of("customer_changes") == 2
    pd.testing.assert_frame_equal(
        shop.warehouse.read("customer_changes", CustomerChanges, days[0]), rows
    )
    assert shop.open_days(CUSTOMER_CHANGES, days).count().execute() == 2
    (small_shop.data / "warehouse/versions.json").unlink()
    assert upgrade(small_shop) == ([], set())


def test_a_damaged_log_from_before_versions_is_read_again(
    small_shop: SimulatedShop,
) -> None:
    forget_versions(small_shop.data)
    segment = small_shop.local.sales_log().segments()[0].path
    segment.write_bytes(segment.read_bytes()[:-9] + b"123456789")

    upgrade(small_shop)

    assert small_shop.local.versions.is_log_older(small_shop.local.sales_log())
