"""Tests for analytics_pipeline.storage.feed_log."""

import pytest
from upath import UPath

from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.schemas.sources import Customers, SalesFeed
from analytics_pipeline.storage import files
from analytics_pipeline.storage.feed_log import REPAIR, FeedLog
from analytics_pipeline.storage.object_store import open_root
from analytics_pipeline.storage.parquet import decode
from analytics_pipeline.storage.versions import VERSIONS
from analytics_pipeline.tables import CUSTOMERS, SALES_FEED
from analytics_pipeline_tests.tables import make_table

WITHOUT_DATE = Rejection("sales_feed", "has no date", "s9", 109, "page 1, record 2")


def page(*versions):
    rows = [{"sale_id": f"s{v}", "version": v} for v in versions]
    return make_table(SalesFeed, rows, sale_date="2026-06-20 12:00")


def append(log, *versions, cursor=None, rejections=(), **more):
    log.append(
        page(*versions),
        rejections,
        number=log.next_number(),
        cursor=max(versions) if cursor is None else cursor,
        **more,
    )


@pytest.fixture(params=["folder", "bucket"])
def root(request, tmp_path):
    if request.param == "folder":
        return UPath(tmp_path) / "sales_feed"
    return open_root(f"memory://{tmp_path.name}") / "sales_feed"


@pytest.fixture
def log(root):
    return FeedLog(root, SALES_FEED)


def test_an_empty_log_begins_at_the_start_of_the_feed(log):
    assert (
        log.segments(),
        log.next_number(),
        log.cursor(),
        log.row_count(),
        log.checked_segments(),
    ) == ([], 0, 0, 0, 0)
    assert log.rejections().empty


def test_pages_are_kept_in_the_order_in_which_they_came(log):
    for version in range(1, 13):
        append(log, version)

    assert list(range(12)) == [segment.number for segment in log.segments()]
    assert (log.next_number(), log.cursor(), log.row_count()) == (12, 12, 12)
    assert log.row_count(first_segment=10) == 2


def test_a_repair_never_moves_the_cursor(log):
    append(log, 5, 7)
    append(log, 3, cursor=0, origin=REPAIR)
    append(log, 900, cursor=900, origin=REPAIR)

    assert (len(log.segments()), log.cursor()) == (3, 7)


def test_a_log_of_repairs_alone_begins_at_the_start_of_the_feed(log):
    append(log, 3, origin=REPAIR)

    assert log.cursor() == 0


def test_a_page_without_good_rows_moves_the_cursor_all_the_same(log):
    append(log, 5)
    append(log, cursor=109, rejections=[WITHOUT_DATE])

    assert (log.cursor(), log.row_count()) == (109, 1)


def test_a_rejection_is_kept_with_the_page_it_came_in(log):
    append(log, 5)
    append(log, 108, cursor=110, rejections=[WITHOUT_DATE])
    append(log, 111)

    rows = log.rejections().to_dict("records")
    assert rows == [
        {
            "record_id": "s9",
            "version": 109,
            "rule": "has no date",
            "position": "page 1, record 2",
            "segment": 1,
        }
    ]
    assert [each.has_rejections for each in log.segments()] == [False, True, False]


def test_a_rejection_without_id_or_version_is_kept_too(log):
    append(log, 5, rejections=[Rejection("sales_feed", "no id", None, None, "page 1")])

    row = log.rejections().iloc[0]
    assert row[["record_id", "version"]].isna().all()
    assert row["position"] == "page 1"


def test_the_checked_marker_covers_the_segments_so_far(log):
    append(log, 5)
    append(log, 6)
    log.mark_checked()
    append(log, 7)

    assert (log.checked_segments(), log.next_number()) == (2, 3)
    assert len(log.segments()) == 3


def test_a_page_that_fails_to_be_written_is_not_in_the_log(tmp_path, monkeypatch):
    log = FeedLog(UPath(tmp_path), SALES_FEED)
    append(log, 5)

    def fail(*_args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(files.os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            append(log, 6)

    assert (log.next_number(), log.cursor()) == (1, 5)
    append(log, 6)
    assert (log.next_number(), log.cursor()) == (2, 6)


def test_a_scratch_file_is_no_segment(tmp_path):
    log = FeedLog(UPath(tmp_path), SALES_FEED)
    append(log, 5)
    (tmp_path / "generation-000001" / ".00000001.parquet.partial").write_bytes(b"half")

    assert len(log.segments()) == 1


# Generations ---------------------------------------------------------------------


def test_a_new_generation_begins_empty_and_leaves_the_log_as_it_is(root):
    log = FeedLog(root, SALES_FEED)
    append(log, 5)

    fresh = log.start_generation()
    append(fresh, 1)

    assert (fresh.cursor(), len(fresh.segments())) == (1, 1)
    assert FeedLog(root, SALES_FEED).cursor() == 5


def test_a_complete_generation_takes_the_place_of_the_log(root):
    log = FeedLog(root, SALES_FEED)
    append(log, 5)
    fresh = log.start_generation()
    append(fresh, 8)

    fresh.make_current()

    assert (
        FeedLog(root, SALES_FEED).generation,
        FeedLog(root, SALES_FEED).cursor(),
    ) == (2, 8)


def test_every_generation_is_kept_rule_15_1(root):
    for version in (5, 6, 7):
        log = FeedLog(root, SALES_FEED)
        append(log, version)
        fresh = log.start_generation()
        append(fresh, version + 10)
        fresh.make_current()

    kept = sorted(each.name for each in root.glob("generation-*"))
    assert kept == [f"generation-00000{number}" for number in (1, 2, 3, 4)]
    assert FeedLog(root, SALES_FEED).cursor() == 17


def test_a_walk_that_died_is_begun_again_from_nothing(root):
    log = FeedLog(root, SALES_FEED)
    append(log, 5)
    died = log.start_generation()
    append(died, 1)

    again = FeedLog(root, SALES_FEED).start_generation()

    assert (died.folder.name, []) == (again.folder.name, again.segments())
    assert FeedLog(root, SALES_FEED).cursor() == 5


def test_a_new_generation_is_checked_from_its_own_start(root):
    log = FeedLog(root, SALES_FEED)
    append(log, 5)
    log.mark_checked()

    assert (log.checked_segments(), log.start_generation().checked_segments()) == (1, 0)


def test_a_log_of_another_table_holds_its_rows_cursor_and_version(root):
    log = FeedLog(root.parent / "customers", CUSTOMERS)
    rows = make_table(Customers, [{"customer_id": "c1", "version": 7}])

    log.append(rows, [], number=0, cursor=7)
    log.mark_checked()

    again = FeedLog(root.parent / "customers", CUSTOMERS)
    held = decode(again.sound_segments()[0].path.read_bytes(), Customers)
    assert held.equals(rows)
    assert (again.cursor(), again.version()) == (7, VERSIONS[CUSTOMERS.form])
    assert again.of_generation(2).table is CUSTOMERS
    assert FeedLog(root, SALES_FEED).segments() == []
