"""Nothing is published or explained as of a day that was never there."""

import time
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands.explained_day import choose_explained_day
from analytics_pipeline.commands.update import choose_day
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.tables import make_table

MISSING, BEFORE, AFTER = (date(2011, 12, day) for day in (30, 29, 31))


@pytest.fixture
def samoa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop in Samoa, of which nothing is known yet, and no store can be reached."""
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ANALYTICS_TIMEZONE", "Pacific/Apia")
    monkeypatch.setenv("ANALYTICS_START_DATE", "2011-01-01")
    monkeypatch.setenv("LIGHTSPEED_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LIGHTSPEED_DOMAIN_PREFIX", "samoa")
    monkeypatch.setenv("LIGHTSPEED_TOKEN", "a token")
    return open_shop(load_settings())


def type_in(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("command", ["update", "rebuild"])
def test_it_is_refused_before_anything_is_read(samoa: Shop, command: str) -> None:
    began = time.monotonic()

    result = type_in(command, "--as-of", MISSING)

    assert result.exit_code == 2, result.output
    assert f"There was no {MISSING} in Pacific/Apia" in result.stderr
    assert f"--as-of {BEFORE}" in result.stderr
    assert f"--as-of {AFTER}" in result.stderr
    assert not samoa.settings.data_dir.exists()
    assert time.monotonic() - began < 60


def test_it_is_not_explained(samoa: Shop) -> None:
    for day in (BEFORE, MISSING, AFTER):
        rows = make_table(RawSales, [])
        samoa.warehouse.write("raw_sales", RawSales, rows, day.isoformat())

    result = type_in("explain", "ann@example.com", "--as-of", MISSING)

    assert result.exit_code == 2
    assert "There was no 2011-12-30" in result.stderr
    assert choose_explained_day(samoa, BEFORE) == BEFORE


@pytest.mark.parametrize("table", ["sales_feed", "raw_sales"])
def test_a_run_of_the_ui_for_that_day_alone_fails_at_its_first_table(
    samoa: Shop, table: str
) -> None:
    with pytest.raises(dg.Failure) as failed:
        run_light(samoa.settings, MISSING, tables=[table])

    assert failed.value.metadata["exit_code"].value == 2
    assert "There was no 2011-12-30" in str(failed.value.metadata["cause"].value)


@pytest.mark.parametrize("day", [BEFORE, AFTER, date(2011, 9, 24), date(2012, 4, 1)])
def test_the_days_next_to_it_and_those_of_clock_changes_are_taken(
    samoa: Shop, day: date
) -> None:
    assert choose_day(samoa, day) == day


def test_where_an_outlet_had_the_day_it_can_be_asked_for(samoa: Shop) -> None:
    def store(*zones: str) -> None:
        rows = [
            {"outlet_id": f"o{n}", "name": zone, "time_zone": zone}
            for n, zone in enumerate(zones)
        ]
        samoa.warehouse.write("outlets", Outlets, make_table(Outlets, rows))

    store("Pacific/Apia", "Pacific/Fakaofo")
    with pytest.raises(WrongUse):
        samoa.refuse_missing_day(MISSING)
    store("Pacific/Apia", "Pacific/Pago_Pago")
    samoa.refuse_missing_day(MISSING)


def test_without_a_day_the_last_one_that_was_there_is_meant(samoa: Shop) -> None:
    on_new_years_eve = datetime(2011, 12, 30, 20, tzinfo=UTC)
    shop = open_shop(samoa.settings, lambda: on_new_years_eve)

    assert shop.today == AFTER
    assert choose_day(shop, None) == BEFORE
