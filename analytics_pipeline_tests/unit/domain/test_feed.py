"""Tests for analytics_pipeline.domain.feed."""

from datetime import datetime

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.feed import (
    AS_DELIVERED,
    changed_sales,
    falls_around,
    latest_versions,
    standing_rejections,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import rows_to_ibis, table_to_ibis

NOON = "2026-06-20 12:00"
STORE_ZONE = "America/New_York"
REJECTIONS = {"record_id": "string", "version": "int64", "segment": "int64"}


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


def feed(*versions):
    """Log rows of (sale, version, segment)."""
    rows = [
        {"sale_id": sale, "version": version, "segment": segment}
        for sale, version, segment in versions
    ]
    return table_to_ibis(SalesFeed, rows, sale_date=NOON)


def rejected(*versions):
    rows = [dict(zip(REJECTIONS, each, strict=True)) for each in versions]
    return rows_to_ibis(rows, REJECTIONS)


def latest(engine, log, away=()):
    frame = engine.to_pandas(latest_versions(feed(*log), rejected(*away)))
    assert not frame["sale_id"].duplicated().any()
    cells = zip(frame["sale_id"], frame["version"], frame["segment"], strict=True)
    return sorted(
        (sale, int(version), int(segment)) for sale, version, segment in cells
    )


def standing(engine, log, away):
    frame = engine.to_pandas(standing_rejections(feed(*log), rejected(*away)))
    return sorted(frame["record_id"])


def test_the_latest_version_of_each_sale_wins_in_whatever_order_it_came(engine):
    log = [("s", 5, 0), ("t", 3, 0), ("s", 9, 1), ("s", 7, 2)]

    assert latest(engine, log) == [("s", 9, 1), ("t", 3, 0)]


def test_a_repair_of_the_same_version_takes_the_place_of_the_page(engine):
    assert latest(engine, [("s", 5, 0), ("s", 5, 2), ("s", 5, 1)]) == [("s", 5, 2)]


def test_a_sale_whose_latest_version_was_rejected_is_left_out(engine):
    log = [("s", 5, 0), ("t", 6, 0)]

    assert latest(engine, log, [("s", 7, 1)]) == [("t", 6, 0)]
    assert standing(engine, log, [("s", 7, 1)]) == ["s"]


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(("s", 8, 2), id="a later version"),
        pytest.param(("s", 7, 2), id="the same version, read again"),
    ],
)
def test_a_later_good_version_brings_the_sale_back(engine, good):
    log, away = [("s", 5, 0), good], [("s", 7, 1)]

    assert [good] == latest(engine, log, away)
    assert standing(engine, log, away) == []


def test_a_good_version_that_is_delivered_badly_again_stays_good(engine):
    """A version is one state; a damaged second delivery says nothing about it."""
    log, away = [("s", 7, 1)], [("s", 7, 2)]

    assert latest(engine, log, away) == [("s", 7, 1)]
    assert standing(engine, log, away) == []


def test_a_sale_delivered_without_a_version_is_out_until_a_later_delivery(engine):
    away = [("s", None, 1)]

    assert latest(engine, [("s", 5, 0)], away) == []
    assert latest(engine, [("s", 5, 1)], away) == [], "on the same page"
    assert standing(engine, [("s", 5, 0)], away) == ["s"]
    assert latest(engine, [("s", 5, 2)], away) == [("s", 5, 2)]
    assert standing(engine, [("s", 5, 2)], away) == []


def test_an_older_version_read_late_does_not_bring_the_sale_back(engine):
    log, away = [("s", 6, 3)], [("s", 7, 1)]

    assert latest(engine, log, away) == []
    assert standing(engine, log, away) == ["s"]


def test_a_version_rejected_before_a_good_one_does_not_count(engine):
    assert latest(engine, [("s", 9, 1)], [("s", 7, 0), ("s", 8, 0)]) == [("s", 9, 1)]


def test_an_empty_log_has_no_sales(engine):
    assert latest(engine, [], [("s", 7, 1)]) == []
    assert standing(engine, [], [("s", 7, 1)]) == ["s"]


VERSIONS = st.lists(
    st.tuples(st.sampled_from("stu"), st.integers(1, 4), st.booleans()),
    max_size=10,
    unique_by=lambda each: each[:2],
)


@given(pages=VERSIONS, again=st.lists(st.integers(0, 9), max_size=3))
@settings(max_examples=up_to(10))
def test_the_log_says_the_same_however_it_was_read_rule_7_3(engine, pages, again):
    """Read page by page, out of order with repeats, or in one walk from the start."""
    repeated = [*pages, *(pages[n] for n in again if n < len(pages))]
    bits = [(sale, v, n, good) for n, (sale, v, good) in enumerate(repeated)]
    walk = [(sale, v, 0, good) for sale, v, good in sorted(pages)]

    def says(read):
        log = [each[:3] for each in read if each[3]]
        away = [each[:3] for each in read if not each[3]]
        return [(sale, version) for sale, version, _ in latest(engine, log, away)]

    newest = {sale: (v, good) for sale, v, good in sorted(pages)}
    expected = [(sale, v) for sale, (v, good) in sorted(newest.items()) if good]
    assert expected == says(walk)
    assert expected == says(bits)


# Days that changed ---------------------------------------------------------------

OUTLETS = [
    {"outlet_id": "east", "time_zone": "America/New_York"},
    {"outlet_id": "west", "time_zone": "America/Los_Angeles"},
]
STORED = {
    "sale_id": "s",
    "version": 5,
    "business_date": "2026-06-20",
    "sale_date": NOON,
    "outlet_id": "east",
    "time_zone": "America/New_York",
}


def changes(engine, now, stored):
    """Return (stored day, moment it is at now) of each sale that changed."""
    log = [{"sale_id": "s", "version": 5, "outlet_id": "east", **row} for row in now]
    frame = engine.to_pandas(
        changed_sales(
            table_to_ibis(SalesFeed, log, sale_date=NOON),
            table_to_ibis(RawSales, stored),
            table_to_ibis(Outlets, OUTLETS),
            STORE_ZONE,
            Policy(),
        )
    )
    cells = frame.astype(object).where(frame.notna(), None)
    pairs = zip(cells["business_date"], cells["sale_date"], strict=True)
    return sorted(
        (str(before)[:10] if before else None, now.to_pydatetime() if now else None)
        for before, now in pairs
    )


NOON_AT = datetime.fromisoformat(NOON)


def test_a_sale_as_it_is_stored_re_opens_nothing(engine):
    assert changes(engine, [{}], [STORED]) == []


def test_a_new_sale_opens_the_day_it_falls_on(engine):
    assert changes(engine, [{}], []) == [(None, NOON_AT)]


def test_a_vanished_sale_re_opens_the_day_it_was_on(engine):
    assert changes(engine, [], [STORED]) == [("2026-06-20", None)]


def test_a_moved_sale_re_opens_both_days(engine):
    moved = {"version": 6, "sale_date": "2026-06-10 12:00"}

    assert [("2026-06-20", datetime.fromisoformat("2026-06-10 12:00"))] == changes(
        engine, [moved], [STORED]
    )


def test_an_older_version_than_the_stored_one_is_a_change_too(engine):
    assert changes(engine, [{"version": 4}], [STORED]) == [("2026-06-20", NOON_AT)]


OTHER = {
    "customer_id": "c2",
    "source": "USER",
    "source_id": "1042",
    "web_order_number": "1042",
    "return_for": "s0",
    "status": "VOIDED",
    "is_deleted": True,
    "total_incl_cents": 1,
    "total_excl_cents": 1,
    "paid_cents": 1,
    "refunded_incl_cents": 1,
    "refunded_excl_cents": 1,
    "sold_line_count": 1,
    "gift_line_count": 1,
    "gift_sold_incl_cents": 1,
    "gift_sold_excl_cents": 1,
    "gift_paid_incl_cents": 1,
    "gift_paid_excl_cents": 1,
    "sale_date": "2026-06-20 12:01",
    "outlet_id": None,
}


def test_every_column_that_is_stored_as_delivered_is_compared():
    assert set(OTHER) == set(AS_DELIVERED)


def worth(row):
    """What counts of a sale (rule 2.6)."""
    return {
        f"value_{basis}_cents": row.get(f"total_{basis}_cents", 0)
        - row.get(f"gift_sold_{basis}_cents", 0)
        for basis in ("incl", "excl")
    }


def test_a_repair_of_the_same_version_re_opens_the_day(engine):
    """Whichever column it repairs: here each has a sale of its own, on its own day."""
    days = [f"2026-06-{n:02}" for n, _ in enumerate(OTHER, start=1)]
    as_they_were = [{"sale_id": column} for column in OTHER]
    repaired = [{"sale_id": column, column: OTHER[column]} for column in OTHER]

    def stored(rows):
        of_days = zip(rows, days, strict=True)
        return [
            STORED | row | worth(STORED | row) | {"business_date": day}
            for row, day in of_days
        ]

    for now, before in ((repaired, as_they_were), (as_they_were, repaired)):
        assert [day for day, _ in changes(engine, now, stored(before))] == days
    assert changes(engine, repaired, stored(repaired)) == []


def test_another_state_at_the_same_version_re_opens_the_day(engine):
    stored = STORED | {"state": "closed"}

    assert changes(engine, [{"state": "voided"}], [stored]) == [("2026-06-20", NOON_AT)]
    assert changes(engine, [{"state": "closed"}], [stored]) == []


def test_a_state_that_was_read_from_the_status_is_no_change(engine):
    stored = STORED | {"state": "closed", "status": "CLOSED"}

    assert changes(engine, [{"status": "CLOSED"}], [stored]) == []


def test_another_zone_of_the_outlet_re_opens_the_day(engine):
    stored = STORED | {"time_zone": "Europe/Paris"}

    assert changes(engine, [{}], [stored]) == [("2026-06-20", NOON_AT)]


@pytest.mark.parametrize("outlet", [None, "unknown"])
def test_a_sale_without_a_known_outlet_keeps_its_day(engine, outlet):
    row = {"outlet_id": outlet}

    assert changes(engine, [row], [STORED | row]) == []


@pytest.mark.parametrize("outlet", [None, "unknown"])
def test_another_zone_of_the_store_re_opens_the_day_of_an_unknown_outlet(
    engine, outlet
):
    row = {"outlet_id": outlet}
    stored = STORED | row | {"time_zone": "Europe/Paris"}

    assert changes(engine, [row], [stored]) == [("2026-06-20", NOON_AT)]


def test_only_the_changed_ones_of_many_are_listed(engine):
    now = [{"sale_id": each} for each in "abc"] + [{"sale_id": "d", "version": 9}]
    stored = [STORED | {"sale_id": each} for each in "abcd"]

    assert changes(engine, now, stored) == [("2026-06-20", NOON_AT)]


@pytest.mark.parametrize(
    ("moment", "is_near"),
    [
        pytest.param("2026-06-19 10:00", True, id="midnight in Kiritimati, UTC+14"),
        pytest.param("2026-06-21 11:59:59", True, id="late evening at UTC-12"),
        pytest.param("2026-06-18 23:59", False, id="the day before, everywhere"),
        pytest.param("2026-06-23 00:00", False, id="two days later"),
    ],
)
def test_a_day_is_cut_from_every_sale_that_may_fall_on_it(engine, moment, is_near):
    log = table_to_ibis(SalesFeed, [{"sale_id": "s", "sale_date": moment}])

    near = log.filter(falls_around(log, "2026-06-20", "2026-06-20"))
    found = engine.to_pandas(near)

    assert is_near == (len(found) == 1)
