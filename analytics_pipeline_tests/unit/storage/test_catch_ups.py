"""Tests for analytics_pipeline.storage.catch_ups: no walk of a feed is forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
from upath import UPath

from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.storage import catch_ups, files
from analytics_pipeline.storage.catch_ups import POLICIES, CatchUp, CatchUps, list_kept
from analytics_pipeline.storage.object_store import open_root
from analytics_pipeline.storage.state import write_note

FIRST = datetime(2026, 6, 21, 6, 0, 1, 5, tzinfo=UTC)
TABLE = "sales_feed"


@pytest.fixture(params=["folder", "bucket"])
def root(request, tmp_path):
    if request.param == "folder":
        return UPath(tmp_path)
    return open_root(f"memory://{tmp_path.name}")


def walk(number):
    began = FIRST + timedelta(days=number)
    return CatchUp(
        began,
        1_000 + number,
        ended_at=began + timedelta(minutes=3),
        generation=1,
        segments=number,
        program="0.1.0",
        policy="0a",
        overrides="0b",
    )


def leave_older_note(root, began_at, cursor):
    """Leave what programs wrote that kept the last walk only."""
    text = f'{{"began_at": "{began_at.isoformat()}", "cursor": {cursor}}}\n'
    write_note(root / TABLE / "catch_up.json", text)


def test_every_walk_is_kept_in_the_order_in_which_it_was_made_rule_15_2(root):
    walks = [walk(number) for number in range(1, 5)]
    for each in walks:
        CatchUps(root).record(TABLE, each)

    assert list(CatchUps(root).all(TABLE)) == walks
    assert CatchUps(root).last(TABLE) == walks[-1]
    assert CatchUps(root).last("customers") is None
    assert list(CatchUps(root).all("customers")) == []


def test_the_last_walk_is_the_last_that_was_made_whatever_the_clock_said(root):
    CatchUps(root).record(TABLE, walk(4_000))
    CatchUps(root).record(TABLE, walk(1))

    assert CatchUps(root).last(TABLE) == walk(1)


def test_a_kept_walk_is_never_written_again(root):
    CatchUps(root).record(TABLE, walk(1))
    (first,) = list_kept(root / TABLE)
    before = first.read_bytes()

    held = CatchUps(root)
    assert held.last(TABLE) == walk(1)
    CatchUps(root).record(TABLE, walk(2))
    held.record(TABLE, walk(3))  # it had not seen the second

    assert first.read_bytes() == before
    assert list(CatchUps(root).all(TABLE)) == [walk(1), walk(2), walk(3)]


def test_the_walk_of_an_older_program_is_the_last_until_the_next_and_stays(root):
    leave_older_note(root, FIRST, 7)

    assert CatchUps(root).last(TABLE) == CatchUp(FIRST, 7)
    CatchUps(root).record(TABLE, walk(1))

    assert CatchUps(root).last(TABLE) == walk(1)
    assert list(CatchUps(root).all(TABLE)) == [CatchUp(FIRST, 7), walk(1)]


def test_the_last_of_many_walks_is_found_by_as_few_listings(root, monkeypatch):
    monkeypatch.setattr(catch_ups, "IN_A_FOLDER", 3)
    listed = []
    monkeypatch.setattr(
        catch_ups,
        "list_names",
        lambda folder: listed.append(folder) or files.list_names(folder),
    )
    for number in range(1, 11):
        CatchUps(root).record(TABLE, walk(number))
        listed.clear()
        assert CatchUps(root).last(TABLE) == walk(number)
        assert len(listed) == 2

    assert list(CatchUps(root).all(TABLE)) == [walk(n) for n in range(1, 11)]


def test_a_run_asks_for_the_last_walk_once(root, monkeypatch):
    CatchUps(root).record(TABLE, walk(1))
    held = CatchUps(root)
    assert held.last(TABLE) == walk(1)

    monkeypatch.setattr(catch_ups, "list_names", lambda folder: pytest.fail(folder))
    assert held.last(TABLE) == walk(1)


def test_a_folder_that_was_begun_by_a_killed_run_hides_no_walk(tmp_path, monkeypatch):
    monkeypatch.setattr(catch_ups, "IN_A_FOLDER", 2)
    root = UPath(tmp_path)
    CatchUps(root).record(TABLE, walk(1))
    (tmp_path / TABLE / "catch_ups/00001").mkdir()

    assert CatchUps(root).last(TABLE) == walk(1)
    CatchUps(root).record(TABLE, walk(2))
    assert CatchUps(root).last(TABLE) == walk(2)


def test_a_damaged_walk_is_named_and_not_passed_over(tmp_path):
    root = UPath(tmp_path)
    for number in (1, 2):
        CatchUps(root).record(TABLE, walk(number))
    last = list(list_kept(root / TABLE))[-1]
    last.write_bytes(last.read_bytes().replace(b"1002", b"1009"))

    for read in (CatchUps(root).last, lambda table: list(CatchUps(root).all(table))):
        with pytest.raises(LocalFailure, match=r"00000002\.json is damaged"):
            read(TABLE)


def test_what_walks_were_made_under_is_kept_once_and_healed(root, monkeypatch):
    name = CatchUps(root).keep(POLICIES, '{"vip_from": "1000"}\n')
    path = root / POLICIES / f"{name}.json"
    sound = path.read_bytes()

    files.replace_bytes(path, b"damaged")
    assert CatchUps(root).keep(POLICIES, '{"vip_from": "1000"}\n') == name
    assert path.read_bytes() == sound

    monkeypatch.setattr(catch_ups, "replace_bytes", lambda path, _: pytest.fail(path))
    assert CatchUps(root).keep(POLICIES, '{"vip_from": "1000"}\n') == name
