"""How a shop wants its figures reckoned, as the ledger knows it.

Rules 1.4 (tax), 2.1 (what a waiting sale may lack), 2.6 (gift cards), 4.4 (refunds of
the web shop, which only its API says), 5.6 (tiers) and 10.4 (who has lapsed).
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """The choices that move a figure; what is not named here has its default."""

    with_tax: bool = True
    tiers_by_lifetime: bool = False
    gift_cards_when_sold: bool = False
    web_refunds: bool = False
    paid_tolerance: Decimal = Decimal("0.01")
    lapse_return_share: Decimal = Decimal("0.10")
    lapse_horizon_days: int = 365


NORMAL = Terms()
