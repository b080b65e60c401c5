"""Run a job in this process, recorded on the UI's instance, and sum it up."""

import gc
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from analytics_pipeline.alerts.delivery import send_alerts
from analytics_pipeline.assets.customer_changes import CHANGES
from analytics_pipeline.assets.ecom_reconciliation import RECONCILIATION
from analytics_pipeline.commands.terminal import Terminal, Waits
from analytics_pipeline.definitions import build_definitions, ignore_previews
from analytics_pipeline.domain.incidents import Incidents, group_warnings
from analytics_pipeline.model.checks import ACCEPTED, Candidate
from analytics_pipeline.model.errors import PipelineError, was_interrupted
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import ChangeKind, ReconciliationCategory
from analytics_pipeline.orchestration.code_location import (
    record_like_launched,
    tags_of_command,
)
from analytics_pipeline.orchestration.home import instance_home
from analytics_pipeline.orchestration.instance import open_instance, records_kept
from analytics_pipeline.orchestration.run_records import explain_early_failure
from analytics_pipeline.orchestration.tables import table_of
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.files_for_people import ReportFiles
from analytics_pipeline.storage.object_store import open_root
from analytics_pipeline.storage.older_files import StoredVersions
from analytics_pipeline.storage.publication import ARCHIVE, FIRST_TIME_BUYERS, MASTER
from analytics_pipeline.storage.shared_store import prepare_store

# ----------------------------------------------------------------------------------
# Run a job in this process, recorded on the instance that the UI shows.


COLLECT_RARELY = (10_000, 20, 20)
"""How often Python looks for unreachable cycles; pages of JSON make none, but many
objects, and by default a fifth of a first load is spent on looking."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: figures by table, warnings, and the failure if any.

    ``accepted`` is what a person has accepted, and ``standing`` how many warnings there
    are now, those of earlier runs among them, as `status` counts.
    """

    run_id: str
    figures: Mapping[str, Mapping[str, Any]]
    days: Mapping[str, int]
    warnings: Sequence[str]
    failure: PipelineError | None = field(default=None)
    accepted: Sequence[str] = ()
    standing: int = 0


@dataclass
class Stored:
    """What a run has stored of each table: the last figures, and how many times."""

    figures: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, table: str, candidate: Candidate) -> None:
        """Note that *candidate* is stored."""
        rows = {} if candidate.frame is None else {"rows": len(candidate.frame)}
        self.figures[table] = {**candidate.figures, **rows}
        self.counts[table] += 1


class RunFailed(PipelineError):
    """A run failed; how is in the cause, and the exit code comes from the failure."""

    def __init__(self, cause: str, remedy: str, exit_code: int) -> None:
        """Take over what the failed step said."""
        super().__init__(cause, remedy)
        self.code = exit_code


def run_job(
    settings: Settings,
    job: str,
    day: date,
    config: Mapping[str, Any],
    terminal: Terminal,
    tags: Mapping[str, str] | None = None,
) -> Outcome:
    """Run *job* for *day* and return what became of it.

    Raises:
        LocalFailure: Dagster's own records cannot be kept.
        WrongUse: the store is that of another data directory, or of a newer program.
        StoreFailure: its bucket could not be used.
    """
    store = open_root(settings.warehouse_url)
    prepare_store(store, settings.data_dir)
    StoredVersions(store).refuse_newer()
    gc.set_threshold(*COLLECT_RARELY)
    with warnings.catch_warnings():
        ignore_previews()
        stored = Stored()
        definitions = build_definitions(
            settings,
            on_stored=stored.note,
            progress=terminal.progress,
            notify=lambda sentence: terminal.note(f"note: {sentence}"),
            on_wait=terminal.waiting,
        )
        quiet = {"loggers": {"console": {"config": {"log_level": terminal.log_level}}}}
        with records_kept(partial(instance_home, settings)), _log_to_stderr(terminal):
            instance = open_instance(settings)
            record_like_launched(instance, settings, job)
            result = definitions.resolve_job_def(job).execute_in_process(
                instance=instance,
                partition_key=day.isoformat(),
                run_config={**config, **quiet},
                tags={**(tags or {}), **tags_of_command()},
                raise_on_error=False,
            )
            terminal.progress("alerts", 0, None)
            incidents = _send_alerts(settings, instance, terminal)
    outcome = _read(result, stored)
    known = outcome.warnings if incidents is None else group_warnings(incidents)
    return replace(outcome, standing=len(known))


def _log_to_stderr(terminal: Terminal) -> AbstractContextManager[object]:
    """Keep Dagster's own log, which goes to standard output, out of the results."""
    return (
        redirect_stdout(sys.stderr) if terminal.output_options.debug else nullcontext()
    )


def _send_alerts(
    settings: Settings, instance: dg.DagsterInstance, terminal: Terminal
) -> Incidents | None:
    """Send the alerts of a run; return what is wrong now, if that is known.

    That one could not be sent changes no run's outcome.
    """
    try:
        with records_kept(partial(instance_home, settings)):
            delivery = send_alerts(open_shop(settings), instance, is_patient=False)
    except PipelineError as error:
        terminal.warn(f"No alert could be sent. {error.cause} {error.remedy}")
        return None
    except OSError as error:
        terminal.warn(f"No alert could be sent ({type(error).__name__}).")
        return None
    if delivery.refusing:
        terminal.warn(
            f"{', '.join(delivery.refusing)} did not accept an alert; it is tried "
            "again "
            "with the next run. To try now: analytics-pipeline alert-test"
        )
    return delivery.incidents


def _read(result: dg.ExecuteInProcessResult, stored: Stored) -> Outcome:
    """Gather the warnings and the failure of a run, with what it has *stored*."""
    values: dict[tuple[str, str], list[str]] = {}
    accepted: dict[tuple[str, str], list[str]] = {}
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity is dg.AssetCheckSeverity.WARN:
                table = table_of(check.asset_key)
                kind = accepted if ACCEPTED in check.metadata else values
                kind.setdefault((table, check.check_name), []).append(
                    f"{table}: {check.description}"
                )
    return Outcome(
        result.run_id,
        stored.figures,
        stored.counts,
        [_in_short(s) for s in values.values()],
        _failure_of(result),
        [_in_short(s) for s in accepted.values()],
    )


def _in_short(sentences: list[str]) -> str:
    """Name a warning that several days share once."""
    more = len(sentences) - 1
    return (
        f"{sentences[-1]} (and on {say(more, 'more day', 'more days')})"
        if more
        else sentences[0]
    )


CANCELED = dg.DagsterEventType.PIPELINE_CANCELED


def _failure_of(result: dg.ExecuteInProcessResult) -> PipelineError | None:
    """Return why the run failed, as the failed step reported it."""
    if result.success:
        return None
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.user_failure_data:
            facts = event.step_failure_data.user_failure_data.metadata
            if "exit_code" in facts:
                return RunFailed(
                    str(facts["cause"].value),
                    str(facts["remedy"].value),
                    int(str(facts["exit_code"].value)),
                )
    for event in result.all_events:
        if event.is_failure and (before := explain_early_failure(event)):
            return RunFailed(before.cause, before.remedy, before.exit_code or 5)
    # Whatever error it looked like to Dagster, which cancels a run between two steps.
    is_canceled = any(event.event_type is CANCELED for event in result.all_events)
    if was_interrupted() or is_canceled:
        raise KeyboardInterrupt
    causes = [
        (error.cause or error)
        for event in result.all_events
        if event.is_step_failure and (error := event.step_failure_data.error)
    ]
    causes += [
        (error.cause or error)
        for event in result.all_events
        if event.is_job_failure and (error := event.job_failure_data.error)
    ]
    if any("Interrupt" in str(cause.cls_name) for cause in causes):
        raise KeyboardInterrupt
    kinds = sorted({str(cause.cls_name) for cause in causes if cause.cls_name})
    return RunFailed(
        f"Something unexpected failed ({', '.join(kinds) or 'unknown'}).",
        "Run it again with --debug, or look at the run in: analytics-pipeline ui",
        5,
    )


# ----------------------------------------------------------------------------------
# The results of a run: the facts, and the summary of them for people.


LOOK_AT: Mapping[str, str] = {
    ReconciliationCategory.REFUNDED_IN_WEB_SHOP: "refunded in the web shop",
    ReconciliationCategory.CONTRADICTING: "with conflicting evidence",
    ReconciliationCategory.AMOUNT_DIFFERS: "with another amount than their sale",
    ReconciliationCategory.UNATTRIBUTED: "without a customer",
}
"""The web orders that a person should look at, and how a summary calls them."""

LONG_WAIT = 2.0
"""Waits of fewer seconds than this are left out of the summary."""


def print_checks(outcome: Outcome, terminal: Terminal) -> None:
    """Print what the checks of a run warn of, and what a person has accepted."""
    terminal.warn_of_all(outcome.warnings)
    for sentence in outcome.accepted:
        terminal.note(f"accepted: {sentence}")


def print_summary(
    shop: Shop, outcome: Outcome, day: date, seconds: float, terminal: Terminal
) -> None:
    """Print what a run read, re-opened and published, and keep it for the document."""
    facts = {
        **_figures_of(outcome, day),
        **_published(shop, day),
        "waits": {reason: vars(waits) for reason, waits in terminal.waits.items()},
        "seconds": round(seconds, 1),
    }
    terminal.facts |= facts
    lines = _in_words(facts, terminal.waits, _count_warnings(outcome))
    terminal.summary(f"As of {day}", lines)


def _figures_of(outcome: Outcome, day: date) -> dict[str, Any]:
    """Return what a run read and made, as figures."""
    of: dict[str, Mapping[str, Any]] = {
        table: outcome.figures.get(table, {})
        for table in (
            "sales_feed",
            "customers",
            "customer_analytics_master",
            "customer_analytics",
            "customer_changes",
            "ecom_reconciliation",
        )
    }
    feed, master = of["sales_feed"], of["customer_analytics_master"]
    quarantined, changes = of["customer_analytics"], of["customer_changes"]
    orders = of["ecom_reconciliation"]
    return {
        "as_of": day,
        "sales_read": int(feed.get("records_read", 0)),
        "customer_records_read": int(of["customers"].get("read", 0)),
        "days_cut": outcome.days.get("raw_sales", 0),
        "people": int(master["rows"]),
        "lifetime_value_cents": int(master["lifetime_value_cents"]),
        "orders": int(master["orders"]),
        "first_time_buyers": int(master["first_time_buyers"]),
        "repaired_sales": int(feed.get("repaired", 0)),
        "quarantined_sales": {
            "count": int(quarantined["quarantined_sales"]),
            "last_good_cents": int(quarantined["quarantined_last_good_cents"]),
            "unknown": int(quarantined["quarantined_unknown"]),
        },
        "people_changed": int(changes.get("people", 0)),
        "changes": {kind.value: int(changes.get(kind.value, 0)) for kind in ChangeKind},
        "web_orders": {
            each.value: int(orders.get(each.value, 0))
            for each in ReconciliationCategory
        },
    }


def _published(shop: Shop, day: date) -> dict[str, Any]:
    """Return what people have before them, and where the files of *day* are."""
    publication = shop.publication
    published = publication.published()
    is_newest = published is not None and published.as_of == day.isoformat()
    reports = ReportFiles(shop.settings.data_dir, shop.policy.archive_keep_days)
    archived = publication.for_people(f"{ARCHIVE}/customer_analytics_{day}.csv")
    return {
        "published": published.as_of if published else None,
        "provisional": bool(is_newest and published and published.provisional),
        "files": {
            "master": publication.for_people(MASTER) if is_newest else None,
            "first_time_buyers": (
                publication.for_people(FIRST_TIME_BUYERS) if is_newest else None
            ),
            "archived": None if is_newest else archived,
            "report": reports.latest if is_newest else reports.of(day),
        },
    }


def _count_warnings(outcome: Outcome) -> str:
    """Say how many warnings there are now, those of earlier runs among them."""
    earlier = outcome.standing - len(outcome.warnings)
    if earlier <= 0:
        return str(outcome.standing)
    return f"{outcome.standing} ({earlier} of earlier runs): analytics-pipeline status"


def _in_words(
    facts: Mapping[str, Any], waits: Mapping[str, Waits], warnings: str
) -> dict[str, str]:
    """Return the lines of the summary."""
    recut = facts["days_cut"]
    return {
        "read": f"{facts['sales_read']:,} sales, "
        f"{facts['customer_records_read']:,} customer records",
        "partitions": f"{recut:,} rebuilt ({max(recut - 1, 0):,} late)",
        "people": f"{facts['people']:,}",
        "lifetime value": format_cents(facts["lifetime_value_cents"]),
        "orders": f"{facts['orders']:,}",
        "first-time buyers": f"{facts['first_time_buyers']:,}",
        **_repairs(facts["repaired_sales"]),
        **_quarantine(facts["quarantined_sales"]),
        **_changes(facts["people_changed"], facts["changes"]),
        **_web_orders(facts["web_orders"]),
        "warnings": warnings,
        **_waits(waits),
        "time": f"{facts['seconds']:.1f} s",
        **_places(facts),
    }


def _repairs(repaired: int) -> dict[str, str]:
    """Say what the comparison with the search has put right, if anything."""
    return (
        {"repaired": f"{say(repaired, 'sale', 'sales')}, found by the search"}
        if repaired
        else {}
    )


def _quarantine(quarantined: Mapping[str, int]) -> dict[str, str]:
    """Say what is in quarantine, if anything is."""
    if not quarantined["count"]:
        return {}
    text = (
        f"{say(quarantined['count'], 'sale', 'sales')}, in no figure; last good value "
        f"{format_cents(quarantined['last_good_cents'])}, "
        f"{quarantined['unknown']} unknown"
    )
    return {"in quarantine": text}


def _changes(people: int, changes: Mapping[str, int]) -> dict[str, str]:
    """Say of how many people something changed since the master before."""
    if not people:
        return {}
    text = ", ".join(f"{count:,} {kind}" for kind, count in changes.items() if count)
    return {"changed": f"{say(people, 'person', 'people')} ({text}): see {CHANGES}"}


def _web_orders(orders: Mapping[str, int]) -> dict[str, str]:
    """Say in one line which web orders a person should look at, if any."""
    parts = [
        f"{orders[category]:,} {words}"
        for category, words in LOOK_AT.items()
        if orders[category]
    ]
    return {"web orders": f"{', '.join(parts)}: see {RECONCILIATION}"} if parts else {}


def _waits(waits: Mapping[str, Waits]) -> dict[str, str]:
    """Say how long the run waited for Lightspeed, and why, if it was long."""
    total = sum(each.seconds for each in waits.values())
    if total < LONG_WAIT:
        return {}
    text = ", ".join(f"{reason} ({each.times}×)" for reason, each in waits.items())
    return {"waited": f"{total:.0f} s for Lightspeed: {text}"}


def _places(facts: Mapping[str, Any]) -> dict[str, str]:
    """Say where the files are; an older day goes to the archive only."""
    files = facts["files"]
    if files["archived"]:
        newest = facts["published"] or "none"
        return {
            "archived": str(files["archived"]),
            "report": str(files["report"]),
            "published": f"stays as of {newest}, which is newer",
        }
    note = " (provisional: the day is not over)" if facts["provisional"] else ""
    return {
        "master": f"{files['master']}{note}",
        "buyers": str(files["first_time_buyers"]),
        "report": str(files["report"]),
    }
