"""Tests for analytics_pipeline.commands.state: how the last run of a shop ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from filelock import FileLock

from analytics_pipeline.commands.runs import RunEnding, Runs, read_runs
from analytics_pipeline.orchestration.code_location import tags_of_command
from analytics_pipeline.orchestration.records import GRACE, LOCATION_TAG, SHOP_TAG
from analytics_pipeline.orchestration.run_records import RecordsByDagster
from analytics_pipeline.settings import load_settings, read_chain
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.chain_of_shops import write_shop

D = date(2026, 6, 20)
TABLES = ("sales_feed", "ecom_orders", "customer_analytics")
REVOKED = (3, "The token is refused.", "Make a new one.")
Said = tuple[int, str, str]


@dataclass
class Records:
    """Dagster's records, in which a test puts runs of three tables."""

    shop: Shop
    instance: dg.DagsterInstance

    def run(
        self,
        job: str = "daily_update",
        *,
        failing: Mapping[str, Said | BaseException] | None = None,
        tables: Sequence[str] = TABLES,
        tags: Mapping[str, str] | None = None,
        day: date | None = D,
    ) -> None:
        """Run *tables* one after the other; those that are *failing* end the run."""
        assets = [self._asset(name, (failing or {}).get(name)) for name in tables]
        definitions = dg.Definitions(
            assets=assets,
            jobs=[dg.define_asset_job(job, assets)],
            executor=dg.in_process_executor,
        )
        dated = {"dagster/partition": day.isoformat()} if day else {}
        definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            tags={**dated, **(tags or {})},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )

    def _asset(
        self, name: str, failing: Said | BaseException | None
    ) -> dg.AssetsDefinition:
        before = TABLES[: TABLES.index(name)][-1:]

        @dg.asset(name=name, deps=list(before))
        def made() -> None:
            if isinstance(failing, BaseException):
                raise failing
            if failing is not None:
                reported = dict(
                    zip(("exit_code", "cause", "remedy"), failing, strict=True)
                )
                raise dg.Failure("failed", metadata=reported, allow_retries=False)

        return made

    def begin(self, tags: Mapping[str, str] | None = None) -> str:
        """A run that was begun and has not ended."""
        run = dg.DagsterRun(
            job_name="daily_update",
            tags={"dagster/partition": D.isoformat(), **(tags or {})},
        )
        self.instance.add_run(run)
        event = dg.DagsterEvent(
            dg.DagsterEventType.RUN_START.value, job_name=run.job_name, message="begun"
        )
        self.instance.report_dagster_event(event, run_id=run.run_id)
        return run.run_id

    def read(self) -> Runs:
        records = RecordsByDagster(self.shop.settings.shop_name, self.instance)
        return read_runs(self.shop, records, records.last_made())


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    shop = open_shop(load_settings(data_dir=tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Records(shop, instance)


def test_without_records_nothing_is_said(records: Records) -> None:
    assert records.read() == Runs()


def test_a_run_that_is_done_needs_nothing(records: Records) -> None:
    records.run()

    runs = records.read()

    assert runs.last is not None
    assert (runs.last.job, runs.last.day) == ("daily_update", "2026-06-20")
    assert (runs.last.outcome, runs.last.exit_code) == (RunEnding.DONE, 0)
    assert runs.failed is None
    assert runs.under_way is None


@pytest.mark.parametrize(
    ("exit_code", "cause", "remedy", "to_do"),
    [
        (1, "It failed its gate.", "See: analytics-pipeline status", None),
        (2, "No token.", "Set it in .env.", "Set it in .env. Then run: "),
        (3, "The token is refused.", "Make a new one.", "Make a new one. Then run: "),
        (4, "Another run.", "Wait until it is done, then try again.", None),
        (5, "The disk is full.", "Make room, then run it again.", None),
    ],
)
def test_a_failed_run_says_with_which_code_why_and_what_to_do(
    records: Records, exit_code: int, cause: str, remedy: str, to_do: str | None
) -> None:
    records.run()
    records.run(failing={"sales_feed": (exit_code, cause, remedy)})

    failed = records.read().failed

    assert failed is not None
    assert failed.outcome is RunEnding.FAILED
    assert (failed.exit_code, failed.cause) == (exit_code, cause)
    reported = f"{to_do}analytics-pipeline update" if to_do else remedy
    assert failed.remedy == reported
    assert failed.is_standing
    assert records.read().last == failed


def test_an_unexpected_failure_quotes_nothing_of_what_failed(records: Records) -> None:
    records.run(failing={"sales_feed": ValueError("Ann Lee, ann@example.com")})

    failed = records.read().failed

    assert failed is not None
    assert (failed.exit_code, failed.cause) == (
        5,
        "Something unexpected failed (ValueError).",
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()], ids=repr)
def test_a_run_that_ctrl_c_stopped_is_interrupted(
    records: Records, error: BaseException
) -> None:
    """Dagster marks the two by an error of its own, unlike a failure of the step."""
    if isinstance(error, SystemExit):
        from dagster._core.errors import DagsterExecutionInterruptedError

        error = DagsterExecutionInterruptedError()
    try:
        records.run(failing={"ecom_orders": error})
    except (KeyboardInterrupt, type(error)):
        pass

    runs = records.read()

    assert runs.failed is not None
    assert runs.failed.outcome is RunEnding.INTERRUPTED
    assert runs.failed.exit_code == 130
    assert runs.failed.remedy == "Run it again: analytics-pipeline update"


def test_a_run_that_the_daemon_found_dead_is_interrupted(records: Records) -> None:
    begun = records.instance.get_run_by_id(records.begin())
    assert begun is not None
    records.instance.report_run_failed(begun, "Its process is gone.")

    failed = records.read().failed

    assert failed is not None
    assert (failed.outcome, failed.cause) == (
        RunEnding.INTERRUPTED,
        "Its process is gone.",
    )


def test_a_run_that_was_canceled_in_the_ui_is_interrupted(records: Records) -> None:
    begun = records.instance.get_run_by_id(records.begin())
    assert begun is not None
    records.instance.report_run_canceled(begun)

    failed = records.read().failed

    assert failed is not None
    assert failed.outcome is RunEnding.INTERRUPTED


def test_a_command_that_was_killed_is_interrupted_at_once(records: Records) -> None:
    """The directory is free, so no command works."""
    records.begin()

    runs = records.read()

    assert runs.under_way is None
    assert runs.failed is not None
    assert runs.failed.outcome is RunEnding.INTERRUPTED
    assert "killed, or the machine went down" in runs.failed.cause


def test_a_command_that_holds_the_directory_is_under_way(records: Records) -> None:
    records.run()
    records.begin()

    with FileLock(records.shop.settings.data_dir / ".lock", is_singleton=False):
        runs = records.read()

    assert runs.under_way is not None
    assert (runs.under_way.job, runs.under_way.day) == ("daily_update", str(D))
    assert runs.failed is None
    assert runs.last is not None
    assert runs.last.outcome is RunEnding.DONE


def test_of_two_commands_that_were_begun_only_the_newest_can_work(
    records: Records,
) -> None:
    records.begin()
    records.begin()

    with FileLock(records.shop.settings.data_dir / ".lock", is_singleton=False):
        runs = records.read()

    assert runs.under_way is not None
    assert runs.failed is not None
    assert runs.failed.outcome is RunEnding.INTERRUPTED


@pytest.mark.parametrize(
    ("later", "is_alive"), [(timedelta(0), True), (2 * GRACE, False)]
)
def test_a_run_that_dagster_launched_may_take_its_time_to_get_the_directory(
    records: Records, later: timedelta, *, is_alive: bool
) -> None:
    records.begin({LOCATION_TAG: "analytics_pipeline"})
    records.shop = replace_clock(records.shop, clock.now() + later)

    runs = records.read()

    assert (runs.under_way is not None) is is_alive
    assert (runs.failed is None) is is_alive


def replace_clock(shop: Shop, moment: datetime) -> Shop:
    return open_shop(shop.settings, lambda: moment)


def test_a_run_that_waits_in_the_queue_is_shown_as_waiting(records: Records) -> None:
    records.instance.add_run(
        dg.DagsterRun(
            job_name="daily_update",
            status=dg.DagsterRunStatus.NOT_STARTED,
            tags={LOCATION_TAG: "analytics_pipeline"},
        )
    )

    runs = records.read()

    assert runs.under_way is not None
    assert runs.under_way.is_queued
    assert runs.last is None


def test_a_command_that_was_killed_before_its_run_began_is_interrupted(
    records: Records,
) -> None:
    records.instance.add_run(
        dg.DagsterRun(job_name="daily_update", status=dg.DagsterRunStatus.NOT_STARTED)
    )

    runs = records.read()

    assert runs.under_way is None
    assert runs.failed is not None
    assert runs.failed.outcome is RunEnding.INTERRUPTED


# What clears a failure ------------------------------------------------------------


@pytest.mark.parametrize("job", ["daily_update", "full_rebuild", "__ASSET_JOB"])
def test_whatever_run_makes_the_tables_clears_the_failure(
    records: Records, job: str
) -> None:
    records.run(failing={"sales_feed": REVOKED})
    records.run(job)

    runs = records.read()

    assert runs.failed is None
    assert runs.last is not None
    assert runs.last.outcome is RunEnding.DONE


def test_a_run_of_other_tables_clears_nothing(records: Records) -> None:
    """A new export is taken in, but Lightspeed still refuses the token."""
    records.run()
    records.run(failing={"sales_feed": REVOKED})
    records.run("ecom_import", tables=TABLES[1:])

    runs = records.read()

    assert runs.last is not None
    assert (runs.last.job, runs.last.outcome) == ("ecom_import", RunEnding.DONE)
    assert runs.failed is not None
    assert (runs.failed.job, runs.failed.exit_code) == ("daily_update", 3)


def test_a_failure_behind_a_cleared_one_remains(records: Records) -> None:
    records.run()
    records.run(failing={"sales_feed": REVOKED})
    records.run(
        "ecom_import", tables=TABLES[1:], failing={"ecom_orders": (5, "a", "b")}
    )
    records.run("ecom_import", tables=TABLES[1:])

    failed = records.read().failed

    assert failed is not None
    assert failed.job == "daily_update"


def test_a_failed_snapshot_of_a_past_day_needs_no_action(records: Records) -> None:
    publish(records.shop, D)
    records.run()
    records.run(
        tables=TABLES[2:],
        failing={"customer_analytics": (1, "a", "b")},
        day=D - timedelta(days=30),
    )

    runs = records.read()

    assert runs.failed is None
    assert runs.last is not None
    assert runs.last.outcome is RunEnding.FAILED


def publish(shop: Shop, day: date) -> None:
    shop.publication.stage_first_time_buyers(day, b"buyers\n")
    at = datetime(2026, 6, 21, 6, tzinfo=UTC)
    shop.publication.publish_master(day, b"master\n", 1, at, provisional=False)


def test_since_is_the_first_of_an_unbroken_row(records: Records) -> None:
    records.run(failing={"sales_feed": REVOKED})
    records.run()
    for _ in range(3):
        records.run(failing={"sales_feed": REVOKED})
    ends = sorted(record.end_time or 0 for record in records.instance.get_run_records())

    failed = records.read().failed

    assert failed is not None
    first = datetime.fromtimestamp(ends[2], records.shop.zone)
    assert failed.since == first.isoformat(timespec="seconds")


# A chain --------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [SHOP_TAG, LOCATION_TAG])
def test_each_shop_of_a_chain_has_its_own_last_run(records: Records, tag: str) -> None:
    for name in ("berlin", "north", "sydney"):
        failing = {"sales_feed": REVOKED} if name == "north" else {}
        records.run(failing=failing, tags={tag: name})

    values = {}
    for name in ("berlin", "north", "sydney"):
        last = of_chain(records, name).read().last
        assert last is not None
        values[name] = last.outcome

    assert values == {
        "berlin": RunEnding.DONE,
        "north": RunEnding.FAILED,
        "sydney": RunEnding.DONE,
    }


def of_chain(records: Records, name: str) -> Records:
    """The same records, read for one shop of a chain."""
    root = records.shop.settings.data_dir
    write_shop(root / "shops", name)
    chain = read_chain(root / "shops", root / "data")
    return replace(records, shop=open_shop(chain.settings_of(name)))


def test_many_runs_of_other_shops_push_no_shop_out(records: Records) -> None:
    records.run(tags={SHOP_TAG: "north"}, failing={"sales_feed": REVOKED})
    for _ in range(60):
        run = dg.DagsterRun(
            job_name="daily_update",
            tags={SHOP_TAG: "berlin"},
            status=dg.DagsterRunStatus.SUCCESS,
        )
        records.instance.add_run(run)

    assert of_chain(records, "north").read().failed is not None


def test_a_run_of_a_command_is_known_by_its_tag_and_its_repetition_is_not(
    records: Records,
) -> None:
    """Both have a code location; the UI gives a repetition the tags of the first."""
    tags = {LOCATION_TAG: "analytics_pipeline", **tags_of_command()}
    records.begin(tags)
    command = records.read()
    for run in records.instance.get_runs():
        records.instance.delete_run(run.run_id)
    records.instance.add_run(
        dg.DagsterRun(
            job_name="daily_update", status=dg.DagsterRunStatus.NOT_STARTED,
            tags=tags, root_run_id=str(uuid4()), parent_run_id=str(uuid4()),
        )
    )  # fmt: skip
    repetition = records.read()

    assert command.under_way is None
    assert command.failed is not None
    assert repetition.under_way is not None
    assert repetition.under_way.is_queued
