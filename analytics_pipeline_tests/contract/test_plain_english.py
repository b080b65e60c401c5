"""The repository speaks the English of the field: words and phrases that it avoids.

``codespell`` reads the words from ``plain_english.txt``; it knows no phrases and does
not look into identifiers, so those are checked here.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DICTIONARY = ROOT / "analytics_pipeline_tests/plain_english.txt"
SPOKEN = {".py", ".md", ".toml", ".yml", ".yaml", ".html", ".service", ".timer", ".sh"}
LISTS = {Path(__file__).name, DICTIONARY.name}

PHRASES = {
    r"turn(s|ed|ing)? away": "rejected",
    r"of nobody": "unattributed",
    r"none that \w+ knows": "not a valid …",
    r"(it is )?well again": "resolved",
    r"something to tell": "raised a warning",
    r"people stand elsewhere": "changed tier",
    r"days cut [0-9{]": "partitions rebuilt",
    r"never run\b(?=[\"'])": "not run yet",
    r"bears? (a|no|its) (seal|hash)": "is sealed",
    r"(gets?|got|getting) on with": "makes progress with",
    r"in the order of the story": "in pipeline order",
    r"the last word\b(?! of)": "exits with the worst code",
    r"is in vain": "is redundant",
    r"runs by itself": "runs automatically",
    r"unlike usual": "an anomaly",
}
"""What the field says instead of each phrase; a line break in it does not matter."""

STORED = {
    ("analytics_pipeline/domain/incidents.py", "told"),
    ("analytics_pipeline_tests/unit/domain/test_incidents.py", "told"),
    ("analytics_pipeline/assets/published_masters.py", "nobody"),
}
"""Fields whose names are keys of stored notes: another name needs another version."""

PUBLISHED = ("its e-mail belongs to nobody", "if nobody is in, the neighbours")
"""Texts of published files and of stored notes, whose bytes stay."""


def read_dictionary() -> dict[str, str]:
    lines = DICTIONARY.read_text(encoding="utf-8").splitlines()
    return dict(line.split("->") for line in lines)


def texts() -> Iterator[tuple[str, str]]:
    """Yield each file that people read or write, by name."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in SPOKEN and path.name not in LISTS and path.exists():
            yield name, path.read_text(encoding="utf-8")


def without_published(text: str) -> str:
    for each in PUBLISHED:
        text = text.replace(each, "")
    return text


def identifiers(text: str) -> set[str]:
    """Return the words within identifiers: ``snake`` and ``case`` of ``snake_case``."""
    names = re.findall(r"(?<![\w@/-])[A-Za-z]\w*(?![\w@-])", text)
    return {part for name in names if "_" in name for part in name.lower().split("_")}


def test_codespell_finds_none_of_the_words() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "codespell_lib"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, (found.stdout + found.stderr)[-2000:]


def test_no_identifier_holds_one_of_the_words() -> None:
    words = read_dictionary().keys()
    found = {
        (name, word)
        for name, text in texts()
        if name.endswith(".py")
        for word in identifiers(text) & words
    }

    assert found - STORED == set()


@pytest.mark.parametrize(("phrase", "better"), PHRASES.items())
def test_no_file_holds_the_phrase(phrase: str, better: str) -> None:
    spaced = re.compile(phrase.replace(" ", r"[\s\"'#>]+"), re.IGNORECASE)
    found = [
        f"{name}: {match.group()!r}, better: {better}"
        for name, text in texts()
        for match in spaced.finditer(without_published(text))
    ]

    assert found == []
