"""What assets are given: the shop on this machine, and the way to Lightspeed."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg

from analytics_pipeline.holding import Holding
from analytics_pipeline.model.errors import DirectoryInUse
from analytics_pipeline.orchestration.gate import as_dagster_failure
from analytics_pipeline.orchestration.tills import Lightspeed
from analytics_pipeline.orchestration.upkeep import bring_up_to_date, set_damaged_aside
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_for_run
from analytics_pipeline.storage.shared_store import prepare_store

# ----------------------------------------------------------------------------------
# What Dagster's I/O manager does here: nothing, and it makes sure of that.
#
# A table is stored by its gate, and read from the warehouse by what
# builds on it; no value is handed from step to step. Dagster's own I/O
# manager would pickle that nothing, and refuses a range of partitions.


class StoredBehindTheGate(dg.IOManager):
    """Takes the empty output of an asset whose table is stored already."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store nothing; a table handed over here would have passed no gate."""
        if obj is not None:
            raise TypeError(f"{context.step_key} handed on a table past its gate")

    def load_input(self, context: dg.InputContext) -> Any:
        """Refuse: tables are read from the warehouse, behind their gate."""
        raise TypeError(f"{context.name} must be read from the warehouse")


# ----------------------------------------------------------------------------------
# What assets are given: the shop on this machine, and the way to Lightspeed.


def point_of_sale(
    settings: Settings, on_wait: Callable[[float, str], None]
) -> dg.ResourceDefinition:
    """Return the resource that opens the point of sale: here it is chosen."""
    return dg.ResourceDefinition.hardcoded_resource(
        Lightspeed(settings, on_wait),
        "The way to Lightspeed, which is only read. Store and token are in the "
        "settings of the shop, and in no record of Dagster.",
    )


LOG_EVERY = 300.0
"""Seconds after which a run that waits for another one says so again."""


@contextmanager
def _in_turn(settings: Settings, by: str) -> Iterator[Holding]:
    """Hold the data directory; say in the log, now and then, who is waited for."""
    log = logging.getLogger(__name__)
    with ExitStack() as stack:
        seconds = 0.0
        while True:
            turn = hold_for_run(settings, by, wait=seconds > 0, seconds=seconds)
            try:
                holding = stack.enter_context(turn)
                break
            except DirectoryInUse as error:
                log.info("%s Waiting until it is done.", error.cause)
                seconds = LOG_EVERY
        yield holding


def _name_run(context: dg.InitResourceContext) -> str:
    """Name a run for people: its job, and how it is found in the UI."""
    run = context.run
    if run is None:
        return "a run of Dagster"
    job = "materialization" if run.job_name.startswith("__") else run.job_name
    return f"{job} of Dagster (run {run.run_id[:8]})"


@contextmanager
def _early_failure_in_two_lines() -> Iterator[None]:
    """Put a failure before the first step into two lines, all that Dagster keeps."""
    try:
        with as_dagster_failure():
            yield
    except dg.Failure as failure:
        facts = (str(failure.metadata[name].value) for name in ("cause", "remedy"))
        raise dg.Failure(
            "\n".join(facts), metadata=failure.metadata, allow_retries=False
        ) from failure.__cause__


def shop_resource(open_shop: Callable[[], Shop]) -> dg.ResourceDefinition:
    """Return the resource that holds the data directory for the length of a run.

    A run that Dagster launched waits for the one before it to end.  Tables of an older
    version are brought up to date, and damaged files set aside, before anything is
    read.
    """

    def hold(context: dg.InitResourceContext) -> Iterator[Shop]:
        shop = open_shop()
        with _in_turn(shop.settings, _name_run(context)) as holding:
            shop.progress = holding.listening(shop.progress)
            with _early_failure_in_two_lines():
                prepare_store(shop.warehouse.root, shop.settings.data_dir)
                bring_up_to_date(shop)
                set_damaged_aside(shop)
            yield shop

    return dg.ResourceDefinition(
        resource_fn=dg.resource(hold).resource_fn,
        description="The shop of the data directory. A run holds it until it ends; "
        "others wait.",
    )
