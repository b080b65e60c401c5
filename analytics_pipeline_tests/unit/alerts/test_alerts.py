"""Tests for analytics_pipeline.alerts.delivery: each change once, on every channel."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from analytics_pipeline.alerts.channels import open_channels
from analytics_pipeline.alerts.delivery import (
    DeliveryResult,
    build_alert_sensor,
    look_around,
    send_alerts,
)
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.state import AlertBook
from analytics_pipeline_tests.receivers import SECRET, Inbox, open_webhook

D = date(2026, 6, 20)
MORNING = datetime(2026, 6, 21, 7, tzinfo=UTC)  # 3 a.m. in New York
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@pytest.fixture
def webhook() -> Iterator[Inbox]:
    with open_webhook() as inbox:
        yield inbox


@dataclass
class World:
    """A shop whose alerts go to a webhook, and runs that say what a test wants."""

    folder: Path
    urls: str
    instance: dg.DagsterInstance
    clock: list[datetime] = field(default_factory=lambda: [MORNING])

    @property
    def shop(self) -> Shop:
        settings = load_settings(
            data_dir=self.folder,
            alert_urls=SecretStr(self.urls),
            domain_prefix="corner",
        )
        return open_shop(settings, lambda: self.clock[0])

    def notify(self, *, is_patient: bool = True) -> DeliveryResult:
        return send_alerts(self.shop, self.instance, is_patient=is_patient)

    def later(self, **span: float) -> None:
        self.clock[0] += timedelta(**span)

    def run(
        self,
        table: str = "raw_sales",
        *checks: dg.AssetCheckEvaluation,
        failure: Exception | None = None,
        day: str | None = None,
    ) -> None:
        """A run of one table that reports *checks*, then is stored or fails."""
        names = {check.check_name for check in checks}

        @dg.asset(
            name=table,
            check_specs=[dg.AssetCheckSpec(name, asset=table) for name in names],
            partitions_def=dg.DailyPartitionsDefinition("2026-06-01") if day else None,
        )
        def made() -> Iterator[Any]:
            yield from checks
            if failure is not None:
                raise failure
            for name in names:
                yield dg.Output(None, output_name=f"{table}_{name}")
            yield dg.Output(None)

        job = dg.Definitions(
            assets=[made],
            jobs=[dg.define_asset_job("daily_update", [made])],
            executor=dg.in_process_executor,
        ).resolve_job_def("daily_update")
        job.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            partition_key=day,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


def evaluation(
    check: str = "rows_are_sound",
    *,
    passed: bool = False,
    severity: dg.AssetCheckSeverity = ERROR,
    day: str | None = None,
    table: str = "raw_sales",
    **metadata: str,
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(table),
        check_name=check,
        passed=passed,
        severity=severity,
        description="All is well." if passed else f"{check} is not so.",
        metadata=metadata,
        partition=day,
    )


def gate_failure() -> dg.Failure:
    values = {"exit_code": 1, "cause": "It failed its gate.", "remedy": "See status."}
    return dg.Failure("gate", metadata=values, allow_retries=False)


@pytest.fixture
def world(tmp_path: Path, webhook: Inbox) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(tmp_path, webhook.url, instance)


def test_a_failed_gate_and_its_recovery_are_sent_once(
    world: World, webhook: Inbox
) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    for _ in range(2):
        world.notify()
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.notify()

    assert webhook.titles == ["[corner] FAILED raw_sales: rows_are_sound"]
    assert "rows_are_sound is not so." in webhook.text
    assert "analytics-pipeline status" in webhook.text

    world.run("raw_sales", evaluation(passed=True))
    for _ in range(2):
        world.notify()

    assert webhook.titles[1:] == ["[corner] RECOVERED raw_sales: rows_are_sound"]


def test_a_warning_of_a_run_that_went_through_is_reported_with_its_day(
    world: World, webhook: Inbox
) -> None:
    world.run("raw_sales", evaluation(severity=WARN, day=str(D)), day=str(D))

    world.notify()

    assert webhook.titles == [f"[corner] WARNING raw_sales {D}: rows_are_sound"]


def test_a_failure_that_passed_before_the_first_look_is_not_sent(
    world: World, webhook: Inbox
) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.run("raw_sales", evaluation(passed=True))

    assert world.notify() == DeliveryResult()
    assert webhook.titles == []


def test_of_a_long_history_only_what_fails_now_is_reported(
    world: World, webhook: Inbox
) -> None:
    for _ in range(3):
        world.run("customers", evaluation(table="customers"), failure=gate_failure())
        world.run("customers", evaluation(table="customers", passed=True))
    world.run("outlets", evaluation(table="outlets"), failure=gate_failure())

    world.notify()

    assert webhook.titles == ["[corner] FAILED outlets: rows_are_sound"]


def test_an_accepted_failure_is_sent_as_accepted(world: World, webhook: Inbox) -> None:
    world.run("raw_sales", evaluation(day=str(D)), failure=gate_failure(), day=str(D))
    world.notify()
    accepted = evaluation(severity=WARN, day=str(D), accepted="They moved")
    world.run("raw_sales", accepted, day=str(D))

    for _ in range(2):
        world.notify()

    assert webhook.titles[1:] == [f"[corner] ACCEPTED raw_sales {D}: rows_are_sound"]
    assert webhook.kinds == ["failure", "info"]


def test_a_day_that_is_stored_again_has_recovered_even_if_no_check_says_so(
    world: World, webhook: Inbox
) -> None:
    """A run over years reports the checks of its last day only."""
    world.run("raw_sales", evaluation(day=str(D)), failure=gate_failure(), day=str(D))
    world.notify()
    world.run("raw_sales", day=str(D - timedelta(days=1)))
    world.notify()
    assert len(webhook.titles) == 1

    world.run("raw_sales", day=str(D))
    world.notify()

    assert webhook.titles[1:] == [f"[corner] RECOVERED raw_sales {D}: rows_are_sound"]


def test_an_unreachable_source_is_reported_once_with_its_remedy(
    world: World, webhook: Inbox
) -> None:
    values = {
        "exit_code": 3,
        "cause": "The token is refused.",
        "remedy": "Make a new one.",
    }
    for _ in range(2):
        failure = dg.Failure("refused", metadata=values, allow_retries=False)
        world.run("sales_feed", failure=failure)
        world.notify()

    assert webhook.titles == ["[corner] FAILED sales_feed: run"]
    assert "The token is refused." in webhook.text
    assert "Make a new one." in webhook.text

    world.run("sales_feed")
    world.notify()
    assert webhook.titles[1:] == ["[corner] RECOVERED sales_feed: run"]


def test_a_run_that_died_without_a_word_is_reported(
    world: World, webhook: Inbox
) -> None:
    world.run("raw_sales")
    (run,) = world.instance.get_runs()
    dead = dg.DagsterRun(job_name="daily_update")
    world.instance.add_run(dead)
    world.instance.report_run_failed(dead)

    world.notify()

    assert run.is_success
    assert webhook.titles == ["[corner] FAILED daily_update: run"]
    assert "killed" in webhook.text

    world.run("raw_sales")
    world.notify()
    assert webhook.titles[1:] == ["[corner] RECOVERED daily_update: run"]


def publish(world: World, day: date) -> None:
    world.shop.publication.stage_first_time_buyers(day, b"buyers\n")
    world.shop.publication.publish_master(
        day, b"master\n", 1, world.clock[0], provisional=False
    )


def test_a_late_master_is_reported_at_six_and_when_it_arrives(
    world: World, webhook: Inbox
) -> None:
    world.notify()
    publish(world, D - timedelta(days=1))
    world.notify()
    assert webhook.titles == [], "nothing is late at three in the night"

    world.later(hours=3)
    for _ in range(2):
        world.notify()
    assert webhook.titles == ["[corner] FAILED customer_analytics_master: is_published"]
    assert f"as of {D - timedelta(days=1)}" in webhook.text

    publish(world, D)
    world.notify()
    assert webhook.titles[1:] == [
        "[corner] RECOVERED customer_analytics_master: is_published"
    ]


def test_many_changes_at_once_are_one_message(world: World, webhook: Inbox) -> None:
    checks = [evaluation(f"check_{n}", severity=WARN) for n in range(5)]
    world.run("raw_sales", *checks)

    world.notify()

    assert webhook.titles == ["[corner] 5 WARNING"]


def test_other_records_of_dagster_are_read_from_their_start(
    world: World, webhook: Inbox
) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.notify()
    with dg.DagsterInstance.ephemeral() as other:
        world.instance = other
        world.run("raw_sales", evaluation(passed=True))
        world.notify()

    assert webhook.titles[1:] == ["[corner] RECOVERED raw_sales: rows_are_sound"]


# One cause, one message -------------------------------------------------------------

REVOKED = {"exit_code": 3, "cause": "The token is refused.", "remedy": "Make one."}


def refused() -> dg.Failure:
    return dg.Failure("refused", metadata=REVOKED, allow_retries=False)


def test_a_token_that_several_tables_miss_is_one_message_and_so_is_its_end(
    world: World, webhook: Inbox
) -> None:
    for table in ("sales_feed", "outlets", "customers"):
        world.run(table, failure=refused())
    for _ in range(2):
        world.notify()

    (title,) = webhook.titles
    assert title.startswith("[corner] FAILED ")
    assert webhook.text.count("The token is refused.") == 1
    for table in ("sales_feed", "outlets", "customers"):
        assert f"{table}: run" in webhook.text

    for table in ("sales_feed", "outlets", "customers"):
        world.run(table)
    world.notify()

    assert len(webhook.titles) == 2
    assert webhook.kinds == ["failure", "success"]


def test_consequences_of_a_sent_cause_are_no_news(world: World, webhook: Inbox) -> None:
    world.run("sales_feed", failure=refused())
    world.notify()
    world.run("customers", failure=refused())
    world.notify()

    assert len(webhook.titles) == 1

    world.run("sales_feed")
    world.notify()

    assert webhook.titles[1:] == ["[corner] FAILED customers: run"]
    assert "With it: RECOVERED sales_feed: run." in webhook.text


def test_a_table_that_waits_for_one_that_failed_its_gate_is_no_news(
    world: World, webhook: Inbox
) -> None:
    world.run("raw_sales", evaluation(day=str(D)), failure=gate_failure(), day=str(D))
    world.notify()
    values = {
        "exit_code": 1,
        "cause": f"The last attempt at raw_sales of {D} failed its gate.",
        "remedy": "Correct the cause.",
        "follows": f"raw_sales.rows_are_sound.{D}",
    }
    failure = dg.Failure("waits", metadata=values, allow_retries=False)
    world.run("customer_analytics", failure=failure)
    world.notify()

    assert webhook.titles == [f"[corner] FAILED raw_sales {D}: rows_are_sound"]


def test_a_master_that_is_late_because_a_run_failed_is_no_second_message(
    world: World, webhook: Inbox
) -> None:
    publish(world, D - timedelta(days=1))
    world.run("sales_feed", failure=refused())
    world.notify()
    world.later(hours=3)
    for _ in range(2):
        world.notify()

    assert webhook.titles == ["[corner] FAILED sales_feed: run"]

    world.run("sales_feed")
    world.notify()

    assert sorted(webhook.titles[1:]) == [
        "[corner] FAILED customer_analytics_master: is_published",
        "[corner] RECOVERED sales_feed: run",
    ]


def test_a_late_master_and_the_run_that_failed_are_one_message_at_the_first_look(
    world: World, webhook: Inbox
) -> None:
    publish(world, D - timedelta(days=1))
    world.run("sales_feed", failure=refused())
    world.later(hours=3)
    world.notify()

    assert webhook.titles == ["[corner] FAILED sales_feed: run"]
    assert "With it: FAILED customer_analytics_master: is_published." in webhook.text


def test_people_gone_with_an_export_are_reported_with_it(
    world: World, webhook: Inbox
) -> None:
    export = evaluation("export_is_complete", severity=WARN, table="ecom_orders")
    world.run("ecom_orders", export)
    gone = evaluation(
        "no_person_vanished",
        table="customer_analytics",
        follows="ecom_orders.export_is_complete",
    )
    world.run("customer_analytics", gone, failure=gate_failure())

    world.notify()

    assert webhook.titles == ["[corner] FAILED customer_analytics: no_person_vanished"]
    assert "With it: WARNING ecom_orders: export_is_complete." in webhook.text


def test_a_failure_after_a_warning_is_reported(world: World, webhook: Inbox) -> None:
    world.run(
        "ecom_orders",
        evaluation("export_is_complete", severity=WARN, table="ecom_orders"),
    )
    world.notify()
    gone = evaluation(
        "no_person_vanished",
        table="customer_analytics",
        follows="ecom_orders.export_is_complete",
    )
    world.run("customer_analytics", gone, failure=gate_failure())
    world.notify()

    assert webhook.kinds == ["warning", "failure"]


# Channels that do not work ---------------------------------------------------------


def test_a_channel_that_is_down_is_tried_again_until_it_accepts(
    world: World, webhook: Inbox
) -> None:
    webhook.refusing = [503, 503]
    world.run("raw_sales", evaluation(), failure=gate_failure())

    assert world.notify() == DeliveryResult(0, ["json://127.0.0.1"])
    world.later(seconds=29)
    world.notify()
    assert webhook.refused == 1, "its pause is not over"
    world.later(seconds=1)
    world.notify()
    assert webhook.refused == 2
    world.later(seconds=59)
    world.notify()
    assert webhook.titles == []
    world.later(seconds=1)

    assert world.notify() == DeliveryResult(1, [])
    assert webhook.titles == ["[corner] FAILED raw_sales: rows_are_sound"]


def test_the_pause_grows_to_an_hour_and_no_further(
    world: World, webhook: Inbox
) -> None:
    webhook.refusing = [503] * 20
    world.run("raw_sales", evaluation(), failure=gate_failure())
    for _ in range(12):
        world.notify()
        world.later(hours=1)

    assert webhook.refused == 12


def test_a_command_tries_at_once_and_a_few_times(world: World, webhook: Inbox) -> None:
    webhook.refusing = [503, 503]
    world.run("raw_sales", evaluation(), failure=gate_failure())

    assert world.notify(is_patient=False) == DeliveryResult(1, [])


def test_one_channel_that_is_down_keeps_no_other_from_hearing(
    world: World, webhook: Inbox
) -> None:
    world.urls = f"json://127.0.0.1:9/no-one-listens,{webhook.url}"
    world.run("raw_sales", evaluation(), failure=gate_failure())

    reported = world.notify()

    assert reported == DeliveryResult(1, ["json://127.0.0.1"])
    assert len(webhook.titles) == 1
    memory = look_around(world.shop, world.instance)
    (refusal,) = memory.refusals.values()
    assert refusal.since == MORNING


def test_two_recipients_at_one_server_are_two_channels() -> None:
    at = "mailto://127.0.0.1:2525?from=shop@example.com&mode=insecure&to="
    urls = SecretStr(f"{at}one@example.com,{at}two@example.com")

    channels = open_channels(load_settings(alert_urls=urls))

    assert len({channel.id for channel in channels}) == 2


def test_a_recovery_while_a_channel_is_down_is_not_sent_there(
    world: World, webhook: Inbox
) -> None:
    webhook.refusing = [503]
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.notify()
    world.run("raw_sales", evaluation(passed=True))
    world.later(hours=2)

    assert world.notify() == DeliveryResult(0, [])
    assert webhook.titles == []


def test_a_channel_that_is_configured_no_more_waits_for_nothing(world: World) -> None:
    world.urls = "json://127.0.0.1:9/no-one-listens"
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.notify()
    world.urls = "json://127.0.0.1:10/no-one-either"
    world.notify()

    assert len(look_around(world.shop, world.instance).refusals) == 1


def test_without_a_channel_what_is_wrong_is_known_all_the_same(world: World) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    settings = load_settings(data_dir=world.folder)
    silent = open_shop(settings, lambda: MORNING)

    assert send_alerts(silent, world.instance, is_patient=True) == DeliveryResult()

    (incident,) = look_around(silent, world.instance).incidents.values()
    assert incident.is_open


def test_to_look_around_changes_nothing(world: World) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())

    assert len(look_around(world.shop, world.instance).incidents) == 1
    assert list(world.folder.rglob("alerts*")) == []


# Deaths, and two at once -----------------------------------------------------------


class Killed(BaseException):
    """The process dies here."""


def test_a_message_is_sent_again_after_a_kill_and_none_is_lost(
    world: World, webhook: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [evaluation(f"check_{n}", severity=WARN) for n in range(3)]
    world.run("raw_sales", *checks)
    write, calls = AlertBook.write, []

    def die_at(number: int) -> Callable[..., None]:
        def dying(self: AlertBook, memory: Any) -> None:
            calls.append(memory)
            if len(calls) == number:
                raise Killed
            write(self, memory)

        return dying

    # The first write notes what was seen; then two are made for each message.
    monkeypatch.setattr(AlertBook, "write", die_at(5))
    with pytest.raises(Killed):
        world.notify()
    monkeypatch.setattr(AlertBook, "write", write)
    world.notify()

    values = [title.rsplit(" ", 1)[1] for title in webhook.titles]
    assert values == ["check_0", "check_1", "check_1", "check_2"]


def test_recovery_is_sent_after_an_interrupted_alert(
    world: World, webhook: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    with monkeypatch.context() as dying:
        dying.setattr("analytics_pipeline.alerts.delivery.mark_reported", _die)
        with pytest.raises(Killed):
            world.notify()
    world.run("raw_sales", evaluation(passed=True))
    for _ in range(2):
        world.notify()

    assert webhook.titles == [
        "[corner] FAILED raw_sales: rows_are_sound",
        "[corner] RECOVERED raw_sales: rows_are_sound",
    ]


def test_a_refusal_does_not_settle_what_a_dead_process_may_have_sent(
    world: World, webhook: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    with monkeypatch.context() as dying:
        dying.setattr("analytics_pipeline.alerts.delivery.mark_reported", _die)
        with pytest.raises(Killed):
            world.notify()
    webhook.refusing = [503]
    world.notify()
    world.run("raw_sales", evaluation(passed=True))
    world.later(hours=1)
    world.notify()

    assert webhook.titles[-1] == "[corner] RECOVERED raw_sales: rows_are_sound"


def test_a_process_without_channels_forgets_nothing_sent_by_others(
    world: World, webhook: Inbox
) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.notify()
    silent = open_shop(load_settings(data_dir=world.folder), lambda: MORNING)
    send_alerts(silent, world.instance, is_patient=True)
    world.notify()
    assert len(webhook.titles) == 1

    world.run("raw_sales", evaluation(passed=True))
    send_alerts(silent, world.instance, is_patient=True)
    world.notify()
    assert webhook.titles[1:] == ["[corner] RECOVERED raw_sales: rows_are_sound"]


def test_who_is_killed_before_a_message_loses_nothing(
    world: World, webhook: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    with monkeypatch.context() as dying:
        dying.setattr("analytics_pipeline.alerts.delivery.write_messages", _die)
        with pytest.raises(Killed):
            world.notify()

    world.notify()

    assert webhook.titles == ["[corner] FAILED raw_sales: rows_are_sound"]


def _die(*_given: Any) -> None:
    raise Killed


def test_a_daemon_and_a_command_alert_once(world: World, webhook: Inbox) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    tellers = [threading.Thread(target=world.notify) for _ in range(6)]
    for sender in tellers:
        sender.start()
    for sender in tellers:
        sender.join()

    assert len(webhook.titles) == 1


def test_a_damaged_memory_is_named_with_what_to_do(world: World) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.notify()
    (book,) = world.folder.rglob("alerts.json")
    assert book.stat().st_mode & 0o077 == 0
    book.write_text("{")

    with pytest.raises(LocalFailure, match=r"alerts\.json is damaged") as failed:
        world.notify()

    assert "Remove it" in failed.value.remedy


def test_no_secret_of_a_url_is_kept_or_said(
    world: World, webhook: Inbox, capfd: pytest.CaptureFixture
) -> None:
    world.urls = f"json://127.0.0.1:9/{SECRET},{webhook.url}"
    world.run("raw_sales", evaluation(), failure=gate_failure())
    world.notify()

    kept = "".join(
        path.read_text() for path in world.folder.rglob("*") if path.is_file()
    )
    said = capfd.readouterr()
    assert SECRET not in kept + said.out + said.err + webhook.text
    assert world.urls not in repr(world.shop.settings)


# The sensor ------------------------------------------------------------------------


def test_the_sensor_looks_every_half_minute_and_is_on_from_the_start(
    world: World,
) -> None:
    sensor = build_alert_sensor(lambda: world.shop)

    assert sensor.name == "alerts"
    assert sensor.minimum_interval_seconds == 30
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_the_sensor_sends_and_says_what_it_did(world: World, webhook: Inbox) -> None:
    world.run("raw_sales", evaluation(), failure=gate_failure())

    assert tick(world) == "1 messages sent."
    assert len(webhook.titles) == 1
    assert tick(world) == "0 messages sent."


def test_the_sensor_survives_whatever_is_wrong_and_says_it(world: World) -> None:
    world.urls = "nonsense"
    assert "not a valid Apprise URL" in tick(world)

    world.urls = "json://127.0.0.1:9/no-one-listens"
    world.run("raw_sales", evaluation(), failure=gate_failure())
    assert "refusing: json://127.0.0.1" in tick(world)


def test_the_sensor_survives_a_disk_that_is_full(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AlertBook, "write", write)

    assert tick(world) == "This machine failed: No space left on device."


def tick(world: World) -> str:
    sensor = build_alert_sensor(lambda: world.shop)
    with dg.build_sensor_context(instance=world.instance) as context:
        message = sensor.evaluate_tick(context).skip_message
    assert message is not None
    return message
