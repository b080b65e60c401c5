"""Tests for analytics_pipeline.model.text."""

import pytest

from analytics_pipeline.model.text import say


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 sales have"), (1, "1 sale has"), (2000, "2,000 sales have")],
)
def test_one_is_told_as_one(count: int, told: str) -> None:
    assert say(count, "sale has", "sales have") == told
