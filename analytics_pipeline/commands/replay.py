"""Try the records in quarantine again."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.commands.update import choose_day
from analytics_pipeline.lazy import lazily
from analytics_pipeline.orchestration.records import DAILY_UPDATE, update_config
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, hold_for_run, open_shop

if TYPE_CHECKING:
    from analytics_pipeline.commands import running
else:
    running = lazily("analytics_pipeline.commands.running")

TABLES = ("sales_feed", "customers", "products")
"""Those in quarantine of the first two are asked for singly; products are all read."""


def replay(settings: Settings, terminal: Terminal) -> None:
    """Ask Lightspeed for each record in quarantine, and publish with what is good now.

    Without any, nothing is asked and nothing is run.

    Raises:
        PipelineError: the run failed; what was published stays.
    """
    started = time.monotonic()
    shop = open_shop(settings)
    standing = sum(map(shop.quarantine.count, TABLES))
    if not standing:
        terminal.facts["quarantine"] = {}
        terminal.out.print("Nothing is in quarantine.")
        return
    day = choose_day(shop, None)
    with (
        hold_for_run(settings, "analytics-pipeline replay"),
        terminal.working(f"trying {standing} records again"),
    ):
        config = update_config(days=0, replay=True)
        outcome = running.run_job(settings, DAILY_UPDATE, day, config, terminal)
    running.print_checks(outcome, terminal)
    if outcome.failure is not None:
        raise outcome.failure
    running.print_summary(shop, outcome, day, time.monotonic() - started, terminal)
    _print_replay(shop, outcome.figures, terminal)


def _print_replay(
    shop: Shop, figures: Mapping[str, Mapping[str, Any]], terminal: Terminal
) -> None:
    """Say of each table what was tried, what is good now, and what stays."""
    read_from = terminal.facts["quarantine"] = {}
    for table in TABLES:
        of = figures.get(table, {})
        tried, fixed = int(of.get("replayed", 0)), int(of.get("fixed", 0))
        left = shop.quarantine.count(table)
        read_from[table] = {"tried": tried, "good_now": fixed, "left": left}
        if tried or left:
            text = f"{tried} tried again, {fixed} good now, {left} in quarantine"
            terminal.out.print(f"{table}: {text}")
        if left:
            terminal.say(
                f"  {shop.quarantine.path(table)}\n  Correct these in Lightspeed: "
                "they are then read again. One without an id is read again "
                "by: analytics-pipeline update --full"
            )
