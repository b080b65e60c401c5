"""Tests for analytics_pipeline.storage.publication: rule 8.4 clause by clause."""

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.storage import publication
from analytics_pipeline.storage.publication import (
    FIRST_TIME_BUYERS,
    HASHES,
    MASTER,
    STAMP,
    Publication,
    Published,
)

D = date(2026, 6, 20)
NOW = datetime(2026, 6, 21, 6, 0, 0, tzinfo=UTC)
NOTES = f".{MASTER}.json"


@pytest.fixture
def files(tmp_path):
    return Publication(tmp_path, archive_keep_days=90)


def publish(files, day=D, text="master\n", *, now=NOW, provisional=False):
    files.stage_first_time_buyers(day, f"buyers of {text}".encode())
    return files.publish_master(day, text.encode(), 3, now, provisional=provisional)


def content(files, name=MASTER):
    return (files.folder / name).read_text(encoding="utf-8")


def archived(files, prefix="customer_analytics"):
    return sorted(
        path.name.removeprefix(f"{prefix}_").removesuffix(".csv")
        for path in files.archive.glob(f"{prefix}_*")
    )


def everything(files):
    return {
        path.relative_to(files.folder).as_posix(): path.read_bytes()
        for path in files.folder.rglob("*")
        if path.is_file() and path.name != HASHES
    }


def test_before_the_first_publication_there_is_nothing(files):
    assert files.published() is None
    assert files.stamp() is None


def test_a_master_is_published_with_day_buyers_and_stamp(files):
    assert publish(files, text="é\n")

    assert content(files) == "é\n"
    assert content(files, FIRST_TIME_BUYERS) == "buyers of é\n"
    digest = hashlib.sha256("é\n".encode()).hexdigest()
    assert files.published() == Published("2026-06-20", 3, digest, False)


def test_every_published_master_is_archived_under_its_day(files):
    publish(files)

    assert archived(files) == ["2026-06-20"]
    assert content(files, "archive/customer_analytics_2026-06-20.csv") == "master\n"


def test_the_previous_master_is_archived_before_it_is_replaced(files):
    publish(files, text="old\n")
    (files.archive / "customer_analytics_2026-06-20.csv").unlink()

    publish(files, D + timedelta(days=1), "new\n")

    assert content(files, "archive/customer_analytics_2026-06-20.csv") == "old\n"
    assert content(files) == "new\n"


@pytest.mark.parametrize(
    ("now", "stamp"),
    [
        (datetime(2026, 6, 21, 6, 0, 0, 999999, tzinfo=UTC), "2026-06-21T06:00:00Z"),
        (
            datetime(2026, 6, 21, 2, tzinfo=timezone(timedelta(hours=-4))),
            "2026-06-21T06:00:00Z",
        ),
    ],
)
def test_the_stamp_is_the_moment_in_utc_rule_8_3(files, now, stamp):
    publish(files, now=now)

    assert files.stamp() == stamp
    assert content(files, STAMP) == f"{stamp}\n"


def test_an_older_day_goes_to_the_archive_only(files):
    publish(files, text="newer\n")
    before = everything(files)

    is_out = publish(files, D - timedelta(days=1), "older\n", now=NOW + timedelta(1))

    assert not is_out
    assert everything(files) == before | {
        "archive/customer_analytics_2026-06-19.csv": b"older\n",
        "archive/first_time_buyers_2026-06-19.csv": b"buyers of older\n",
    }


def test_an_older_day_that_was_archived_differently_keeps_both(files):
    publish(files, D - timedelta(days=1), "first\n")
    publish(files)

    publish(files, D - timedelta(days=1), "second\n")

    assert archived(files) == ["2026-06-19", "2026-06-19.1", "2026-06-20"]
    assert content(files, "archive/customer_analytics_2026-06-19.1.csv") == "first\n"


def test_a_day_published_again_keeps_what_it_replaces_under_a_suffix(files):
    for text in ("first\n", "second\n", "third\n"):
        publish(files, text=text)

    assert content(files) == "third\n"
    kept = {
        name: content(files, f"archive/customer_analytics_{name}.csv")
        for name in archived(files)
    }
    assert kept == {
        "2026-06-20": "third\n",
        "2026-06-20.1": "first\n",
        "2026-06-20.2": "second\n",
    }


def test_publishing_the_same_again_changes_nothing_but_the_stamp_rule_7_4(files):
    publish(files)
    before = everything(files)

    publish(files, now=NOW + timedelta(hours=1))

    after = everything(files)
    assert {name for name in after if after[name] != before.get(name)} == {STAMP}
    assert before.keys() == after.keys()


def test_a_provisional_master_is_said_to_be_so_and_made_again(files):
    publish(files, text="so far\n", provisional=True)
    assert files.published().provisional

    publish(files, text="whole day\n")

    assert not files.published().provisional
    assert content(files) == "whole day\n"
    assert content(files, "archive/customer_analytics_2026-06-20.1.csv") == "so far\n"


def test_the_same_text_made_final_is_no_longer_provisional(files):
    publish(files, provisional=True)
    publish(files)

    assert not files.published().provisional


def test_buyers_staged_for_a_newer_day_wait_for_its_master(files):
    publish(files, text="old\n")

    files.stage_first_time_buyers(D + timedelta(days=1), b"new buyers\n")

    assert content(files, FIRST_TIME_BUYERS) == "buyers of old\n"


def test_buyers_staged_again_for_the_published_day_wait_for_its_master(files):
    publish(files)

    files.stage_first_time_buyers(D, b"corrected\n")

    assert content(files, FIRST_TIME_BUYERS) == "buyers of master\n"
    files.publish_master(D, b"master\n", 3, NOW, provisional=False)
    assert content(files, FIRST_TIME_BUYERS) == "corrected\n"


def test_buyers_of_an_older_day_never_replace_newer_ones(files):
    publish(files)

    files.stage_first_time_buyers(D - timedelta(days=1), b"older\n")

    assert content(files, FIRST_TIME_BUYERS) == "buyers of master\n"


@pytest.mark.parametrize("theirs", ["edited by hand\n", None])
def test_a_master_that_people_changed_or_removed_still_stops_an_older_day(
    files, theirs
):
    publish(files, text="newer\n")
    if theirs is None:
        (files.folder / MASTER).unlink()
    else:
        (files.folder / MASTER).write_text(theirs, encoding="utf-8")

    is_out = publish(files, D - timedelta(days=1), "older\n")

    assert not is_out
    assert content(files, FIRST_TIME_BUYERS) == "buyers of newer\n"
    assert files.stamp() == "2026-06-21T06:00:00Z"


def test_a_master_that_people_changed_is_made_whole_by_the_next_run(files):
    publish(files)
    (files.folder / MASTER).write_text("edited by hand\n", encoding="utf-8")

    publish(files)

    assert content(files) == "master\n"


# Pruning -------------------------------------------------------------------------


def test_pruning_counts_from_the_newest_published_day(tmp_path):
    files = Publication(tmp_path, archive_keep_days=2)
    for back in range(4, -1, -1):
        publish(files, D - timedelta(days=back), f"{back}\n")

    days = ["2026-06-18", "2026-06-19", "2026-06-20"]
    assert archived(files) == days
    assert archived(files, "first_time_buyers") == days


def test_an_old_day_made_again_prunes_nothing_of_the_newer_ones(tmp_path):
    files = Publication(tmp_path, archive_keep_days=2)
    for back in (2, 1, 0):
        publish(files, D - timedelta(days=back), f"{back}\n")

    publish(files, D - timedelta(days=30), "long ago\n")

    assert archived(files)[-3:] == ["2026-06-18", "2026-06-19", "2026-06-20"]


def test_suffixed_files_are_pruned_with_their_day(tmp_path):
    files = Publication(tmp_path, archive_keep_days=1)
    publish(files, D - timedelta(days=3), "first\n")
    publish(files, D - timedelta(days=3), "second\n")

    publish(files)

    assert archived(files) == ["2026-06-20"]


def test_what_people_put_into_the_archive_themselves_is_not_pruned(tmp_path):
    files = Publication(tmp_path, archive_keep_days=1)
    files.archive.mkdir(parents=True)
    theirs = ["notes.txt", "my_copy.csv", "stock_2001-01-01.csv"]
    for name in theirs:
        (files.archive / name).write_text("theirs", encoding="utf-8")

    publish(files)

    assert {path.name for path in files.archive.iterdir()} >= set(theirs)


def test_with_no_days_to_keep_the_published_one_stays_archived(tmp_path):
    files = Publication(tmp_path, archive_keep_days=0)
    publish(files, D - timedelta(days=1))
    publish(files)

    assert archived(files) == ["2026-06-20"]


# Crashes -------------------------------------------------------------------------


class Killed(BaseException):
    """The process died here."""


def dying_at(write, when, monkeypatch):
    """Let the write number *when* be the last thing that did not happen."""
    count = 0

    def perhaps(*args):
        nonlocal count
        count += 1
        if count == when:
            raise Killed
        write(*args)

    monkeypatch.setattr(publication, "replace_bytes", perhaps)


def die_at(files, when, monkeypatch):
    """Publish the next day, dying before write number *when*; say whether it died."""
    with monkeypatch.context() as patch:
        dying_at(publication.replace_bytes, when, patch)
        try:
            publish(files, D + timedelta(days=1), "new\n", now=NOW + timedelta(1))
        except Killed:
            return True
    return False


@pytest.mark.parametrize("is_archived", [True, False])
def test_whenever_it_dies_files_are_whole_and_the_next_run_completes(
    tmp_path, monkeypatch, is_archived
):
    ways = 0
    while True:
        files = Publication(tmp_path / str(ways), archive_keep_days=90)
        publish(files, text="old\n")
        if not is_archived:
            (files.archive / "customer_analytics_2026-06-20.csv").unlink()
        died = die_at(files, ways + 1, monkeypatch)
        assert content(files) in {"old\n", "new\n"}
        assert content(files, FIRST_TIME_BUYERS) in {
            "buyers of old\n", "buyers of new\n"
        }  # fmt: skip
        if died:
            assert files.stamp() == "2026-06-21T06:00:00Z", "a stamp means success"

        publish(files, D + timedelta(days=1), "new\n", now=NOW + timedelta(2))

        assert content(files) == "new\n"
        assert content(files, FIRST_TIME_BUYERS) == "buyers of new\n"
        assert files.published().as_of == "2026-06-21"
        assert archived(files) == ["2026-06-20", "2026-06-21"]
        old = "archive/customer_analytics_2026-06-20.csv"
        assert content(files, old) == "old\n"
        if not died:
            break
        ways += 1
    assert ways >= 6


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_a_damaged_archived_file_is_found_and_is_no_earlier_version_rule_8_4(files):
    publish(files)
    publish(files, D + timedelta(days=1), "next\n")
    path = files.archive / f"customer_analytics_{D}.csv"
    flip(path)

    assert files.find_damaged() == [path]
    publish(files, D, "again\n")

    assert path.read_text() == "again\n"
    assert files.find_damaged() == []
    assert [each.name for each in files.archive.glob(f"*{D}.*csv*")].count(
        f"customer_analytics_{D}.csv.damaged"
    ) == 1
    assert not (files.archive / f"customer_analytics_{D}.1.csv").exists()


@pytest.mark.parametrize("name", [MASTER, FIRST_TIME_BUYERS])
def test_a_damaged_published_file_is_found(files, name):
    publish(files)
    flip(files.folder / name)

    assert files.find_damaged() == [files.folder / name]
    publish(files)
    assert files.find_damaged() == []


def test_an_unpublished_file_is_replaced_from_the_archive_rule_8_4(files):
    publish(files)
    flip(files.folder / MASTER)

    assert files.put_back() == D.isoformat()
    assert content(files) == "master\n"
    assert files.put_back() is None


def test_a_publication_that_is_to_be_finished_is_left_to_the_next_one(files):
    publish(files, D, "old\n")
    old = (files.folder / MASTER).read_bytes()
    publish(files, D + timedelta(days=1), "new\n")
    (files.folder / MASTER).write_bytes(old)

    assert files.put_back() is None
    assert content(files) == "old\n"


def test_buyers_that_were_damaged_in_the_archive_are_not_published_rule_8_4(files):
    publish(files)
    flip(files.archive / f"first_time_buyers_{D}.csv")
    (files.folder / MASTER).unlink()

    with pytest.raises(LocalFailure, match=r"first_time_buyers_.*update --as-of"):
        publish_next(files)
    assert content(files, FIRST_TIME_BUYERS) == "buyers of master\n"


def publish_next(files):
    return files.publish_master(
        D + timedelta(days=1), b"n\n", 1, NOW, provisional=False
    )


def test_an_archive_of_before_hashes_goes_on_and_gets_them(files):
    publish(files)
    (files.archive / HASHES).unlink()

    assert files.find_damaged() == []
    publish(files, D + timedelta(days=1), "next\n")
    flip(files.archive / f"customer_analytics_{D + timedelta(days=1)}.csv")
    assert len(files.find_damaged()) == 1


@pytest.mark.parametrize("dies_after", ["kept", "noted"])
def test_who_dies_while_archiving_leaves_no_file_that_is_called_damaged(
    files, monkeypatch, dies_after
):
    publish(files)

    put = Publication._put

    def die(*_given):
        raise KeyboardInterrupt

    def die_at_the_file(self, name, content):
        if content.endswith(b"again\n"):
            die()
        put(self, name, content)

    with monkeypatch.context() as patch:
        if dies_after == "kept":
            patch.setattr(Publication, "_note_hashes", die)
        else:
            patch.setattr(Publication, "_put", die_at_the_file)
        with pytest.raises(KeyboardInterrupt):
            publish(files, D, "again\n")

    assert files.find_damaged() == []
    publish(files, D, "a third time\n")
    assert files.find_damaged() == []
    assert not list(files.archive.glob("*.damaged"))
