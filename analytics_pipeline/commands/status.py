"""One screen for the morning: what is published, what failed, what to do."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from analytics_pipeline.commands.runs import LastRun, RunEnding, Runs, RunUnderWay
from analytics_pipeline.commands.state import (
    Failure,
    State,
    TableState,
    Warned,
    read_state,
)
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.publication import MASTER


def status(open_settings: Callable[[], Settings], terminal: Terminal) -> bool:
    """Print the state of the shop; return whether all is well."""
    with terminal.working("reading the state", is_brief=True):
        settings = open_settings()
        state = read_state(open_shop(settings))
    terminal.facts |= {**asdict(state), "good": state.is_good}
    terminal.headline = _headline(state)
    if settings.shop_name:
        terminal.out.rule(settings.shop_name, align="left", style="bold")
    _show(state, terminal)
    if terminal.output_options.quiet and (state.switched_off or not state.is_good):
        for sentence in state.advice:
            terminal.warn(sentence)
    return state.is_good


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is reported.

    Of all tables or of those that a gate stops; what warnings say or only their names.
    """

    all_tables: bool = True
    all_words: bool = True


LESS_AND_LESS = (Detail(), Detail(all_tables=False), Detail(False, False))


def _show(state: State, terminal: Terminal) -> None:
    """Print the state, with as much detail as one screen of a terminal holds."""
    out = terminal.out
    for detail in LESS_AND_LESS:
        with out.capture() as shown:
            _print(state, detail, terminal)
        # The last line is the prompt's.
        if not out.is_terminal or shown.get().count("\n") < out.height:
            break
    _print(state, detail, terminal)


def _print(state: State, detail: Detail, terminal: Terminal) -> None:
    """Print the state, what matters most first."""
    last_run = _last_run(state.runs, state.failures)
    if state.holder is not None:
        last_run = {"at work": state.holder.in_words} | last_run
    terminal.summary("Last run", last_run)
    terminal.out.print()
    terminal.summary("Published", _published(state))
    _list("Failed", state.failures, terminal)
    _list("Warnings", state.warnings, terminal, all_words=detail.all_words)
    for silent in state.silent_channels:
        line = (
            f"\n{silent.channel} has accepted no alert since "
            f"{_in_short(silent.since)}; {silent.waiting} wait. To try it: "
            "analytics-pipeline alert-test"
        )
        terminal.say(line)
    # What the last run asks for is at the top already.
    said = state.runs.failed.remedy if state.runs.failed else None
    advice = [sentence for sentence in state.advice if sentence != said]
    if advice:
        terminal.out.print("\nWhat to do", style="bold")
    for sentence in advice:
        terminal.out.print(f" {sentence}", markup=False, soft_wrap=True)
    terminal.out.print()
    _print_tables(state.tables, detail, terminal)


def _print_tables(
    tables: Sequence[TableState], detail: Detail, terminal: Terminal
) -> None:
    """Print a line a table, or only of those whose gate is not open."""
    shown = [each for each in tables if detail.all_tables or each.gate != "open"]
    if shown:
        _print_rows(shown, terminal)
    if len(shown) < len(tables):
        others = " other" if shown else ""
        text = f"The gates of {len(tables) - len(shown)}{others} tables are open."
        terminal.prose(text, 0)


def _print_rows(tables: Sequence[TableState], terminal: Terminal) -> None:
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
            for table in tables
        ],
    )


def _in_short(moment: str | None) -> str:
    """Return an ISO moment as people write it; a day stays a day."""
    return (moment or "")[:16].replace("T", " ")


def _list(
    heading: str,
    found: Sequence[Failure] | Sequence[Warned],
    terminal: Terminal,
    *,
    all_words: bool = True,
) -> None:
    """Print what failed, or warns: which table and check, since when, and what."""
    if found:
        terminal.out.print(f"\n{heading}", style="bold")
    for each in found:
        line = f" {each.what}  {each.check}, since {_in_short(each.since)}"
        terminal.out.print(line, markup=False, soft_wrap=True)
        if all_words:
            terminal.prose(each.sentence, 4)


def _last_run(runs: Runs, failures: Sequence[Failure]) -> dict[str, str]:
    """Say how the last run ended, since when runs fail, and what to do about it."""
    lines: dict[str, str] = {}
    if runs.under_way is not None:
        now = runs.under_way
        word = "waiting" if now.is_queued else "under way"
        lines[word] = f"since {_in_short(now.since)} ({_name_run(now)})"
    if runs.last is not None:
        lines |= _run_in_words(runs.last, failures)
    if runs.failed is not None and runs.failed != runs.last:
        lines |= _run_in_words(runs.failed, failures)
    return lines or {"none": "no run is recorded"}


def _run_in_words(run: LastRun, failures: Sequence[Failure]) -> dict[str, str]:
    """Describe a run that ended; what a gate found is shown below, and only there."""
    if run.outcome is RunEnding.DONE:
        return {"done": f"{_in_short(run.at)} ({_name_run(run)})"}
    of = f"{_name_run(run)}, exit code {run.exit_code}"
    row = run.since != run.at
    since = f", as every run since {_in_short(run.since)}" if row else ""
    lines = {run.outcome.value: f"{_in_short(run.at)} ({of}){since}"}
    if run.is_gate and failures:
        return {**lines, "cause": "a gate failed: see Failed"}
    lines["cause"] = run.cause
    return {**lines, "to do": run.remedy} if run.is_standing else lines


def _name_run(run: LastRun | RunUnderWay) -> str:
    """Name a run by its job and day."""
    return f"{run.job} of {run.day}" if run.day else run.job


def _headline(state: State) -> str:
    """Say of one shop of several how it is, since when, and what to do."""
    failed = state.runs.failed
    todo = state.advice[0].splitlines()[0]
    if failed is not None:
        word, moment = next(iter(_run_in_words(failed, ()).items()))
        return f"{word} {moment}: {failed.cause} {todo}"
    if not state.is_good:
        gates = ", ".join(
            f"{each.what} failed {each.check}"
            for each in state.failures
            if not each.is_past
        )
        return f"{gates}. {todo}" if gates else todo
    last = state.runs.last
    ended = f"; the last run ended {_in_short(last.at)}" if last else ""
    return f"well: the master is as of {state.published}{ended}"


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
