"""Tests for analytics_pipeline.model.text."""

import pytest

from analytics_pipeline.model.text import say


@pytest.mark.parametrize(
    ("count", "reported"),
    [(0, "0 sales have"), (1, "1 sale has"), (2000, "2,000 sales have")],
)
def test_one_is_singular(count: int, reported: str) -> None:
    assert say(count, "sale has", "sales have") == reported
