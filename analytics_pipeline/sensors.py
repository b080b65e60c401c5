"""What the pipeline watches by itself: the web shop's export.

A new file is taken in for the published day, without asking Lightspeed anything.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg

from analytics_pipeline.jobs import ECOM_IMPORT
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.ecom_export import fingerprint_export
from analytics_pipeline.sources.placed_files import read_placed
from analytics_pipeline.steps.ecom_orders import FINGERPRINT_NOTE, export_path

EVERY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SeenExport:
    """The file as it was last seen; time and size tell cheaply that it is the same."""

    modified: int
    size: int
    fingerprint: str

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "SeenExport | None":
        """Return what the last tick saw, if this program wrote the cursor."""
        try:
            return cls(**json.loads(cursor or ""))
        except (ValueError, TypeError):
            return None

    def to_cursor(self) -> str:
        """Write down what was seen, for the next tick."""
        return json.dumps(asdict(self))


def build_sensors(open_shop: Callable[[], Shop]) -> list[dg.SensorDefinition]:
    """Build the sensors of the shop that *open_shop* opens at every tick."""

    @dg.sensor(
        name="ecom_export_changed",
        job_name=ECOM_IMPORT,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes in a new export of the web shop, for the published day.",
    )
    def ecom_export_changed(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        """Ask for the import of an export that is not the one taken in last."""
        shop = open_shop()
        published = shop.publication.published()
        if published is None:
            return dg.SkipReason("Nothing is published yet: the next update reads it.")
        before = SeenExport.from_cursor(context.cursor)
        seen = _look_at(export_path(shop), before)
        if seen is None:
            return dg.SkipReason("There is no export, or it is just being written.")
        if seen == before or seen.fingerprint == _taken_in(shop):
            sentence = "The export is the one that was taken in."
            return dg.SensorResult(skip_reason=sentence, cursor=seen.to_cursor())
        # The moment is in the key, because an older export may be put back.
        request = dg.RunRequest(
            run_key=f"{published.as_of}@{seen.modified}:{seen.fingerprint}",
            partition_key=published.as_of,
        )
        return dg.SensorResult([request], cursor=seen.to_cursor())

    return [ecom_export_changed]


def _look_at(path: Path, before: SeenExport | None) -> SeenExport | None:
    """Return the file as it is now; nothing if it is not there or still changes."""
    try:
        first = path.stat()
        place = (first.st_mtime_ns, first.st_size)
        if before is not None and place == (before.modified, before.size):
            return before
        fingerprint = fingerprint_export(read_placed(path))
        second = path.stat()
    except FileNotFoundError:
        return None
    if place != (second.st_mtime_ns, second.st_size):
        return None
    return SeenExport(*place, fingerprint)


def _taken_in(shop: Shop) -> str | None:
    """Return the fingerprint of the export that the stored orders were made from.

    After a failed attempt the orders are stored but not used, until one passes again.
    """
    if shop.warehouse.failures("ecom_orders"):
        return None
    return shop.warehouse.notes("ecom_orders").get(FINGERPRINT_NOTE)
