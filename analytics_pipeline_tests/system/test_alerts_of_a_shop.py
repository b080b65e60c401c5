"""Alerts of a real incident, by real mail and webhook, from commands and the daemon."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

import pytest
from click.testing import Result
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.simulator.records import Sale
from analytics_pipeline_tests.receivers import (
    SECRET,
    Inbox,
    open_mail_server,
    open_webhook,
)
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    TOKEN,
    SimulatedShop,
)

BROKEN = 15


@pytest.fixture
def webhook() -> Iterator[Inbox]:
    with open_webhook() as inbox:
        yield inbox


@pytest.fixture
def mail() -> Iterator[Inbox]:
    with open_mail_server() as inbox:
        yield inbox


@pytest.fixture
def typed(small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> SimulatedShop:
    return pointed_at(small_shop, monkeypatch)


def pointed_at(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch, *urls: str
) -> SimulatedShop:
    """Let the environment name the shop, and where its alerts go."""
    settings = shop.settings.model_copy(
        update={"alert_urls": SecretStr(",".join(urls)) if urls else None}
    )
    monkeypatch.delenv("ALERT_URLS", raising=False)
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    return shop


def type_in(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def update() -> int:
    return type_in("update", "--as-of", FIRST_DAY).exit_code


def break_sales(shop: SimulatedShop) -> list[tuple[Sale, object]]:
    """Take their totals away from so many sales that the gate of the log closes."""
    sales = list(shop.store.state.sales.values())[:BROKEN]
    whole = [(sale, sale.total_price_incl) for sale in sales]
    change(shop, [(sale, None) for sale in sales])
    return whole


def change(shop: SimulatedShop, totals: list[tuple[Sale, object]]) -> None:
    version = max(sale.version for sale in shop.store.state.sales.values())
    for n, (sale, total) in enumerate(totals, start=1):
        sale.total_price_incl, sale.version = total, version + n  # type: ignore[assignment]


def personal_values(shop: SimulatedShop) -> set[str]:
    """Everything of the store's people that no alert may hold."""
    values = {TOKEN, SECRET}
    for customer in shop.store.state.customers.values():
        values |= {str(each) for each in asdict(customer).values()} - {customer.id}
    for row in shop.rows("customer_analytics_master.csv"):
        values |= {row["Name"], row["Email"], row["Phone"], row["Customer Code"]}
    return {value for value in values if len(value) > len("WALKIN")}


FAILED = "[demo] FAILED sales_feed: rows_are_sound"
RECOVERED = "[demo] RECOVERED sales_feed: rows_are_sound"


def about_the_gate(inbox: Inbox) -> list[str]:
    """The titles about the closed gate; another says that FIRST_DAY is long past."""
    return [title for title in inbox.titles if "rows_are_sound" in title]


@pytest.mark.nightly
def test_a_closed_gate_and_its_opening_arrive_by_mail_and_webhook(
    typed: SimulatedShop,
    webhook: Inbox,
    mail: Inbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pointed_at(typed, monkeypatch, webhook.url, mail.url)
    whole = break_sales(typed)

    assert update() == 1
    assert update() == 1
    for inbox in (webhook, mail):
        assert about_the_gate(inbox) == [FAILED]
        assert f"{BROKEN} of {BROKEN} records just read were rejected" in inbox.text
        assert f"Published is the master as of {FIRST_DAY}." in inbox.text
        assert "analytics-pipeline status" in inbox.text

    change(typed, whole)
    assert update() == 0
    for inbox in (webhook, mail):
        assert about_the_gate(inbox) == [FAILED, RECOVERED]
        held = [value for value in personal_values(typed) if value in inbox.text]
        assert held == []
        assert "ecom-" not in inbox.text


@pytest.mark.nightly
def test_a_channel_that_is_down_changes_no_exit_code_and_status_names_it(
    typed: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointed_at(typed, monkeypatch, f"json://127.0.0.1:9/{SECRET}")

    result = type_in("update", "--as-of", FIRST_DAY)
    status = type_in("status")

    assert result.exit_code == 0
    assert "json://127.0.0.1 did not accept an alert" in result.stderr
    assert "json://127.0.0.1 has accepted no alert since" in status.stdout
    assert SECRET not in result.output + status.output


@pytest.mark.nightly
def test_urls_that_cannot_be_used_change_no_exit_code_either(
    typed: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointed_at(typed, monkeypatch, f"nonsense-{SECRET}")

    result = type_in("update", "--as-of", FIRST_DAY)

    assert result.exit_code == 0
    assert "the first URL is not a valid Apprise URL" in result.stderr
    assert SECRET not in result.output


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(28, "No space left on device"), id="disk"),
        pytest.param(
            OperationalError("read", {}, Exception("locked")),
            id="records",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_unsent_alerts_change_no_exit_code(
    typed: SimulatedShop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_given: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr("analytics_pipeline.commands.running.send_alerts", fail)

    result = type_in("update", "--as-of", FIRST_DAY)

    assert result.exit_code == 0, result.output
    assert "No alert could be sent" in result.stderr


# alert-test ------------------------------------------------------------------------


def test_alert_test_reaches_every_channel(
    typed: SimulatedShop,
    webhook: Inbox,
    mail: Inbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pointed_at(typed, monkeypatch, webhook.url, mail.url)

    result = type_in("alert-test")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "json://127.0.0.1: accepted",
        "mailto://127.0.0.1: accepted",
    ]
    for inbox in (webhook, mail):
        assert inbox.titles == ["[demo] TEST of alerts"]


@pytest.mark.parametrize(
    ("urls", "code", "words"),
    [
        pytest.param([], 2, "ALERT_URLS is not set", id="none"),
        pytest.param([f"x{SECRET}"], 2, "not a valid Apprise URL", id="no URL"),
        pytest.param(
            [f"json://127.0.0.1:9/{SECRET}"], 3, "json://127.0.0.1", id="down"
        ),
    ],
)
def test_alert_test_says_what_is_wrong(
    typed: SimulatedShop,
    monkeypatch: pytest.MonkeyPatch,
    urls: list[str],
    code: int,
    words: str,
) -> None:
    pointed_at(typed, monkeypatch, *urls)

    result = type_in("alert-test")

    assert result.exit_code == code
    assert words in result.stderr
    assert SECRET not in result.output


def test_refusing_and_accepting_channels_are_distinguished(
    typed: SimulatedShop, webhook: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointed_at(typed, monkeypatch, f"json://127.0.0.1:9/{SECRET}", webhook.url)

    result = type_in("alert-test")

    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "json://127.0.0.1: refused",
        "json://127.0.0.1: accepted",
    ]


# The daemon ------------------------------------------------------------------------


@contextmanager
def running_daemon() -> Iterator[subprocess.Popen[bytes]]:
    """The UI and its daemon as a person starts them; killed without a word at last."""
    with subprocess.Popen(
        [sys.executable, "-m", "analytics_pipeline", "ui", "--port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(inbox: Inbox, titles: list[str], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while about_the_gate(inbox) != titles:
        assert time.monotonic() < deadline, inbox.titles
        time.sleep(0.5)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_a_daemon_killed_and_started_again_amid_an_incident_loses_and_doubles_nothing(
    typed: SimulatedShop, webhook: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run fails; the webhook is down; the daemon dies; both come back."""
    pointed_at(typed, monkeypatch)  # commands report nobody: the daemon alone does
    whole = break_sales(typed)
    assert update() == 1
    pointed_at(typed, monkeypatch, webhook.url)
    webhook.refusing = [503] * 2
    with running_daemon():
        wait_until_refused(webhook)
    assert about_the_gate(webhook) == []

    webhook.refusing = []
    with running_daemon():
        wait_for(webhook, [FAILED])
    with running_daemon():
        time.sleep(75)
    assert about_the_gate(webhook) == [FAILED]

    change(typed, whole)
    pointed_at(typed, monkeypatch)
    assert update() == 0
    pointed_at(typed, monkeypatch, webhook.url)
    with running_daemon():
        wait_for(webhook, [FAILED, RECOVERED])
        time.sleep(45)
    assert about_the_gate(webhook) == [FAILED, RECOVERED]


def wait_until_refused(inbox: Inbox) -> None:
    deadline = time.monotonic() + timedelta(minutes=2).total_seconds()
    while not inbox.refused:
        assert time.monotonic() < deadline
        time.sleep(0.2)
