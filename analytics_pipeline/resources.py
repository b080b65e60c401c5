"""What assets are given: the shop on this machine, and the way to Lightspeed."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from analytics_pipeline.errors import DirectoryInUse, WrongUse
from analytics_pipeline.gates import told_to_people
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_directory
from analytics_pipeline.sources.allowance import Allowance
from analytics_pipeline.sources.lightspeed import LightspeedClient
from analytics_pipeline.sources.origin import origin_for
from analytics_pipeline.steps.damage import set_damaged_aside
from analytics_pipeline.steps.upgrade import bring_up_to_date
from analytics_pipeline.storage.ownership import claim_store


def log_wait(seconds: float, reason: str) -> None:
    """Tell a wait in the log, which Dagster shows with the run."""
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
    def open(self) -> Iterator[LightspeedClient]:
        """Yield a client; close it afterwards.

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
            origin_for(settings.domain_prefix or "demo", settings.api_url),
            settings.token.get_secret_value(),
            settings.api_version,
            on_wait=self.on_wait,
            allowance=self.allowance,
            attempts=self.attempts,
        ) as client:
            yield client


@contextmanager
def _in_turn(data_dir: Path) -> Iterator[None]:
    """Hold the data directory; say so in the log where another run holds it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_directory(data_dir, wait=False))
        except DirectoryInUse as error:
            logging.getLogger(__name__).info(
                "%s Waiting until it is done.", error.cause
            )
            stack.enter_context(hold_directory(data_dir, wait=True))
        yield


@contextmanager
def _told_in_two_lines() -> Iterator[None]:
    """Tell of a failure before the first step: Dagster keeps only its words."""
    try:
        with told_to_people():
            yield
    except dg.Failure as failure:
        told = (str(failure.metadata[name].value) for name in ("cause", "remedy"))
        raise dg.Failure(
            "\n".join(told), metadata=failure.metadata, allow_retries=False
        ) from failure.__cause__


def shop_resource(open_shop: Callable[[], Shop]) -> dg.ResourceDefinition:
    """Return the resource that holds the data directory for the length of a run.

    A run that Dagster launched waits for the one before it to end.  Tables of an older
    version are brought up to date, and damaged files set aside, before anything is
    read.
    """

    def hold(_context: dg.InitResourceContext) -> Iterator[Shop]:
        shop = open_shop()
        with _in_turn(shop.settings.data_dir):
            with _told_in_two_lines():
                claim_store(shop.warehouse.root, shop.settings.data_dir)
                bring_up_to_date(shop)
                set_damaged_aside(shop)
            yield shop

    return dg.ResourceDefinition(resource_fn=dg.resource(hold).resource_fn)
