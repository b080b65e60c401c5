"""Which versions of a feed can be true: none is far above its neighbours.

The cursor of a feed is the highest version read.  One record with a wrong, enormous
version would move it beyond everything that is still to come, and every later change
would be missed in silence.
"""

from collections.abc import Sequence

NEVER_FAR = 10**12
"""Up to here no version is doubted: real ones have eleven digits (API 2.1)."""

FACTOR = 100
"""A version above this many times its neighbour's is not believed."""

LARGEST_EXACT = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exact."""


def highest_plausible(after: int, versions: Sequence[int] = ()) -> int:
    """Return the highest version that can be true on a page of a feed.

    Args:
        after: the version that the page was asked from; 0 at the start of a feed.
        versions: those of the page's records, in any order; the lower median is the
            neighbour where there is no version before the page.
    """
    neighbour = after
    if not after:
        if len(versions) < 2:
            return LARGEST_EXACT
        neighbour = sorted(versions)[(len(versions) - 1) // 2]
    return min(max(FACTOR * neighbour, NEVER_FAR), LARGEST_EXACT)


def is_poisoned(cursor: int, highest_below: int) -> bool:
    """Say whether a cursor is far above the highest version before it.

    Args:
        cursor: the version to read a feed on from.
        highest_below: the highest version read that is below it; 0 if there is none.
    """
    return cursor > highest_plausible(highest_below)
