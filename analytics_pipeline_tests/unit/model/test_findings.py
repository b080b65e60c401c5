"""Tests for analytics_pipeline.model.checks."""

import pytest

from analytics_pipeline.model.checks import MOST_KEYS, CheckResult, Severity, name_some


@pytest.mark.parametrize(
    ("passed", "severity", "blocks"),
    [
        (True, Severity.ERROR, False),
        (True, Severity.WARN, False),
        (False, Severity.WARN, False),
        (False, Severity.ERROR, True),
    ],
)
def test_only_a_failed_error_blocks(passed, severity, blocks):
    assert blocks == CheckResult("check", passed, "sentence", severity).blocks


def test_a_failure_blocks_unless_it_is_called_a_warning():
    assert CheckResult("check", False, "sentence").blocks


def test_keys_are_named_in_order():
    assert name_some(["c", "a", "b"]) == "a, b, c"
    assert name_some([]) == ""


def test_no_more_than_ten_keys_are_named():
    keys = [f"{n:02}" for n in range(MOST_KEYS)]

    assert not name_some(keys).endswith("…")
    assert name_some([*keys, "10"]) == name_some(keys) + ", …"
