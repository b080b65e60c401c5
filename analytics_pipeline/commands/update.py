"""The daily update: read what changed, publish the master of a day."""

import time
from datetime import date, timedelta

from analytics_pipeline.commands.acceptance import (
    accept_failure,
    refuse_what_cannot_be_accepted,
)
from analytics_pipeline.commands.outcome import tell, tell_checks
from analytics_pipeline.commands.running import run_job
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.jobs import DAILY_UPDATE, update_config
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_for_run, open_shop
from analytics_pipeline.steps.missing_days import is_missing, refuse_missing_day

ACCEPTED_TAG = "analytics/accepted"
"""The tag of a run that names the failure which a person accepted with it."""


def choose_day(shop: Shop, as_of: date | None) -> date:
    """Return the day to publish: the wanted one, else yesterday in the store.

    Raises:
        WrongUse: it lies in the future, before the first day, or was never there.
    """
    day = as_of or shop.yesterday
    if as_of is None and is_missing(shop, day):
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
    refuse_missing_day(shop, day)
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
    """Run the daily job for a day and tell what came out.

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
            outcome = run_job(
                settings, DAILY_UPDATE, day, config, terminal, tags=accepted
            )
    tell_checks(outcome, terminal)
    if outcome.failure is not None:
        raise outcome.failure
    shop = open_shop(settings)
    tell(shop, outcome, day, time.monotonic() - started, terminal)


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
