"""Who holds a data directory: shown to people, and never believed of the dead."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from analytics_pipeline.storage.state import NAME, Holder, kept_note, read_holder
from analytics_pipeline_tests import clock

HOLDER = Holder(
    "analytics-pipeline update",
    os.getpid(),
    "till-server",
    "2026-11-25T07:00:00+00:00",
    "sales 12,000",
    "2026-11-25T07:12:30+00:00",
)


def test_it_is_reported_while_it_is_held(tmp_path: Path) -> None:
    assert read_holder(tmp_path) is None
    with kept_note(tmp_path) as note:
        assert note is not None
        assert read_holder(tmp_path) is None
        note.write(HOLDER)
        assert read_holder(tmp_path) == HOLDER
        shorter = Holder("replay", 1, "a", HOLDER.since, "", HOLDER.advanced)
        note.write(shorter)
        assert read_holder(tmp_path) == shorter
        assert (tmp_path / NAME).stat().st_mode & 0o077 == 0

    assert read_holder(tmp_path) is None
    assert not any(tmp_path.iterdir())


def test_a_person_reads_who_it_is_what_it_does_and_how_to_stop_it() -> None:
    assert HOLDER.in_words == (
        f"analytics-pipeline update (process {os.getpid()} on till-server), since "
        "2026-11-25 07:00 UTC, at sales 12,000 (last progress at 2026-11-25 07:12 UTC)"
    )
    assert HOLDER.how_to_stop == f"kill -INT {os.getpid()}, on till-server"


def test_a_killed_holder_is_not_believed_even_if_its_number_lives_again(
    tmp_path: Path,
) -> None:
    hold = (
        "import sys; from pathlib import Path\n"
        "from analytics_pipeline.storage.state import Holder, kept_note\n"
        "with kept_note(Path(sys.argv[1])) as note:\n"
        f"    note.write(Holder(**{asdict(HOLDER)!r}))\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": clock.PYTHON_PATH},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert read_holder(tmp_path) == HOLDER
        other.kill()

    assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    assert read_holder(tmp_path) is None
    with kept_note(tmp_path) as note:
        assert note is not None
        assert read_holder(tmp_path) is None, "the old one is not taken for the new"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"\x00\xff" * 100,
        b"[]",
        b"null",
        b'{"by": "x"}',
        json.dumps(asdict(HOLDER) | {"pid": "one"}).encode(),
        json.dumps(asdict(HOLDER) | {"since": None}).encode(),
        json.dumps(asdict(HOLDER))[:-9].encode(),
        b" " * 5000 + json.dumps(asdict(HOLDER)).encode(),
    ],
)
def test_what_is_no_note_says_nothing(content: bytes, tmp_path: Path) -> None:
    with kept_note(tmp_path):
        (tmp_path / NAME).write_bytes(content)

        assert read_holder(tmp_path) is None


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    (path.parent / "elsewhere").write_text("kept")
    path.symlink_to(path.parent / "elsewhere")


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("make", [folder, pipe, link, link_to_nothing])
def test_an_obstacle_to_the_note_delays_no_run(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / NAME)

    with kept_note(tmp_path) as note:
        if note is not None:
            note.write(HOLDER)
        read_holder(tmp_path)
    if (tmp_path / "elsewhere").exists():
        assert (tmp_path / "elsewhere").read_text() == "kept"


def test_a_directory_that_is_not_there_has_no_holder(tmp_path: Path) -> None:
    with kept_note(tmp_path / "none") as note:
        assert note is None
    assert read_holder(tmp_path / "none") is None


def test_very_long_words_are_cut(tmp_path: Path) -> None:
    with kept_note(tmp_path) as note:
        assert note is not None
        note.write(Holder("b" * 9000, 1, "h" * 9000, "s", "\u20ac" * 9000, "a"))
        found = read_holder(tmp_path)

    assert found is None or len(found.by) == 200
