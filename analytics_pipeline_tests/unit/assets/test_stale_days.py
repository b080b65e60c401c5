"""Tests for analytics_pipeline.assets.raw_sales: what is new is found as all is.

Whatever happens to the log or to the stored days after they agreed, comparing what is
new since finds the days that comparing everything finds.
"""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.assets import raw_sales as stale_days
from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.errors import GateFailed
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets, SalesFeed
from analytics_pipeline.settings import Engine, load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.made import compared, days_cut
from analytics_pipeline_tests.tables import make_table

FIRST = date(2026, 6, 1)
DAYS = 6
LAST = FIRST + timedelta(days=DAYS - 1)
READ_AT = datetime(2026, 6, 20, tzinfo=UTC)
ENGINE = connect(Engine.DUCKDB)


class KeptShop:
    """A shop of a few days whose log and stored days can be tampered with."""

    def __init__(self, folder):
        self.shop = open_shop(
            load_settings(data_dir=folder, start_date=FIRST), lambda: READ_AT
        )
        self.shop.__dict__["engine"] = ENGINE
        self.place("UTC")
        for table in ("sales_feed", "customers"):
            self.shop.warehouse.catch_ups.record(table, CatchUp(READ_AT, 5))
        self.version = 0

    def place(self, zone):
        outlets = make_table(Outlets, [{"outlet_id": "o", "time_zone": zone}])
        self.shop.warehouse.write("outlets", Outlets, outlets)

    def read(self, sale, day, cents=100, *, is_deleted=False, **more):
        """A new version of the sale arrives."""
        self.version += 1
        moment = datetime.combine(FIRST, datetime.min.time()) + timedelta(
            days=day, hours=23, minutes=30
        )
        row = {
            "sale_id": f"s{sale}",
            "version": self.version,
            "sale_date": moment.isoformat(sep=" "),
            "outlet_id": "o",
            "is_deleted": is_deleted,
            "total_incl_cents": cents,
            **more,
        }
        self._append([row], [])

    def reject(self, sale):
        """A new version of the sale arrives and cannot be read."""
        self.version += 1
        self._append([], [Rejection("sales_feed", "r", f"s{sale}", self.version, "p")])

    def _append(self, rows, away):
        log = self.shop.sales_log()
        number = log.next_number()
        frame = make_table(SalesFeed, [row | {"segment": number} for row in rows])
        log.append(frame, away, number=number, cursor=self.version)
        self.shop.sales_log().mark_checked()

    def cut(self, days):
        for candidate in days_cut(self.shop, days):
            self.shop.store_as("raw_sales", RawSales)(candidate)

    def cut_stale(self, last=LAST):
        stale = compared(self.shop, last).stale_days
        if stale:
            self.cut(stale)

    def tamper(self, day, sale):
        """Somebody puts another file in the place of a stored day."""
        key = (FIRST + timedelta(days=day)).isoformat()
        row = {"sale_id": f"s{sale}", "version": 1, "business_date": key}
        self.shop.warehouse.write(
            "raw_sales", RawSales, make_table(RawSales, [row]), key
        )

    def remove(self, day):
        key = (FIRST + timedelta(days=day)).isoformat()
        self.shop.warehouse.remove("raw_sales", key)

    def compare(self, last=LAST):
        """What the comparison finds, and what it finds where nothing was noted."""
        note = Path(str(self.shop.warehouse.root)) / "raw_sales" / "agreement.json"
        kept = note.read_bytes() if note.exists() else None
        note.unlink(missing_ok=True)
        whole = compared(self.shop, last)
        note.unlink(missing_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stale_days, "COMPARED_TOGETHER", 2)
            assert compared(self.shop, last) == whole, "some sales at a time"
        note.unlink(missing_ok=True)
        if kept is not None:
            note.write_bytes(kept)
        return compared(self.shop, last), whole


SALES = st.integers(0, 5)
ON = st.integers(-1, DAYS)  # one before the first day, one after the last
STORED = st.integers(0, DAYS - 1)
HAPPENINGS = st.one_of(
    st.tuples(st.just("read"), SALES, ON, st.integers(1, 3), st.booleans()),
    st.tuples(st.just("reject"), SALES),
    st.tuples(st.just("tamper"), STORED, SALES),
    st.tuples(st.just("remove"), STORED),
    st.tuples(st.just("place"), st.sampled_from(["UTC", "Asia/Tokyo"])),
    st.tuples(st.just("cut"), st.lists(STORED, min_size=1, unique=True)),
    st.tuples(st.just("cut_stale"), STORED),
    st.tuples(st.just("compare"), STORED),
)


def happen(kept, what, *given):
    if what == "read":
        sale, day, cents, is_deleted = given
        kept.read(sale, day, cents, is_deleted=is_deleted)
    elif what == "cut":
        kept.cut(sorted((FIRST + timedelta(days=n)).isoformat() for n in given[0]))
    elif what == "cut_stale":
        kept.cut_stale(FIRST + timedelta(days=given[0]))
    elif what == "compare":
        compared(kept.shop, FIRST + timedelta(days=given[0]))
    else:
        getattr(kept, what)(*given)


@settings(max_examples=up_to(4))
@given(happenings=st.lists(HAPPENINGS, max_size=6))
def test_what_is_new_since_an_agreement_is_found_as_all_is(happenings):
    compare_after(happenings)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@settings(max_examples=up_to(200, by_day=20))
@given(happenings=st.lists(HAPPENINGS, max_size=12))
def test_after_longer_histories_too(happenings):
    compare_after(happenings)


def compare_after(happenings):
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptShop(Path(folder))
        for sale in range(4):
            kept.read(sale, sale)
        kept.cut_stale()
        compared(kept.shop, LAST)  # notes that they agree
        for happening in happenings:
            happen(kept, *happening)
        for last in (LAST, FIRST + timedelta(days=2)):
            found, whole = kept.compare(last)
            assert list(found.stale_days) == list(whole.stale_days)
            if not found.stale_days:
                assert found.repeated_sales == whole.repeated_sales


@pytest.fixture
def kept(tmp_path):
    """Days that agree with the log, and were found to."""
    kept = KeptShop(tmp_path)
    for sale in range(4):
        kept.read(sale, sale)
    kept.cut_stale()
    assert compared(kept.shop, LAST).stale_days == []
    return kept


@pytest.fixture
def asked(monkeypatch):
    """The tables that the comparison opens, in order."""
    opened = []
    for name in ("open_feed", "open_sales"):
        real = getattr(stale_days.Shop, name)

        def watched(shop, *given, real=real, name=name):
            opened.append(name)
            return real(shop, *given)

        monkeypatch.setattr(stale_days.Shop, name, watched)
    return opened


def test_where_nothing_is_new_nothing_is_read(kept, asked):
    assert compared(kept.shop, LAST).stale_days == []
    assert asked == []


def test_a_new_version_makes_its_days_stale_and_no_other(kept):
    kept.read(1, 3)

    assert compared(kept.shop, LAST).stale_days == ["2026-06-02", "2026-06-04"]


@pytest.fixture
def read_from(monkeypatch):
    """From which version on the log is read, at each comparison of what is new."""
    versions = []
    real = stale_days._lowest_version

    def watched(*given):
        versions.append(real(*given))
        return versions[-1]

    monkeypatch.setattr(stale_days, "_lowest_version", watched)
    return versions


def test_the_log_is_read_from_the_first_new_version_on(kept, read_from):
    kept.read(1, 3)
    kept.read(9, 4)

    assert compared(kept.shop, LAST).stale_days == [
        "2026-06-02",
        "2026-06-04",
        "2026-06-05",
    ]
    assert read_from == [kept.version - 1]


def test_of_a_day_cut_again_the_log_is_read_from_the_sales_around_it_on(
    kept, read_from
):
    """Sale 2 is of the evening before, and in another zone of that day."""
    kept.read(3, 3, 999)
    kept.cut(["2026-06-04"])

    assert compared(kept.shop, LAST).stale_days == []
    assert read_from == [3]


@pytest.mark.parametrize(
    ("happening", "stale"),
    [
        (("reject", 1), ["2026-06-02"]),
        (("tamper", 4, 1), ["2026-06-02", "2026-06-05"]),
    ],
)
def test_where_no_version_in_the_log_is_known_all_of_it_is_read(
    kept, read_from, happening, stale
):
    happen(kept, *happening)

    assert compared(kept.shop, LAST).stale_days == stale
    assert read_from == [0]


def test_what_is_stale_stays_so_until_it_is_cut(kept):
    kept.read(1, 3)

    for _ in range(2):
        assert len(compared(kept.shop, LAST).stale_days) == 2
    kept.cut_stale()
    assert compared(kept.shop, LAST).stale_days == []


def test_a_day_that_somebody_swapped_is_found_without_any_news_in_the_log(kept):
    kept.tamper(4, 9)

    assert compared(kept.shop, LAST).stale_days == ["2026-06-05"]


def test_a_sale_copied_into_another_day_is_reported_as_repeated(kept):
    """The log would give both days back as they are; only the count says."""
    day = kept.shop.warehouse.read("raw_sales", RawSales, "2026-06-02")
    kept.shop.warehouse.write("raw_sales", RawSales, day, "2026-06-05")

    assert compared(kept.shop, LAST).repeated_sales == 1


def test_another_zone_of_an_outlet_is_compared_with_everything(kept, asked):
    kept.place("Asia/Tokyo")

    stale = compared(kept.shop, LAST).stale_days

    assert stale == [f"2026-06-0{n}" for n in range(1, 6)]


def test_a_damaged_note_only_costs_time(kept):
    note = Path(str(kept.shop.warehouse.root)) / "raw_sales" / "agreement.json"
    for text in ("{", "[]", '{"generation": 1}'):
        note.write_text(text, encoding="utf-8")
        kept.tamper(4, 9)
        assert compared(kept.shop, LAST).stale_days == ["2026-06-05"]


def test_a_log_that_was_half_read_is_compared_with_nothing(kept):
    log = kept.shop.sales_log()
    rows = make_table(SalesFeed, [{"sale_id": "s1", "version": 99}])
    log.append(rows, [], number=log.next_number(), cursor=99)

    with pytest.raises(GateFailed, match="not read to its end"):
        compared(kept.shop, LAST)
