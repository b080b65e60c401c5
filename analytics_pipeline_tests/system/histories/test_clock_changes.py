"""Sales and web orders around the change of the clocks, through a whole run.

Every moment and its local day are written out by hand, so that no library of time
zones says what another one is measured by.  Of a web order only the wall time is
known (rule 4.2).  A wall time has one date, whichever of two readings is meant, so
``order_date`` never depends on an hour that comes twice, not even where that hour
crosses midnight.
"""

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.simulator.people import Contact
from analytics_pipeline_tests.light_run import UP_TO_PUBLISHING
from analytics_pipeline_tests.system.histories.in_process import Pipeline, open_pipeline
from analytics_pipeline_tests.system.histories.store_by_hand import Basket, StoreByHand
from analytics_pipeline_tests.tables import make_table


@dataclass(frozen=True)
class Change:
    """One change of the clocks: UTC moments, each with the local day there.

    ``missing`` is a wall time that no clock showed, as a web shop may still write it.
    """

    zone: str
    moments: dict[str, str]
    missing: str | None = None

    @property
    def missing_order(self) -> int:
        """The number of the first order of the day with the missing time."""
        assert self.missing is not None
        day = datetime.strptime(f"{self.missing} +0000", "%b %d, %Y %I:%M %p %z").date()
        return list(self.moments.values()).index(day.isoformat())

    @property
    def days(self) -> list[date]:
        return sorted({date.fromisoformat(day) for day in self.moments.values()})


NEW_YORK_SPRING = Change(
    "America/New_York",
    {
        "2026-03-08T04:59:59": "2026-03-07",  # 23:59:59
        "2026-03-08T05:00:00": "2026-03-08",  # 00:00
        "2026-03-08T06:59:59": "2026-03-08",  # 01:59:59
        "2026-03-08T07:00:00": "2026-03-08",  # 03:00, the next second
        "2026-03-09T03:59:59": "2026-03-08",  # 23:59:59 after 23 hours
        "2026-03-09T04:00:00": "2026-03-09",
    },
    missing="Mar 8, 2026 02:30 AM",
)
NEW_YORK_AUTUMN = Change(
    "America/New_York",
    {
        "2026-11-01T03:59:59": "2026-10-31",
        "2026-11-01T04:00:00": "2026-11-01",
        "2026-11-01T05:30:00": "2026-11-01",  # 01:30
        "2026-11-01T06:30:00": "2026-11-01",  # 01:30 again
        "2026-11-02T04:59:59": "2026-11-01",  # 23:59:59 after 25 hours
        "2026-11-02T05:00:00": "2026-11-02",
    },
)
BERLIN_SPRING = Change(
    "Europe/Berlin",
    {
        "2026-03-28T22:59:59": "2026-03-28",
        "2026-03-28T23:00:00": "2026-03-29",
        "2026-03-29T00:59:59": "2026-03-29",  # 01:59:59
        "2026-03-29T01:00:00": "2026-03-29",  # 03:00
        "2026-03-29T21:59:59": "2026-03-29",
        "2026-03-29T22:00:00": "2026-03-30",
    },
    missing="Mar 29, 2026 02:30 AM",
)
BERLIN_AUTUMN = Change(
    "Europe/Berlin",
    {
        "2026-10-24T21:59:59": "2026-10-24",
        "2026-10-24T22:00:00": "2026-10-25",
        "2026-10-25T00:30:00": "2026-10-25",  # 02:30
        "2026-10-25T01:30:00": "2026-10-25",  # 02:30 again
        "2026-10-25T22:59:59": "2026-10-25",
        "2026-10-25T23:00:00": "2026-10-26",
    },
)
SANTIAGO_SPRING = Change(
    "America/Santiago",
    {
        "2026-09-06T03:59:59": "2026-09-05",  # 23:59:59
        "2026-09-06T04:00:00": "2026-09-06",  # 01:00: there is no midnight
        "2026-09-07T02:59:59": "2026-09-06",
        "2026-09-07T03:00:00": "2026-09-07",
    },
    missing="Sep 6, 2026 12:30 AM",
)
SANTIAGO_AUTUMN = Change(
    "America/Santiago",
    {
        "2026-04-05T02:59:59": "2026-04-04",  # 23:59:59
        "2026-04-05T03:00:00": "2026-04-04",  # 23:00 again
        "2026-04-05T03:59:59": "2026-04-04",  # 23:59:59 again
        "2026-04-05T04:00:00": "2026-04-05",
    },
)
BEIRUT_SPRING = Change(
    "Asia/Beirut",
    {
        "2026-03-28T21:59:59": "2026-03-28",
        "2026-03-28T22:00:00": "2026-03-29",  # 01:00: there is no midnight
        "2026-03-29T20:59:59": "2026-03-29",
        "2026-03-29T21:00:00": "2026-03-30",
    },
    missing="Mar 29, 2026 12:15 AM",
)
ST_JOHNS_AUTUMN = Change(
    "America/St_Johns",
    {
        "2010-11-07T02:29:59": "2010-11-06",  # 23:59:59
        "2010-11-07T02:30:30": "2010-11-07",  # 00:00:30, for one minute
        "2010-11-07T02:31:00": "2010-11-06",  # 23:01: the day before, once more
        "2010-11-07T03:29:59": "2010-11-06",
        "2010-11-07T03:30:30": "2010-11-07",  # 00:00:30 again
        "2010-11-08T03:29:59": "2010-11-07",
        "2010-11-08T03:30:00": "2010-11-08",
    },
)
CHANGES = {
    "New York, spring": NEW_YORK_SPRING,
    "New York, autumn": NEW_YORK_AUTUMN,
    "Berlin, spring": BERLIN_SPRING,
    "Berlin, autumn": BERLIN_AUTUMN,
    "Santiago, spring": SANTIAGO_SPRING,
    "Santiago, autumn": SANTIAGO_AUTUMN,
    "Beirut, spring": BEIRUT_SPRING,
    "St. John's, autumn": ST_JOHNS_AUTUMN,
}
DAILY = {"New York, autumn"}
"""The one that a whole run is made of every time: an hour that comes twice; the others
at night, such as an hour at midnight that never comes."""

EACH_CHANGE = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
AMOUNT = Decimal("20.00")


@EACH_CHANGE
def test_a_sale_is_on_the_day_that_clocks_show_there_rule_1_2(change: Change) -> None:
    feed = make_table(
        SalesFeed,
        [
            {"sale_id": moment, "sale_date": f"{moment}+00:00", "outlet_id": "here"}
            for moment in change.moments
        ],
        version=1,
        attributes="",
    )
    zones = make_table(Outlets, [{"outlet_id": "here", "time_zone": change.zone}])

    raw_sales = classify_sales(feed, zones, "Pacific/Auckland", Policy())

    found = raw_sales.set_index("sale_id")["business_date"].dt.date.astype("str")
    assert found.to_dict() == change.moments


@pytest.fixture
def pipeline(change: Change, tmp_path: Path) -> Pipeline:
    """A store with one till sale and one unsynced web order at each moment."""
    first = datetime.combine(change.days[0], datetime.min.time(), UTC)
    store = StoreByHand(first - timedelta(hours=12), change.zone)
    for number, moment in enumerate(change.moments):
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        store.enrol(Contact(f"Till {number}", email=f"till.{number}@example.com"))
        sale = store.sell(Basket(AMOUNT), buyer=len(store.people))
        sale.sale_date = at
        email = f"web.{number}@example.com"
        order = store.order_online(email, ("PAID", "SHIPPED"), AMOUNT, (0, "00:00"))
        order.placed_at = at
    return open_pipeline(store, tmp_path / "data", api_version="2.0")


def live_until(store: StoreByHand, day: date) -> None:
    """Live until *day* is over everywhere."""
    noon = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
    store.step_clock(int((noon - store.now).total_seconds() // 3600) + 18)


def first_order_dates(pipeline: Pipeline, day: date) -> dict[str, str]:
    """Return the day of each person's one order, as published for *day*."""
    master = pd.read_csv(
        pipeline.data / f"archive/customer_analytics_{day}.csv", dtype="str"
    )
    bought = master.dropna(subset=["First Order Date"])
    assert set(bought["Order Count"]) <= {"1"}
    return dict(zip(bought["Email"], bought["First Order Date"], strict=True))


def emails(change: Change, *, until: date) -> dict[str, str]:
    """Return who has ordered by *until*, at the till and online, and on which day."""
    return {
        f"{where}.{number}@example.com": day
        for number, day in enumerate(change.moments.values())
        for where in ("till", "web")
        if date.fromisoformat(day) <= until
    }


def export(pipeline: Pipeline, change: Change) -> None:
    """Export the web shop; one order may show a time that no clock did."""
    pipeline.export()
    path = pipeline.data / "ecom_orders_export.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream, delimiter=";")
    for row in rows if change.missing else ():
        if row[header.index("email")] == f"web.{change.missing_order}@example.com":
            row[header.index("timestamp")] = str(change.missing)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=";").writerows([header, *rows])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            change, id=name, marks=() if name in DAILY else pytest.mark.nightly
        )
        for name, change in CHANGES.items()
    ],
)
def test_a_whole_run_dates_sales_and_web_orders_alike_rules_1_2_and_4_2(
    change: Change, pipeline: Pipeline
) -> None:
    for day in change.days[-2:]:
        live_until(pipeline.store, day)
        export(pipeline, change)
        pipeline.run(day, tables=UP_TO_PUBLISHING)

        assert first_order_dates(pipeline, day) == emails(change, until=day)
        pipeline.compare_with_ledger(day)
    shown = pd.read_parquet(pipeline.data / "warehouse/ecom_orders/ecom_orders.parquet")
    minutes = {
        f"{wall:%b} {wall.day}, {wall:%Y %I:%M %p}" for wall in shown["ordered_at"]
    }
    assert change.missing is None or change.missing in minutes
