"""The shop's choices: every threshold and policy of the rules, with its default.

Configuration may replace any of them; the rules take them as arguments and never
look them up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

from analytics_pipeline.domain.ids import typed_id
from analytics_pipeline.domain.money import CENT
from analytics_pipeline.domain.phone_regions import find_region
from analytics_pipeline.vocabulary import Tier


class MoneyBasis(StrEnum):
    """Whether figures are with or without tax (rule 1.4)."""

    INCL_TAX = "incl_tax"
    EXCL_TAX = "excl_tax"


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
"""How a phone number ends that stands for "none" (rule 3.3)."""

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
    walk_in_customer_id: str | None = None
    walk_in_customer_code: str = "WALKIN"
    max_quarantined: int | None = None
    archive_keep_days: int = 90
    csv_bom: bool = False

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
        _check_phones(self.phone_region, self.placeholder_phones)
        if not 0 <= self.paid_tolerance < 1 or self.paid_tolerance % CENT:
            raise ValueError(
                "paid_tolerance must be whole cents from 0 to 0.99, such as 0.05"
            )
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
