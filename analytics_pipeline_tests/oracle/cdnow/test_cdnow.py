"""A public data set of 1997 through the real update, held against plain arithmetic.

``cdnow_sample.csv`` has the customer, day and value of each transaction of the CDNOW
sample that Bruce Hardie and Peter Fader published (brucehardie.com/datasets): 2,357
people who bought first in the first quarter of 1997, followed until 30 June 1998.  The
numbers of customers and transactions, and of those who came back within 39 weeks, are
published ("Counting Your Customers the Easy Way", 2005; "The Gamma-Gamma Model", 2013).
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from analytics_pipeline.settings import load_settings
from analytics_pipeline_tests.light_run import (
    TABLES,
    UP_TO_PUBLISHING,
    PatientLightspeed,
    run_light,
)
from analytics_pipeline_tests.paper_store import PaperStore
from analytics_pipeline_tests.till_payloads import Item, TillSale, as_nested

FILE = Path(__file__).parent / "cdnow_sample.csv"
WEEK_39 = date(1997, 9, 30)
D = date(1998, 6, 30)
START = date(1997, 9, 1)
TODAY = datetime(2026, 9, 30, 12, tzinfo=UTC)
ZONE = "America/New_York"


@dataclass(frozen=True)
class Bought:
    """One transaction of the file."""

    customer: str
    day: date
    value: Decimal


@cache
def transactions() -> tuple[Bought, ...]:
    with FILE.open(newline="", encoding="utf-8") as stream:
        return tuple(
            Bought(
                f"cdnow-{row['customer']}",
                date.fromisoformat(row["date"]),
                Decimal(row["value"]),
            )
            for row in csv.DictReader(stream)
        )


@cache
def by_customer() -> dict[str, list[Bought]]:
    found = defaultdict(list)
    for bought in transactions():
        found[bought.customer].append(bought)
    return found


def at_noon(day: date) -> str:
    return f"{day}T17:00:00+00:00"


def store() -> PaperStore:
    """Serve the transactions as closed sales at one outlet."""
    people = [
        {
            "id": customer,
            "customer_code": customer.upper(),
            "name": f"Customer {customer.rpartition('-')[2]}",
            "created_at": at_noon(min(bought.day for bought in all_of_them)),
            "version": number,
        }
        for number, (customer, all_of_them) in enumerate(by_customer().items(), 1)
    ]
    sales = [
        as_nested(
            TillSale(
                [Item(str(bought.value))],
                paid=[str(bought.value)],
                sale_id=f"sale-{number}",
                version=number,
                date=at_noon(bought.day),
                outlet_id="main",
                customer_id=bought.customer,
            )
        )
        for number, bought in enumerate(transactions(), 1)
    ]
    outlet = {"id": "main", "name": "Main", "time_zone": ZONE, "version": 1}
    till = {"id": "till", "outlet_id": "main", "version": 1}
    feeds: dict[str, Any] = {
        "outlets": [outlet],
        "registers": [till],
        "customers": people,
        "sales": sales,
    }
    return PaperStore({"id": "store", "timezone": ZONE, "country": "US"}, feeds, TODAY)


class Updated:
    """A data directory whose first day is *start*."""

    def __init__(self, data: Path, start: date) -> None:
        data.mkdir(parents=True)
        (data / "analytics.toml").write_text("archive_keep_days = 400\n")
        self.data = data
        self.settings = load_settings(
            data_dir=data,
            start_date=start,
            time_zone=ZONE,
            domain_prefix="demo",
            token=SecretStr("on-paper"),
            api_url="http://127.0.0.1:9",
        )

    def update(self, day: date, tables: tuple[str, ...]) -> "Updated":
        options = {"transport": store(), "now": lambda: TODAY}
        run_light(
            self.settings,
            day,
            days=0,
            tables=tables,
            lightspeed=PatientLightspeed(self.settings, options),
            clock=lambda: TODAY,
        )
        return self

    def rows(self, day: date, name: str = "customer_analytics") -> list[dict[str, str]]:
        path = self.data / f"archive/{name}_{day}.csv"
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    @property
    def days(self) -> list[str]:
        """The days of sales that are kept, in order."""
        kept = (self.data / "warehouse/raw_sales").glob("*.parquet")
        return sorted(path.stem for path in kept)


def money(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal('0.01'), ROUND_HALF_UP)}"


def expected_row(customer: str, day: date) -> dict[str, str]:
    """The figures of one person, from the file alone (rules 5.1 to 5.6)."""
    mine = [bought for bought in by_customer()[customer] if bought.day <= day]
    recent = [b.value for b in mine if b.day > day - timedelta(days=90)]
    value = sum((bought.value for bought in mine), Decimal(0))
    days = sorted(bought.day for bought in mine)
    since = (day - days[-1]).days
    rolling = sum(recent, Decimal(0))
    tiers = {1500: "Evergreen", 750: "Bloom", 250: "Sprout", -1: "Seed"}
    segments = {90: "90d", 60: "60d", 30: "30d", 0: "active"}
    return {
        "Customer ID": customer,
        "Lifetime Value": money(value),
        "Rolling 90-Day Value": money(rolling),
        "Order Count": str(len(mine)),
        "Rolling 90-Day Order Count": str(len(recent)),
        "Average Order Value": money(value / len(mine)),
        "First Order Date": str(days[0]),
        "Last Order Date": str(days[-1]),
        "Days Since Last Order": str(since),
        "Is VIP": "Yes" if value >= 1000 else "No",
        "Is High Value": "Yes" if 500 <= value < 1000 else "No",
        "Inactive Segment": next(segments[n] for n in segments if since >= n),
        "Tier": next(tiers[n] for n in tiers if rolling >= n),
        "eCom Order Count": "0",
        "Retail Order Count": str(len(mine)),
        "Refunded Value": "0.00",
        "Duplicate IDs": "",
    }


def assert_as_expected(rows: list[dict[str, str]], day: date) -> None:
    """Hold every cell of every person against the file, and the sums to the cent."""
    found = {row["Customer ID"]: row for row in rows}
    assert len(found) == len(rows) == len(by_customer())
    for customer in by_customer():
        expected = expected_row(customer, day)
        assert {name: found[customer][name] for name in expected} == expected
    bought = [each.value for each in transactions() if each.day <= day]
    assert sum(Decimal(row["Lifetime Value"]) for row in rows) == sum(bought)
    assert sum(int(row["Order Count"]) for row in rows) == len(bought)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Updated:
    """As of the end of the 39th week, then as of the last day that the file knows.

    What was bought before START is in the first partition.
    """
    updated = Updated(tmp_path_factory.mktemp("cdnow") / "data", START)
    return updated.update(WEEK_39, UP_TO_PUBLISHING).update(D, TABLES)


@pytest.mark.nightly
@pytest.mark.parametrize("day", [WEEK_39, D], ids=str)
def test_every_figure_of_every_person_is_what_the_file_says_rules_5_1_to_5_7(
    published: Updated, day: date
) -> None:
    assert_as_expected(published.rows(day), day)


def test_the_published_facts_of_the_data_set_come_out_rules_2_3_and_2_4(
    published: Updated,
) -> None:
    rows, early = published.rows(D), published.rows(WEEK_39)

    assert len(rows) == 2357
    assert sum(int(row["Order Count"]) for row in rows) == 6919
    assert sum(Decimal(row["Lifetime Value"]) for row in rows) == Decimal("244091.94")
    came_back = [r for r in early if r["First Order Date"] != r["Last Order Date"]]
    assert (len(came_back), len(early) - len(came_back)) == (946, 1411)


def test_first_time_buyers_are_those_of_one_transaction_rule_6(
    published: Updated,
) -> None:
    rows = published.rows(D, "first_time_buyers")
    once = {
        name for name, all_of_them in by_customer().items() if len(all_of_them) == 1
    }

    assert {row["Customer ID"] for row in rows} == once
    days = [int(row["Days Since First Purchase"]) for row in rows]
    assert days == sorted(days)
    assert min(days) >= (D - date(1997, 3, 25)).days


def test_the_report_of_a_day_long_past_is_made(published: Updated) -> None:
    page = (published.data / f"reports/customer_report_{D}.html").read_text()

    assert "June 1998" in page
    assert published.days[0] == str(START)
    assert len(published.days) == (D - START).days + 1


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("start", "first"),
    [
        pytest.param(date(1997, 1, 1), date(1997, 1, 1), id="1997"),
        pytest.param(date(1970, 1, 1), date(1996, 1, 1), id="1970"),
    ],
)
def test_an_earlier_start_date_gives_the_same_figures_rule_1_1(
    published: Updated, tmp_path: Path, start: date, first: date
) -> None:
    updated = Updated(tmp_path / "data", start).update(D, UP_TO_PUBLISHING)

    assert updated.rows(D) == published.rows(D)
    assert updated.days[0] == str(first)
    assert len(updated.days) == (D - first).days + 1
