"""What Lightspeed says: whether it is there, by which clock, and in which currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from analytics_pipeline.domain.currency import Currencies
from analytics_pipeline.errors import LightspeedUnavailable
from analytics_pipeline.resources import Lightspeed
from analytics_pipeline.settings import Settings
from analytics_pipeline.sources.outlet_payloads import currencies_of, store_time_zone

LONGEST_WAIT = 5.0
"""Seconds: who asks what is wrong does not want to wait for the answer."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store that accepted the token.

    Attributes:
        retailer: what it says of itself.
        time_zone: the one that it names.
        ahead_by: how far this machine's clock is ahead of the store's.
        currencies: in which currencies it and its outlets sell.
    """

    retailer: Mapping[str, Any]
    time_zone: str | None
    ahead_by: timedelta | None
    currencies: Currencies


def ask_store(settings: Settings) -> Store:
    """Ask the store for itself and its outlets; a second time if a request broke.

    Raises:
        WrongUse: prefix, origin or token are lacking or cannot be used.
        LightspeedUnavailable: it does not answer, or only after a while.
        LightspeedRefused: it refuses.
    """
    with Lightspeed(settings, _refuse_to_wait, attempts=2).open() as client:
        retailer = client.retailer()
        pages = client.pages("outlets", deleted=True)
        outlets = [record for page in pages for record in page.records]
        return Store(
            retailer,
            store_time_zone(retailer),
            client.clock_ahead_by,
            currencies_of(outlets, retailer),
        )


def _refuse_to_wait(seconds: float, reason: str) -> None:
    """Give up where the wait would be long.

    Raises:
        LightspeedUnavailable: it would.
    """
    if seconds > LONGEST_WAIT:
        raise LightspeedUnavailable(
            f"Lightspeed asks to wait {seconds:.0f} s: {reason}.",
            "Run it again after that time.",
        )
