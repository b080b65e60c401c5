"""The daily update: read what changed, publish the master of a day."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.orchestration.records import DAILY_UPDATE, update_config
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_for_run, open_shop
from analytics_pipeline.storage.shared_store import prepare_store
from analytics_pipeline.storage.state import Acceptance, FailedCheck
from analytics_pipeline.tables import TABLES, Check

if TYPE_CHECKING:
    from analytics_pipeline.commands import running
else:
    running = lazily("analytics_pipeline.commands.running")

# ----------------------------------------------------------------------------------
# Accept one failure of one check, with a reason: it stops nothing any more.


SEE_STATUS = "See what failed, and since when: analytics-pipeline status"


ONLY_CHANGES = (
    "Only a change that may be real can be accepted, such as people or outlets that "
    "are gone. Correct the cause instead."
)


@dataclass(frozen=True, slots=True)
class Found:
    """A failed check that the person may mean."""

    table: str
    partition: str
    failed: FailedCheck

    @property
    def name(self) -> str:
        """The name of the check, with its table."""
        return f"{self.table}.{self.failed.check}"

    def __str__(self) -> str:
        """Name it with its day."""
        return f"{self.name} of {self.partition}" if self.partition else self.name


def accept_failure(shop: Shop, check: str, reason: str, day: date) -> str:
    """Remember that a person accepts what failed *check*; return what it was.

    Args:
        shop: whose table failed.
        check: the name of the check, or ``table.check``.
        reason: why it is right; it is kept with the run.
        day: where several days failed, that of this day is meant.

    Raises:
        WrongUse: nothing failed this check, several tables or days did, or it guards
            what no person can know better; or the store is another data directory's,
            or a newer program's.
    """
    prepare_store(shop.warehouse.root, shop.settings.data_dir)
    shop.versions.refuse_newer()
    found = _choose(_failures_of(shop, check), check, day)
    if found.failed.fingerprint is None:
        raise WrongUse(
            f"{found} cannot be accepted: {found.failed.rule}",
            f"{ONLY_CHANGES} {SEE_STATUS}",
        )
    _remember(shop, found, found.failed.fingerprint, reason)
    return str(found)


def accept_check_result(
    shop: Shop,
    table: str,
    check_results: Sequence[CheckResult],
    check: str,
    reason: str,
) -> str:
    """Remember that a person accepts what *check* finds in rows not stored yet.

    Args:
        shop: whose *table* is to be replaced.
        table: its name.
        check_results: what its gate says of the rows.
        check: the name of the check, or ``table.check``.
        reason: why it is right.

    Raises:
        WrongUse: nothing fails this check, or what fails cannot be accepted.
    """
    prepare_store(shop.warehouse.root, shop.settings.data_dir)
    names = (check, check.removeprefix(f"{table}."))
    failed = [each for each in check_results if each.blocks and each.check in names]
    if not failed:
        raise WrongUse(
            f"Nothing fails {check} here, so there is nothing to accept.",
            "Leave out --accept and --reason.",
        )
    found = Found(table, "", FailedCheck(failed[0].check, failed[0].sentence, ""))
    if failed[0].fingerprint is None:
        cause = f"{found} cannot be accepted: {failed[0].sentence}"
        raise WrongUse(cause, ONLY_CHANGES)
    _remember(shop, found, failed[0].fingerprint, reason)
    return str(found)


def _remember(shop: Shop, found: Found, fingerprint: str, reason: str) -> None:
    shop.warehouse.acceptances.add(
        Acceptance(
            found.table,
            found.failed.check,
            found.partition,
            fingerprint,
            reason.strip(),
            shop.clock().isoformat(timespec="seconds"),
        )
    )


def refuse_what_cannot_be_accepted(
    check: str, tables: Collection[str] = tuple(TABLES)
) -> None:
    """Make sure that *check*, perhaps as ``table.check``, may be accepted at all.

    Asks for nothing but the list of checks, so it comes before any lock or request.

    Raises:
        WrongUse: none of the *tables* has such a check, or it guards what no person
            can know better.
    """
    known: dict[str, list[Check]] = {}
    for table in tables:
        for name, each in TABLES[table].all_checks.items():
            known.setdefault(name, []).append(each)
            known[f"{table}.{name}"] = [each]
    if check not in known:
        like = get_close_matches(check, known, 1)
        raise WrongUse(
            f"There is no check {check!r}"
            + (f"; did you mean {like[0]}?" if like else " that could be accepted."),
            SEE_STATUS,
        )
    if not any(each.may_be_accepted for each in known[check]):
        raise WrongUse(
            f"{check} cannot be accepted: it guards what no person can know better.",
            f"{ONLY_CHANGES} {SEE_STATUS}",
        )


def _failures_of(shop: Shop, check: str) -> list[Found]:
    """Return every failed last attempt that *check* may name."""
    return [
        found
        for table in TABLES
        for partition, failed in shop.warehouse.failures(table).items()
        for each in failed
        if check in ((found := Found(table, partition, each)).name, each.check)
    ]


def _choose(found: list[Found], check: str, day: date) -> Found:
    """Return the one that is meant.

    Raises:
        WrongUse: there is none, or it is not clear which.
    """
    if not found:
        raise WrongUse(f"Nothing failed {check} at its last attempt.", SEE_STATUS)
    of_day = [each for each in found if each.partition in ("", day.isoformat())]
    chosen = of_day or found
    if len(chosen) > 1:
        tables = len({each.table for each in chosen}) > 1
        raise WrongUse(
            f"{check} failed more than once: {', '.join(map(str, chosen[:10]))}.",
            "Accept one after the other: "
            + (f"--accept {chosen[0].name}" if tables else "give its day as --as-of"),
        )
    return chosen[0]


# ----------------------------------------------------------------------------------
# The daily update: read what changed, publish the master of a day.


ACCEPTED_TAG = "analytics/accepted"
"""The tag of a run that names the failure which a person accepted with it."""


def choose_day(shop: Shop, as_of: date | None) -> date:
    """Return the day to publish: the wanted one, else yesterday in the store.

    Raises:
        WrongUse: it lies in the future, before the first day, or was never there.
    """
    day = as_of or shop.yesterday
    if as_of is None and shop.is_missing(day):
        day -= timedelta(days=1)
    if day > shop.today:
        raise WrongUse(
            f"{day} is later than today ({shop.today}) in the store.",
            f"Give --as-of a day up to {shop.today}.",
        )
    first = shop.settings.start_date
    if day < first:
        raise WrongUse(
            f"{day} is earlier than ANALYTICS_START_DATE ({first}).",
            f"Give --as-of a day from {first} on, or set an earlier start date.",
        )
    shop.refuse_missing_day(day)
    return day


def update(
    settings: Settings,
    terminal: Terminal,
    *,
    as_of: date | None = None,
    days: int = 7,
    full: bool = False,
    accept: str | None = None,
    reason: str | None = None,
) -> None:
    """Run the daily job for a day and print the summary.

    Raises:
        PipelineError: it failed; what was published stays.
    """
    started = time.monotonic()
    if accept is not None:
        refuse_what_cannot_be_accepted(accept)
    day = choose_day(open_shop(settings), as_of)
    with hold_for_run(settings, "analytics-pipeline update"):
        accepted = _accept(settings, accept, reason, day, terminal)
        config = update_config(days=0 if full else days, full_resync=full)
        with terminal.working(f"updating to {day}"):
            outcome = running.run_job(
                settings, DAILY_UPDATE, day, config, terminal, tags=accepted
            )
    running.print_checks(outcome, terminal)
    if outcome.failure is not None:
        raise outcome.failure
    shop = open_shop(settings)
    running.print_summary(shop, outcome, day, time.monotonic() - started, terminal)


def _accept(
    settings: Settings,
    check: str | None,
    reason: str | None,
    day: date,
    terminal: Terminal,
) -> dict[str, str]:
    """Accept what failed *check*, if one is named; return the tags of the run.

    Raises:
        WrongUse: nothing can be accepted.
    """
    if check is None or reason is None:
        return {}
    accepted = accept_failure(open_shop(settings), check, reason, day)
    terminal.note(f"accepted: {accepted}")
    terminal.facts["accepted"] = accepted
    return {ACCEPTED_TAG: accepted}
