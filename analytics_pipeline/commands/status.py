"""One screen for the morning: what is published, what failed, what to do."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

from analytics_pipeline.commands.state import Failure, State, Warned, read_state
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.instance import instance_home, records_kept
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.publication import MASTER


def status(open_settings: Callable[[], Settings], terminal: Terminal) -> bool:
    """Print the state of the shop; return whether all is well."""
    with terminal.working("reading the state", is_brief=True):
        settings = open_settings()
        with records_kept(partial(instance_home, settings)):
            state = read_state(open_shop(settings))
    terminal.facts |= {**asdict(state), "good": state.is_good}
    if settings.shop_name:
        terminal.out.rule(settings.shop_name, align="left", style="bold")
    _show(state, terminal)
    if terminal.manner.quiet and not state.is_good:
        for sentence in state.advice:
            terminal.warn(sentence)
    return state.is_good


def _show(state: State, terminal: Terminal) -> None:
    """Print the state as one screen, what matters most first."""
    terminal.summary("Published", _published(state))
    _list("Failed", state.failures, terminal)
    _list("Warnings", state.warnings, terminal)
    for silent in state.silent_channels:
        line = (
            f"\n{silent.channel} has accepted no alert since "
            f"{_in_short(silent.since)}; {silent.waiting} wait. To try it: "
            "analytics-pipeline alert-test"
        )
        terminal.say(line)
    terminal.out.print("\nWhat to do", style="bold")
    for sentence in state.advice:
        terminal.out.print(f" {sentence}", markup=False, soft_wrap=True)
    terminal.out.print()
    terminal.rows(
        ("table", "rows", "as of", "materialized", "gate"),
        [
            (
                table.table,
                "" if table.rows is None else f"{table.rows:,}",
                _in_short(table.as_of),
                _in_short(table.materialized),
                table.gate,
            )
            for table in state.tables
        ],
    )


def _in_short(moment: str | None) -> str:
    """Return an ISO moment as people write it; a day stays a day."""
    return (moment or "")[:16].replace("T", " ")


def _list(
    heading: str, found: Sequence[Failure] | Sequence[Warned], terminal: Terminal
) -> None:
    """Print what failed, or warns: which table and check, since when, and what."""
    if found:
        terminal.out.print(f"\n{heading}", style="bold")
    for each in found:
        line = f" {each.what}  {each.check}, since {_in_short(each.since)}"
        terminal.out.print(line, markup=False, soft_wrap=True)
        terminal.out.print(f"    {each.sentence}", markup=False, soft_wrap=True)


def _published(state: State) -> dict[str, str]:
    """Say what people have before them, and whether it should be newer."""
    if state.published is None:
        return {MASTER: "nothing yet"}
    note = " (provisional: the day was not over)" if state.provisional else ""
    return {
        MASTER: f"as of {state.published}{note}, {state.people or 0:,} people",
        "updated": _in_short(state.updated) or "never",
        "fresh": "yes" if state.fresh else f"no: that of {state.due} is due",
    }
