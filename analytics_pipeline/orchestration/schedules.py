"""When the pipeline runs automatically: nightly, for missed days, for a new export."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from analytics_pipeline.assets.ecom_orders import FINGERPRINT_NOTE
from analytics_pipeline.assets.export_in_place import export_path
from analytics_pipeline.domain.business_days import end_of
from analytics_pipeline.model.errors import PipelineError
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.orchestration.records import (
    DAILY_UPDATE,
    ECOM_IMPORT,
    update_config,
)
from analytics_pipeline.orchestration.tables import asset_key
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import DUE_AT, Shop
from analytics_pipeline.sources.web_shop.export import fingerprint_export
from analytics_pipeline.sources.web_shop.export_file import read_placed
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import CUSTOMER_CHANGES, TABLES

# ----------------------------------------------------------------------------------
# When the pipeline runs automatically: every night, and for every missed day.


_LOG = logging.getLogger(__name__)

MASTER = dg.AssetKey("customer_analytics_master")
DAYS_BACK = 14
"""How many days a missed night is made up for."""

SNAPSHOT = tuple(
    spec.name
    for spec in TABLES.values()
    if spec.is_daily and spec is not CUSTOMER_CHANGES
)
"""What a missed day needs once the sources have been read for a later one."""


def build_schedule(
    settings: Settings, days: dg.DailyPartitionsDefinition
) -> dg.ScheduleDefinition:
    """Build the nightly schedule, at 02:00 store time.

    Dagster never catches up missed partitions, so each tick asks for every
    one of the last days that has no good master.
    """

    @dg.schedule(
        name=f"{DAILY_UPDATE}_schedule",
        job_name=DAILY_UPDATE,
        cron_schedule="0 2 * * *",
        execution_timezone=settings.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night at two, and for every day that was missed.",
    )
    def daily_update_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest]:
        """Ask for yesterday, which reads the sources, then for the days missed."""
        moment = context.scheduled_execution_time.astimezone(
            ZoneInfo(settings.time_zone)
        )
        yesterday = (moment.date() - timedelta(days=1)).isoformat()
        missed = missed_days(
            context.instance,
            days,
            yesterday,
            settings.shop_name,
            zones=last_known_zones(settings),
        )
        tick = f"{moment:%Y-%m-%dT%H:%M}"
        first = dg.RunRequest(
            run_key=f"{yesterday}@{tick}",
            partition_key=yesterday,
            run_config=update_config(),
        )
        return [first, *(_snapshot(day, tick, settings.shop_name) for day in missed)]

    return daily_update_schedule


def fresh_every_morning(settings: Settings) -> dg.FreshnessPolicy:
    """Return what people may expect of a file: made since midnight, by six o'clock."""
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{DUE_AT.minute} {DUE_AT.hour} * * *",
        lower_bound_delta=timedelta(hours=DUE_AT.hour, minutes=DUE_AT.minute),
        timezone=settings.time_zone,
    )


def _snapshot(day: str, tick: str, shop: str | None) -> dg.RunRequest:
    """Ask for the tables of a missed day; the sources were read by the first run."""
    return dg.RunRequest(
        run_key=f"{day}@{tick}",
        partition_key=day,
        asset_selection=[asset_key(name, shop) for name in SNAPSHOT],
        asset_check_keys=[],
    )


def missed_days(
    instance: dg.DagsterInstance,
    days: dg.DailyPartitionsDefinition,
    yesterday: str,
    shop: str | None = None,
    *,
    zones: Iterable[str],
) -> list[str]:
    """Return the days before *yesterday* without a good master, newest first.

    Only days after the first one ever published: a new shop has missed nothing.  A
    master that was made before its day had ended in all *zones* was provisional.
    """
    if instance is None:
        return []
    master = asset_key(MASTER.path[-1], shop)
    done = instance.get_materialized_partitions(master)
    keys = _last_keys(days, yesterday)
    status = instance.get_status_by_partition(master, keys, days) or {}
    good = {
        day
        for day, state in status.items()
        if state is not None and state.value == "MATERIALIZED"
    }
    good -= _provisional(instance, master, keys, set(zones))
    first = min(done, default=yesterday)
    wanted = {day for day in keys if first <= day < yesterday}
    return sorted(wanted - good, reverse=True)


def last_known_zones(settings: Settings) -> set[str]:
    """Return the zones of the last good outlets, and the store's own.

    What is wrong with the store or the outlets must not keep the night's run from being
    asked for: the run says it.  Until then the store's own zone is all that is known.
    """
    try:
        warehouse = Warehouse(settings.warehouse_url)
        known = (
            warehouse.read("outlets", Outlets)["time_zone"]
            if warehouse.exists("outlets")
            else ()
        )
    except (PipelineError, OSError) as error:
        _LOG.warning("The outlets could not be read (%s).", type(error).__name__)
        known = ()
    return {settings.time_zone, *known}


def _provisional(
    instance: dg.DagsterInstance,
    master: dg.AssetKey,
    keys: Sequence[str],
    zones: Collection[str],
) -> set[str]:
    """Return the days whose latest master was made before they had ended."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(master, asset_partitions=keys), limit=10 * DAYS_BACK
    ).records
    made_at: dict[str, float] = {}
    for record in records:  # the latest one comes first
        if record.partition_key is not None:
            made_at.setdefault(record.partition_key, record.timestamp)
    return {
        day
        for day, moment in made_at.items()
        if moment < end_of(date.fromisoformat(day), zones).timestamp()
    }


def _last_keys(days: dg.DailyPartitionsDefinition, yesterday: str) -> list[str]:
    """Return the last days up to *yesterday*."""
    keys = days.get_partition_keys()
    return [key for key in keys if key <= yesterday][-DAYS_BACK:]


# ----------------------------------------------------------------------------------
# What the pipeline watches: the web shop's export.
#
# A new file is taken in for the published day, without asking Lightspeed anything.


EVERY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SeenExport:
    """The file as it was last seen; time and size show cheaply that it is the same."""

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
