"""Tests for analytics_pipeline.domain.feed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.feed_versions import (
    LARGEST_EXACT,
    NEVER_FAR,
    highest_plausible,
    is_poisoned,
)

real = st.integers(1, NEVER_FAR)
far = st.integers(100 * NEVER_FAR + 1, 2**63 - 1)


@given(st.integers(0, NEVER_FAR), st.lists(real))
def test_real_versions_are_never_doubted(after: int, versions: list[int]) -> None:
    highest = highest_plausible(after, versions)
    assert all(version <= highest for version in versions)


@given(st.lists(real, min_size=1), far, st.integers(0, NEVER_FAR))
def test_one_far_version_on_a_page_is_found(
    versions: list[int], poison: int, after: int
) -> None:
    assert poison > highest_plausible(after, [*versions, poison])


@given(st.integers(1, NEVER_FAR), st.lists(far, min_size=1))
def test_after_a_real_cursor_any_number_of_far_versions_is_found(
    after: int, versions: list[int]
) -> None:
    assert min(versions) > highest_plausible(after, versions)


@given(st.integers(LARGEST_EXACT + 1, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_beyond_exact_numbers_nothing_is_believed(version: int, after: int) -> None:
    assert version > highest_plausible(after, [version, version])
    assert is_poisoned(version, after)


@pytest.mark.parametrize(
    ("cursor", "below", "expected"),
    [
        (30_000_000_005, 30_000_000_004, False),
        (30_000_000_005, 0, False),
        (5, 0, False),
        (3_000_000_000_000, 30_000_000_000, False),
        (3_000_000_000_001, 30_000_000_000, True),
        (10**13, 10**12, False),
        (2**53, 10**15, True),
    ],
)
def test_a_cursor_is_held_against_the_version_below_it(
    cursor: int, below: int, expected: bool
) -> None:
    assert is_poisoned(cursor, below) is expected
