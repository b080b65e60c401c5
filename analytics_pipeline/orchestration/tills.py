"""The ways to the point of sale and the web shop, chosen here, and their waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analytics_pipeline.holding import holding_of
from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection, origin_for
from analytics_pipeline.sources.lightspeed.replies import Allowance
from analytics_pipeline.sources.protocol import PointOfSale, WebShop
from analytics_pipeline.sources.web_shop.ecwid import EcwidConnection, EcwidShop

if TYPE_CHECKING:
    from analytics_pipeline.sources.lightspeed import store as stores
else:
    stores = lazily("analytics_pipeline.sources.lightspeed.store")


def log_wait(seconds: float, reason: str) -> None:
    """Log a wait, which Dagster shows with the run."""
    logging.getLogger(__name__).info(
        "Waiting %.0f s for Lightspeed: %s", seconds, reason
    )


@dataclass(frozen=True, slots=True)
class Lightspeed:
    """Opens clients for the store of the settings, which share its request limit."""

    settings: Settings
    on_wait: Callable[[float, str], None] = log_wait
    allowance: Allowance = field(default_factory=Allowance)
    attempts: int = 6

    @contextmanager
    def open(self) -> Iterator[PointOfSale]:
        """Yield the store as the tables read it; close its connection afterwards.

        Raises:
            WrongUse: the prefix or the token is not set.
        """
        with self.connect() as client:
            yield stores.LightspeedStore(client)

    @contextmanager
    def connect(self) -> Iterator[LightspeedClient]:
        """Yield a client of the store's API; close it afterwards.

        Raises:
            WrongUse: the prefix or the token is not set.
        """
        settings = self.settings
        if settings.token is None or not (settings.domain_prefix or settings.api_url):
            raise WrongUse(
                "LIGHTSPEED_DOMAIN_PREFIX or LIGHTSPEED_TOKEN is not set.",
                f"Set both in {settings.written_in}, or try: analytics-pipeline demo",
            )
        with LightspeedClient(
            Connection(
                origin_for(settings.domain_prefix or "demo", settings.api_url),
                settings.token.get_secret_value(),
                settings.api_version,
                on_wait=self._wait,
                on_reply=self._advance,
                allowance=self.allowance,
                attempts=self.attempts,
            )
        ) as client:
            yield client

    @contextmanager
    def open_web_shop(self) -> Iterator[WebShop | None]:
        """Yield the web shop as the tables read it; none where no setting names it.

        Raises:
            WrongUse: one of its settings is missing, or cannot be used.
        """
        settings = self.settings
        if not settings.reads_web_shop:
            yield None
            return
        if not (settings.ecwid_store_id and settings.ecwid_token):
            lacking = "ECWID_STORE_ID" if settings.ecwid_token else "ECWID_TOKEN"
            raise WrongUse(
                f"{lacking} is not set, though the other of ECWID_STORE_ID and "
                "ECWID_TOKEN is.",
                f"Set both in {settings.written_in} to read web orders from the web "
                "shop itself, or neither to export them.",
            )
        connection = EcwidConnection(
            settings.ecwid_store_id,
            settings.ecwid_token.get_secret_value(),
            settings.ecwid_api_url,
            on_wait=self._wait_for_web_shop,
            on_reply=self._advance,
            attempts=self.attempts,
        )
        with EcwidShop(connection) as web_shop:
            yield web_shop

    def _wait(self, seconds: float, reason: str) -> None:
        """Log a wait, and note it as what the run is doing."""
        if holding := holding_of(self.settings.data_dir):
            holding.wait(reason)
        self.on_wait(seconds, reason)

    def _wait_for_web_shop(self, seconds: float, reason: str) -> None:
        """Log a wait for the web shop, and note it as what the run is doing."""
        if holding := holding_of(self.settings.data_dir):
            holding.wait(reason, "the web shop")
        logging.getLogger(__name__).info(
            "Waiting %.0f s for the web shop: %s", seconds, reason
        )

    def _advance(self) -> None:
        """Note that the run has made progress: a request was answered."""
        if holding := holding_of(self.settings.data_dir):
            holding.advance()
