"""Tests for analytics_pipeline.domain.identity."""

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from analytics_pipeline.domain.identity import OVERRIDE_COLUMNS as COLUMNS
from analytics_pipeline.domain.identity import check_overrides, no_overrides
from analytics_pipeline.model.errors import WrongUse

KNOWN = {"a", "b", "c"}


def overrides(*rows, columns=COLUMNS):
    return pd.DataFrame(rows, columns=columns).astype("str")


def test_good_lines_are_trimmed_and_kept_in_order():
    typed = overrides((" a ", "b", " Same", None), ("b", "c ", "different", " twins "))

    checked = check_overrides(typed, KNOWN)

    expected = overrides(("a", "b", "same", ""), ("b", "c", "different", "twins"))
    assert_frame_equal(expected, checked)


@pytest.mark.parametrize(
    ("row", "remedy"),
    [
        pytest.param(("a", "b", "equal", ""), "one of these two", id="unknown rule"),
        pytest.param(("a", "b", None, ""), "one of these two", id="no rule"),
        pytest.param(("x@example.com", "b", "same", ""), "Copy the id", id="left"),
        pytest.param(("a", "ecom-1", "same", ""), "Copy the id", id="right"),
        pytest.param((None, "b", "same", ""), "Copy the id", id="blank id"),
        pytest.param(("a", "a ", "same", ""), "Name two records", id="itself"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_remedy(row, remedy):
    typed = overrides(("a", "b", "same", "typed twice"), row)

    with pytest.raises(WrongUse) as refused:
        check_overrides(typed, KNOWN)

    assert "identity_overrides.csv, line 3" in refused.value.cause
    assert remedy in refused.value.remedy
    assert "x@example.com" not in str(refused.value)


def test_a_missing_column_is_named():
    typed = overrides(("a", "b", ""), columns=["left_id", "right_id", "reason"])

    with pytest.raises(WrongUse, match="no column rule"):
        check_overrides(typed, KNOWN)


def test_columns_are_taken_by_name_and_others_left_aside():
    typed = overrides(
        ("twins", "different", "b", "a", "2025"),
        columns=["reason", "rule", "right_id", "left_id", "year"],
    )

    checked = check_overrides(typed, KNOWN)

    assert_frame_equal(overrides(("a", "b", "different", "twins")), checked)


def test_no_overrides_are_still_a_valid_table():
    assert_frame_equal(no_overrides(), check_overrides(no_overrides(), KNOWN))


def test_the_input_is_left_unchanged():
    typed = overrides((" a", "b", "SAME", None))
    before = typed.copy()

    check_overrides(typed, KNOWN)

    assert_frame_equal(before, typed)
