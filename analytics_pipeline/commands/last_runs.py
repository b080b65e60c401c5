"""The last run of a shop: which, how it ended, since when runs fail, and what to do.

Taken from Dagster's records of runs, to which commands, schedules and clicks all write.
A command that ends before its run begins (wrong use, another run under way) has changed
nothing and leaves nothing here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile

import dagster as dg

from analytics_pipeline.commands.run_records import (
    ENDED,
    UNDER_WAY,
    Status,
    begin_of,
    day_of_run,
    end_of_run,
    is_begun,
    list_dead,
    list_records,
)
from analytics_pipeline.commands.run_states import (
    LastRun,
    RunEnding,
    Runs,
    RunUnderWay,
)
from analytics_pipeline.commands.table_states import as_store_time
from analytics_pipeline.dead_runs import GONE
from analytics_pipeline.domain.typed_commands import for_shop, go_on
from analytics_pipeline.jobs import DAILY_UPDATE, ECOM_IMPORT, FULL_REBUILD
from analytics_pipeline.run_failures import explain_run_failure, name_job
from analytics_pipeline.shop import Shop

INTERRUPTED_CODE, UNKNOWN_CODE = 130, 5

_COMMANDS = {
    DAILY_UPDATE: "analytics-pipeline update",
    FULL_REBUILD: "analytics-pipeline rebuild",
    ECOM_IMPORT: "analytics-pipeline update",
}
"""What makes good a run that was cut short."""


def read_runs(
    shop: Shop, instance: dg.DagsterInstance, made: dict[str, datetime | None]
) -> Runs:
    """Read the last runs of *shop*.

    Args:
        shop: whose runs.
        instance: where they are recorded.
        made: when each table was made last.
    """
    records = list_records(shop, instance)
    dead = list_dead(shop, instance, records)
    ended = [
        each
        for each in records
        if each.dagster_run.status in ENDED or each.dagster_run.run_id in dead
    ]
    alive = [
        each
        for each in records
        if each.dagster_run.status in UNDER_WAY and each.dagster_run.run_id not in dead
    ]
    reader = _Reader(shop, instance, made, sorted(ended, key=end_of_run, reverse=True))
    return Runs(reader.last(), reader.standing(), _describe_alive(shop, alive))


def _describe_alive(shop: Shop, alive: Sequence[dg.RunRecord]) -> RunUnderWay | None:
    """Describe the run that works; where none does, the first that waits."""
    if not alive:
        return None
    working = [each for each in alive if is_begun(each)]
    chosen = min(working or alive, key=begin_of)
    return RunUnderWay(
        name_job(chosen.dagster_run.job_name),
        day_of_run(chosen.dagster_run),
        _moment(shop, begin_of(chosen)),
        is_queued=not working,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the runs that *ended*, the newest first."""

    shop: Shop
    instance: dg.DagsterInstance
    made: dict[str, datetime | None]
    ended: Sequence[dg.RunRecord]

    def last(self) -> LastRun | None:
        """Return the last run that ended."""
        return self._describe(0) if self.ended else None

    def standing(self) -> LastRun | None:
        """Return the newest run about which something has to be done."""
        oldest = min((moment for moment in self._moments()), default=None)
        for place, record in enumerate(self.ended):
            if oldest is not None and end_of_run(record) < oldest.timestamp():
                return None  # every table has been made since
            if self._stands(record):
                return self._describe(place)
        return None

    def _moments(self) -> Iterator[datetime]:
        for moment in self.made.values():
            yield moment or datetime.fromtimestamp(0, UTC)

    def _stands(self, record: dg.RunRecord) -> bool:
        """Say whether a run that is not done left a table that nobody made since."""
        if _is_done(record):
            return False
        unmade = self._unmade(record)
        if not unmade:
            return False
        return not (self._is_past(record) and unmade <= _SNAPSHOTS)

    def _is_past(self, record: dg.RunRecord) -> bool:
        """Say whether it was for a day before the published one."""
        published = self.shop.publication.published()
        day = day_of_run(record.dagster_run)
        return bool(published and day and day[-10:] < published.as_of)

    def _unmade(self, record: dg.RunRecord) -> set[str]:
        """Return the tables that the run was to make and that were not made since."""
        planned = self.instance.get_records_for_run(
            record.dagster_run.run_id,
            of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        ).records
        begun = begin_of(record)
        tables = {
            event.asset_key.path[-1]
            for each in planned
            if (event := each.event_log_entry.get_dagster_event()).asset_key
        }
        return {
            table
            for table in tables or set(self.made)
            if (moment := self.made.get(table)) is None or moment.timestamp() < begun
        }

    def _describe(self, place: int) -> LastRun:
        """Describe the run at that *place*."""
        record = self.ended[place]
        run = record.dagster_run
        outcome, code, cause, remedy = self._explain(record)
        remedy = for_shop(remedy, self.shop.settings.shop_name)
        row = list(takewhile(lambda each: not _is_done(each), self.ended[place:]))
        return LastRun(
            name_job(run.job_name),
            day_of_run(run),
            outcome,
            _moment(self.shop, end_of_run(record)),
            _moment(self.shop, end_of_run(row[-1] if row else record)),
            code,
            cause,
            remedy,
            self._stands(record),
        )

    def _explain(self, record: dg.RunRecord) -> tuple[RunEnding, int, str, str]:
        """Return how a run ended, with which exit code, why, and what to do."""
        run = record.dagster_run
        command = _COMMANDS.get(run.job_name, "analytics-pipeline ui")
        again = f"Run it again: {command}"
        if run.status is Status.SUCCESS:
            return RunEnding.DONE, 0, "", ""
        if run.status is Status.CANCELED:
            cause = "It was canceled in the UI."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        if run.status is not Status.FAILURE:
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, GONE, again
        told = explain_run_failure(self.instance, run.run_id)
        if told.is_interrupted:
            cause = told.cause or "It was interrupted; what was published stays."
            return RunEnding.INTERRUPTED, INTERRUPTED_CODE, cause, again
        code = told.exit_code or UNKNOWN_CODE
        return RunEnding.FAILED, code, told.cause, go_on(told.remedy, command)


def _is_done(record: dg.RunRecord) -> bool:
    return record.dagster_run.status is Status.SUCCESS


_SNAPSHOTS = frozenset({
    "customer_analytics", "first_time_buyers", "customer_analytics_master",
    "customer_changes", "customer_report", "ecom_reconciliation",
})  # fmt: skip
"""What no later day needs of a day before the published one."""


def _moment(shop: Shop, timestamp: float) -> str:
    """Return a moment of the records in store time."""
    return as_store_time(shop, datetime.fromtimestamp(timestamp, UTC))
