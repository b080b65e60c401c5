"""The shop's choices: every threshold and policy of the rules, with its default."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.ids import typed_id
from analytics_pipeline.model.money import CENT
from analytics_pipeline.model.vocabulary import Tier

if TYPE_CHECKING:
    import phonenumbers
else:
    phonenumbers = lazily("phonenumbers")

# ----------------------------------------------------------------------------------
# Regions of phone numbers: the countries that they know, by two letters (rule 3.2).


OTHER_NAMES = {"UK": "GB", "EL": "GR"}
"""Codes that people and the European Union use, and ISO's for the same countries."""


def find_region(country: str | None) -> str | None:
    """Return the region of a *country*'s phone numbers; nothing if there is none."""
    region = OTHER_NAMES.get(country or "", country)
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


# ----------------------------------------------------------------------------------
# The limits from which a day, or the contacts, are an anomaly that is reported.
#
# No figure depends on these choices: they are kept apart from the shop's policy, so
# that to change one rebuilds nothing. Each check says nothing below its floor, so
# that a small shop is left in peace.


WEEKS_REMEMBERED = 8
"""How many ordinary days of one weekday, or weeks, show what is normal."""

DAYS_REMEMBERED = 28
"""How many days with sales, or runs, show what is normal."""

_LEARNING: Mapping[str, int] = {
    "learning_weeks": WEEKS_REMEMBERED,
    "learning_days": DAYS_REMEMBERED,
    "learning_runs": DAYS_REMEMBERED,
}


@dataclass(frozen=True, slots=True)
class AnomalyLimits:
    """When something is an anomaly: floors are numbers, the rest shares from 0 to 1."""

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


# ----------------------------------------------------------------------------------
# How long a run may hold a data directory; no figure depends on it.


@dataclass(frozen=True, slots=True)
class RunLimits:
    """When a run is ended.

    Attributes:
        idle_minutes: so long after it last made any progress.
        run_hours: so long after it began, whatever it does.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    idle_minutes: float = 60.0
    run_hours: float = 5.0

    def __post_init__(self) -> None:
        """Refuse limits that no run could keep, and limits that are none.

        Raises:
            ValueError: the message names the key.
        """
        for name in ("idle_minutes", "run_hours"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a number above 0")


# ----------------------------------------------------------------------------------
# The shop's choices: every threshold and policy of the rules, with its default.
#
# Configuration may replace any of them; the rules take them as arguments and never
# look them up.


class MoneyBasis(StrEnum):
    """Whether figures are with or without tax (rule 1.4)."""

    INCL_TAX = "incl_tax"
    EXCL_TAX = "excl_tax"


class GiftCards(StrEnum):
    """When the money of a gift card counts (rule 2.6)."""

    WHEN_REDEEMED = "when_redeemed"
    WHEN_SOLD = "when_sold"


class TierBasis(StrEnum):
    """Which value the tiers are set on (rule 5.6)."""

    ROLLING_90_DAYS = "rolling_90_days"
    LIFETIME = "lifetime"


LADDER: Mapping[Tier, Decimal] = MappingProxyType(
    {
        Tier.SPROUT: Decimal(250),
        Tier.BLOOM: Decimal(750),
        Tier.EVERGREEN: Decimal(1500),
    }
)
"""The value from which a tier is reached (rule 5.6), in shop currency."""


PLACEHOLDER_PHONES = (
    *(digit * 7 for digit in "0123456789"),
    *("000000" + digit for digit in "123456789"),
    "1234567",
)
"""How a placeholder phone number ends (rule 3.3)."""

FEWEST_PLACEHOLDER_DIGITS = 4

NEVER_NEGATIVE = (
    "max_shared",
    "suspicious_size",
    "max_quarantined",
    "archive_keep_days",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a shop may decide for itself; amounts are in shop currency."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    money_basis: MoneyBasis = MoneyBasis.INCL_TAX
    gift_cards: GiftCards = GiftCards.WHEN_REDEEMED
    tier_basis: TierBasis = TierBasis.ROLLING_90_DAYS
    tier_thresholds: Mapping[Tier, Decimal] = field(default_factory=lambda: LADDER)
    paid_tolerance: Decimal = CENT
    vip_from: Decimal = Decimal(1000)
    high_value_from: Decimal = Decimal(500)
    max_shared: int = 5
    suspicious_size: int = 6
    placeholder_contains: tuple[str, ...] = ("noemail", "no-email", "placeholder")
    placeholder_prefixes: tuple[str, ...] = ("none@", "customer@", "test@")
    placeholder_phones: tuple[str, ...] = PLACEHOLDER_PHONES
    phone_region: str | None = None
    shipping_products: tuple[str, ...] = ()
    walk_in_customer_id: str | None = None
    walk_in_customer_code: str = "WALKIN"
    max_quarantined: int | None = None
    archive_keep_days: int = 90
    csv_bom: bool = False
    # Not in its text: no figure of a master that was published before depends on them.
    lapse_return_share: float = field(default=0.10, repr=False)
    lapse_horizon_days: int = field(default=365, repr=False)

    def __post_init__(self) -> None:
        """Refuse choices that no shop can mean, and fill in the rungs not named.

        Raises:
            ValueError: a choice makes no sense; the message names it.
        """
        for name in NEVER_NEGATIVE:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} must not be negative")
        if not self.tier_thresholds.keys() <= LADDER.keys():
            names = ", ".join(LADDER)
            raise ValueError(f"tier_thresholds may name {names} only")
        if not 0 < self.lapse_return_share < 1:
            raise ValueError("lapse_return_share must be between 0 and 1, such as 0.10")
        if self.lapse_horizon_days < 1:
            raise ValueError("lapse_horizon_days must be at least 1")
        _check_phones(self.phone_region, self.placeholder_phones)
        if not 0 <= self.paid_tolerance < 1 or self.paid_tolerance % CENT:
            raise ValueError(
                "paid_tolerance must be whole cents from 0 to 0.99, such as 0.05"
            )
        shipping = tuple(map(typed_id, self.shipping_products))
        object.__setattr__(self, "shipping_products", shipping)
        walk_in = self.walk_in_customer_id
        object.__setattr__(self, "walk_in_customer_id", walk_in and typed_id(walk_in))
        object.__setattr__(self, "tier_thresholds", {**LADDER, **self.tier_thresholds})

    @property
    def paid_tolerance_cents(self) -> int:
        """How many cents a waiting sale may lack and still be paid (rule 2.1)."""
        return int(self.paid_tolerance / CENT)


def _check_phones(region: str | None, endings: tuple[str, ...]) -> None:
    """Refuse a region without phone numbers, and endings that are no digits.

    Raises:
        ValueError: the message names the key, and the right region if there is one.
    """
    right = find_region(region.strip().upper()) if region is not None else None
    if region != right:
        what = "phone_region must be a country's two letters, such as US"
        raise ValueError(f"{what}; here write {right}" if right else what)
    if any(
        not (each.isascii() and each.isdigit()) or len(each) < FEWEST_PLACEHOLDER_DIGITS
        for each in endings
    ):
        raise ValueError(
            "placeholder_phones must be the last digits of numbers, at least "
            f"{FEWEST_PLACEHOLDER_DIGITS} and nothing else, such as 1234567"
        )
