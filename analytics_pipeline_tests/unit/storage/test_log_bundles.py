"""Tests for analytics_pipeline.storage.feed_log: many segments in one file."""

import pytest

from analytics_pipeline.engine.duckdb import connect, open_table
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.settings import Engine
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import SALES_FEED
from analytics_pipeline_tests.tables import make_table

SIZE = 4


@pytest.fixture(autouse=True)
def small_bundles(monkeypatch):
    monkeypatch.setattr("analytics_pipeline.storage.feed_log.SIZE", SIZE)


@pytest.fixture(scope="module")
def engine():
    return connect(Engine.DUCKDB)


@pytest.fixture
def root(tmp_path):
    """Ten segments, a sale in each, one of them with a record rejected."""
    root = Warehouse(str(tmp_path)).root / "sales_feed"
    append(root, 10)
    return root


def append(root, count):
    log = FeedLog(root, SALES_FEED)
    first = log.next_number()
    for number in range(first, first + count):
        rows = [{"sale_id": f"s{number}", "version": number + 1, "segment": number}]
        away = [Rejection("sales_feed", "rule", "bad", 3, "p")] if number == 2 else []
        frame = make_table(SalesFeed, rows)
        log.append(frame, away, number=number, cursor=number + 1)
    log.mark_checked()


def sales_of(engine, log, until=None):
    feed = open_table(engine, log.paths(until), SalesFeed)
    return sorted(engine.to_pandas(feed)["segment"])


def bundles(root):
    return sorted((root / "generation-000001" / "bundles").iterdir())


def test_whole_bundles_are_read_instead_of_their_segments(root, engine):
    FeedLog(root, SALES_FEED).bundle()
    log = FeedLog(root, SALES_FEED)

    assert len(log.paths()) == 2 + 2  # two bundles of four, two segments beside
    assert sales_of(engine, log) == list(range(10))
    assert log.row_count() == 10
    assert log.row_count(9) == 1
    assert log.cursor() == 10
    assert list(log.rejections()["record_id"]) == ["bad"]


@pytest.mark.parametrize("until", range(11))
def test_the_log_as_it_was_is_read_alike(root, engine, until):
    FeedLog(root, SALES_FEED).bundle()

    assert sales_of(engine, FeedLog(root, SALES_FEED), until) == list(range(until))


def test_only_what_sound_walks_have_read_is_bundled(root):
    log = FeedLog(root, SALES_FEED)
    for number in (10, 11):
        log.append(make_table(SalesFeed, []), [], number=number, cursor=99)
    log.bundle()

    assert len(bundles(root)) == 2


def test_bundling_again_adds_what_is_new_and_leaves_the_rest(root):
    FeedLog(root, SALES_FEED).bundle()
    before = [(path.name, path.stat().st_ino) for path in bundles(root)]
    append(root, 3)
    FeedLog(root, SALES_FEED).bundle()

    after = [(path.name, path.stat().st_ino) for path in bundles(root)]
    assert after[:2] == before
    assert len(after) == 3


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_a_bundle_that_is_not_whole_is_not_used(root, engine, harm):
    FeedLog(root, SALES_FEED).bundle()
    if harm == "gone":
        bundles(root)[0].unlink()
    else:
        content = bytearray(bundles(root)[0].read_bytes())
        content[len(content) // 2] ^= 1
        bundles(root)[0].write_bytes(bytes(content))
    log = FeedLog(root, SALES_FEED)

    assert len(log.sound_segments()) == 10
    assert sales_of(engine, log) == list(range(10))
    assert len(log.paths()) == 1 + 6


def test_without_its_bundle_a_damaged_segment_is_noticed_again(root):
    FeedLog(root, SALES_FEED).bundle()
    FeedLog(root, SALES_FEED).segments()[1].path.write_bytes(b"damaged")
    assert (
        len(FeedLog(root, SALES_FEED).sound_segments()) == 10
    )  # the bundle has its rows

    bundles(root)[0].unlink()

    with pytest.raises(LocalFailure, match="damaged"):
        FeedLog(root, SALES_FEED).sound_segments()


def test_a_lost_segment_is_noticed_whatever_is_bundled(root):
    FeedLog(root, SALES_FEED).bundle()
    FeedLog(root, SALES_FEED).segments()[1].path.unlink()

    with pytest.raises(LocalFailure, match="Segment 1 of the log"):
        FeedLog(root, SALES_FEED).sound_segments()


def test_segments_of_another_generation_are_in_no_bundle_of_this_one(root, engine):
    FeedLog(root, SALES_FEED).bundle()
    fresh = FeedLog(root, SALES_FEED).start_generation()
    for number in range(5):
        rows = [{"sale_id": "n", "version": 100 + number, "segment": number}]
        fresh.append(make_table(SalesFeed, rows), [], number=number, cursor=1)

    assert len(fresh.paths()) == 5
