"""Tests for analytics_pipeline.storage.files."""

import stat
from datetime import date, timedelta

import pytest

from analytics_pipeline.storage.files_for_people import ReportFiles

DAY = date(2026, 6, 20)


@pytest.fixture
def files(tmp_path):
    return ReportFiles(tmp_path, keep_days=2)


def test_the_page_of_the_published_day_is_the_latest_one(files):
    files.store(DAY, "new", is_published=True)
    files.store(DAY - timedelta(days=1), "old", is_published=False)

    assert files.latest.read_text() == files.of(DAY).read_text() == "new"
    assert files.of(DAY - timedelta(days=1)).read_text() == "old"


def test_a_page_is_its_owners_only(files):
    files.store(DAY, "page", is_published=True)

    for path in files.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_pages_of_days_long_before_the_published_one_are_forgotten(files):
    for ago in (4, 3, 2, 1):
        files.store(DAY - timedelta(days=ago), str(ago), is_published=False)
    other = files.folder / "customer_report_of_mine.html"
    other.write_text("mine")

    files.store(DAY, "0", is_published=True)

    assert [files.of(DAY - timedelta(days=n)).exists() for n in range(5)] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert other.exists()
