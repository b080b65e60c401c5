"""What no one sees of a text is taken out, and white space stays."""

import sys
import unicodedata

import pytest

from analytics_pipeline.model.text import is_blank, without_invisible


def test_every_format_and_control_character_is_invisible_but_white_space_rule_3_2():
    every = map(chr, range(sys.maxunicode + 1))
    hidden = [c for c in every if unicodedata.category(c) in ("Cc", "Cf")]

    left = without_invisible("".join(hidden))

    assert left == "".join(c for c in hidden if c.isspace())
    assert is_blank(left)


@pytest.mark.parametrize("text", ["Ann", "Zoë", "李", "ابن", "a b\tc\nd", "é", "+1"])
def test_what_is_seen_stays(text: str):
    assert without_invisible(text) == text
    assert not is_blank(text)
