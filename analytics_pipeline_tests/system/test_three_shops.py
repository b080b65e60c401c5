"""Three shops in one deployment, one of them failing: the others notice nothing."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics_pipeline.alerts.delivery import send_alerts
from analytics_pipeline.cli import app
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.jobs import business_days
from analytics_pipeline.orchestration.records import shop_of
from analytics_pipeline.orchestration.run_records import list_ends
from analytics_pipeline.orchestration.schedules import missed_days
from analytics_pipeline_tests import chain_of_shops, clock
from analytics_pipeline_tests.chain_of_shops import ZONES, open_stores, token_of
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.oracle.ledger import (
    expected_first_time_buyers,
    expected_master,
)
from analytics_pipeline_tests.receivers import Inbox, open_webhook
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

pytestmark = pytest.mark.nightly

MASTER = "customer_analytics_master.csv"
NEXT_DAY = FIRST_DAY + timedelta(days=1)
FAILING = "north"
OTHERS = ("berlin", "sydney")


def type_in(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def assert_equal_to_the_ledger(shop: SimulatedShop) -> None:
    state = shop.store.state
    assert shop.rows(MASTER) == expected_master(state, NEXT_DAY)
    buyers = expected_first_time_buyers(state, NEXT_DAY)
    assert shop.rows("first_time_buyers.csv") == buyers


@dataclass
class AfterTheNight:
    """The chain after a night in which one shop's token was refused."""

    shops: Mapping[str, SimulatedShop]
    inboxes: Mapping[str, Inbox]
    results: Mapping[str, Result]
    master_before: bytes

    @property
    def instance(self) -> dg.DagsterInstance:
        return open_instance(self.shops[FAILING].settings)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AfterTheNight]:
    """FIRST_DAY of north is published; in the next night its token is refused."""
    root = tmp_path_factory.mktemp("chain")
    with ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith("LIGHTSPEED_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("ANALYTICS_SHOPS", str(root / "shops"))
        monkeypatch.setenv("ANALYTICS_DATA_DIR", str(root / "data"))
        inboxes = {name: stack.enter_context(open_webhook()) for name in ZONES}
        values = {name: {"ALERT_URLS": inbox.url} for name, inbox in inboxes.items()}
        shops = stack.enter_context(open_stores(root, **values))
        run_light(shops[FAILING].settings, FIRST_DAY)
        for shop in shops.values():
            shop.live_until(NEXT_DAY)
        before = (shops[FAILING].data / MASTER).read_bytes()
        file = root / "shops" / f"{FAILING}.env"
        right = file.read_text(encoding="utf-8")
        wrong = right.replace(token_of(FAILING), token_of("berlin"))
        file.write_text(wrong, encoding="utf-8")
        results = {
            name: type_in("--shop", name, "update", "--as-of", NEXT_DAY)
            for name in (*OTHERS, FAILING)
        }
        yield AfterTheNight(shops, inboxes, results, before)


def test_the_others_are_published_and_right_to_the_cent(night: AfterTheNight) -> None:
    for name in OTHERS:
        assert night.results[name].exit_code == 0, night.results[name].output
        assert_equal_to_the_ledger(night.shops[name])
    berlin, sydney = (night.shops[name].rows(MASTER) for name in OTHERS)
    assert berlin != sydney


def test_the_failing_shop_keeps_its_master_and_says_why(night: AfterTheNight) -> None:
    result, shop = night.results[FAILING], night.shops[FAILING]

    assert result.exit_code == 3
    assert "error: north: " in result.stderr
    assert "Personal Tokens" in result.stderr
    assert (shop.data / MASTER).read_bytes() == night.master_before
    published = shop.local.publication.published()
    assert published is not None
    assert published.as_of == str(FIRST_DAY)


def test_it_alerts_on_its_own_channel_only(night: AfterTheNight) -> None:
    """Also when the others' sensors look again, after its run has failed."""
    values = {name: len(inbox.titles) for name, inbox in night.inboxes.items()}
    for shop in night.shops.values():
        send_alerts(shop.local, night.instance, is_patient=True)
    assert values == {name: len(inbox.titles) for name, inbox in night.inboxes.items()}

    for name, inbox in night.inboxes.items():
        assert inbox.titles, name
        assert all(title.startswith(f"[{name}] ") for title in inbox.titles)
    failed = {
        name
        for name, inbox in night.inboxes.items()
        if "FAILED sales_feed" in inbox.text or "FAILED outlets" in inbox.text
    }
    assert failed == {FAILING}
    assert "analytics-pipeline --shop north update" in night.inboxes[FAILING].text


def test_no_secret_of_a_shop_is_written_down(night: AfterTheNight) -> None:
    said = "".join(result.output for result in night.results.values())
    kept = b"".join(
        path.read_bytes()
        for path in night.shops[FAILING].settings.records_dir.rglob("*")
        if path.is_file()
    )

    for name in ZONES:
        assert token_of(name) not in said
        assert token_of(name).encode() not in kept


def test_status_of_each_shop_shows_its_own_failure_only(
    night: AfterTheNight, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = night.shops[FAILING].data.parents[1]
    monkeypatch.setenv("ANALYTICS_SHOPS", str(root / "shops"))
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(root / "data"))
    monkeypatch.setattr("analytics_pipeline.shop.Shop.due_day", NEXT_DAY)

    for name in OTHERS:
        status = type_in("--shop", name, "status")
        assert status.exit_code == 0
        assert "not run yet" not in status.stdout
    assert type_in("--shop", FAILING, "status").exit_code == 1


def test_status_of_the_chain_begins_with_a_line_of_each_shop(
    night: AfterTheNight, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = night.shops[FAILING].data.parents[1]
    monkeypatch.setenv("ANALYTICS_SHOPS", str(root / "shops"))
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(root / "data"))
    monkeypatch.setattr("analytics_pipeline.shop.Shop.due_day", NEXT_DAY)

    status = type_in("status")

    assert status.exit_code == 1
    title, *heads = status.stdout.splitlines()[:4]
    assert title == "Shops"
    said = dict(line.split(maxsplit=1) for line in heads)
    assert list(said) == sorted(ZONES)
    for name in OTHERS:
        assert said[name].startswith(f"well: the master is as of {NEXT_DAY}")
    assert said[FAILING].startswith("failed ")
    assert "exit code 3" in said[FAILING]
    assert "Personal Tokens" in said[FAILING]
    assert f"analytics-pipeline --shop {FAILING} update" in said[FAILING]
    bodies = status.stdout.split("Last run")[1:]
    assert len(bodies) == len(ZONES)
    assert ["failed" in body.split("Published")[0] for body in bodies] == [
        name == FAILING for name in sorted(ZONES)
    ]


def test_the_runs_of_a_shop_are_its_own_and_its_missed_days_too(
    night: AfterTheNight,
) -> None:
    instance = night.instance
    runs = instance.get_runs()

    assert sorted(map(str, map(shop_of, runs))) == sorted(ZONES)
    for name, shop in night.shops.items():
        ends, _ = list_ends(instance, {}, name)
        assert [end.run_id for end in ends] == [
            run.run_id for run in runs if run.tags["shop"] == name
        ]
        days, later = business_days(shop.settings), str(NEXT_DAY + timedelta(days=2))
        missed = missed_days(instance, days, later, name, zones={"UTC"})
        assert missed == (
            [] if name == FAILING else [str(NEXT_DAY + timedelta(days=1))]
        )
    assert len(list_ends(instance, {})[0]) == len(ZONES)


def test_every_event_of_a_run_bears_the_name_of_its_shop(night: AfterTheNight) -> None:
    kinds = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    }
    for run in night.instance.get_runs():
        reported = night.instance.get_records_for_run(run.run_id, of_type=kinds).records
        events = [record.event_log_entry.get_dagster_event() for record in reported]
        keys = [
            event.asset_key or event.asset_check_evaluation_data.asset_key
            for event in events
        ]
        assert {key.path[0] for key in keys} == {run.tags["shop"]}
        assert {event.event_type for event in events} == kinds


# The daemon ------------------------------------------------------------------------

PORT = 3991
LAUNCH = """mutation($given: ExecutionParams!) {
  launchRun(executionParams: $given) {
    __typename ... on LaunchRunSuccess { run { runId } }
  }
}"""
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries {
  name locationOrLoadError { __typename }
} } } }"""


def ask(query: str, **given: Any) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/graphql",
        json.dumps({"query": query, "variables": given}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


@contextmanager
def running_ui() -> Iterator[None]:
    """The UI and its daemon as a person starts them, once all locations are known."""
    command = [sys.executable, "-m", "analytics_pipeline", "ui", "--port", str(PORT)]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_until(lambda: len(locations()) == len(ZONES) + 1)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def locations() -> dict[str, str]:
    try:
        entries = ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
    except OSError:
        return {}
    found = {each["name"]: each["locationOrLoadError"] for each in entries}
    return {} if None in found.values() else {
        name: each["__typename"] for name, each in found.items()
    }  # fmt: skip


def wait_until(is_so: Any, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(1)


def launch(shop: str, job: str, table: str | None = None, day: str = "") -> str:
    selector: dict[str, Any] = {
        "repositoryLocationName": shop,
        "repositoryName": "__repository__",
        "jobName": job,
    }
    if table:
        selector["assetSelection"] = [{"path": [shop, table]}]
    tags = [{"key": "dagster/partition", "value": day}] if day else []
    given = {
        "selector": selector,
        "runConfigData": {},
        "mode": "default",
        "executionMetadata": {"tags": tags},
    }
    return str(ask(LAUNCH, given=given)["launchRun"]["run"]["runId"])


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_under_the_daemon_shops_run_side_by_side_and_one_shop_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three locations and a broken fourth; two runs of berlin, one of each other."""
    yesterday = clock.now().date() - timedelta(days=2)  # over in every zone
    monkeypatch.setattr(chain_of_shops, "FIRST_DAY", yesterday)
    monkeypatch.setattr(chain_of_shops, "OPENED_ON", yesterday - timedelta(days=12))
    monkeypatch.setenv("ANALYTICS_SHOPS", "shops")
    with open_stores(tmp_path) as shops:
        broken = tmp_path / "shops/west.env"
        broken.write_text("LIGHTSPEED_DOMAIN_PREFIX=west\n", encoding="utf-8")
        file = tmp_path / "shops" / f"{FAILING}.env"
        right = file.read_text(encoding="utf-8")
        file.write_text(right.replace(token_of(FAILING), "refused"), encoding="utf-8")
        with running_ui():
            assert locations() == {
                **dict.fromkeys(ZONES, "RepositoryLocation"),
                "west": "PythonError",
            }
            day = str(yesterday)
            ids = {launch(name, "daily_update", day=day): name for name in ZONES}
            adhoc = launch("berlin", "__ASSET_JOB", "ecom_orders")
            instance = open_instance(shops[FAILING].settings)
            wait_until(lambda: all_ended(instance, [*ids, adhoc]))

        records = {each.dagster_run.run_id: each for each in instance.get_run_records()}
        ended = {
            name: records[run_id].dagster_run.status for run_id, name in ids.items()
        }
        assert ended == {
            "berlin": dg.DagsterRunStatus.SUCCESS,
            "sydney": dg.DagsterRunStatus.SUCCESS,
            FAILING: dg.DagsterRunStatus.FAILURE,
        }
        assert {shop_of(records[run_id].dagster_run) for run_id in ids} == set(ZONES)
        assert shop_of(records[adhoc].dagster_run) == "berlin"
        spans = {name: records[run_id] for run_id, name in ids.items()}
        # How long its process takes to come up is not the queue's affair.
        assert let_go(instance, spans["sydney"]) < spans["berlin"].end_time
        assert records[adhoc].start_time >= spans["berlin"].end_time
        for name in OTHERS:
            expected = expected_master(shops[name].store.state, yesterday)
            assert shops[name].rows(MASTER) == expected


def let_go(instance: dg.DagsterInstance, record: dg.RunRecord) -> float:
    """When the queue let a run go."""
    (event,) = instance.get_records_for_run(
        record.dagster_run.run_id, of_type=dg.DagsterEventType.RUN_STARTING
    ).records
    return event.timestamp


def all_ended(instance: dg.DagsterInstance, ids: list[str]) -> bool:
    return all(
        (run := instance.get_run_by_id(run_id)) is not None and run.is_finished
        for run_id in ids
    )
