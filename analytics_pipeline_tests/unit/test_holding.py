"""A run that makes no progress, or does not end, is ended and reported."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import dagster as dg
import httpx
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as
from ibis.backends.duckdb import Backend as DuckDB

from analytics_pipeline import holding
from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.engine.signals import interruptible_queries
from analytics_pipeline.holding import Holding, holding_of, silent, watched
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.errors import (
    PipelineError,
    RunEnded,
    RunTooLong,
    SourceError,
    WrongUse,
)
from analytics_pipeline.model.policy import Policy, RunLimits
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.orchestration.gate import as_dagster_failure
from analytics_pipeline.orchestration.jobs import business_days
from analytics_pipeline.settings import (
    Engine,
    load_policy,
    load_run_limits,
    load_settings,
)
from analytics_pipeline.shop import open_shop
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.storage.state import Holder, read_holder
from analytics_pipeline.tables import RAW_SALES
from analytics_pipeline_tests.gated import materialize_gated, with_checks
from analytics_pipeline_tests.tables import make_table

AT_ONCE = RunLimits(idle_minutes=0.001)
LONG = 20.0


class Clock:
    """A clock that moves only when asked."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def pass_minutes(self, minutes: float) -> None:
        self.seconds += 60 * minutes


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def run(clock: Clock) -> Holding:
    """A run that no one can interrupt, so that only what it says is seen."""
    holder = Holder("update", 1, "host", "2026-11-25T07:00:00+00:00", "", "")
    return Holding(holder, RunLimits(idle_minutes=60, run_hours=6), None, clock)


@pytest.fixture
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LOOK_EVERY", 0.01)


@contextmanager
def taking_too_long(folder: Path, limits: RunLimits = AT_ONCE) -> Iterator[Holding]:
    """A run whose time is over as soon as it has begun."""
    with watched(folder, "update", limits) as found:
        yield found


# When ------------------------------------------------------------------------------


def test_a_run_that_gets_on_is_left_alone(run: Holding, clock: Clock) -> None:
    for n in range(6):
        clock.pass_minutes(59)
        run.listening(silent)("sales", 1000 * n, None)
        run.look()

    assert run.overdue is None
    assert run.holder.doing == "sales 5,000"


def test_a_run_without_progress_is_reported(run: Holding, clock: Clock) -> None:
    run.listening(silent)("raw_sales days", 3, 40)
    clock.pass_minutes(61)
    run.look()

    assert isinstance(run.overdue, RunTooLong)
    assert run.overdue.cause == (
        "The run made no progress for 60 minutes at raw_sales days 3 of 40 and was "
        "ended."
    )
    assert "idle_minutes" in run.overdue.remedy
    assert run.overdue.exit_code == 5


@pytest.mark.parametrize("waits", [1, 3, 61])
def test_to_wait_is_not_to_get_on(waits: int, run: Holding, clock: Clock) -> None:
    for _ in range(waits):
        run.wait("its request limit is reached")
        clock.pass_minutes(61 / waits)
    run.look()

    assert run.overdue is not None
    assert "waiting for Lightspeed: its request limit" in run.overdue.cause


def test_a_run_without_an_end_is_ended_even_if_it_gets_on(
    run: Holding, clock: Clock
) -> None:
    for _ in range(361):
        clock.pass_minutes(1)
        run.advance("sales")
        run.look()

    assert run.overdue is not None
    assert run.overdue.cause == "The run took more than 6 hours and was ended at sales."
    assert "run_hours" in run.overdue.remedy


def test_a_run_that_ignores_the_signal_is_ended_with_its_process(
    run: Holding, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[RunTooLong | None] = []
    monkeypatch.setattr(holding, "_die", died.append)
    clock.pass_minutes(61)
    run.look()
    clock.pass_minutes(9)
    run.look()
    assert died == []
    clock.pass_minutes(2)
    run.look()

    assert died == [run.overdue]


# How -------------------------------------------------------------------------------


@pytest.mark.usefixtures("looking_often")
def test_a_run_that_sleeps_is_interrupted_and_lets_go(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(RunEnded), taking_too_long(tmp_path):
        time.sleep(LONG)

    assert time.monotonic() - began < LONG
    assert holding_of(tmp_path) is None
    assert read_holder(tmp_path) is None
    assert signal.getsignal(holding.SIGNAL) is signal.SIG_DFL


@contextmanager
def an_engine() -> Iterator[DuckDB]:
    engine = connect(Engine.DUCKDB)
    assert isinstance(engine, DuckDB)
    yield engine
    engine.disconnect()


LONG_QUERIES = [
    "SELECT sum(a.range * b.range) FROM range(3000000) a, range(3000000) b",
    "SELECT sum(range * 2) FROM range(1000000000000)",
]


@pytest.mark.usefixtures("looking_often")
@pytest.mark.parametrize("query", LONG_QUERIES)
def test_a_query_that_takes_too_long_is_reported_as_that_and_not_as_ctrl_c(
    query: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(dg.Failure) as failed,
        taking_too_long(tmp_path),
        as_dagster_failure(),
        interruptible_queries(),
        an_engine() as engine,
    ):
        engine.con.execute(query)

    assert failed.value.metadata["exit_code"].value == 5
    assert "made no progress" in str(failed.value.metadata["cause"].value)


@contextmanager
def signalled_soon(number: signal.Signals) -> Iterator[None]:
    def send() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    threading.Timer(0.2, send).start()
    yield


@pytest.mark.parametrize("query", LONG_QUERIES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_long_query_at_once(query: str, number: signal.Signals) -> None:
    began = time.monotonic()
    with (
        an_engine() as engine,
        pytest.raises((KeyboardInterrupt, DagsterExecutionInterruptedError)),
        raise_interrupts_as(DagsterExecutionInterruptedError),
        as_dagster_failure(),
        interruptible_queries(),
        signalled_soon(number),
    ):
        engine.con.execute(query)

    assert time.monotonic() - began < LONG


def test_a_signal_ends_the_query_of_a_later_candidate_and_handlers_are_given_back(
    tmp_path: Path,
) -> None:
    """Dagster replaces the handlers at every event, and so between two candidates."""
    shop = open_shop(load_settings(data_dir=tmp_path, start_date=date(2026, 6, 1)))
    spec = with_checks(RAW_SALES)
    days = ["2026-06-01", "2026-06-02"]

    def candidates() -> Iterator[Candidate]:
        yield Candidate(make_table(RawSales, []), [], days[0])
        with an_engine() as engine, signalled_soon(signal.SIGINT):
            engine.con.execute(LONG_QUERIES[0])

    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    began = time.monotonic()
    ends = zip(("start", "end"), days, strict=True)
    tags = {f"dagster/asset_partition_range_{end}": day for end, day in ends}
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize_gated(
            shop,
            spec,
            candidates,
            instance,
            days=business_days(shop.settings),
            tags=tags,
        )

    assert not result.success
    assert time.monotonic() - began < LONG
    assert shop.warehouse.partitions("raw_sales") == days[:1]
    assert handlers == [
        signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)
    ]


@pytest.mark.usefixtures("looking_often")
def test_time_that_was_spent_on_lightspeed_is_a_matter_of_the_source(
    tmp_path: Path,
) -> None:
    def hang(_request: httpx.Request) -> httpx.Response:
        time.sleep(LONG)
        return httpx.Response(200, json={})

    client = Connection(
        "http://127.0.0.1:9", "token", "2026-07", transport=httpx.MockTransport(hang)
    )
    with pytest.raises(RunEnded) as ended, taking_too_long(tmp_path):
        client.get("retailer", {})

    reported = ended.value.as_failure()
    assert isinstance(reported, SourceError)
    assert reported.exit_code == 3
    assert "made no progress" in reported.cause


@pytest.mark.usefixtures("looking_often")
def test_a_wait_for_lightspeed_is_a_matter_of_the_source_too(tmp_path: Path) -> None:
    wire = httpx.MockTransport(
        lambda _request: httpx.Response(429, headers={"Retry-After": "300"})
    )
    client = Connection("http://127.0.0.1:9", "token", "2026-07", transport=wire)
    with pytest.raises(RunEnded) as ended, taking_too_long(tmp_path):
        client.get("retailer", {})

    assert ended.value.as_failure().exit_code == 3


@pytest.mark.usefixtures("looking_often")
def test_work_that_survives_failures_does_not_survive_this(
    tmp_path: Path,
) -> None:
    def go_on_without() -> None:
        for kind in (PipelineError, RunTooLong, OSError, Exception):
            with suppress(kind):
                time.sleep(LONG)

    with pytest.raises(RunEnded) as ended, taking_too_long(tmp_path):
        go_on_without()

    assert ended.value.as_failure().exit_code == 5


@pytest.mark.usefixtures("looking_often")
def test_a_thread_cannot_be_interrupted_and_the_process_lives(tmp_path: Path) -> None:
    ended = threading.Event()

    def work() -> None:
        with taking_too_long(tmp_path) as found:
            deadline = time.monotonic() + LONG
            while found.overdue is None:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(LONG)

    assert ended.is_set()


@pytest.mark.usefixtures("looking_often")
def test_a_program_that_uses_the_signal_keeps_it(tmp_path: Path) -> None:
    heard: list[int] = []
    before = signal.signal(holding.SIGNAL, lambda number, _frame: heard.append(number))
    try:
        with taking_too_long(tmp_path) as found:
            while found.overdue is None:
                time.sleep(0.01)
            time.sleep(0.05)
    finally:
        signal.signal(holding.SIGNAL, before)

    assert heard == []


@pytest.mark.usefixtures("looking_often")
@pytest.mark.parametrize("pause", [0.0, 0.055, 0.06, 0.065, 0.07])
def test_a_run_that_ends_at_that_moment_ends_well_or_as_too_long(
    pause: float, tmp_path: Path
) -> None:
    """Nothing comes after it has let go, whenever it does."""
    for _ in range(3):
        try:
            with taking_too_long(tmp_path):
                time.sleep(pause)
        except RunEnded:
            pass
        time.sleep(0.02)


def test_a_run_within_a_run_is_the_same(tmp_path: Path) -> None:
    with watched(tmp_path, "analytics-pipeline update", RunLimits()) as outer:
        with watched(tmp_path / ".." / tmp_path.name, "other", AT_ONCE) as inner:
            assert inner is outer
            inner.listening(silent)("customers", 7, None)
            inner.look()
        assert holding_of(tmp_path) is outer
        found = read_holder(tmp_path)

    assert found is not None
    assert found.by == "analytics-pipeline update"
    assert found.doing == "customers 7"


# The settings ----------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    path = folder / "analytics.toml"
    path.write_text(f"[run_limits]\n{text}\n", encoding="utf-8")
    return path


def test_a_shop_chooses_its_limits_and_no_figure_depends_on_them(
    tmp_path: Path,
) -> None:
    assert load_run_limits(tmp_path / "none.toml") == RunLimits(60, 5)
    path = write(tmp_path, "idle_minutes = 5\nrun_hours = 0.5")

    assert load_run_limits(path) == RunLimits(5, 0.5)
    assert load_policy(path) == Policy()


@pytest.mark.parametrize(
    "text",
    ["idle_minutes = 0", "idle_minutes = -1", "run_hours = nan", "run_hours = inf",
     'run_hours = "long"', "run_hour = 1", "idle_minutes = []"],
)  # fmt: skip
def test_a_faulty_limit_is_refused_at_the_start_and_its_key_named(
    text: str, tmp_path: Path
) -> None:
    path = write(tmp_path, text)

    with pytest.raises(WrongUse, match=text.split(" = ")[0]):
        load_run_limits(path)
    with pytest.raises(WrongUse, match="run_limits"):
        open_shop(load_settings(data_dir=tmp_path))


def test_the_note_holds_no_argument_of_a_command(tmp_path: Path) -> None:
    with watched(tmp_path, "analytics-pipeline import-ecom", RunLimits()):
        document = json.loads((tmp_path / ".lock_holder").read_text())

    assert set(document) == {"by", "pid", "host", "since", "doing", "advanced"}
    assert document["by"] == "analytics-pipeline import-ecom"
