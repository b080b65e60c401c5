"""How many examples a property is tried on: a part of them by day, all at night.

Hypothesis calls such a choice a profile. ``pytest -m nightly`` takes the profile of the
night and runs every property, however it is marked.
"""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

ALL, BY_DAY = 100, 25
"""Hypothesis' own number of examples, and the part of it that is tried by day."""
FEWEST = 3
"""The first example is the simplest there is; so few find anything else."""


def choose_profile(config: pytest.Config) -> None:
    """Load the profile of the night if the tests of the night are asked for.

    No example has a time limit: a busy machine is no failure.
    """
    settings.register_profile("day", max_examples=BY_DAY, deadline=None)
    settings.register_profile("night", max_examples=ALL, deadline=None)
    settings.load_profile("night" if is_night(config) else "day")


def is_night(config: pytest.Config) -> bool:
    """Say whether ``-m`` asks for the tests that are marked ``nightly``."""
    return "nightly" in config.getoption("-m").replace("not nightly", "")


def up_to(number: int, by_day: int = ALL) -> int:
    """Return how many of *number* examples are tried in this run, *by_day* at most."""
    part = number * settings.default.max_examples // ALL
    return max(min(part, by_day) if part < number else part, min(FEWEST, number))


def each_at_night(cases: Iterable[Any], by_day: int) -> list[Any]:
    """Return the *cases* of a parametrized test; by day it tries every so many."""
    every = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        pytest.param(*case, marks=pytest.mark.nightly if number % by_day else ())
        for number, case in enumerate(every)
    ]


def is_property(item: pytest.Item) -> bool:
    """Say whether Hypothesis draws the examples of a test."""
    function = getattr(item, "function", None)
    return bool(getattr(function, "is_hypothesis_test", False))
