"""Tests for analytics_pipeline.domain.sales: days that were never there."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.business_days import has_moments


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Pacific/Apia", "2011-12-30"),
        ("Pacific/Fakaofo", "2011-12-30"),
        ("Pacific/Kwajalein", "1993-08-21"),
        ("Pacific/Kiritimati", "1994-12-31"),
        ("Pacific/Enderbury", "1994-12-31"),
        ("Asia/Manila", "1844-12-31"),
    ],
)
def test_a_day_that_the_date_line_took_has_no_moment_rule_1_2(zone, day):
    missing = date.fromisoformat(day)

    assert not has_moments(missing, zone)
    for days in (-1, 1):
        assert has_moments(missing + timedelta(days=days), zone)
    assert has_moments(missing, "America/New_York")


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        pytest.param("America/New_York", "2026-03-08", id="an hour less"),
        pytest.param("America/New_York", "2026-11-01", id="an hour more"),
        pytest.param("America/Sao_Paulo", "2018-11-04", id="no midnight"),
        pytest.param("Africa/Cairo", "2010-09-10", id="midnight twice"),
        pytest.param("Australia/Lord_Howe", "2026-10-04", id="half an hour less"),
        pytest.param("Pacific/Pago_Pago", "2011-12-30", id="the neighbour of Samoa"),
        pytest.param("America/Metlakatla", "1867-10-18", id="the same day twice"),
        pytest.param("UTC", "1972-06-30", id="a leap second"),
    ],
)
def test_a_day_that_the_clocks_changed_on_was_there(zone, day):
    assert has_moments(date.fromisoformat(day), zone)


@given(
    st.sampled_from(
        ["Pacific/Apia", "Pacific/Kwajalein", "Europe/Berlin", "Asia/Gaza"]
    ),
    st.one_of(
        st.dates(date(1990, 1, 1), date(2030, 1, 1)),
        st.dates(date(2011, 12, 28), date(2012, 1, 1)),
        st.dates(date(1993, 8, 19), date(1993, 8, 23)),
    ),
)
def test_a_day_was_there_where_some_moment_falls_on_it(zone, day):
    around = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    moments = (around + timedelta(minutes=30 * n) for n in range(48 * 4))
    days = {moment.astimezone(ZoneInfo(zone)).date() for moment in moments}

    assert has_moments(day, zone) is (day in days)
