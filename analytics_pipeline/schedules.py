"""When the pipeline runs by itself: every night, and for every day that was missed."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from analytics_pipeline.contracts import asset_key
from analytics_pipeline.jobs import DAILY_UPDATE, update_config
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import DUE_AT

MASTER = dg.AssetKey("customer_analytics_master")
DAYS_BACK = 14
"""How many days a missed night is made up for."""

SNAPSHOT = (
    "raw_sales",
    "customer_analytics",
    "first_time_buyers",
    MASTER.path[-1],
    "customer_report",
)
"""What a missed day needs once the sources have been read for a later one."""


def build_schedule(
    settings: Settings, days: dg.DailyPartitionsDefinition
) -> dg.ScheduleDefinition:
    """Build the nightly schedule, at 02:00 store time.

    Dagster never catches up missed partitions by itself, so each tick asks for every
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
        missed = missed_days(context.instance, days, yesterday, settings.shop_name)
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
        run_config={"ops": {"raw_sales": {"config": {"refresh_late_days": True}}}},
    )


def missed_days(
    instance: dg.DagsterInstance,
    days: dg.DailyPartitionsDefinition,
    yesterday: str,
    shop: str | None = None,
) -> list[str]:
    """Return the days before *yesterday* without a good master, newest first.

    Only days after the first one ever published: a new shop has missed nothing.
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
    good -= _provisional(instance, master, keys)
    first = min(done, default=yesterday)
    wanted = {day for day in keys if first <= day < yesterday}
    return sorted(wanted - good, reverse=True)


def _provisional(
    instance: dg.DagsterInstance, master: dg.AssetKey, keys: list[str]
) -> set[str]:
    """Return the days whose latest master was made before they were over."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(master, asset_partitions=keys), limit=10 * DAYS_BACK
    ).records
    latest: dict[str, bool] = {}
    for record in records:
        event = record.asset_materialization
        if event is not None and event.partition is not None:
            told = event.metadata.get("provisional")
            latest.setdefault(event.partition, told is not None and told.value == "yes")
    return {day for day, is_provisional in latest.items() if is_provisional}


def _last_keys(days: dg.DailyPartitionsDefinition, yesterday: str) -> list[str]:
    """Return the last days up to *yesterday*."""
    keys = days.get_partition_keys()
    return [key for key in keys if key <= yesterday][-DAYS_BACK:]
