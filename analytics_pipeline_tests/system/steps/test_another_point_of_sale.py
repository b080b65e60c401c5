"""Another point of sale needs its own module, and nothing of the pipeline changes.

``CornerTill`` is invented: its tickets are in Python, under names of its own.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline.assets.products import current_products
from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.currency import Currencies
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import (
    Customers,
    Outlets,
    Products,
    SalesFeed,
)
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.sources.protocol import (
    Feed,
    Page,
    PointOfSale,
    ReadRows,
    StoreDetails,
    StoreOutlets,
)
from analytics_pipeline_tests.tables import make_table

FIRST, NEXT = date(2026, 6, 19), date(2026, 6, 20)
Cells = dict[str, Any]


@dataclass
class CornerSearch:
    tickets: list[Cells]
    windows: int = 1
    unseen: int = 0

    def pages(self, date_from: datetime, date_to: datetime) -> Iterator[list[Cells]]:
        yield [each for each in self.tickets if date_from <= each["at"] <= date_to]


@dataclass
class CornerTill:
    """A point of sale with tickets and cards, each with a growing revision ``rev``."""

    now: datetime
    tickets: list[Cells]
    cards: list[Cells]
    labels: list[Cells] = field(default_factory=list)
    requests: int = 0

    @property
    def server_now(self) -> datetime:
        return self.now

    def store(self) -> StoreDetails:
        self.requests += 1
        return StoreDetails("corner", "America/New_York", "US", "USD")

    def outlets(self, store: StoreDetails) -> StoreOutlets:
        self.requests += 1
        row = {
            "outlet_id": "corner-1",
            "time_zone": store.time_zone,
            "register_count": 1,
            "store_time_zone": store.time_zone,
            "store_country": store.country,
        }
        return StoreOutlets(make_table(Outlets, [row]), Currencies(store.currency, {}))

    def pages(self, feed: Feed, after: int) -> Iterator[Page]:
        self.requests += 1
        kinds = {"sales": self.tickets, "customers": self.cards}
        every = kinds.get(feed, self.labels)
        new = sorted((r for r in every if r["rev"] > after), key=lambda r: r["rev"])
        if new:
            yield Page(new, new[-1]["rev"], 1, self.now, new[-1]["rev"])

    def sale(self, sale_id: str) -> Cells | None:
        self.requests += 1
        return next((t for t in self.tickets if t["ticket"] == sale_id), None)

    def customer(self, customer_id: str) -> Cells | None:
        self.requests += 1
        return next((c for c in self.cards if c["card"] == customer_id), None)

    def customer_groups(self, wanted: Set[str]) -> Mapping[str, str]:
        return dict.fromkeys(wanted, "Regulars")

    def search_sales(self) -> "CornerSearch":
        return CornerSearch(self.tickets)

    def sales_rows(
        self, records: Iterable[Cells], *, segment: int, page: int, highest_version: int
    ) -> ReadRows:
        records = list(records)
        rows = [
            {
                "sale_id": ticket["ticket"],
                "version": ticket["rev"],
                "segment": segment,
                "sale_date": ticket["at"],
                "outlet_id": "corner-1",
                "customer_id": ticket["card"],
                "state": "voided" if ticket["torn"] else "closed",
                "total_incl_cents": ticket["cents"],
                "total_excl_cents": ticket["cents"],
                "paid_cents": ticket["cents"],
                "sold_line_count": 1,
            }
            for ticket in records
            if ticket["cents"] is not None
        ]
        away = [
            Rejection("sales_feed", "total_is_given", t["ticket"], t["rev"], f"{page}")
            for t in records
            if t["cents"] is None
        ]
        return make_table(SalesFeed, rows), away

    def customers_rows(
        self,
        records: Iterable[Cells],
        keys: ContactKeys,
        policy: Policy,
        *,
        page: int,
        highest_version: int,
    ) -> ReadRows:
        rows = [
            {
                "customer_id": card["card"],
                "version": card["rev"],
                "name": card["holder"],
                "email": card["mail"],
                "email_key": keys.of_email(card["mail"]),
                "created_at": datetime(2026, 1, 1, tzinfo=UTC),
                "is_walk_in": card["card"] == policy.walk_in_customer_id,
            }
            for card in records
        ]
        return make_table(Customers, rows), []

    def products_rows(
        self, records: Iterable[Cells], *, segment: int, page: int, highest_version: int
    ) -> ReadRows:
        rows = [
            {
                "product_id": label["label"],
                "version": label["rev"],
                "segment": segment,
                "name": label["says"],
                "family_id": label["label"],
                "is_active": True,
            }
            for label in records
        ]
        return make_table(Products, rows), []


def ticket(
    name: str, rev: int, cents: int | None, card: str | None, day: date = FIRST
) -> Cells:
    noon = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
    cells: Cells = {"ticket": name, "rev": rev, "cents": cents, "card": card}
    return cells | {"at": noon, "torn": False}


def card(name: str, rev: int, holder: str, mail: str) -> Cells:
    return {"card": name, "rev": rev, "holder": holder, "mail": mail}


@dataclass
class Resource:
    """Takes the place of Lightspeed among the resources of a run."""

    till: CornerTill

    @contextmanager
    def open(self) -> Iterator[PointOfSale]:
        yield self.till

    @contextmanager
    def open_web_shop(self) -> Iterator[None]:
        yield None


@pytest.fixture
def till() -> CornerTill:
    return CornerTill(
        datetime(2026, 6, 20, 6, tzinfo=UTC),
        [
            ticket("t1", 1, 5_000, "c1"),
            ticket("t2", 2, 2_500, "c1"),
            ticket("t3", 3, 700, "c2"),
            ticket("t4", 4, 900, None),
            ticket("t5", 5, None, "c2"),
        ],
        [
            card("c1", 6, "Ada Example", "ada@example.com"),
            card("c2", 7, "Bob Example", "bob@example.com"),
            card("c3", 8, "A. Example", "Ada@example.com"),
        ],
    )


def update(
    settings: Settings, till: CornerTill, day: date
) -> dg.ExecuteInProcessResult:
    """Run the nightly job for *day*, with the till in place of Lightspeed."""
    job = build_definitions(settings, clock=lambda: till.now).resolve_job_def(
        "daily_update"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            partition_key=day.isoformat(),
            resources={"lightspeed": Resource(till)},
        )


def master(data: Path) -> dict[str, tuple[str, str, str]]:
    """Return order count, lifetime value and note of the published master, by name."""
    path = data / "customer_analytics_master.csv"
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return {
            row["Name"]: (row["Order Count"], row["Lifetime Value"], row["Note"])
            for row in csv.DictReader(stream)
        }


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Return the results by table and check."""
    return {
        f"{each.asset_key.to_user_string()}.{each.check_name}": each
        for each in result.get_asset_check_evaluations()
    }


@pytest.mark.nightly
def test_the_nights_of_another_point_of_sale_end_in_its_master(
    tmp_path: Path, till: CornerTill
) -> None:
    settings = load_settings(data_dir=tmp_path, start_date=FIRST)

    first = checks(update(settings, till, FIRST))

    assert not first["sales_feed.rows_are_sound"].passed  # the ticket without an amount
    assert first["sale_lines.products_are_known"].passed  # where none are listed
    assert current_products(open_shop(settings)).empty
    merged = "Merged 1 duplicate records"
    assert master(tmp_path) == {
        "Ada Example": ("2", "75.00", merged),
        "Bob Example": ("1", "7.00", ""),
    }

    # Overnight one ticket is torn up, the one without an amount gets it, and one is
    # new.  Another one has so old a revision that the feed does not show it.
    till.now += timedelta(days=1)
    till.tickets[1] |= {"rev": 9, "torn": True}
    till.tickets[4] |= {"rev": 10, "cents": 1_150}
    till.tickets.append(ticket("t6", 11, 3_000, "c1", NEXT))
    till.labels.append({"label": "p1", "rev": 12, "says": "Oak tray"})
    till.tickets.append(ticket("t0", 3, 4_200, "c2"))

    second = checks(update(settings, till, NEXT))

    assert second["sales_feed.rows_are_sound"].passed
    assert list(current_products(open_shop(settings))["name"]) == ["Oak tray"]
    assert second["sales_feed.agrees_with_search"].metadata["repaired"].value == 1
    assert second["customer_changes.changes_add_up"].passed
    assert master(tmp_path) == {
        "Ada Example": ("2", "80.00", merged),
        "Bob Example": ("3", "60.50", ""),
    }
