"""What a person types, what it answers, and what it leaves behind."""

import csv
import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.applications import Starlette
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.commands.demo import program_typed
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.orchestration import tills
from analytics_pipeline.shop import hold_directory
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.doctored import DoctoredTransport
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    OPENED,
    SimulatedShop,
    open_simulated_shop,
)

NEXT_DAY = FIRST_DAY + timedelta(days=1)
MASTER = "customer_analytics_master.csv"


@pytest.fixture
def typed(shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> SimulatedShop:
    """A simulated shop that the environment points at, with waits that end at once."""
    return pointed_at(shop, monkeypatch)


@pytest.fixture
def updated(
    updated_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> SimulatedShop:
    """The same with FIRST_DAY published already."""
    return pointed_at(updated_shop, monkeypatch)


def pointed_at(shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> SimulatedShop:
    for name, value in shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    impatient = functools.partial(tills.Connection, sleep=lambda _seconds: None)
    monkeypatch.setattr(tills, "Connection", impatient)
    return shop


def type_in(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def published(shop: SimulatedShop) -> dict[str, bytes]:
    """The files that people use, as they are."""
    names = (MASTER, "first_time_buyers.csv", ".last_update_timestamp")
    return {name: (shop.data / name).read_bytes() for name in names}


def break_sales(shop: SimulatedShop, count: int) -> list[str]:
    """Give the latest sales of the store no total any more, each a new version."""
    latest = sorted(shop.store.state.sales.values(), key=lambda sale: -sale.version)
    highest = latest[0].version
    for n, sale in enumerate(latest[:count], start=1):
        sale.total_price_incl = None  # type: ignore[assignment]
        sale.version = highest + n
    return [sale.id for sale in latest[:count]]


def test_an_update_publishes_and_says_what_it_did(typed: SimulatedShop) -> None:
    (typed.data / "ecom_orders_export.csv").chmod(0o600)
    result = type_in("update", "--as-of", FIRST_DAY)

    assert result.exit_code == 0, result.output
    assert f"As of {FIRST_DAY}" in result.stdout
    assert expected_master(typed.store.state, FIRST_DAY) == typed.rows(MASTER)
    assert open_to_others(typed.data) == [], "what is written is its owner's only"


def open_to_others(data: Path) -> list[str]:
    """The files in *data*, but for Dagster's records, that others may read or write."""
    return [
        path.relative_to(data).as_posix()
        for path in data.rglob("*")
        if path.is_file() and ".dagster" not in path.parts
        if path.stat().st_mode & 0o077
    ]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        pytest.param(
            {"LIGHTSPEED_TOKEN": "wrong"}, 3, "Personal Tokens", id="bad token"
        ),
        pytest.param(
            {"LIGHTSPEED_API_URL": "http://127.0.0.1:9"}, 3, "no connection",
            id="no network",
        ),
        pytest.param(
            {"LIGHTSPEED_API_URL": "http://shop.example.com"}, 2,
            "LIGHTSPEED_API_URL", id="plain http to the world",
        ),
        pytest.param(
            {"LIGHTSPEED_DOMAIN_PREFIX": "not a prefix"}, 2,
            "LIGHTSPEED_DOMAIN_PREFIX", id="impossible prefix",
        ),
        pytest.param({"LIGHTSPEED_TOKEN": ""}, 2, "LIGHTSPEED_TOKEN", id="no token"),
        pytest.param(
            {"ANALYTICS_START_DATE": "yesterday"}, 2, "ANALYTICS_START_DATE",
            id="invalid start date",
        ),
        pytest.param(
            {"ANALYTICS_TIMEZONE": "Mars/Olympus"}, 2, "ANALYTICS_TIMEZONE",
            id="unknown zone",
        ),
    ],
)  # fmt: skip
def test_a_failure_says_why_and_leaves_yesterdays_files(
    updated: SimulatedShop,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    code: int,
    words: str,
) -> None:
    before = published(updated)
    updated.live_until(NEXT_DAY)
    for name, value in changes.items():
        monkeypatch.setenv(name, value)

    result = type_in("update", "--as-of", NEXT_DAY)

    assert code == result.exit_code, result.output
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert before == published(updated)


def test_an_unknown_prefix_is_named(
    typed: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Starlette()) as no_store_here:
        monkeypatch.setenv("LIGHTSPEED_API_URL", no_store_here)
        result = type_in("update", "--as-of", FIRST_DAY)

    assert result.exit_code == 3
    assert "LIGHTSPEED_DOMAIN_PREFIX" in result.stderr


@pytest.mark.nightly
def test_an_unreadable_export_is_a_failed_gate_in_an_update(
    updated: SimulatedShop,
) -> None:
    before = published(updated)
    updated.live_until(NEXT_DAY)
    (updated.data / "ecom_orders_export.csv").write_text("this;is\nno;export\n")

    result = type_in("update", "--as-of", NEXT_DAY)

    assert result.exit_code == 1
    assert "order_number" in result.stderr
    assert before == published(updated)
    assert type_in("status").exit_code == 1


def test_an_unreadable_export_is_wrong_use_of_the_import(
    typed: SimulatedShop, tmp_path: Path
) -> None:
    in_place = (typed.data / "ecom_orders_export.csv").read_bytes()
    bad = tmp_path / "bad.csv"
    bad.write_text("this;is\nno;export\n")

    result = type_in("import-ecom", bad)

    assert result.exit_code == 2
    assert "error: bad.csv lacks" in result.stderr
    assert "order_number" in result.stderr
    assert not list(typed.data.glob(".incoming*"))
    assert in_place == (typed.data / "ecom_orders_export.csv").read_bytes()


def test_a_good_export_is_shown_and_put_in_place(
    typed: SimulatedShop, tmp_path: Path
) -> None:
    export = tmp_path / "orders.csv"
    (typed.data / "ecom_orders_export.csv").rename(export)

    result = type_in("import-ecom", export)

    assert result.exit_code == 0, result.output
    target = typed.data / "ecom_orders_export.csv"
    assert export.read_bytes() == target.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    assert "orders" in result.stdout


def lose_column(path: Path, column: str) -> None:
    """Write an export again without a column."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    kept = [name for name in rows[0] if name != column]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, kept, delimiter=";", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def test_an_export_that_lost_a_needed_column_stops_update_and_import(
    updated: SimulatedShop, tmp_path: Path
) -> None:
    before = published(updated)
    in_place = updated.data / "ecom_orders_export.csv"
    lose_column(in_place, "order_total")
    lost = tmp_path / "lost.csv"
    lost.write_bytes(in_place.read_bytes())

    gate, importing = (
        type_in("update", "--as-of", FIRST_DAY),
        type_in("import-ecom", lost),
    )

    for result, code in ((gate, 1), (importing, 2)):
        assert code == result.exit_code, result.output
        assert "lacks the column `order_total`" in result.stderr
    assert "export_is_readable" in gate.stderr
    assert before == published(updated)


def test_an_import_shows_what_changed_and_warns_of_what_is_gone(
    updated: SimulatedShop, tmp_path: Path
) -> None:
    in_place = updated.data / "ecom_orders_export.csv"
    lines = in_place.read_text(encoding="utf-8").splitlines(keepends=True)
    with in_place.open(encoding="utf-8", newline="") as stream:
        numbers = [row["order_number"] for row in csv.DictReader(stream, delimiter=";")]
    newest, oldest = numbers[0], numbers[-1]
    export = tmp_path / "orders.csv"
    renamed = (
        "".join(lines)
        .replace(f"\n{oldest};", "\n9999;")
        .replace(f"\n{newest};", "\n9998;")
    )
    export.write_text(renamed, encoding="utf-8", newline="")
    lose_column(export, "X-series Order ID")

    result = type_in("import-ecom", export)

    assert result.exit_code == 0, result.output
    assert export.read_bytes() == in_place.read_bytes()
    shown = dict(re.findall(r"^ (\w+ orders) +(.*)$", result.stdout, re.MULTILINE))
    gone = ", ".join(sorted([newest, oldest]))
    assert shown["new orders"] == "2 (9998, 9999)"
    assert shown["gone orders"] == f"2 ({gone})"
    assert shown["changed orders"] == "0"
    assert f"2 of those are gone: {gone}" in result.stderr
    assert "`X-series Order ID`" in result.stderr
    again = type_in("import-ecom", export)
    assert "gone orders     " in again.stdout
    assert "2 of those are gone" in again.stderr, "the last good orders are the stored"


@pytest.mark.nightly
def test_an_update_lists_web_orders_to_look_at_in_one_line(
    updated: SimulatedShop,
) -> None:
    updated.live_until(NEXT_DAY)

    result = type_in("update", "--as-of", NEXT_DAY)

    assert result.exit_code == 0, result.output
    rows = updated.rows("reports/ecom_reconciliation.csv")
    counts = Counter(row["Category"] for row in rows)
    values = [line for line in result.stdout.splitlines() if "web orders" in line]
    assert counts["contradicting"] > 0
    conflicting = f"{counts['contradicting']:,} with conflicting evidence"
    assert conflicting in values[0]
    assert f"{counts['unattributed']:,} without a customer" in values[0]
    assert len(values) == 1


@pytest.mark.nightly
def test_a_start_date_after_the_first_sales_warns_and_counts_them(
    typed: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_START_DATE", "2026-06-01")

    result = type_in("update", "--as-of", FIRST_DAY)

    assert result.exit_code == 0, result.output
    assert "earlier than ANALYTICS_START_DATE" in result.stderr
    assert OPENED.isoformat()[:7] in result.stderr
    assert expected_master(typed.store.state, FIRST_DAY) == typed.rows(MASTER)


@pytest.mark.nightly
def test_a_sale_without_a_total_is_quarantined_with_a_warning(
    updated: SimulatedShop,
) -> None:
    updated.live_until(NEXT_DAY)
    broken = break_sales(updated, 1)

    result = type_in("update", "--as-of", NEXT_DAY, "--quiet")

    assert result.exit_code == 0, result.output
    assert "quarantine" in result.stderr
    assert result.stdout == "", "quietly only what is wrong is reported"
    assert {line.split(": ")[0] for line in result.stderr.splitlines()} == {"warning"}
    for sale_id in broken:
        del updated.store.state.sales[sale_id]
    assert expected_master(updated.store.state, NEXT_DAY) == updated.rows(MASTER)


@pytest.mark.nightly
def test_too_many_bad_sales_stop_the_run_until_fixed(
    updated: SimulatedShop,
) -> None:
    before = published(updated)
    updated.live_until(NEXT_DAY)
    totals = {sale.id: sale.total_price_incl for sale in all_sales(updated)}
    broken = break_sales(updated, 30)

    first = type_in("update", "--as-of", NEXT_DAY)
    again = type_in("update", "--as-of", NEXT_DAY)

    assert [first.exit_code, again.exit_code] == [1, 1], first.output + again.output
    assert "rejected" in first.stderr
    assert before == published(updated)

    highest = max(sale.version for sale in all_sales(updated))
    for n, sale_id in enumerate(broken, start=1):
        sale = updated.store.state.sales[sale_id]
        sale.total_price_incl, sale.version = totals[sale_id], highest + n
    fixed = type_in("update", "--as-of", NEXT_DAY)

    assert fixed.exit_code == 0, fixed.output
    assert expected_master(updated.store.state, NEXT_DAY) == updated.rows(MASTER)


def all_sales(shop: SimulatedShop) -> list[Any]:
    return list(shop.store.state.sales.values())


@pytest.mark.nightly
def test_a_first_load_killed_half_way_is_finished_first_and_never_published_half(
    tmp_path: Path,
) -> None:
    with open_simulated_shop(tmp_path / "data", seed=4, customers=60) as shop:
        slow = build_app(shop.store, token="simulated", page_limit=25)
        with serve(slow) as origin:
            environment = os.environ | shop.settings.as_environment()
            environment["LIGHTSPEED_API_URL"] = origin
            command = [sys.executable, "-m", "analytics_pipeline", "update"]
            wanted = [*command, "--as-of", FIRST_DAY.isoformat()]
            log = shop.data / "warehouse/sales_feed/generation-000001"
            with subprocess.Popen(wanted, env=environment) as first_load:
                while len(list(log.glob("*.parquet"))) < 5:
                    assert first_load.poll() is None
                    time.sleep(0.005)
                first_load.send_signal(signal.SIGKILL)
            assert not (shop.data / MASTER).exists()

            earlier = FIRST_DAY - timedelta(days=30)
            second = subprocess.run(
                [*command, "--as-of", earlier.isoformat()],
                env=environment,
                check=False,
                capture_output=True,
                text=True,
            )

        assert second.returncode == 0, second.stderr
        assert expected_master(shop.store.state, earlier) == shop.rows(MASTER)


@pytest.mark.nightly
def test_sales_that_the_feed_left_out_are_found_by_the_search_and_fetched(
    updated: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    updated.live_until(NEXT_DAY)
    held = updated.local.sales_log().cursor()

    def leave_out(path: str, it: dict[str, Any]) -> bool:
        return path != "sales" or it["_metadata"]["version"] <= held

    forgetful = functools.partial(
        tills.Connection, transport=DoctoredTransport(leave_out)
    )
    monkeypatch.setattr(tills, "Connection", forgetful)

    result = type_in("update", "--as-of", NEXT_DAY)

    assert result.exit_code == 0, result.output
    assert "sales, found by the search" in result.stdout
    log = updated.local.sales_log()
    assert "repair" in [segment.notes()["origin"] for segment in log.segments()]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        pytest.param("2999-01-01", "later than today", id="the future"),
        pytest.param("2020-01-01", "ANALYTICS_START_DATE", id="before the first day"),
        pytest.param("31.1.2026", "--as-of", id="no date"),
    ],
)
def test_an_impossible_day_is_wrong_use(
    typed: SimulatedShop, day: str, words: str
) -> None:
    result = type_in("update", "--as-of", day)

    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.nightly
def test_an_older_day_goes_to_the_archive_only(updated: SimulatedShop) -> None:
    before = published(updated)
    older = FIRST_DAY - timedelta(days=3)

    result = type_in("update", "--as-of", older)

    assert result.exit_code == 0, result.output
    assert before == published(updated)
    assert (updated.data / f"archive/customer_analytics_{older}.csv").exists()
    assert "stays as of" in result.stdout


def test_a_second_run_is_refused_while_one_holds_the_directory(
    typed: SimulatedShop,
) -> None:
    hold = (
        "import sys, time; from pathlib import Path;"
        "from analytics_pipeline.shop import hold_directory\n"
        "with hold_directory(Path(sys.argv[1]), wait=False):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(typed.data)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        refused = type_in("update", "--as-of", FIRST_DAY)
        other.kill()

    assert refused.exit_code == 4
    assert "Another run" in refused.stderr
    with hold_directory(typed.data, wait=False):
        """A killed holder leaves nothing behind."""


@pytest.mark.nightly
def test_a_rebuild_finds_nothing_to_correct(updated: SimulatedShop) -> None:
    assert updated.rows(MASTER)

    result = type_in("rebuild", "--as-of", FIRST_DAY)

    assert result.exit_code == 0, result.output
    assert "byte for byte" in result.stdout


@pytest.mark.nightly
def test_a_rebuild_reports_and_repairs_a_changed_day(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    updated = pointed_at(small_shop, monkeypatch)
    day = (FIRST_DAY - timedelta(days=9)).isoformat()
    file = updated.data / f"warehouse/raw_sales/{day}.parquet"
    right = file.read_bytes()
    warehouse = updated.local.warehouse
    rows = warehouse.read("raw_sales", RawSales, day)
    reordered = rows.assign(is_order=~rows["is_order"])
    warehouse.write("raw_sales", RawSales, reordered, day)
    assert right != file.read_bytes()

    result = type_in("rebuild", "--as-of", FIRST_DAY)

    assert result.exit_code == 1, result.output
    assert f"raw_sales of {day}" in result.stderr
    assert right == file.read_bytes()
    assert expected_master(updated.store.state, FIRST_DAY) == updated.rows(MASTER)


def test_an_update_repairs_changed_money(updated: SimulatedShop) -> None:
    """What a stored sale says is compared with the log, not only its version."""
    day = (FIRST_DAY - timedelta(days=9)).isoformat()
    warehouse = updated.local.warehouse
    rows = warehouse.read("raw_sales", RawSales, day)
    dearer = rows.assign(total_incl_cents=rows["total_incl_cents"] + 1)
    warehouse.write("raw_sales", RawSales, dearer, day)

    run_light(updated.settings, FIRST_DAY, tables=("raw_sales",))

    assert rows.equals(warehouse.read("raw_sales", RawSales, day))


@pytest.mark.usefixtures("typed")
def test_status_knows_nothing_published() -> None:
    nothing = type_in("status")

    assert nothing.exit_code == 1
    assert "Master CSV not found" in nothing.stdout


def test_status_knows_outdated(updated: SimulatedShop) -> None:
    outdated = type_in("status", "--json")
    assert outdated.exit_code == 1
    state = json.loads(outdated.stdout)
    assert FIRST_DAY.isoformat() == state["published"]
    assert "Data seems outdated" in state["advice"][0]


@pytest.mark.nightly
def test_today_is_published_as_provisional_and_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = clock.now().astimezone(ZoneInfo("America/New_York")).date()
    yesterday, two_weeks_ago = (today - timedelta(days=n) for n in (1, 14))
    with open_simulated_shop(
        tmp_path / "data", seed=1, customers=20, opened_on=two_weeks_ago, day=yesterday
    ) as young:
        pointed_at(young, monkeypatch)
        result = type_in("update", "--as-of", today)

        fresh = type_in("status")

    assert result.exit_code == 0, result.output
    assert "provisional" in result.stdout
    assert fresh.exit_code == 0, fresh.output


@pytest.mark.nightly
def test_a_day_that_the_store_has_not_finished_is_not_published(
    typed: SimulatedShop,
) -> None:
    """The store's own clock is at noon of the day after FIRST_DAY."""
    result = type_in("update", "--as-of", NEXT_DAY)

    assert result.exit_code == 1
    assert "not read to the end" in result.stderr
    assert not (typed.data / MASTER).exists()


@pytest.mark.nightly
def test_the_demo_runs_in_an_empty_folder_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics_pipeline.commands.demo.HISTORY", timedelta(days=15))
    monkeypatch.setenv("ALERT_URLS", "json://127.0.0.1:9/no-alerts-from-a-demo")
    folder = tmp_path / "it's my shop"
    folder.mkdir()
    monkeypatch.chdir(folder)

    for _ in range(2):
        result = type_in("demo")

        assert result.exit_code == 0, result.output
        assert (folder / "data/demo" / MASTER).exists()
        # On a slow machine the progress names "alerts"; one that was tried had failed.
        assert not re.search("an alert|No alert", result.stderr)
        assert "analytics-pipeline ui" in result.stdout

    reported = pasted_elsewhere(result, tmp_path, monkeypatch)
    assert set(reported) == {"status", "explain"}
    assert "people" in reported["status"]
    assert "What counts" in reported["explain"]


def pasted_elsewhere(
    demo: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What the lines that a demo prints answer in a folder of another shop."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".env").write_text(
        "ANALYTICS_DATA_DIR=other\nANALYTICS_STORE=other\nANALYTICS_TIMEZONE=Asia/Tokyo\n"
        "ANALYTICS_START_DATE=2001-01-01\nLIGHTSPEED_DOMAIN_PREFIX=other\n"
    )
    monkeypatch.chdir(elsewhere)
    values = {}
    for line in demo.stdout.splitlines():
        words = (
            shlex.split(line) if "=" in line and "analytics-pipeline" in line else []
        )
        given = dict(word.split("=", 1) for word in words if "=" in word)
        typed = words[len(given) + 1 :]
        if typed and typed[0] != "ui":
            answer = CliRunner().invoke(app, typed, env=given)
            assert answer.exit_code in (0, 1), answer.output  # 1: of an earlier day
            values[typed[0]] = answer.stdout
    return values


@pytest.mark.parametrize(
    ("typed", "on_path", "reported"),
    [
        ("/shop/my venv/bin/analytics-pipeline", True, "analytics-pipeline"),
        (
            "/shop/my venv/bin/analytics-pipeline",
            False,
            "'/shop/my venv/bin/analytics-pipeline'",
        ),
        (
            "/lib/analytics_pipeline/__main__.py",
            True,
            f"{sys.executable} -m analytics_pipeline",
        ),
        (
            "/lib/analytics_pipeline/__main__.py",
            False,
            f"{sys.executable} -m analytics_pipeline",
        ),
        ("/tests/pytest", False, "analytics-pipeline"),
    ],
)
def test_what_a_demo_prints_names_a_program_that_the_shell_finds(
    monkeypatch: pytest.MonkeyPatch, typed: str, on_path: bool, reported: str
) -> None:
    monkeypatch.setattr(sys, "argv", [typed, "demo"])
    monkeypatch.setattr(shutil, "which", lambda _name: typed if on_path else None)

    assert program_typed() == reported


def test_the_demo_never_empties_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    precious = tmp_path / "data/demo/precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")

    result = type_in("demo")

    assert result.exit_code == 2
    assert precious.read_text() == "mine"


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "update",
        "rebuild",
        "import-ecom",
        "replay",
        "status",
        "explain",
        "outlook",
        "simulate",
        "ui",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    result = type_in(command, "--help")

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 5
