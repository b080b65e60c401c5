"""Ways around a failed gate: each is refused with the reason until it is fixed.

The sales of a day fail their gate, because amounts arrived a hundred times too large.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.orchestration.home import instance_home
from analytics_pipeline.simulator.records import Sale
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.light_run import SOURCES, run_light
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.test_gates import DOWNSTREAM, MASTER, materialize

DAY = FIRST_DAY + timedelta(days=1)
TALKATIVE = {
    "PYTHONPATH": clock.PYTHON_PATH,
    "PYTHONWARNINGS": "ignore",
    "COLUMNS": "500",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """How a way ended: with which exit code, and what was said."""

    exit_code: int
    words: str


Way = Callable[[SimulatedShop], Tried]


def type_words(*words: str) -> Way:
    """Return a way that is typed at a terminal: another process."""

    def way(shop: SimulatedShop) -> Tried:
        home = {"DAGSTER_HOME": str(instance_home(shop.settings))}
        typed = subprocess.run(
            [sys.executable, "-m", *words],
            env=os.environ | shop.settings.as_environment() | TALKATIVE | home,
            check=False,
            capture_output=True,
            text=True,
        )
        return Tried(typed.returncode, typed.stdout + typed.stderr)

    return way


def click(days: int) -> Way:
    """Return a way that is clicked in the UI: what is below, for the last *days*."""

    def way(shop: SimulatedShop) -> Tried:
        first = DAY - timedelta(days=days - 1)
        last = DAY if days > 1 else None
        result = materialize(shop, DOWNSTREAM[1:], first, last)
        values = [
            str(event.step_failure_data.user_failure_data)
            for event in result.all_events
            if event.is_step_failure
        ]
        return Tried(0 if result.success else 1, " ".join(values))

    return way


UPDATE = ("analytics_pipeline", "update", "--as-of", str(DAY))
BY_DAGSTER = (
    "dagster", "asset", "materialize", "--select", "customer_analytics_master",
    "--partition", str(DAY), "-m", "analytics_pipeline.definitions",
)  # fmt: skip
BELOW_BY_DAGSTER = (*BY_DAGSTER[:4], ",".join(DOWNSTREAM[1:]), *BY_DAGSTER[5:])
REASON = "prices_are_usual"


AT_NIGHT = pytest.mark.nightly  # a process takes seconds to begin


@pytest.fixture
def shop(updated_shop: SimulatedShop) -> Iterator[SimulatedShop]:
    """The store with FIRST_DAY published, whose sales of DAY have failed their gate."""
    shop = updated_shop
    (shop.data / "analytics.toml").write_text("[usual]\nprices_floor = 3\n")
    shop.live_until(DAY)
    multiply(shop, Decimal(100))
    with pytest.raises(dg.Failure, match=f"raw_sales of {DAY} failed its gate"):
        run_light(shop.settings, DAY)
    # Nothing that a day's sales are part of, so the job makes them all the same.
    run_light(shop.settings, DAY, tables=("customer_identities",))
    return shop


def sales_of_the_day(shop: SimulatedShop) -> list[Sale]:
    zone = shop.local.zone
    return [
        sale
        for sale in shop.store.state.sales.values()
        if sale.sale_date.astimezone(zone).date() == DAY
    ]


def multiply(shop: SimulatedShop, share: Decimal) -> None:
    """Multiply every amount of the day by *share*: new versions of its sales."""
    version = max(sale.version for sale in shop.store.state.sales.values())
    for n, sale in enumerate(sales_of_the_day(shop), start=1):
        for line in sale.lines:
            line.total, line.tax_total = line.total * share, line.tax_total * share
        for payment in sale.payments:
            payment.amount *= share
        sale.total_price *= share
        sale.total_tax *= share
        sale.total_price_incl *= share
        sale.version = version + n


def fix(shop: SimulatedShop) -> None:
    """Correct the amounts, and let everything up to the people be made again."""
    multiply(shop, Decimal("0.01"))
    run_light(shop.settings, DAY, tables=(*SOURCES, "raw_sales", "customer_identities"))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("way", "reason"),
    [
        pytest.param(click(1), REASON, id="downstream alone"),
        pytest.param(
            click(5), REASON, id="a backfill of what is below", marks=AT_NIGHT
        ),
        pytest.param(type_words(*UPDATE), REASON, id="another process", marks=AT_NIGHT),
        pytest.param(
            type_words(*UPDATE, "--full"), REASON, id="everything again", marks=AT_NIGHT
        ),
        pytest.param(
            type_words(*BELOW_BY_DAGSTER),
            REASON,
            id="by Dagster's command",
            marks=AT_NIGHT,
        ),
    ],
)
def test_a_way_around_a_failed_gate_is_refused_until_it_is_fixed(
    shop: SimulatedShop, way: Way, reason: str
) -> None:
    published = (shop.data / MASTER).read_bytes()

    refused = way(shop)

    assert refused.exit_code != 0
    assert reason in refused.words
    assert published == (shop.data / MASTER).read_bytes()

    fix(shop)
    done = way(shop)

    assert done.exit_code == 0, done.words
    assert expected_master(shop.store.state, DAY) == shop.rows(MASTER)


@pytest.mark.nightly
def test_the_master_alone_is_refused_where_its_figures_were_never_made(
    shop: SimulatedShop,
) -> None:
    published = (shop.data / MASTER).read_bytes()

    refused = type_words(*BY_DAGSTER)(shop)

    assert refused.exit_code != 0
    assert f"There is no customer_analytics of {DAY} yet" in refused.words
    assert published == (shop.data / MASTER).read_bytes()


@pytest.mark.nightly
def test_the_one_way_through_is_to_accept_what_was_found(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    words = ["--accept", "prices_are_usual", "--reason", "The shop moved to yen"]

    accepted = CliRunner().invoke(app, ["update", "--as-of", str(DAY), *words])

    assert accepted.exit_code == 0, accepted.output
    assert "Accepted (The shop moved to yen)" in accepted.stderr
    assert expected_master(shop.store.state, DAY) == shop.rows(MASTER)
    next_day = DAY + timedelta(days=1)
    shop.live_until(next_day)
    run_light(shop.settings, next_day)
