"""Tests for analytics_pipeline.assets.raw_sales: which days are compared with which."""

import shutil
from datetime import date, timedelta
from functools import cache

import dagster as dg
import pandas as pd
import pytest

from analytics_pipeline.assets.raw_sales import CHECKS, DayAnomalies
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.state import Acceptance
from analytics_pipeline_tests.light_run import evidence_of, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY
from analytics_pipeline_tests.tables import make_table

AT_NIGHT = pytest.mark.nightly

DAY = date(2026, 6, 16)  # a Tuesday without any holiday in its week
START = DAY - timedelta(days=84)
COMPLETE = {"is_whole": True, "is_provisional": False}
PROVISIONAL = {"is_whole": True, "is_provisional": True}
HALF_READ = {"is_whole": False, "is_provisional": False}
ORDINARY = 20


def sales(day, orders=ORDINARY, cents=4000, outlet="o"):
    """A day's orders at noon, each a cent dearer than the one before."""
    rows = orders_like(orders, cents, outlet)
    midnight = pd.Timestamp(day)
    return rows.assign(
        sale_id=f"{day}-" + rows["sale_id"],
        business_date=midnight,
        sale_date=midnight.tz_localize("UTC") + pd.Timedelta(hours=16),
    ).astype(rows.dtypes)


@cache
def orders_like(orders, cents, outlet):
    """The orders of some day, made once: to make a table takes long."""
    return make_table(
        RawSales,
        [
            {"sale_id": f"{outlet}-{n}", "total_incl_cents": cents + n}
            for n in range(orders)
        ],
        business_date="2026-01-01",
        sale_date="2026-01-01 16:00",
        time_zone="America/New_York",
        outlet_id=outlet,
        is_completed=True,
        is_order=True,
        version=1,
    )


def last(days, until=DAY):
    """The *days* days before *until*, earliest first."""
    return [until - timedelta(days=n) for n in range(days, 0, -1)]


class PaperShop:
    """A shop with stored days, and what a run that cuts some of them finds."""

    def __init__(self, folder, start=START, **outlet):
        self.folder, self.start = folder, start
        outlets = [{"outlet_id": "o", "store_country": "US"} | outlet]
        self.shop.warehouse.write("outlets", Outlets, make_table(Outlets, outlets))

    @property
    def shop(self):
        return open_shop(load_settings(data_dir=self.folder, start_date=self.start))

    def accept(self, day, table="raw_sales", check="prices_are_usual"):
        """Let a person accept what failed on *day*."""
        self.shop.warehouse.acceptances.add(
            Acceptance(table, check, str(day), "fingerprint", "New prices", "now")
        )

    def store(self, days, **sold):
        warehouse = self.shop.warehouse
        for day in days:
            warehouse.write("raw_sales", RawSales, sales(day, **sold), str(day))

    def cut(self, tables, caught_up=COMPLETE):
        """Check the days of *tables*, cut in one run; the results of each by name."""
        days = [str(day) for day in tables]
        anomalies = DayAnomalies(self.shop, self.shop.load("outlets", Outlets), days)
        anomalies.learn(days, pd.concat(tables.values(), ignore_index=True))
        return {
            day: {
                each.check: each
                for each in anomalies.evaluate(str(day), rows, **caught_up)
            }
            for day, rows in tables.items()
        }

    def evaluate(self, day=DAY, caught_up=COMPLETE, **sold):
        return self.cut({day: sales(day, **sold)}, caught_up)[day]


@pytest.fixture(scope="module")
def seventy_days(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seventy")
    PaperShop(folder).store(last(70))
    return folder


@pytest.fixture
def paper(seventy_days, tmp_path):
    shutil.copytree(seventy_days, tmp_path, dirs_exist_ok=True)
    return PaperShop(tmp_path)


@pytest.mark.nightly
def test_a_day_is_compared_with_the_stored_ones(paper):
    found = paper.evaluate(orders=4)

    assert set(found) == set(CHECKS)
    assert not found["volume_is_usual"].passed
    assert found["volume_is_usual"].sentence == "4 orders; a normal Tuesday has 20."
    assert all(each.passed for each in paper.evaluate().values())


def test_prices_a_hundred_times_as_large_stop_the_day(paper):
    assert paper.evaluate(cents=400_000)["prices_are_usual"].blocks
    assert not paper.evaluate(cents=12_000)["prices_are_usual"].blocks


def test_repeated_sales_of_the_day_are_reported(paper):
    twice = sales(DAY).assign(total_incl_cents=1000)

    assert not paper.cut({DAY: twice})[DAY]["sales_stand_once"].passed


def test_a_day_that_still_goes_on_is_not_checked(paper):
    found = paper.evaluate(orders=0, caught_up=PROVISIONAL)

    assert {each.sentence for each in found.values()} == {"The day is not over."}
    assert all(each.passed for each in found.values())
    assert set(found) == set(CHECKS)


def test_of_a_day_that_was_not_read_to_its_end_nothing_is_said(paper):
    assert paper.evaluate(orders=0, caught_up=HALF_READ) == {}


def test_days_that_the_run_cuts_are_known_by_the_rows_just_cut(paper):
    """They were stored when half of their sales were not there yet."""
    cut = {day: sales(day, orders=60) for day in last(35)} | {DAY: sales(DAY, 20)}

    assert paper.evaluate(orders=20)["volume_is_usual"].passed
    found = paper.cut(cut)[DAY]["volume_is_usual"]
    assert found.sentence == "20 orders; a normal Tuesday has 60."


def test_a_first_run_compares_its_days_with_each_other(tmp_path):
    cut = {day: sales(day) for day in last(70)} | {DAY: sales(DAY, orders=4)}

    found = PaperShop(tmp_path).cut(cut)

    assert not found[DAY]["volume_is_usual"].passed
    assert all(each.passed for day in last(70) for each in found[day].values())


@pytest.mark.nightly
def test_days_cut_in_one_pass_are_known_to_the_next(paper):
    days = [*map(str, last(70)), str(DAY)]
    anomalies = DayAnomalies(paper.shop, paper.shop.load("outlets", Outlets), days)
    for day in last(70):
        anomalies.learn([str(day)], sales(day, orders=60))
    anomalies.learn([str(DAY)], sales(DAY))

    volume, *_ = anomalies.evaluate(str(DAY), sales(DAY), **COMPLETE)

    assert volume.sentence == "20 orders; a normal Tuesday has 60."


def test_only_the_last_fourteen_days_of_a_run_are_checked(tmp_path):
    cut = {day: sales(day) for day in [*last(30), DAY]}

    checked = [day for day, found in PaperShop(tmp_path).cut(cut).items() if found]

    assert checked == [*last(13), DAY]


def test_a_late_day_is_compared_with_those_before_it_only(paper):
    late = DAY - timedelta(days=7)
    paper.store([DAY - timedelta(days=n) for n in range(1, 7)], orders=90)

    found = paper.cut({late: sales(late, orders=4), DAY: sales(DAY)})[late]

    assert found["volume_is_usual"].sentence == "4 orders; a normal Tuesday has 20."


def test_stored_days_are_read_at_once_and_only_the_recent_ones(paper, monkeypatch):
    opened = []

    def open_sales(shop, days):
        opened.append(len(days))
        return real(shop, days)

    real = Shop.open_sales
    monkeypatch.setattr(Shop, "open_sales", open_sales)
    paper.store(last(14, START + timedelta(days=14)))
    paper.cut({day: sales(day) for day in [*last(3), DAY]})

    assert opened == [80]  # 13 days checked beside the last, 70 before, less 3 cut


# Days like no other ---------------------------------------------------------------

JULY_3 = date(2026, 7, 3)  # the Friday on which the 4th is kept


def on_july_3(folder, text="", **outlet):
    (folder / "analytics.toml").write_text(text, encoding="utf-8")
    paper = PaperShop(folder, **outlet)
    paper.store(last(70, JULY_3))
    return paper.evaluate(JULY_3, orders=0)["volume_is_usual"]


def test_a_public_holiday_of_the_stores_country_is_no_drop(tmp_path):
    found = on_july_3(tmp_path)

    assert found.passed
    assert "a public holiday (Independence Day" in found.sentence


@pytest.mark.parametrize(
    "country", ["GB", *(pytest.param(each, marks=AT_NIGHT) for each in ("ZZ", None))]
)
def test_elsewhere_it_is_a_day_like_any_other(tmp_path, country):
    assert not on_july_3(tmp_path, store_country=country).passed


@pytest.mark.nightly
def test_a_day_on_which_the_shop_was_closed_is_no_drop(tmp_path):
    text = "[usual]\nclosed_days = [2026-07-03]\n"

    found = on_july_3(tmp_path, text, store_country="GB")

    assert found.passed
    assert "one of closed_days" in found.sentence


@pytest.mark.nightly
def test_holidays_of_the_year_before_are_known(tmp_path):
    day = date(2026, 1, 8)
    paper = PaperShop(tmp_path, start=date(2025, 10, 1))
    paper.store(last(70, day))
    for holiday in (date(2025, 12, 25), date(2026, 1, 1)):
        paper.store([holiday], orders=0)

    known = paper.evaluate(day)["volume_is_usual"].evidence["known"]

    assert known == 7  # ten Thursdays less Thanksgiving, Christmas and New Year


# Outlets and the first day --------------------------------------------------------


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("is_deleted", "passed"),
    [pytest.param(False, False, marks=AT_NIGHT), (True, True)],
)
def test_an_outlet_that_was_closed_for_good_is_missed_no_more(
    tmp_path, is_deleted, passed
):
    paper = PaperShop(tmp_path, is_deleted=is_deleted)
    for day in last(70):
        both = [sales(day, 9), sales(day, 99, outlet="p"), sales(day, 99, outlet="q")]
        paper.shop.warehouse.write("raw_sales", RawSales, pd.concat(both), str(day))
    rest = pd.concat([sales(DAY, 99, outlet="p"), sales(DAY, 99, outlet="q")])

    found = paper.cut({DAY: rest})[DAY]["volume_is_usual"]

    assert found.passed is passed
    assert found.evidence["outlets"] == ("" if passed else "o")


def test_sales_from_before_the_first_day_are_history_by_their_true_days(tmp_path):
    paper = PaperShop(tmp_path, start=DAY - timedelta(days=7))
    earlier = [sales(day) for day in last(63, DAY - timedelta(days=7))]
    first = str(DAY - timedelta(days=7))
    rows = pd.concat([*earlier, sales(first)], ignore_index=True)

    cut = paper.cut({DAY - timedelta(days=7): rows, DAY: sales(DAY, orders=4)})
    paper.shop.warehouse.write("raw_sales", RawSales, rows, first)

    assert not cut[DAY]["volume_is_usual"].passed
    assert cut[DAY - timedelta(days=7)]["sales_stand_once"].evidence["sales"] == 20
    assert not paper.evaluate(orders=4)["volume_is_usual"].passed


@pytest.mark.nightly
def test_stored_days_without_sales_are_known_to_be_so(tmp_path):
    paper = PaperShop(tmp_path, store_country="ZZ")
    for day in last(70):
        paper.store([day], orders=3 * (day.weekday() < 6))

    found = paper.evaluate(orders=3)["volume_is_usual"]

    assert found.sentence.endswith("in the week up to this day; a normal week has 18.")
    assert found.evidence["known"] == 8


@pytest.mark.nightly
def test_days_without_sales_before_the_first_day_are_known_to_be_so(tmp_path):
    first = DAY - timedelta(days=7)
    paper = PaperShop(tmp_path, start=first)
    days = [*last(63, first), first]
    rows = pd.concat(
        [sales(day, 3 * (day.weekday() < 6)) for day in days], ignore_index=True
    )
    rest = {day: sales(day, 3 * (day.weekday() < 6)) for day in [*last(6), DAY]}

    found = paper.cut({first: rows} | rest)[DAY]["volume_is_usual"]

    assert found.sentence.endswith("in the week up to this day; a normal week has 18.")


def test_days_that_are_neither_stored_nor_cut_are_no_history(tmp_path):
    paper = PaperShop(tmp_path)
    paper.store([DAY - timedelta(days=n) for n in (7, 14, 21, 22)])

    found = paper.evaluate(orders=0)["volume_is_usual"]

    assert found.sentence == "Still learning: 3 of 4 Tuesdays."


# Prices that were refused, and accepted -------------------------------------------


def test_a_refused_day_is_no_history_of_the_next(tmp_path):
    """Else a few nights of failure would make the fault what is usual."""
    paper = PaperShop(tmp_path)
    paper.store(last(14, DAY - timedelta(days=13)))
    wrong = {day: sales(day, cents=400_000) for day in [*last(13), DAY]}

    found = paper.cut(wrong)

    assert all(each["prices_are_usual"].blocks for each in found.values())
    assert found[DAY]["prices_are_usual"].evidence["days_known"] == 14


def test_accepted_prices_are_normal_from_the_next_day(paper):
    day_before = DAY - timedelta(days=1)
    wrong = {day: sales(day, cents=400_000) for day in (day_before, DAY)}
    paper.accept(DAY - timedelta(days=60))
    paper.accept(day_before)
    paper.accept(DAY, check="tax_is_usual")
    paper.accept(DAY, table="customer_analytics")

    found = paper.cut(wrong)

    # Of its own day the gate honours it; the rows of that day are the first usual ones.
    assert found[day_before]["prices_are_usual"].blocks
    assert found[DAY]["prices_are_usual"].passed


# Through a whole run --------------------------------------------------------------


@pytest.mark.nightly
def test_a_whole_run_reports_every_check_of_the_day(updated_shop):
    events = run_light(updated_shop.settings, FIRST_DAY)

    for check in CHECKS:
        assert evidence_of(events, "raw_sales", check)["days"] == 1
    for table, check in [
        ("customers", "contacts_are_valid"),
        ("customer_identities", "placeholders_are_few"),
        ("customer_analytics", "tiers_move_slowly"),
    ]:
        evidence_of(events, table, check)


def test_cents_taken_for_dollars_stop_the_run_and_keep_the_master(updated_shop):
    (updated_shop.data / "analytics.toml").write_text("[usual]\nprices_floor = 1\n")
    before = (updated_shop.data / "customer_analytics_master.csv").read_bytes()
    day = FIRST_DAY + timedelta(days=1)
    updated_shop.live_until(day)
    state = updated_shop.store.state
    for n, sale in enumerate(state.sales.values()):
        if f"{sale.sale_date:%F}" >= f"{day}" and sale.total_price_incl:
            sale.total_price_incl *= 100
            sale.version += 10**6 + n

    with pytest.raises(dg.Failure, match="The median order value is"):
        run_light(updated_shop.settings, day)

    assert (updated_shop.data / "customer_analytics_master.csv").read_bytes() == before
