"""Every command that a page shows is typed, and answers as the page says.

By day the runs leave Dagster out, whose work no page shows; by night they do not.
"""

import io
import re
import shutil
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.documentation.desk import (
    Answer,
    Desk,
    leave_dagster_out,
    open_first_desk,
)
from analytics_pipeline_tests.documentation.not_typed import NOT_TYPED, bare
from analytics_pipeline_tests.documentation.pages import (
    PAGES,
    Typed,
    blocks,
    typed_in,
)
from analytics_pipeline_tests.documentation.scenes import SCENES

LANGUAGES = {"console", "ini", "toml", "csv", ""}
COMMAND = re.compile(
    r"^(\$ |(analytics-pipeline|sudo|pip|python3?|export|docker|git|gh|tar|rm|cp|mv) )",
    re.MULTILINE,
)
BY_NIGHT = {
    "analytics-pipeline update --as-of 2026-01-31",
    "analytics-pipeline rebuild",
    "analytics-pipeline update --days 30",
    "analytics-pipeline update --days=30",
}
SECTIONS_BY_NIGHT = {"Restore", "Move to another machine", "Erase a person"}
"""What takes seconds and has its like among the others of the page, or among tests."""


def to_type(page: Path) -> list[Typed]:
    return [each for each in typed_in(page) if (page.name, bare(each)) not in NOT_TYPED]


def to_type_by_day(page: Path) -> list[Typed]:
    return [
        each
        for each in to_type(page)
        if each.command not in BY_NIGHT and each.headings[-1] not in SECTIONS_BY_NIGHT
    ]


WITH_COMMANDS = [page for page in PAGES if to_type(page)]


@pytest.fixture(scope="module")
def first_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        with open_first_desk(folder) as desk:
            yield desk


@pytest.fixture
def desk(
    first_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """A copy of the first desk; what a page does to the store is undone after it."""
    folder = shutil.copytree(first_desk.folder, tmp_path / "desk")
    monkeypatch.chdir(folder)
    state = first_desk.shop.store.state
    kept = deepcopy((state.customers, state.web_orders))
    yield replace(first_desk, folder=folder)
    for records, before in zip((state.customers, state.web_orders), kept, strict=True):
        records.clear()
        records.update(before)  # type: ignore[arg-type]


def type_all(desk: Desk, page: Path, commands: Sequence[Typed]) -> None:
    """Type *commands* of a page, and hold each answer against what it shows."""
    for typed in commands:
        if happens := SCENES.get((typed.headings[-1], typed.command)):
            happens(desk)
        answer = desk.type(typed)
        text = f"{page.name}: $ {typed.command}\n{answer.text}"
        assert typed.exit_code == answer.exit_code, text
        for line in typed.answer:
            assert is_in(line, answer), f"{line!r} is not in what {text}"


def is_in(line: str, answer: Answer) -> bool:
    """Say whether the answer has that *line*; `…` represents anything."""
    pattern = ".*".join(re.escape(part.strip()) for part in line.split("…"))
    return re.search(pattern, answer.text) is not None


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(
    page: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_dagster_out(monkeypatch)

    type_all(desk, page, to_type_by_day(page))


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says_with_dagster(
    page: Path, desk: Desk
) -> None:
    type_all(desk, page, to_type(page))


@pytest.mark.nightly
def test_who_was_erased_as_the_page_says_is_nowhere_any_more(desk: Desk) -> None:
    page = next(page for page in PAGES if page.name == "operations.md")
    (person,) = (
        each
        for each in desk.shop.store.state.customers.values()
        if each.email == desk.customer
    )
    values = [str(each) for each in (person.email, person.phone, person.mobile) if each]
    values += [person.customer_code, desk.name]
    assert {path.name for path in files_holding(desk.data, values)} >= {
        "customer_analytics_master.csv",
        "customers.parquet",
    }

    section = [each for each in to_type(page) if each.headings[-1] == "Erase a person"]
    type_all(desk, page, section)

    assert files_holding(desk.data, values) == []
    assert files_holding(desk.data, [person.id]), "the sales stay, under the id"


def files_holding(folder: Path, words: Sequence[str]) -> list[Path]:
    """Return the files of a folder that hold one of *words*, tables decoded."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        for text in [read_whole(path)]
        if any(word in text for word in words)
    ]


def read_whole(path: Path) -> str:
    """Return all that a file says: of a table every cell and note."""
    raw = path.read_bytes()
    if path.suffix != ".parquet":
        return raw.decode("utf-8", "replace")
    table = pq.read_table(io.BytesIO(raw))
    return f"{table.to_pylist()} {table.schema.metadata}"


def test_no_block_hides_a_command() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.language in LANGUAGES, (page.name, block)
            if block.language != "console":
                assert not COMMAND.search(block.text), (page.name, block)


def test_a_command_that_hides_is_found() -> None:
    for line in ("$ ls", "analytics-pipeline update", "sudo rm x", "docker compose up"):
        assert COMMAND.search(f"a = 1\n{line}\n")


@pytest.mark.parametrize("command", ["useradd ann", "cp .env /etc", "umask 077 && dd"])
def test_what_might_reach_beyond_the_folder_is_never_typed(
    command: str, desk: Desk
) -> None:
    with pytest.raises(AssertionError, match="list it in not_typed"):
        desk.type(Typed(command, (), ()))


def test_every_exception_names_a_command_in_the_pages() -> None:
    typed = [(page.name, each) for page in PAGES for each in typed_in(page)]

    assert set(NOT_TYPED) <= {(name, bare(each)) for name, each in typed}
    assert SCENES.keys() <= {(each.headings[-1], each.command) for _, each in typed}
    assert {each.command for _, each in typed} >= BY_NIGHT
    assert {each.headings[-1] for _, each in typed} >= SECTIONS_BY_NIGHT
