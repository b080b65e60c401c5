"""The page for people who know Dagster: each of its claims names a test that exists."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = TESTS.parent / "docs/for-people-who-know-dagster.md"


def test_every_choice_names_a_test_that_exists() -> None:
    rows = [
        line
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| here")
    ]

    assert len(rows) > 8
    for row in rows:
        held = re.search(r"\| `([\w/]+\.py)`, `(test_\w+)` \|$", row)
        assert held is not None, row
        file = TESTS / held[1]
        assert f"def {held[2]}(" in file.read_text(encoding="utf-8"), row
