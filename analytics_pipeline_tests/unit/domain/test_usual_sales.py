"""Tests for analytics_pipeline.domain.anomalies.days: tax, hours, repeated sales."""

from datetime import date, timedelta

import pandas as pd
import pytest

from analytics_pipeline.domain.anomalies.days import (
    DayProfile,
    check_hours,
    check_repeats,
    check_tax,
    profile_days,
)
from analytics_pipeline.model.policy import AnomalyLimits
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline_tests.tables import make_table

DAY = date(2026, 6, 23)


def series(profile, days=28):
    return {DAY - timedelta(days=n): profile for n in range(1, days + 1)}


# Tax ------------------------------------------------------------------------------


def taxed(count, of):
    return DayProfile(valued_sales=of, taxed_sales=count)


def tax(now, days=28, anomaly_limits=(20, 20), **choices):
    before = series(taxed(*anomaly_limits), days)
    return check_tax(DAY, before | {DAY: taxed(*now)}, AnomalyLimits(**choices))


def test_a_day_without_tax_is_reported():
    found = tax((0, 10))

    assert not found.passed
    assert not found.blocks
    assert found.sentence == "0 of 10 sales hold tax; usually 100% do."


@pytest.mark.parametrize(("share", "passed"), [(9, False), (10, True), (20, True)])
def test_less_than_half_of_the_normal_share_is_reported(share, passed):
    assert tax((share, 20)).passed is passed


@pytest.mark.parametrize(("anomaly_limits", "passed"), [(9, True), (10, False)])
def test_shops_with_hardly_any_tax_get_no_warning(anomaly_limits, passed):
    assert tax((0, 20), anomaly_limits=(anomaly_limits, 20)).passed is passed


def test_more_tax_than_normal_is_never_reported():
    assert tax((20, 20), anomaly_limits=(10, 20)).passed


@pytest.mark.parametrize(("sales", "passed"), [(9, True), (10, False)])
def test_ten_sales_are_needed_for_tax(sales, passed):
    assert tax((0, sales)).passed is passed


@pytest.mark.parametrize(("days", "passed"), [(13, True), (14, False)])
def test_tax_is_learned_for_fourteen_days_of_five_sales(days, passed):
    assert tax((0, 10), days).passed is passed
    assert tax((0, 10), anomaly_limits=(5, 5)).passed is False
    assert tax((0, 10), anomaly_limits=(4, 4)).sentence.startswith(
        "Still learning: 0 of 14"
    )


# Hours ----------------------------------------------------------------------------

SHOP_HOURS = range(9, 18)
NEW_YORK = "America/New_York"


def at(*times, day=DAY, zone=NEW_YORK, **columns):
    """The sales of a day at these moments in UTC."""
    return make_table(
        RawSales,
        [
            {"sale_id": f"s{n:04}", "sale_date": moment} | columns
            for n, moment in enumerate(times)
        ],
        business_date=day.isoformat(),
        time_zone=zone,
        is_completed=True,
    )


def at_hours(hours, day=DAY, zone=NEW_YORK, **columns):
    """A sale at each of these hours of the outlet's clocks."""

    moments = [
        pd.Timestamp(f"{day} {hour % 24:02}:15").tz_localize(zone).tz_convert("UTC")
        + timedelta(days=hour // 24)
        for hour in hours
    ]
    return at(*moments, day=day, zone=zone, **columns)


def profile(rows):
    (found,) = profile_days(rows).values()
    return found


def hours(rows, days=28, anomaly_limits=SHOP_HOURS, **choices):
    before = series(profile(at_hours(anomaly_limits)), days)
    return check_hours(DAY, before | {DAY: profile(rows)}, AnomalyLimits(**choices))


def test_normal_hours_pass():
    assert hours(at_hours(SHOP_HOURS)).passed


@pytest.mark.parametrize("shift", [6, -6])
def test_a_zone_that_is_wrong_by_six_hours_is_reported_either_way(shift):
    found = hours(at_hours([hour + shift for hour in SHOP_HOURS]))

    assert not found.passed
    assert not found.blocks
    assert found.evidence["sales"] == 9
    assert found.evidence["at_odd_hours"] == 6


@pytest.mark.parametrize(("odd", "passed"), [(4, True), (5, False)])
def test_five_sales_at_odd_hours_are_needed(odd, passed):
    assert hours(at_hours([*SHOP_HOURS] + [3] * odd)).passed is passed


@pytest.mark.parametrize(("usually", "passed"), [(15, False), (16, True)])
def test_a_quarter_of_the_sales_must_be_at_odd_hours(usually, passed):
    assert hours(at_hours([10] * usually + [3] * 5)).passed is passed


@pytest.mark.parametrize(("days", "passed"), [(13, True), (14, False)])
def test_hours_are_learned_for_fourteen_days(days, passed):
    found = hours(at_hours([3] * 5), days)

    assert found.passed is passed
    assert found.sentence.startswith("Still learning: 13 of 14 days") is passed


@pytest.mark.parametrize(("a_day", "passed"), [(3, True), (4, False)])
def test_a_hundred_sales_are_learned_from(a_day, passed):
    found = hours(at_hours([3] * 5), anomaly_limits=range(9, 9 + a_day))

    assert found.passed is passed
    assert found.sentence.startswith("Still learning: 84 of 100 sales") is passed


@pytest.mark.parametrize(("early", "passed"), [(199, True), (200, False)])
def test_an_hour_that_holds_half_a_percent_is_a_normal_one(early, passed):
    before = series(DayProfile(hour_sales={10: 1}), 27)
    late = DayProfile(hour_sales={10: early - 27, 22: 1})
    days = before | {
        DAY - timedelta(days=28): late,
        DAY: DayProfile(hour_sales={22: 9}),
    }

    assert check_hours(DAY, days, AnomalyLimits()).passed is passed


@pytest.mark.parametrize("changed", [date(2026, 3, 8), date(2026, 11, 1)])
def test_a_change_of_the_clocks_is_no_alarm(changed):
    """The shop opens by the clock on the wall, whatever UTC says of it."""
    days = {}
    for n in range(-28, 3):
        day = changed + timedelta(days=n)
        days[day] = profile(at_hours(SHOP_HOURS, day=day))
        if n >= 0:
            assert check_hours(day, days, AnomalyLimits()).passed


def test_web_orders_and_unfinished_sales_have_no_hour():
    night = at_hours([3] * 9, source="ecw:1")
    parked = at_hours([3] * 9).assign(is_completed=False)

    assert hours(night).passed
    assert hours(parked).passed
    assert not hours(at_hours([3] * 9, source="USER")).passed


# Repeated sales -------------------------------------------------------------------


def repeats(extra, of, **other):
    alike = {"outlet_id": "o", "customer_id": None, "total_incl_cents": 1250}
    first = {"sale_id": "a", "sale_date": "2026-06-23 14:00", **alike}
    rows = [first] + [{**first, "sale_id": f"b{n:02}", **other} for n in range(extra)]
    rows += [
        {**first, "sale_id": f"c{n:03}", "total_incl_cents": 5000 + n}
        for n in range(of - extra - 1)
    ]
    table = make_table(RawSales, rows, time_zone=NEW_YORK, is_completed=True)
    return check_repeats(table.sample(frac=1, random_state=1), AnomalyLimits())


def test_a_till_that_synced_twice_is_reported_with_the_second_ids():
    found = repeats(3, 100)

    assert not found.passed
    assert not found.blocks
    assert found.evidence == {"sales": 100, "repeated": 3, "sale_ids": "b00, b01, b02"}


@pytest.mark.parametrize(
    ("extra", "of", "passed"),
    [(2, 10, True), (3, 10, False), (3, 150, False), (3, 151, True)],
)
def test_three_and_two_percent_are_needed(extra, of, passed):
    assert repeats(extra, of).passed is passed


@pytest.mark.parametrize(
    "other",
    [
        {"sale_date": "2026-06-23 14:00:01"}, {"outlet_id": "p"},
        {"customer_id": "k"}, {"total_incl_cents": 1251}, {"is_completed": False},
    ],
)  # fmt: skip
def test_sales_that_differ_in_anything_are_not_repeats(other):
    found = repeats(1, 20, **other)

    assert found.evidence["repeated"] == 0


def test_no_more_than_ten_ids_are_named():
    assert str(repeats(40, 50).evidence["sale_ids"]).count(",") == 10


def test_a_day_without_sales_repeats_none():
    assert check_repeats(
        make_table(RawSales, []), AnomalyLimits(repeated_floor=0)
    ).passed
