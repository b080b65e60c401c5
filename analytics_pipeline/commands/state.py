"""The state of a shop: tables and runs, what failed since when, what to do."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO

from analytics_pipeline.alerts.lookout import look_into_files
from analytics_pipeline.commands.runs import Runs, read_runs
from analytics_pipeline.commands.switches import (
    SWITCH_ON,
    describe_switched_off,
    find_switched_off,
)
from analytics_pipeline.domain.incidents import Incidents, group_warnings, list_news
from analytics_pipeline.model.text import for_shop, say
from analytics_pipeline.orchestration.record_files import AskDagster, open_record_files
from analytics_pipeline.orchestration.records import RunRecords
from analytics_pipeline.shop import Shop, find_holder
from analytics_pipeline.storage.files import AnyPath, read_if_there
from analytics_pipeline.storage.state import AlertMemory, FailedCheck, Holder
from analytics_pipeline.tables import SNAPSHOTS, TABLES, Kept

# ----------------------------------------------------------------------------------
# The state of each table: what it holds, until when, and its gate.


MASTER_TABLE = "customer_analytics_master"
EXPORTS = {
    spec.name: spec.file
    for spec in TABLES.values()
    if spec.kept is Kept.NOT and spec.file
}
"""The tables that are files for people, and nothing else."""


@dataclass(frozen=True, slots=True)
class TableState:
    """One table: how much it holds, until which day, and whether its gate is open."""

    table: str
    rows: int | None
    as_of: str | None
    materialized: str | None
    gate: str


def read_table(shop: Shop, name: str, made: datetime | None) -> TableState:
    """Return the state of the table of that *name*, which was *made* last then."""
    gate = (
        "failed" if shop.warehouse.failures(name) else "open" if made else "not run yet"
    )
    rows, as_of = _size(shop, name)
    moment = shop.show(made) if made else None
    return TableState(name, rows, as_of, moment, gate)


def _size(shop: Shop, name: str) -> tuple[int | None, str | None]:
    """Return how many rows a table holds, and the day that it reaches."""
    if TABLES[name].kept is Kept.LOG:
        walk = shop.warehouse.catch_ups.last(name)
        read_at = walk.began_at.isoformat() if walk else None
        return shop.log(TABLES[name]).row_count(), in_store_time(shop, read_at)
    published = shop.publication.published()
    if name in EXPORTS:
        file = shop.publication.folder / EXPORTS[name]
        rows = published.rows if published and name == MASTER_TABLE else None
        return (
            rows if rows is not None else _count_rows(file),
            published.as_of if published else None,
        )
    days = [day for day in shop.warehouse.partitions(name) if day != name]
    count = shop.warehouse.row_count
    if name == "raw_sales" and days:
        return sum(count(name, day) for day in days), days[-1]
    if days:
        return count(name, days[-1]), days[-1]
    return (count(name) if shop.warehouse.exists(name) else None), None


def _count_rows(file: AnyPath) -> int | None:
    """Count the rows of a published file; a cell may hold line breaks."""
    content = read_if_there(file)
    if content is None:
        return None
    lines = StringIO(content.decode("utf-8"), newline="")
    return max(sum(1 for _ in csv.reader(lines)) - 1, 0)


def in_store_time(shop: Shop, moment: str | None) -> str | None:
    """Return an ISO moment as the store's clocks show it, with their offset."""
    if moment is None:
        return None
    return shop.show(datetime.fromisoformat(moment))


# ----------------------------------------------------------------------------------
# The state of a shop: its tables, what failed and since when, what to do.


@dataclass(frozen=True, slots=True)
class Found:
    """A check that failed for a table, or for some of its days."""

    table: str
    check: str
    days: list[str]
    since: str
    sentence: str

    @property
    def what(self) -> str:
        """The table and the days, as a person would name them."""
        of = f" of {self.days[-1]}" if self.days else ""
        others = len(self.days) - 1
        more = f" and {say(others, 'day', 'days')} before" if others > 0 else ""
        return f"{self.table}{of}{more}"


@dataclass(frozen=True, slots=True)
class Failure(Found):
    """A check that stopped a table, or some days of it, and still does.

    ``is_past`` says that it stopped days before the published one, which no later day
    needs; ``can_be_accepted``, that a person may know better than the check.
    """

    can_be_accepted: bool
    is_past: bool


@dataclass(frozen=True, slots=True)
class Warned(Found):
    """A check that warns of a table, or of some of its last days; it stops nothing."""


@dataclass(frozen=True, slots=True)
class SilentChannel:
    """A channel that did not accept its last alert, and how many wait for it."""

    channel: str
    since: str
    waiting: int


@dataclass(frozen=True, slots=True)
class State:
    """The shop's runs and tables, what is published, what failed, what to do next.

    ``switched_off`` names the schedule and sensors that are so in Dagster, and
    ``holder`` the run that holds the data directory at this moment.
    """

    runs: Runs
    holder: Holder | None
    published: str | None
    provisional: bool
    people: int | None
    updated: str | None
    fresh: bool
    due: str
    failures: list[Failure]
    warnings: list[Warned]
    silent_channels: list[SilentChannel]
    switched_off: list[str]
    tables: list[TableState]
    advice: list[str]

    @property
    def is_good(self) -> bool:
        """Whether the published master is fresh and nothing that matters failed."""
        is_open = all(failure.is_past for failure in self.failures)
        return self.fresh and is_open and self.runs.failed is None


def read_state(shop: Shop) -> State:
    """Gather the state from the stored tables and from Dagster's records.

    The records are read from their files where they hold what is asked for; by Dagster
    itself, which takes seconds to import, where they do not.

    Raises:
        WrongUse: a newer program wrote the tables.
        LocalFailure: what is stored, or the records, cannot be read.
    """
    shop.versions.refuse_newer()
    state = _read_without_dagster(shop)
    if state is not None:
        return state
    from analytics_pipeline.commands.by_dagster import ask_of_runs

    with ask_of_runs(shop) as (alerts, records):
        return _gather(shop, alerts, records)


def _read_without_dagster(shop: Shop) -> State | None:
    """Gather the state by the files of the records; nothing where they do not do."""
    try:
        with open_record_files(shop.settings) as files:
            return _gather(shop, look_into_files(shop, files), files)
    except AskDagster:
        return None


def _gather(shop: Shop, alerts: AlertMemory, records: RunRecords) -> State:
    """Put together what the tables hold, and what the *records* say."""
    published = shop.publication.published()
    due = shop.due_day.isoformat()
    settings = shop.settings
    made = records.last_made()
    runs = read_runs(shop, records, made)
    failures = [failure for table in TABLES for failure in _failures(shop, table)]
    warnings = _warnings(shop, alerts.incidents)
    switched_off = find_switched_off(records.switches())
    fresh = published is not None and published.as_of >= due
    return State(
        runs,
        find_holder(settings),
        published.as_of if published else None,
        published.provisional if published else False,
        published.rows if published else None,
        in_store_time(shop, shop.publication.stamp()),
        fresh,
        due,
        failures,
        warnings,
        _silent_channels(shop, alerts),
        switched_off,
        [read_table(shop, name, moment) for name, moment in made.items()],
        [
            for_shop(sentence, settings.shop_name)
            for sentence in _advise(shop, runs, due, failures, warnings, switched_off)
        ],
    )


def _failures(shop: Shop, table: str) -> list[Failure]:
    """Return what failed at the last attempts, days that failed the same together."""
    together: dict[tuple[str, bool], list[tuple[str, FailedCheck]]] = {}
    for day, checks in sorted(shop.warehouse.failures(table).items()):
        is_past = _is_past(shop, table, day)
        for check in checks:
            together.setdefault((check.check, is_past), []).append((day, check))
    return [
        _failure(shop, table, is_past, found)
        for (_check, is_past), found in together.items()
    ]


def _failure(
    shop: Shop, table: str, is_past: bool, found: list[tuple[str, FailedCheck]]
) -> Failure:
    """Describe one check that some days of a table failed."""
    _day, last = found[-1]
    since = min(check.since for _, check in found)
    return Failure(
        table,
        last.check,
        [day for day, _ in found if day],
        in_store_time(shop, since) or since,
        last.rule,
        last.fingerprint is not None,
        is_past,
    )


def _warnings(shop: Shop, incidents: Incidents) -> list[Warned]:
    """Return what warns now, the days of one check together."""
    return [
        Warned(
            table,
            check,
            [each.subject[2] for each in found if each.subject[2]],
            shop.show(min(each.since for each in found)),
            found[-1].sentence,
        )
        for (table, check), found in group_warnings(incidents).items()
    ]


def _silent_channels(shop: Shop, alerts: AlertMemory) -> list[SilentChannel]:
    """Return the channels that refuse, with what waits for them."""
    return [
        SilentChannel(
            refusal.label,
            shop.show(refusal.since),
            len(list_news(alerts.incidents, channel)),
        )
        for channel, refusal in alerts.refusals.items()
    ]


def _is_past(shop: Shop, table: str, day: str) -> bool:
    """Say whether a snapshot of that day is one that a later, sound one has passed."""
    published = shop.publication.published()
    return table in SNAPSHOTS and published is not None and day < published.as_of


def _advise(
    shop: Shop,
    runs: Runs,
    due: str,
    failures: Sequence[Failure],
    warnings: Sequence[Warned],
    switched_off: list[str],
) -> list[str]:
    """Say what a person should do next, the most urgent first."""
    advice = [_remedy(failure) for failure in failures]
    if (failed := runs.failed) and not (failed.is_gate and failures):
        advice.insert(0, failed.remedy)
    if shop.versions.is_outdated():
        advice.append(
            "The tables are of an older version of this program, and the next run "
            "brings them up to date. Run: analytics-pipeline update"
        )
    published = shop.publication.published()
    if published is None:
        advice.append("Master CSV not found. Run: analytics-pipeline update")
    elif published.as_of < due and not advice:
        advice.append("Data seems outdated. Run: analytics-pipeline update")
    if not advice and _no_recent_sales(shop):
        advice.append(
            "No recent sales found in the last seven days. That is no error; if the "
            "shop was open, see whether its tills are online."
        )
    if switched_off:
        advice.append(f"{describe_switched_off(switched_off)} {SWITCH_ON}")
    if not advice and warnings:
        worth = say(len(warnings), "warning is", "warnings are")
        return [f"Nothing must be done; {worth} worth a look."]
    return advice or ["Nothing: all is well."]


def _remedy(failure: Failure) -> str:
    """Say what to do about *failure*."""
    if failure.is_past:
        return (
            f"{failure.what} was never made, which no later day needs. To make it: "
            f"analytics-pipeline update --as-of {failure.days[-1]}"
        )
    remedy = f"{failure.what}: fix the cause, then run: analytics-pipeline update"
    if failure.can_be_accepted:
        remedy += (
            f"\n    or, if it is as it should be: analytics-pipeline update --accept "
            f'{failure.table}.{failure.check} --reason "why it is right"'
        )
    return remedy


def _no_recent_sales(shop: Shop) -> bool:
    """Say whether the last seven stored days hold no sale."""
    days = shop.warehouse.partitions("raw_sales")[-7:]
    return not any(shop.warehouse.row_count("raw_sales", day) for day in days)
