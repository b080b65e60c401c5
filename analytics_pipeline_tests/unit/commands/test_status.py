"""Tests for analytics_pipeline.commands.status: one screen for the morning."""

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands import status as screen
from analytics_pipeline.commands.state import State, Warned, read_state
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.state import FailedCheck
from analytics_pipeline.tables import TABLES

D = date(2026, 6, 20)
EIGHT = datetime(2026, 6, 21, 12, tzinfo=UTC)  # 8 a.m. in New York
FAILED_AT = "2026-06-21T06:01:30+00:00"


@pytest.fixture
def clock() -> list[datetime]:
    """What the shop's clock shows; a test may move it."""
    return [EIGHT]


@pytest.fixture
def shop(tmp_path: Path, clock: list[datetime]) -> Shop:
    """A shop with the master of D published at two in the night."""
    shop = open_shop(load_settings(data_dir=tmp_path), lambda: clock[0])
    publish(shop, D)
    return shop


def publish(shop: Shop, day: date) -> None:
    shop.publication.stage_first_time_buyers(day, b"buyers\n")
    at = datetime(2026, 6, 21, 6, tzinfo=UTC)
    shop.publication.publish_master(day, b"master\n", 554, at, provisional=False)


def fail(
    shop: Shop, table: str, check: str, day: date | None = D, fingerprint: str = ""
) -> None:
    failed = FailedCheck(check, "It is so.", FAILED_AT, fingerprint or None)
    key = day.isoformat() if day else None
    shop.warehouse.remember_failure(table, key, [failed])


def shown(state: State) -> str:
    out = Console(record=True, width=120, file=io.StringIO())
    screen._show(state, Terminal(out=out))
    return out.export_text()


def test_a_good_morning_says_so_on_one_screen(shop: Shop) -> None:
    state = read_state(shop)

    text = shown(state)
    assert state.is_good
    assert "as of 2026-06-20, 554 people" in text
    assert "2026-06-21 02:00" in text, "in store time"
    assert "No recent sales found" in text
    assert "Failed" not in text
    assert len(text.splitlines()) <= 12 + len(TABLES), "nothing has run but one table"
    assert max(map(len, text.splitlines())) <= 120


def test_a_failure_has_since_and_remedy(shop: Shop) -> None:
    fail(shop, "raw_sales", "words_fail", D)

    state = read_state(shop)

    text = shown(state)
    assert not state.is_good
    assert "raw_sales of 2026-06-20  words_fail, since 2026-06-21 02:01" in text
    assert "It is so." in text
    assert "fix the cause, then run: analytics-pipeline update" in text
    assert "--accept" not in text


def test_status_shows_the_command_to_accept(shop: Shop) -> None:
    fail(shop, "customers", "rows_are_sound", None, "0f")

    assert (
        'update --accept customers.rows_are_sound --reason "why it is right"'
        in shown(read_state(shop))
    )


def test_days_that_failed_the_same_check_are_one_line(shop: Shop) -> None:
    for n in range(3):
        fail(shop, "raw_sales", "matches_schema", D - timedelta(days=n))

    (failure,) = read_state(shop).failures
    assert failure.what == "raw_sales of 2026-06-20 and 2 days before"
    assert failure.days == ["2026-06-18", "2026-06-19", "2026-06-20"]


def test_two_checks_that_stop_one_table_are_both_shown(shop: Shop) -> None:
    failed = [FailedCheck(name, "So.", FAILED_AT) for name in ("one", "two")]
    shop.warehouse.remember_failure("outlets", None, failed)

    assert [each.check for each in read_state(shop).failures] == ["one", "two"]


def test_a_failed_snapshot_of_a_past_day_stops_nothing(
    shop: Shop,
) -> None:
    fail(shop, "customer_analytics", "no_person_vanished", D - timedelta(days=1))

    state = read_state(shop)
    assert state.is_good
    assert "update --as-of 2026-06-19" in shown(state)


@pytest.mark.parametrize(
    ("table", "day"),
    [
        ("customer_analytics", D),
        ("customer_analytics", D + timedelta(days=1)),
        ("raw_sales", D - timedelta(days=1)),
        ("customers", None),
    ],
)
def test_every_other_failure_is_no_good_morning(
    shop: Shop, table: str, day: date | None
) -> None:
    fail(shop, table, "matches_schema", day)

    assert not read_state(shop).is_good


@pytest.mark.parametrize(
    ("moment", "fresh"),
    [
        pytest.param(datetime(2026, 6, 22, 9, 59, tzinfo=UTC), True, id="5:59"),
        pytest.param(datetime(2026, 6, 22, 10, 0, tzinfo=UTC), False, id="6:00"),
    ],
)
def test_yesterdays_master_is_due_at_six_in_the_store(
    shop: Shop, clock: list[datetime], moment: datetime, fresh: bool
) -> None:
    clock[0] = moment

    state = read_state(shop)

    assert state.fresh is fresh
    assert ("Data seems outdated" in shown(state)) is not fresh
    assert ("that of 2026-06-21 is due" in shown(state)) is not fresh


def test_nothing_published_yet_is_named(tmp_path: Path) -> None:
    state = read_state(open_shop(load_settings(data_dir=tmp_path), lambda: EIGHT))

    assert not state.is_good
    assert "Master CSV not found. Run: analytics-pipeline update" in shown(state)


def on_a_screen(state: State) -> list[str]:
    """The lines that a terminal of the usual size gets."""
    out = Console(
        file=io.StringIO(), width=80, height=24, force_terminal=True, color_system=None
    )
    screen._show(state, Terminal(out=out))
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_bad_morning_fits_a_screen_and_keeps_what_matters(shop: Shop) -> None:
    fail(shop, "ecom_orders", "export_is_readable", None)
    long = "So many words that they go on beneath themselves on a narrow screen. " * 3
    warned = [Warned("customers", f"check_{n}", [], FAILED_AT, long) for n in range(3)]
    state = read_state(shop)
    tables = [
        replace(each, gate="open") if each.gate == "not run yet" else each
        for each in state.tables
    ]
    state = replace(state, warnings=warned, tables=tables)

    lines = on_a_screen(state)

    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "ecom_orders: fix the cause" in text
    assert all(f"check_{n}, since" in text for n in range(3))
    assert "The gates of 22 other tables are open." in text


def test_machines_get_the_same_script(shop: Shop) -> None:
    today = open_shop(shop.settings).today
    publish(shop, today - timedelta(days=1))
    fail(shop, "customers", "rows_are_sound", None, "0f")

    environment = shop.settings.as_environment()
    result = CliRunner().invoke(app, ["status", "--json"], env=environment)

    document = json.loads(result.stdout)
    assert document["exit_code"] == result.exit_code == 1
    assert document["good"] is False
    assert document["fresh"] is True
    (failure,) = document["failures"]
    assert failure["table"] == "customers"
    assert failure["since"] == "2026-06-21T02:01:30-04:00"
    assert failure["can_be_accepted"] is True
