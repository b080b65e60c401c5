"""What a person sees who tries the quarantine again, or meets the request limit."""

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app as command_line
from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline.sources.lightspeed import replies as allowance
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    TOKEN,
    SimulatedShop,
)

MASTER, _ = PUBLISHED


def type_in(shop: SimulatedShop, *words: object) -> Result:
    environment = shop.settings.as_environment()
    return CliRunner().invoke(
        command_line, [str(word) for word in words], env=environment
    )


@pytest.fixture
def lived(updated_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shop whose yesterday is FIRST_DAY, so that commands without a day work."""
    monkeypatch.setattr(
        "analytics_pipeline.shop.Shop.yesterday", property(lambda _shop: FIRST_DAY)
    )
    return updated_shop


def test_without_quarantine_nothing_is_asked(lived: SimulatedShop) -> None:
    result = type_in(lived, "replay")

    assert result.exit_code == 0
    assert result.stdout == "Nothing is in quarantine.\n"
    assert lived.simulator.stats()["total"] == 0


@pytest.mark.nightly
def test_what_is_good_now_is_published(lived: SimulatedShop) -> None:
    sales = [s for s in lived.store.state.sales.values() if s.total_price_incl > 1][-3:]
    totals = [sale.total_price_incl for sale in sales]
    newest = max(sale.version for sale in lived.store.state.sales.values())
    for count, sale in enumerate(sales, start=1):
        sale.total_price_incl, sale.version = None, newest + count
    run_light(lived.settings, FIRST_DAY)
    for sale, total in zip(sales[:2], totals, strict=False):
        sale.total_price_incl = total

    # A server that starts again has not kept how it wrote a version before.
    app = build_app(lived.store, token=TOKEN, rate_limit=1_000_000)
    with serve(app) as origin:
        settings = lived.settings.model_copy(update={"api_url": origin})
        result = type_in(replace(lived, settings=settings), "replay")

    assert result.exit_code == 0, result.output
    assert "3 tried again, 2 good now, 1 in quarantine" in result.stdout
    assert "in quarantine" in result.stdout
    assert "1 record in quarantine is out of every figure" in result.stderr
    listed = (lived.data / "quarantine/sales_feed/records.csv").read_text()
    assert sales[2].id in listed
    assert sales[0].id not in listed
    del lived.store.state.sales[sales[2].id]
    assert expected_master(lived.store.state, FIRST_DAY) == lived.rows(MASTER)


@pytest.mark.nightly
def test_a_run_that_meets_the_limit_says_that_it_waits_and_finishes(
    lived: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "WINDOW_SECONDS", 0.35)
    limited = build_app(
        lived.store,
        token=TOKEN,
        rate_limit=4,
        quirks=Quirks(rate_window_seconds=0.3),
    )
    with serve(limited) as origin:
        settings = lived.settings.model_copy(update={"api_url": origin})
        shop = replace(lived, settings=settings)
        result = type_in(shop, "update", "--as-of", FIRST_DAY, "--json")

    assert result.exit_code == 0, result.output
    values = [each for each in result.stderr.splitlines() if "asks to wait" in each]
    assert values[0] == "Lightspeed asks to wait 1 s: its request limit is used up"
    waits = json.loads(result.stdout)["waits"]["its request limit is used up"]["times"]
    assert waits >= 1  # how many more depends on how fast this machine is
    assert len(values) == waits.bit_length(), "the first, second, fourth, eighth …"
    assert set(limited.state.simulator.stats()["statuses"]) == {"200"}
