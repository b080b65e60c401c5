"""From when on a day, or the contacts, are so unlike usual that somebody is told.

No figure depends on these choices: they are kept apart from the shop's policy, so that
to change one makes nothing anew.  Each check says nothing below its floor, so that a
small shop is left in peace.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

WEEKS_REMEMBERED = 8
"""How many ordinary days of one weekday, or weeks, say what is usual."""

DAYS_REMEMBERED = 28
"""How many days with sales, or runs, say what is usual."""

_LEARNING: Mapping[str, int] = {
    "learning_weeks": WEEKS_REMEMBERED,
    "learning_days": DAYS_REMEMBERED,
    "learning_runs": DAYS_REMEMBERED,
}


@dataclass(frozen=True, slots=True)
class Usual:
    """What a shop finds unusual: floors are numbers, the rest shares from 0 to 1."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    closed_days: tuple[date, ...] = ()
    learning_weeks: int = 4
    learning_days: int = 14
    learning_runs: int = 7
    max_luck: float = 0.002
    orders_floor: int = 5
    orders_low: float = 0.6
    prices_floor: int = 6
    prices_warn_factor: float = 3.0
    prices_stop_factor: float = 20.0
    worthless_stop: float = 0.8
    worthless_usual: float = 0.2
    tax_floor: int = 10
    tax_usual: float = 0.5
    tax_low: float = 0.5
    hours_floor: int = 5
    hours_share: float = 0.25
    hours_rare: float = 0.005
    repeated_floor: int = 3
    repeated_share: float = 0.02
    contacts_floor: int = 10
    contacts_fall: float = 0.05
    placeholders_floor: int = 10
    placeholders_share: float = 0.02
    tiers_floor: int = 10
    tiers_share: float = 0.1
    walk_in_factor: float = 20.0
    walk_in_share: float = 0.05

    def __post_init__(self) -> None:
        """Refuse choices that no shop can mean.

        Raises:
            ValueError: a choice makes no sense; the message names it.
        """
        for name, most in _LEARNING.items():
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 1 to {most}")
        for name in self.__slots__:
            value = getattr(self, name)
            if name.endswith("_floor") and value < 0:
                raise ValueError(f"{name} must not be negative")
            is_share = isinstance(value, float) and not name.endswith("_factor")
            if is_share and not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1")
        if not 1 < self.prices_warn_factor < math.inf:
            raise ValueError("prices_warn_factor must be more than 1")
        if not 1 < self.walk_in_factor < math.inf:
            raise ValueError("walk_in_factor must be more than 1")
        if not self.prices_warn_factor <= self.prices_stop_factor < math.inf:
            raise ValueError(
                "prices_stop_factor must not be less than prices_warn_factor"
            )


def pick_recent(known: Mapping[date, Any], day: date, count: int) -> list[date]:
    """Return the last *count* of the *known* days before *day*, earliest first."""
    return sorted(other for other in known if other < day)[-count:]


def still_learning(known: int, needed: int, what: str) -> str:
    """Say how much is known of *what*, and how much is needed."""
    return f"Still learning: {known} of {needed} {what}."
