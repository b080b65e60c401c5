"""What an alert says: short enough for a phone, whole enough to act on.

It names tables, checks and days; what checks say holds nothing personal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from analytics_pipeline.domain.findings import Severity
from analytics_pipeline.domain.incidents import Incident
from analytics_pipeline.domain.typed_commands import for_shop

MOST_ALONE = 3
"""More changes at once than these are told in one message."""

MOST_LISTED = 20
"""How many lines a digest has; the rest is a number."""

SEE_MORE = "See more: analytics-pipeline status"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks: the shop's name, its time zone, and what it has published.

    ``of_chain`` is the name by which commands choose the shop, if it is one of several.
    """

    name: str
    zone: ZoneInfo
    published: str | None
    of_chain: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message, and the incidents of which it tells."""

    title: str
    body: str
    incidents: Sequence[Incident]


def write_messages(news: Sequence[Incident], sender: Sender) -> list[Message]:
    """Return one message a change, or one of all where there are many."""
    if len(news) > MOST_ALONE:
        return [_digest(news, sender)]
    return [_write(incident, sender) for incident in news]


def write_test(sender: Sender, at: datetime) -> tuple[str, str]:
    """Return title and body of a message that only tries a channel."""
    title = f"[{sender.name}] TEST of alerts"
    body = f"This channel works. Sent {_clock(at, sender)}.\n{_stays(sender)}"
    return title, body


def _write(incident: Incident, sender: Sender) -> Message:
    """Write the message of one change."""
    what = _name(incident)
    title = f"[{sender.name}] {_word(incident)} {what}"
    since = f"Since {_clock(incident.since, sender)}"
    if incident.until is not None:
        lasted = _span(incident.until - incident.since)
        body = f"It is well again: {what}.\n{incident.sentence}\n{since}, for {lasted}."
    else:
        todo = for_shop(incident.remedy or SEE_MORE, sender.of_chain)
        body = f"{incident.sentence}\n{since}. {_effect(incident, sender)}\n{todo}"
    return Message(title, body, [incident])


def _effect(incident: Incident, sender: Sender) -> str:
    """Say what the failure stops, and what people have before them meanwhile."""
    if incident.severity is Severity.WARN:
        return "This is a warning and stops nothing."
    # What has a remedy of its own is no table that failed its gate.
    stopped = "" if incident.remedy else "Nothing is built on it. "
    return stopped + _stays(sender)


def _digest(news: Sequence[Incident], sender: Sender) -> Message:
    """Write one message of many changes, those of one table and check together."""
    groups: dict[tuple[str, str, str], list[Incident]] = {}
    for incident in news:
        table, check, _day = incident.subject
        groups.setdefault((_word(incident), table, check), []).append(incident)
    order = ("FAILED", "WARNING", "RECOVERED")
    named = sorted(groups, key=lambda group: (order.index(group[0]), *group[1:]))
    lines = [_line(group[0], groups[group]) for group in named]
    if len(lines) > MOST_LISTED:
        lines[MOST_LISTED:] = [f"… and {len(lines) - MOST_LISTED} more"]
    counts = [
        f"{count} {word}"
        for word in order
        if (count := sum(_word(each) == word for each in news))
    ]
    title = f"[{sender.name}] {', '.join(counts)}"
    body = "\n".join([*lines, _stays(sender), for_shop(SEE_MORE, sender.of_chain)])
    return Message(title, body, news)


def _line(word: str, group: Sequence[Incident]) -> str:
    """Tell of one check of one table on one line, however many days it is about."""
    table, check, day = group[0].subject
    days = sorted(each.subject[2] for each in group)
    if len(group) > 1:
        return f"{word} {table} {check}: {len(days)} days, {days[0]} … {days[-1]}"
    of = f" {day}" if day else ""
    return f"{word} {table}{of} {check}: {group[0].sentence}"


def _word(incident: Incident) -> str:
    """Say in one word what has become of it."""
    if not incident.is_open:
        return "RECOVERED"
    return "FAILED" if incident.severity is Severity.ERROR else "WARNING"


def _name(incident: Incident) -> str:
    """Name table, day and check."""
    table, check, day = incident.subject
    return f"{table} {day}: {check}" if day else f"{table}: {check}"


def _stays(sender: Sender) -> str:
    """Say what people have before them meanwhile."""
    if sender.published is None:
        return "Nothing has been published yet."
    return f"Published is the master as of {sender.published}."


def _clock(moment: datetime, sender: Sender) -> str:
    """Return a moment as the store's clocks show it."""
    return f"{moment.astimezone(sender.zone):%Y-%m-%d %H:%M}"


def _span(length: timedelta) -> str:
    """Return how long something lasted, in the largest unit that says enough."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 2:
        return "a minute"
    if minutes < 120:
        return f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
