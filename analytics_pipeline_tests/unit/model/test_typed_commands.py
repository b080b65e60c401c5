"""Tests for analytics_pipeline.model.text."""

import pytest

from analytics_pipeline.cli import app
from analytics_pipeline.model.text import for_shop, go_on

OF_NO_SHOP = {"demo", "simulate", "ui"}


@pytest.mark.parametrize(
    "name",
    [each.name or each.callback.__name__ for each in app.registered_commands],  # type: ignore[union-attr]
)
def test_a_command_about_a_shop_names_it_and_no_other_does(name: str) -> None:
    sentence = f"Run: analytics-pipeline {name} --as-of 2026-06-20, or look."

    named = for_shop(sentence, "north")

    shop = "" if name in OF_NO_SHOP else "--shop north "
    assert named == f"Run: analytics-pipeline {shop}{name} --as-of 2026-06-20, or look."
    assert for_shop(named, "north") == named
    assert for_shop(sentence, None) == sentence


def test_every_command_of_a_sentence_names_the_shop() -> None:
    text = "Run analytics-pipeline rebuild,\nthen analytics-pipeline status."

    assert for_shop(text, "north").count(" --shop north ") == 2


@pytest.mark.parametrize(
    ("remedy", "reported"),
    [
        ("", "Run it again: analytics-pipeline update"),
        ("Make a new one.", "Make a new one. Then run: analytics-pipeline update"),
        ("Make room, then run it again.", "Make room, then run it again."),
        ("Run: analytics-pipeline rebuild", "Run: analytics-pipeline rebuild"),
        ("Wait, then try again.", "Wait, then try again."),
    ],
)
def test_a_remedy_ends_with_what_to_type(remedy: str, reported: str) -> None:
    assert go_on(remedy) == reported
