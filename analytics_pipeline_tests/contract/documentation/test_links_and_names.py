"""What the pages link to and name is there: pages, anchors, commands, names, files."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from analytics_pipeline.cli import app
from analytics_pipeline_tests.documentation.pages import (
    PAGES,
    ROOT,
    anchors,
    links,
    read,
    spans,
)

CODE = (
    "analytics_pipeline",
    "analytics_pipeline_tests",
    "benchmarks",
    "deploy",
    "data",
)
SUFFIXES = {
    "",
    ".py",
    ".toml",
    ".yaml",
    ".yml",
    ".json",
    ".service",
    ".timer",
    ".example",
}
NAME = re.compile(r"\.?[A-Za-z][A-Za-z0-9]*(?:[_.][A-Za-z0-9]+)+|_[A-Z_]+_?")
PATH = re.compile(r"[\w.<>-]*/[\w./<>…*-]*|[\w-]*\.(?:py|md|csv|toml|yaml|json|env)")
OPTION = re.compile(r"--[a-z-]+")
OF_OTHERS = {
    # of the Amazon library, reported where they matter
    "AWS_MAX_ATTEMPTS", "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_PROFILE", "AWS_",
    "ListBucket", "GetObject", "_SECRET_", "when_required",
    # of Caddy
    "reverse_proxy",
    # of Spark and PostgreSQL
    "PYSPARK_SUBMIT_ARGS", "spark-defaults.conf", "before.dump",
    # examples that a reader replaces by something of their own
    "shops/NAME.env", "data/NAME", "january.csv", "orders.csv", "old_master.csv",
    "backup.tar.gz", "compare.py", "berlin_sales", ".venv/bin", ".venv/bin/mypy",
    "/srv/analytics", "/srv/analytics/.env",
}  # fmt: skip
"""Names that no file of ours holds, each of a program or a reader."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {link}"


def test_every_page_is_listed_in_the_readme() -> None:
    listed = {
        (ROOT / link.split("#")[0]).resolve() for link in links(ROOT / "README.md")
    }

    assert set(PAGES) - listed == {ROOT / "README.md"}


# Commands --------------------------------------------------------------------------


def typed_inline(page: Path) -> Iterator[list[str]]:
    for span in spans(page):
        words = re.sub(r"^(\.venv/bin/|dotenv run -- )", "", span)
        if words.startswith("analytics-pipeline "):
            yield shlex.split(words)[1:]


@cache
def options_of(command: str) -> set[str]:
    known = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    return {option for each in known.params for option in each.opts} | {"--help"}


def known_commands() -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def options_of_all() -> set[str]:
    """The options that are before any command."""
    group = typer.main.get_command(app)
    return {name for each in group.params for name in each.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_prose_is_one(page: Path) -> None:
    for words in typed_inline(page):
        if words[0] == "--shop":
            words = words[2:]
        command, *rest = words
        if command == "COMMAND":
            continue
        if command.startswith("--"):
            assert command in options_of_all(), words
            continue
        assert command in known_commands(), words
        typed = {word.split("=")[0] for word in rest if word.startswith("--")}
        assert typed <= options_of(command) | {"--shop"}, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_separately_is_one_of_ours(page: Path) -> None:
    every = {"--shop"} | {
        each for name in known_commands() for each in options_of(name)
    }
    for span in spans(page):
        option = span.split("=")[0].split(" ")[0]
        if OPTION.fullmatch(option) and page.name not in GONE.get(option, ()):
            assert option in every or f'"{option}"' in code(), f"{page.name}: {span}"


GONE = {"--limit": ("coming-from-the-scripts.md",), "--init": ("running.md",)}
"""Options that a page names of other programs: the earlier scripts, docker."""

# Names and files -------------------------------------------------------------------


@cache
def code() -> str:
    """Return the text of everything but the pages themselves."""
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*")]
    files += [
        ROOT / name for name in ("pyproject.toml", "dagster.yaml", "workspace.yaml")
    ]
    return "\n".join(
        path.read_text(encoding="utf-8")
        for path in files
        if path.is_file() and path.suffix in SUFFIXES and not is_about_pages(path)
    )


def is_about_pages(path: Path) -> bool:
    """Say whether a file quotes the pages, so that it proves no name of theirs."""
    of_pages = path.parent == ROOT / "analytics_pipeline_tests/documentation"
    return path == Path(__file__) or (of_pages and not path.name.startswith("test_"))


@cache
def words() -> set[str]:
    return set(re.findall(r"\w+", code()))


def is_known(span: str) -> bool:
    """Say whether a name or path in backticks is one that the program knows."""
    if span in OF_OTHERS or any((base / span).exists() for base in places()):
        return True
    pieces = [each for each in re.split(r"[^\w]+", span) if each]
    return all(each in words() or re.fullmatch(r"\d+|[A-Z]", each) for each in pieces)


def places() -> tuple[Path, ...]:
    return (
        ROOT,
        ROOT / "docs",
        ROOT / "analytics_pipeline",
        ROOT / "analytics_pipeline_tests",
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_in_backticks_that_looks_like_a_name_is_one(page: Path) -> None:
    unknown = [
        span
        for span in spans(page)
        if (NAME.fullmatch(span) or PATH.fullmatch(span)) and not is_known(span)
    ]

    assert unknown == []


@pytest.mark.parametrize(
    ("span", "known"),
    [
        ("docs/rules.md", True),
        ("storage/warehouse.py", True),
        ("storage/warehouses.py", False),
        ("ANALYTICS_STORE", True),
        ("ANALYTICS_STORES", False),
        ("customer_analytics", True),
        ("customer_analysis", False),
        ("data/archive", True),
    ],
)
def test_a_name_is_known_if_the_program_has_it(span: str, known: bool) -> None:
    assert is_known(span) is known


def test_no_page_speaks_of_what_is_not_its_readers_business() -> None:
    for page in PAGES:
        assert not re.search(r"(?i)(\bTODO\b|\bFIXME\b|/home/|/root/)", read(page)), (
            page.name
        )
