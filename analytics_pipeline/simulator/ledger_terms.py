"""How a shop wants its figures reckoned, as the ledger knows it (rules 1.4, 5.6)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """The choices that move a figure; what is not named here has its default."""

    with_tax: bool = True
    tiers_by_lifetime: bool = False


USUAL = Terms()
