"""Small stores of all kinds, one a seed, each with the pipeline that reads it.

The seed chooses everything: how many people, how long the store has been open and in
which zone, whether the clocks change meanwhile, the API version and the two bases.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.simulator.export import write_export
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline.simulator.trading_days import Trade
from analytics_pipeline_tests.light_run import (
    UP_TO_PUBLISHING,
    PatientLightspeed,
    run_light,
)
from analytics_pipeline_tests.oracle.cohorts import cohort_differences
from analytics_pipeline_tests.oracle.ledger import (
    expected_first_time_buyers,
    expected_master,
)
from analytics_pipeline_tests.oracle.lines import line_differences
from analytics_pipeline_tests.oracle.places import place_differences
from analytics_pipeline_tests.oracle.products import product_differences
from analytics_pipeline_tests.oracle.terms import Terms
from analytics_pipeline_tests.system.histories.in_process import InProcess

CLOCK_CHANGES: Mapping[str, Sequence[date]] = {
    "America/New_York": (date(2026, 3, 8), date(2025, 11, 2)),
    "Europe/Berlin": (date(2026, 3, 29), date(2025, 10, 26)),
    "America/Santiago": (
        date(2025, 9, 7),
        date(2026, 4, 4),
    ),  # no midnight; 23:00 twice
    "Pacific/Auckland": (date(2025, 9, 28), date(2026, 4, 5)),
}
"""The zones of the stores, and when their clocks change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed chooses."""

    seed: int
    time_zone: str
    opened_on: date
    days: int
    customers: int
    api_version: str
    page_limit: int
    terms: Terms
    mishaps: bool

    @property
    def last_day(self) -> date:
        return self.opened_on + timedelta(days=self.days - 1)


def plan_store(
    seed: int, customers: int | None = None, days: int | None = None
) -> Plan:
    """Choose a store; each odd seed lives through a change of the clocks."""
    rng = Random(f"ledger/{seed}")
    zone = rng.choice(sorted(CLOCK_CHANGES))
    lived = days or rng.choice((9, 16, 24, 40, 97, 130))
    changed = rng.choice(CLOCK_CHANGES[zone])
    before = rng.randint(2, lived - 2) if seed % 2 else rng.randint(lived, 200)
    return Plan(
        seed=seed,
        time_zone=zone,
        opened_on=changed - timedelta(days=before),
        days=lived,
        customers=customers or rng.randint(15, 60),
        api_version=rng.choice(("2.0", "2026-07")),
        page_limit=rng.choice((50, 1000)),
        terms=Terms(
            with_tax=rng.random() < 0.5,
            tiers_by_lifetime=rng.random() < 0.5,
            paid_tolerance=_tolerance(seed),
            gift_cards_when_sold=seed % 4 == 0,
            # So that there is a lapse point in a store of weeks.
            lapse_return_share=Decimal("0.5"),
            lapse_horizon_days=7,
        ),
        mishaps=rng.random() < 0.5,
    )


def _tolerance(seed: int) -> Decimal:
    """Let each third shop round cash; drawing it would change the other choices."""
    return Decimal("0.01") if seed % 3 else Decimal("0.05")


class LivingStore:
    """A simulated store as the transport asks it."""

    def __init__(self, plan: Plan) -> None:
        self._store = Store(
            plan.seed,
            customers=plan.customers,
            opened_on=plan.opened_on,
            time_zone=plan.time_zone,
            trade=Trade(mishaps=plan.mishaps),
        )
        self._zone = ZoneInfo(plan.time_zone)

    @property
    def state(self) -> StoreState:
        return self._store.state

    @property
    def now(self) -> datetime:
        return self._store.state.now

    def live_until(self, day: date) -> None:
        """Live until the late morning after *day*: it is over in every outlet."""
        late = datetime.combine(day + timedelta(days=1), time(11), self._zone)
        if late > self.now:
            self._store.advance_to(late.astimezone(UTC))


OF_GROUPS = ("customer_cohorts", "outlet_analytics", "product_analytics")
"""What is made after the master and says something of several people together."""


class SeededShop:
    """A store, and the data directory of the pipeline that reads it."""

    def __init__(self, plan: Plan, data: Path) -> None:
        self.plan = plan
        self.store = LivingStore(plan)
        self.data = data
        self.settings = _settings(plan, data)
        data.mkdir(parents=True)
        (data / "analytics.toml").write_text(_policy(plan.terms), encoding="utf-8")

    def update(self, day: date) -> list[Any]:
        """Let the store live through *day* and update for it; return the events."""
        self.store.live_until(day)
        write_export(self.store.state, self.data / "ecom_orders_export.csv")
        asked = InProcess(self.store, page_limit=self.plan.page_limit)
        options = {"transport": asked, "now": lambda: self.store.now}
        return run_light(
            self.settings,
            day,
            lightspeed=PatientLightspeed(self.settings, options),
            clock=lambda: self.store.now,
            tables=(*UP_TO_PUBLISHING, *OF_GROUPS),
        )

    def differences(self, day: date) -> list[str]:
        """Name every cell that is not what the store's own ledger expects."""
        state, terms = self.store.state, self.plan.terms
        expected = {
            "customer_analytics_master.csv": expected_master(state, day, terms),
            "first_time_buyers.csv": expected_first_time_buyers(state, day, terms),
        }
        return [
            *(
                f"{name}, {difference}"
                for name, rows in expected.items()
                for difference in _compare(rows, self.rows(name))
            ),
            *line_differences(state, self.data, day, terms),
            *product_differences(state, self.data),
            *cohort_differences(state, self.data, day, terms),
            *place_differences(state, self.data, day, terms),
        ]

    def rows(self, name: str) -> list[dict[str, str]]:
        """Read a published file as a spreadsheet would."""
        with (self.data / name).open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))


def _compare(
    expected: Sequence[Mapping[str, str]], found: Sequence[Mapping[str, str]]
) -> list[str]:
    """Compare row by row and column by column, and neither side may have more."""
    if len(expected) != len(found):
        return [f"{len(expected)} rows expected, {len(found)} found"]
    parts = []
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True), 1):
        if list(ours) != list(theirs):
            parts.append(f"row {number}: the columns are {list(theirs)}")
        parts += [
            f"row {number}, {column}: {cell!r} expected, {theirs.get(column)!r} found"
            for column, cell in ours.items()
            if theirs.get(column) != cell
        ]
    return parts


def _policy(terms: Terms) -> str:
    money = "incl_tax" if terms.with_tax else "excl_tax"
    tier = "lifetime" if terms.tiers_by_lifetime else "rolling_90_days"
    bases = f'money_basis = "{money}"\ntier_basis = "{tier}"\n'
    gifts = "when_sold" if terms.gift_cards_when_sold else "when_redeemed"
    bases += f'gift_cards = "{gifts}"\n'
    bases += f"lapse_return_share = {terms.lapse_return_share}\n"
    bases += f"lapse_horizon_days = {terms.lapse_horizon_days}\n"
    return f"{bases}paid_tolerance = {terms.paid_tolerance}\n"


def _settings(plan: Plan, data: Path) -> Settings:
    return load_settings(
        data_dir=data,
        start_date=plan.opened_on,
        time_zone=plan.time_zone,
        domain_prefix="demo",
        token=SecretStr("seeded"),
        api_url="http://127.0.0.1:9",
        api_version=plan.api_version,
    )
