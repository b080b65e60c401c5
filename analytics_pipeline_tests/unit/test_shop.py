"""Tests for analytics_pipeline.shop."""

import os
import signal
import stat
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from analytics_pipeline.domain.business_days import end_of
from analytics_pipeline.model.errors import DirectoryInUse, GateFailed, LocalFailure
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import hold_directory, open_shop
from analytics_pipeline.storage.state import FailedCheck
from analytics_pipeline_tests.tables import make_table

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from analytics_pipeline.shop import hold_directory
with hold_directory(Path(sys.argv[1]), wait=False):
    print("held", flush=True)
    time.sleep(60)
"""

FAILED = [FailedCheck("matches_schema", "why", "")]


@pytest.fixture
def shop(tmp_path):
    return open_local_shop(tmp_path)


def open_local_shop(folder, now="2026-06-21T12:00:00+00:00", **settings):
    ours = load_settings(
        data_dir=folder, **{"start_date": date(2026, 6, 18), **settings}
    )
    return open_shop(ours, lambda: datetime.fromisoformat(now))


# Days ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "today"),
    [
        ("2026-06-21T03:59:59+00:00", date(2026, 6, 20)),
        ("2026-06-21T04:00:00+00:00", date(2026, 6, 21)),
        ("2026-03-08T04:59:59+00:00", date(2026, 3, 7)),
        ("2026-03-09T03:59:59+00:00", date(2026, 3, 8)),
    ],
)
def test_today_is_the_day_that_it_is_in_the_store_rule_1_2(tmp_path, now, today):
    shop = open_local_shop(tmp_path, now)

    assert shop.today == today
    assert (shop.today - shop.yesterday).days == 1


def test_the_days_run_from_the_start_date_to_the_last_one(shop):
    days = ["2026-06-18", "2026-06-19", "2026-06-20"]

    assert shop.days_until(date(2026, 6, 20)) == days
    assert shop.days_until(date(2026, 6, 18)) == days[:1]
    assert shop.days_until(date(2026, 6, 17)) == []


def store_outlets(shop, *zones):
    rows = [{"outlet_id": zone, "time_zone": zone} for zone in zones]
    shop.warehouse.write("outlets", Outlets, make_table(Outlets, rows))


@pytest.mark.parametrize(
    ("zones", "ended"),
    [
        pytest.param((), "2026-06-21T04:00:00+00:00", id="the store alone"),
        pytest.param(
            ("America/Los_Angeles",), "2026-06-21T07:00:00+00:00", id="west of it"
        ),
        pytest.param(("Asia/Tokyo",), "2026-06-21T04:00:00+00:00", id="east of it"),
        pytest.param(
            ("Asia/Tokyo", "Pacific/Honolulu", "UTC"),
            "2026-06-21T10:00:00+00:00",
            id="around the world",
        ),
    ],
)
def test_a_day_has_ended_when_it_has_in_every_outlets_zone_rule_1_2(shop, zones, ended):
    store_outlets(shop, *zones)

    assert end_of(date(2026, 6, 20), shop.zones()) == datetime.fromisoformat(ended)


def test_before_the_outlets_are_known_the_store_zone_decides(shop):
    ended = datetime(2026, 6, 21, 4, tzinfo=UTC)

    assert end_of(date(2026, 6, 20), shop.zones()) == ended


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        pytest.param(date(2026, 3, 7), 5, id="winter"),
        pytest.param(date(2026, 3, 8), 4, id="a day of 23 hours"),
        pytest.param(date(2026, 11, 1), 5, id="a day of 25 hours"),
    ],
)
def test_the_end_of_a_day_knows_about_dst_rule_1_2(shop, day, hour):
    ended = end_of(day, shop.zones()).astimezone(UTC)

    assert (ended.hour, ended.minute, (ended.date() - day).days) == (hour, 0, 1)


# Tables --------------------------------------------------------------------------


def store_days(shop, *days):
    for day in days:
        rows = [{"sale_id": day, "business_date": day, "sale_date": f"{day} 12:00"}]
        shop.warehouse.write("raw_sales", RawSales, make_table(RawSales, rows), day)


def test_the_sales_up_to_a_day_are_those_of_every_day_up_to_it(shop):
    store_days(shop, "2026-06-18", "2026-06-19", "2026-06-20")

    sales = shop.engine.to_pandas(shop.sales_until(date(2026, 6, 19)))

    assert sorted(sales["sale_id"]) == ["2026-06-18", "2026-06-19"]


def test_a_missing_day_is_a_local_failure_that_names_it(shop):
    store_days(shop, "2026-06-18", "2026-06-20")

    with pytest.raises(LocalFailure, match="lacks days: 2026-06-19"):
        shop.sales_until(date(2026, 6, 20))


def test_a_day_that_failed_its_gate_is_not_built_on(shop):
    store_days(shop, "2026-06-18", "2026-06-19")
    shop.warehouse.remember_failure("raw_sales", "2026-06-19", FAILED)

    with pytest.raises(GateFailed, match=r"raw_sales of 2026-06-19.*matches_schema"):
        shop.sales_until(date(2026, 6, 19))
    assert shop.sales_until(date(2026, 6, 18)) is not None


def test_a_table_that_failed_its_gate_is_not_loaded_until_it_passes(shop):
    store_outlets(shop, "UTC")
    shop.warehouse.remember_failure("outlets", None, FAILED)
    with pytest.raises(GateFailed, match="last attempt at outlets failed its gate"):
        shop.load("outlets", Outlets)

    shop.warehouse.forget_failure("outlets", None)

    assert len(shop.load("outlets", Outlets)) == 1


# The hash key --------------------------------------------------------------------


def test_the_identity_key_is_made_once_for_its_owner_only_rule_3_1(tmp_path):
    shop = open_local_shop(tmp_path / "data")
    first = shop.contact_keys("US")
    path = tmp_path / "data" / ".identity_key"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key, seal = path.read_text(encoding="ascii").splitlines()
    assert len(bytes.fromhex(key)) == 32
    assert seal.startswith("#sha256:")
    again = open_local_shop(tmp_path / "data").contact_keys("US")
    assert again.of_email("ada@example.com") == first.of_email("ada@example.com")


def test_another_shop_has_another_key_rule_3_1(tmp_path):
    hashes = {
        open_local_shop(tmp_path / name).contact_keys("US").of_email("ada@example.com")
        for name in ("one", "two")
    }

    assert len(hashes) == 2


def test_the_configured_phone_region_goes_before_the_stores_country_rule_3_2(tmp_path):
    (tmp_path / "analytics.toml").write_text('phone_region = "GB"', encoding="utf-8")

    assert open_local_shop(tmp_path).contact_keys("US").region == "GB"
    assert open_local_shop(tmp_path / "other").contact_keys("US").region == "US"


@pytest.mark.parametrize(
    ("country", "region"), [("UK", "GB"), ("EL", "GR"), ("NZ", "NZ"), ("ZZ", None)]
)
def test_a_country_is_read_as_the_region_that_phone_numbers_know_rule_3_2(
    tmp_path, country, region
):
    assert open_local_shop(tmp_path).contact_keys(country).region == region


@pytest.mark.parametrize("content", ["", "\n", "not hex\n", "ab\n"])
def test_a_damaged_identity_key_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / ".identity_key"
    path.write_text(content, encoding="ascii")

    with pytest.raises(LocalFailure, match="identity_key"):
        open_local_shop(tmp_path).contact_keys("US")
    assert path.read_text(encoding="ascii") == content


# One run at a time ---------------------------------------------------------------


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "data")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_refused_then_waits_and_outlives_a_killed_one(tmp_path, holder):
    data = tmp_path / "data"
    with (
        pytest.raises(DirectoryInUse, match="Another run is using") as failure,
        hold_directory(data, wait=False),
    ):
        pass
    assert failure.value.exit_code == 4

    held = threading.Event()

    def wait_for_it():
        with hold_directory(data, wait=True):
            held.set()

    waiting = threading.Thread(target=wait_for_it, daemon=True)
    waiting.start()
    assert not held.wait(0.3)

    os.kill(holder.pid, signal.SIGKILL)
    assert held.wait(10)
    waiting.join(10)
    with hold_directory(data, wait=False):
        pass


def test_a_run_may_hold_its_own_directory_again(tmp_path):
    with hold_directory(tmp_path, wait=False), hold_directory(tmp_path, wait=True):
        pass
    with hold_directory(tmp_path, wait=False):
        pass


def test_a_failed_run_lets_go(tmp_path):
    with pytest.raises(KeyError), hold_directory(tmp_path, wait=False):
        raise KeyError
    with hold_directory(tmp_path, wait=False):
        pass


def test_a_held_directory_is_for_its_owner_only(tmp_path):
    with hold_directory(tmp_path / "data", wait=False):
        modes = [tmp_path / "data", tmp_path / "data" / ".lock"]
        assert [stat.S_IMODE(each.stat().st_mode) for each in modes] == [0o700, 0o600]


def test_a_directory_that_cannot_be_made_is_a_local_failure(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    with (
        pytest.raises(LocalFailure, match="cannot be written"),
        hold_directory(tmp_path / "file" / "data", wait=False),
    ):
        pass
