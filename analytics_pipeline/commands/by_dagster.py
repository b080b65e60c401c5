"""What ``status`` and ``doctor`` ask Dagster itself, which takes long to import."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from analytics_pipeline.alerts.delivery import look_around
from analytics_pipeline.orchestration.home import instance_home
from analytics_pipeline.orchestration.instance import (
    open_home,
    open_instance,
    records_kept,
)
from analytics_pipeline.orchestration.run_records import RecordsByDagster
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.state import AlertMemory


@contextmanager
def ask_of_runs(shop: Shop) -> Iterator[tuple[AlertMemory, RecordsByDagster]]:
    """Yield what is wrong now, and the records of the runs of *shop*.

    Raises:
        LocalFailure: the records cannot be read.
        WrongUse: their settings cannot be used.
    """
    settings = shop.settings
    with records_kept(partial(instance_home, settings)):
        instance = open_instance(settings)
        records = RecordsByDagster(settings.shop_name, instance)
        yield look_around(shop, instance), records


def ask_of_daemon(
    home: Path, shop: str | None, daemon: str
) -> tuple[datetime | None, list[tuple[str, str]]]:
    """Return when that part of the daemon was last seen, and the switches of *shop*.

    Raises:
        LocalFailure: the records in *home* cannot be read.
        WrongUse: their settings cannot be used.
    """
    with records_kept(partial(Path, home)), open_home(home) as instance:
        seen = instance.get_daemon_heartbeats().get(daemon)
        switches = list(RecordsByDagster(shop, instance).switches())
    return (datetime.fromtimestamp(seen.timestamp, UTC) if seen else None), switches
