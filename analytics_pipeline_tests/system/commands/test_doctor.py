"""What ``doctor`` finds: every fault is provoked, and its remedy named."""

import functools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.runs.sqlite import SqliteRunStorage
from dagster._daemon.types import DaemonHeartbeat
from filelock import FileLock
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.commands import probes as machine
from analytics_pipeline.orchestration import tills
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.chain_of_shops import write_shop
from analytics_pipeline_tests.contract.test_architecture import PACKAGE

TOKEN = "a-token-of-no-one"
EXPORT = "ecom_orders_export.csv"
MASTER = "customer_analytics_master.csv"


class Shop:
    """A simulated store in step with the clock, and the settings that name it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        self.data = folder / "data"
        self.now: Callable[[], datetime] = clock.now
        self.opened = self.now().date() - timedelta(days=8)
        self.store = Store(1, customers=20, opened_on=self.opened)
        self.store.advance_to(self.now())
        self.plan = FaultPlan()

    @property
    def app(self) -> Any:
        return build_app(self.store, token=TOKEN, faults=self.plan, clock=self.now)

    def point_at(self, origin: str) -> None:
        for name, value in {
            "LIGHTSPEED_DOMAIN_PREFIX": "demo",
            "LIGHTSPEED_TOKEN": TOKEN,
            "LIGHTSPEED_API_URL": origin,
            "ANALYTICS_START_DATE": str(self.opened),
        }.items():
            self.monkeypatch.setenv(name, value)

    def export(self) -> Path:
        self.data.mkdir(exist_ok=True)
        write_export(self.store.state, self.data / EXPORT)
        (self.data / EXPORT).chmod(0o600)
        return self.data / EXPORT


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop that is set up right; nothing has run yet."""
    impatient = functools.partial(tills.Connection, sleep=lambda _seconds: None)
    monkeypatch.setattr(tills, "Connection", impatient)
    shop = Shop(tmp_path, monkeypatch)
    with serve(shop.app) as origin:
        shop.point_at(origin)
        yield shop


def type_in(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def examined(code: int) -> dict[str, tuple[str, str, str]]:
    """Return grade, sentence and remedy of each check; of one name the first."""
    result = type_in("doctor", "--json")
    assert result.exit_code == code, result.output
    assert TOKEN not in result.output
    document = json.loads(result.stdout)
    assert document["exit_code"] == code
    found: dict[str, tuple[str, str, str]] = {}
    for each in document["checks"]:
        words = each["grade"], each["sentence"], each["remedy"]
        found.setdefault(each["check"], words)
    faults = [each for each in document["checks"] if each["grade"] == "fault"]
    assert document["faults"] == len(faults)
    assert bool(faults) is (code == 2)
    return found


def fault(check: str) -> tuple[str, str]:
    """Return what the only fault says, and its remedy."""
    found = examined(2)
    assert [name for name in found if found[name][0] == "fault"] == [check]
    return found[check][1:]


def warning(check: str) -> tuple[str, str]:
    """Return what the only warning says, and its remedy; there is no fault."""
    found = examined(0)
    assert [name for name in found if found[name][0] != "ok"] == [check]
    return found[check][1:]


# All is well -----------------------------------------------------------------------


def test_a_shop_that_was_updated_has_no_fault_and_no_warning(shop: Shop) -> None:
    shop.export()
    assert type_in("update", "--days", "0").exit_code == 0

    found = examined(0)

    assert {grade for grade, _, _ in found.values()} == {"ok"}
    assert list(found) == [
        "programs", "variables", "secrets", "settings", "token", "store", "time zone",
        "currency", "clock", "disk", "files", "runs", "web shop", "identity key",
        "Dagster", "switches", "alerts",
    ]  # fmt: skip
    assert "orders in the export" in found["web shop"][1]
    assert f"dagster {dg.__version__}" in found["programs"][1]
    text = type_in("doctor")
    assert (text.exit_code, text.stderr) == (0, "")
    assert text.stdout.endswith("\nno faults, no warnings\n")
    assert len(text.stdout.splitlines()) <= 24
    quiet = type_in("doctor", "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_it_changes_nothing_and_asks_for_the_store_and_its_outlets(
    shop: Shop, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    served = shop.app
    with serve(served) as origin:
        shop.point_at(origin)
        assert type_in("doctor").exit_code == 0

    assert served.state.simulator.stats()["total"] == 3  # outlets end empty
    assert before == sorted(tmp_path.rglob("*"))


def test_with_nothing_set_up_it_says_what_to_set(tmp_path: Path) -> None:
    cause, remedy = fault("store")

    assert "LIGHTSPEED_DOMAIN_PREFIX or LIGHTSPEED_TOKEN is not set" in cause
    assert "analytics-pipeline demo" in remedy
    assert list(tmp_path.iterdir()) == []


# Lightspeed ------------------------------------------------------------------------


def test_a_wrong_token_is_reported_with_where_to_make_one(shop: Shop) -> None:
    shop.monkeypatch.setenv("LIGHTSPEED_TOKEN", "wrong")

    cause, remedy = fault("token")

    assert "does not accept the token" in cause
    assert "Setup > Personal Tokens" in remedy
    quiet = type_in("doctor", "--quiet")
    assert (quiet.exit_code, quiet.stdout) == (2, "")
    assert quiet.stderr.startswith("error: token: Lightspeed does not accept")


def test_without_a_network_everything_else_is_looked_at(shop: Shop) -> None:
    shop.monkeypatch.setenv("LIGHTSPEED_API_URL", "http://127.0.0.1:9")

    cause, _remedy = fault("store")

    assert "no connection" in cause
    assert {"programs", "disk", "files", "runs"} <= set(examined(2))


def test_no_test_waits_long_for_the_request_limit(shop: Shop) -> None:
    busy = dict.fromkeys(range(1, 9), FaultKind.RATE_LIMITED)
    shop.plan = FaultPlan(by_request=busy, retry_after_seconds=200)
    with serve(shop.app) as origin:
        shop.point_at(origin)
        cause, remedy = fault("store")

    assert "asks to wait 20" in cause
    assert "after that time" in remedy


def test_an_invalid_prefix_is_reported_before_any_request(shop: Shop) -> None:
    shop.monkeypatch.setenv("LIGHTSPEED_DOMAIN_PREFIX", "https://demo")

    assert "LIGHTSPEED_DOMAIN_PREFIX" in fault("store")[0]


def test_another_store_than_that_of_the_tables_is_a_fault(shop: Shop) -> None:
    (shop.data / "warehouse").mkdir(parents=True)
    (shop.data / "warehouse/store_id").write_text("another\n")
    (shop.data / "warehouse/store_id").chmod(0o600)

    cause, remedy = fault("store")

    assert "the sales of another store" in cause
    assert "ANALYTICS_DATA_DIR of its own" in remedy


def test_another_time_zone_than_the_stores_is_reported_with_the_right_one(
    shop: Shop,
) -> None:
    shop.monkeypatch.setenv("ANALYTICS_TIMEZONE", "Europe/Berlin")

    cause, remedy = warning("time zone")

    assert "Europe/Berlin, but the store says America/New_York" in cause
    assert "ANALYTICS_TIMEZONE=America/New_York in the environment" in remedy


def let_in(shop: Shop, currency: str) -> None:
    """Let the last outlet sell in *currency*."""
    *_, outlet = shop.store.state.outlets.values()
    outlet.currency = currency
    outlet.version = shop.store._shop.timeline.next_version()


@pytest.mark.parametrize("currency", ["CAD", "MXN", "KWD"])
def test_outlets_in_two_currencies_are_a_fault_rule_1_6(
    shop: Shop, currency: str
) -> None:
    let_in(shop, currency)

    cause, remedy = fault("currency")

    assert f"several currencies: {currency} (outlet " in cause
    assert "USD (the store and outlet " in cause
    assert "correct the currency of the outlet in Lightspeed" in remedy


@pytest.mark.parametrize("currency", ["KWD", "OMR", "CLF"])
def test_a_currency_of_three_decimals_is_a_fault_rule_1_6(
    shop: Shop, currency: str
) -> None:
    shop.store.state.retailer.currency = currency

    cause, remedy = fault("currency")

    assert f"The shop sells in {currency}, which has" in cause
    assert "is not supported" in remedy


@pytest.mark.nightly
def test_a_currency_that_changed_since_the_update_is_a_fault_rule_1_6(
    shop: Shop,
) -> None:
    assert type_in("update", "--days", "0").exit_code == 0
    shop.store.state.retailer.currency = "EUR"
    for outlet in shop.store.state.outlets.values():
        outlet.version = shop.store._shop.timeline.next_version()

    cause, remedy = fault("currency")

    assert "sells in EUR now, but the stored sales are in USD" in cause
    assert "set the currency in Lightspeed back" in remedy
    update = type_in("update", "--days", "0")
    assert update.exit_code == 1
    assert "one_currency" in update.stderr
    accepted = type_in(
        "update", "--days", "0", "--accept", "one_currency", "--reason", "we moved"
    )
    assert accepted.exit_code != 0


@pytest.mark.parametrize(
    ("ahead", "grade", "words"),
    [
        (timedelta(seconds=20), "ok", "agrees"),
        (timedelta(minutes=5, seconds=30), "warning", "5 minutes slow"),
        (timedelta(hours=3, minutes=9), "fault", "3 hours slow"),
    ],
)
def test_a_wrong_clock_is_reported_with_its_remedy(
    shop: Shop, ahead: timedelta, grade: str, words: str
) -> None:
    shop.now = lambda: clock.now() + ahead
    with serve(shop.app) as origin:
        shop.point_at(origin)
        found = examined(2 if grade == "fault" else 0)["clock"]

    assert found[0] == grade
    assert words in found[1]
    assert (grade == "ok") is ("timedatectl" not in found[2])


# Settings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_sharedd = 3", "max_sharedd: unknown setting; did you mean max_shared?"),
        ("vip_from = 'much'", "vip_from"),
        ("this is no toml", "analytics.toml cannot be read"),
        ("[usual]\nnonsense = 1", "usual.nonsense: unknown setting"),
    ],
)
def test_a_wrong_key_of_the_policies_is_named(
    shop: Shop, text: str, words: str
) -> None:
    shop.data.mkdir()
    (shop.data / "analytics.toml").write_text(text)

    cause, remedy = fault("settings")

    assert words in cause
    assert f"Correct {shop.data / 'analytics.toml'}" in remedy


def test_a_variable_that_cannot_be_used_leaves_what_needs_no_settings(
    shop: Shop,
) -> None:
    shop.monkeypatch.setenv("ANALYTICS_TIMEZONE", "Mars/Olympus")

    found = examined(2)

    assert list(found) == ["programs", "variables", "settings"]
    assert "ANALYTICS_TIMEZONE" in found["settings"][1]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LIGHTSPEED_DOMAN_PREFIX", "LIGHTSPEED_DOMAIN_PREFIX"),
        ("ANALYTICS_XYZ", "ANALYTICS_"),
        ("ALERT_URL", "ALERT_URLS"),
        ("LIGTHSPEED_TOKEN", "LIGHTSPEED_TOKEN"),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_an_unknown_variable_is_reported_with_the_nearest_known_one(
    shop: Shop, name: str, meant: str, where: str
) -> None:
    if where == ".env":
        (shop.folder / ".env").write_text(f"{name}=x\n")
        (shop.folder / ".env").chmod(0o600)
    else:
        shop.monkeypatch.setenv(name, "x")

    cause, remedy = warning("variables")

    assert name in cause
    assert meant in remedy


def test_every_variable_that_is_documented_is_known(shop: Shop) -> None:
    shop.monkeypatch.setenv("ANALYTICS_CODE_PORT", "4000")
    shop.monkeypatch.setenv("SPARK_HOME", "/opt/spark")

    assert examined(0)["variables"][0] == "ok"


def test_a_file_with_the_token_that_others_can_read_is_reported(shop: Shop) -> None:
    secret = shop.folder / ".env"
    secret.write_text("ALERT_URLS=\n")
    secret.chmod(0o640)

    cause, remedy = warning("secrets")

    assert str(secret) in cause
    assert remedy == f"Run: chmod 600 {secret}"


# This machine ----------------------------------------------------------------------


def versions_but(monkeypatch: pytest.MonkeyPatch, **other: str | None) -> None:
    """Let some packages be of another version, or missing."""

    def version(name: str) -> str:
        key = name.replace("-", "_")
        found = other[key] if key in other else metadata.version(name)
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(machine, "version", version)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"pandas": "2.3.3"}, "pandas is 2.3.3, not <4,>=3"),
        ({"dagster_webserver": "1.12.0"}, "dagster-webserver is 1.12.0, not =="),
        ({"duckdb": None}, "duckdb is missing"),
    ],
)
def test_a_wrong_installed_version_is_reported(
    shop: Shop, other: dict[str, str | None], words: str
) -> None:
    versions_but(shop.monkeypatch, **other)

    cause, remedy = fault("programs")

    assert words in cause
    assert "pip install" in remedy


def test_dagster_and_its_ui_of_two_versions_are_reported_from_a_source_tree_too(
    shop: Shop,
) -> None:
    versions_but(shop.monkeypatch, dagster_webserver="1.12.0")
    shop.monkeypatch.setattr(machine, "requires", lambda _name: None)

    assert "but dagster-webserver 1.12.0" in fault("programs")[0]


@pytest.mark.parametrize(("free", "grade"), [(50, "fault"), (300, "warning")])
def test_a_disk_that_is_nearly_full_is_reported(
    shop: Shop, free: int, grade: str
) -> None:
    usage = type(machine.shutil.disk_usage("/"))
    shop.monkeypatch.setattr(
        machine.shutil, "disk_usage", lambda _path: usage(1 << 40, 1, free << 20)
    )

    cause, remedy = (fault if grade == "fault" else warning)("disk")

    assert f"{free} MB free" in cause
    assert "Make room" in remedy


def test_a_file_as_data_directory_is_reported(shop: Shop) -> None:
    (shop.folder / "file").write_text("")
    shop.monkeypatch.setenv("ANALYTICS_DATA_DIR", str(shop.folder / "file"))

    cause, remedy = fault("disk")

    assert "is no folder" in cause
    assert "ANALYTICS_DATA_DIR" in remedy


def test_a_data_directory_that_cannot_be_written_is_reported(shop: Shop) -> None:
    shop.data.mkdir()

    def refuse(**_where: Any) -> None:
        raise PermissionError(13, "Permission denied")

    shop.monkeypatch.setattr(machine, "TemporaryFile", refuse)

    assert "cannot be written (Permission denied)" in fault("disk")[0]


def test_a_master_that_everybody_can_read_is_a_fault(shop: Shop) -> None:
    shop.data.mkdir()
    for name in (MASTER, "first_time_buyers.csv", "analytics.toml"):
        (shop.data / name).write_text("")
        (shop.data / name).chmod(0o644)

    cause, remedy = fault("files")

    assert f"{MASTER} and 1 more" in cause
    assert remedy == f"Run: chmod -R o-rwx {shop.data}"


def test_a_fresh_clone_holds_no_personal_data(shop: Shop) -> None:
    """As git checks it out, where everybody may read what it writes."""
    kept = subprocess.run(
        ["git", "ls-files", "data"], cwd=PACKAGE.parent,
        capture_output=True, text=True, check=False,
    ).stdout.split() or ["data/.gitkeep", "data/analytics.example.toml"]  # fmt: skip
    shop.data.mkdir()
    for name in kept:
        copy = shop.data / Path(name).name
        copy.write_bytes((PACKAGE.parent / name).read_bytes())
        copy.chmod(0o644)

    assert len(kept) >= 2
    assert examined(0)["files"][0] == "ok"


@pytest.mark.parametrize(
    "name",
    [
        "customer_analytics_master.csv",
        "ecom_orders_export.previous.csv",
        "identity_overrides.csv",
        "archive/customer_analytics_2026-01-31.csv",
        "warehouse/customers/customers.parquet",
        "copy of .gitkeep",
    ],
)
def test_every_other_file_that_everybody_can_read_is_reported(
    shop: Shop, name: str
) -> None:
    path = shop.data / name
    path.parent.mkdir(parents=True)
    path.write_text("somebody")
    path.chmod(0o644)

    assert Path(name).name in examined_files(shop)


def examined_files(shop: Shop) -> str:
    """What is said of the files, whatever else there is to say."""
    document = json.loads(type_in("doctor", "--json").stdout)
    (sentence,) = [
        each["sentence"] for each in document["checks"] if each["check"] == "files"
    ]
    return str(sentence)


def test_an_export_that_was_copied_there_by_hand_is_a_warning(shop: Shop) -> None:
    shop.export().chmod(0o644)

    assert EXPORT in warning("files")[0]


def test_a_run_that_is_under_way_is_reported(shop: Shop) -> None:
    shop.data.mkdir()
    with FileLock(shop.data / ".lock", mode=0o600):
        cause, _remedy = warning("runs")
        assert "is refused until it is done" in cause

    assert examined(0)["runs"][0] == "ok"


def test_a_lost_identity_key_is_a_fault_and_none_is_made(shop: Shop) -> None:
    table = shop.data / "warehouse/customers/customers.parquet"
    table.parent.mkdir(parents=True)
    table.touch(0o600)

    cause, remedy = fault("identity key")

    assert "the key that hashed their contacts is gone" in cause
    assert "from a backup" in remedy
    assert not (shop.data / ".identity_key").exists()


def test_a_damaged_identity_key_is_a_fault(shop: Shop) -> None:
    shop.data.mkdir()
    (shop.data / ".identity_key").write_text("nonsense")
    (shop.data / ".identity_key").chmod(0o600)

    assert "is damaged" in fault("identity key")[0]


# Web shop, alerts, Dagster ---------------------------------------------------------


def test_an_export_that_cannot_be_used_is_a_fault(shop: Shop) -> None:
    shop.export().write_text("this;is\nno;export\n")

    assert "lacks the column `order_number`" in fault("web shop")[0]


def test_an_old_export_is_reported_with_how_to_renew_it(shop: Shop) -> None:
    clock.set_modified(shop.export(), clock.now() - timedelta(days=9))

    cause, remedy = warning("web shop")

    assert "9 days old" in cause
    assert "import-ecom" in remedy


def test_a_channel_that_is_none_is_a_fault(shop: Shop) -> None:
    shop.monkeypatch.setenv("ALERT_URLS", "json://127.0.0.1/x,nosuch://secret")

    cause, remedy = fault("alerts")

    assert "the second URL is not a valid Apprise URL" in cause
    assert "secret" not in cause + remedy


def keep_records(shop: Shop) -> SqliteRunStorage:
    """Make Dagster's records as a first command does."""
    home = shop.data / ".dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return SqliteRunStorage.from_local(str(home / "history"))


@pytest.mark.parametrize(
    ("ago", "grade", "words"),
    [
        (None, "ok", "no daemon has run"),
        (timedelta(minutes=1), "ok", "keeps the schedule"),
        (timedelta(hours=30), "warning", "last seen 30 hours ago"),
    ],
)
def test_a_daemon_that_has_stopped_is_reported(
    shop: Shop, ago: timedelta | None, grade: str, words: str
) -> None:
    records = keep_records(shop)
    if ago is not None:
        seen = (clock.now() - ago).timestamp()
        records.add_daemon_heartbeat(DaemonHeartbeat(seen, "SCHEDULER", "id", []))
    records.dispose()

    found = examined(0)["Dagster"]

    assert (found[0], words in found[1]) == (grade, True)
    assert (grade == "ok") is ("analytics-pipeline ui" not in found[2])


def test_records_that_do_not_open_are_a_fault(shop: Shop) -> None:
    keep_records(shop).dispose()
    (shop.data / ".dagster/dagster.yaml").write_text("nonsense: 1\n")

    assert "dagster.yaml cannot be used" in fault("Dagster")[0]


# A chain ---------------------------------------------------------------------------


def test_in_a_chain_doctor_ends_with_the_worst_code(shop: Shop, tmp_path: Path) -> None:
    origin = os.environ["LIGHTSPEED_API_URL"]
    shop.monkeypatch.setenv("ANALYTICS_SHOPS", "shops")
    for name, token in (("north", TOKEN), ("south", "wrong")):
        document = {"LIGHTSPEED_TOKEN": token, "LIGHTSPEED_API_URL": origin}
        write_shop(tmp_path / "shops", name, **document)
    write_shop(tmp_path / "shops", "berlin", LIGHTSPEED_TOKEN="")

    result = type_in("doctor", "--json")

    document = json.loads(result.stdout)
    assert [(each["shop"], each["exit_code"]) for each in document["shops"]] == [
        ("berlin", 2),
        ("north", 0),
        ("south", 2),
    ]
    assert document["exit_code"] == result.exit_code == 2
    assert "shop" not in document
    assert type_in("--shop", "north", "doctor").exit_code == 0
