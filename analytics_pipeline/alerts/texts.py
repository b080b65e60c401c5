"""What an alert says: short enough for a phone, whole enough to act on.

It names tables, checks and days; what checks say holds nothing personal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from analytics_pipeline.domain.incidents import Incident, Subject
from analytics_pipeline.model.checks import Severity
from analytics_pipeline.model.text import for_shop

MOST_ALONE = 3
"""More changes at once than this go into one message."""

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


class Kind(StrEnum):
    """What kind of news a message is, in the words that channels know."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"
    INFO = "info"


class Outcome(StrEnum):
    """The status of an incident, the gravest first."""

    FAILED = "FAILED"
    WARNING = "WARNING"
    ACCEPTED = "ACCEPTED"
    RECOVERED = "RECOVERED"


KINDS = {
    Outcome.FAILED: Kind.FAILURE,
    Outcome.WARNING: Kind.WARNING,
    Outcome.ACCEPTED: Kind.INFO,
    Outcome.RECOVERED: Kind.SUCCESS,
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message, its kind, and the incidents that it reports."""

    title: str
    body: str
    kind: Kind
    incidents: Sequence[Incident] = ()


def write_messages(news: Sequence[Incident], sender: Sender) -> list[Message]:
    """Return one message a cause, or one of all where there are many."""
    causes = group_by_cause(news)
    if len(causes) > MOST_ALONE:
        return [_digest(news, sender)]
    return [_write(incidents, sender) for incidents in causes]


def group_by_cause(news: Sequence[Incident]) -> list[list[Incident]]:
    """Return what has one cause together, the gravest and first of it in front."""
    known = {incident.subject: incident for incident in news}
    groups: dict[Subject, list[Incident]] = {}
    for incident in news:
        groups.setdefault(_find_cause(incident, known), []).append(incident)
    return [
        sorted(group, key=lambda each: (_rank(each), each.follows is not None))
        for group in groups.values()
    ]


def _find_cause(incident: Incident, known: Mapping[Subject, Incident]) -> Subject:
    """Return what *incident* goes back to among those that are *known*."""
    met = {incident.subject}
    while (before := incident.follows) and before in known and before not in met:
        incident = known[before]
        met.add(before)
    return incident.subject


def _rank(incident: Incident) -> int:
    return list(Outcome).index(_word(incident))


def write_test(sender: Sender, at: datetime) -> Message:
    """Return a message that only tries a channel."""
    title = f"[{sender.name}] TEST of alerts"
    body = f"This channel works. Sent {_clock(at, sender)}.\n{_stays(sender)}"
    return Message(title, body, Kind.INFO)


def _write(incidents: Sequence[Incident], sender: Sender) -> Message:
    """Write the message of one change, and of what changed with it."""
    incident, *others = incidents
    what, word = _name(incident), _word(incident)
    title = f"[{sender.name}] {word} {what}"
    since = f"Since {_clock(incident.since, sender)}"
    more = "".join(f"{line}\n" for line in _describe_others(incident, others))
    if incident.until is not None:
        lasted = _span(incident.until - incident.since)
        first = "Accepted by a person" if incident.accepted else "Resolved"
        body = f"{first}: {what}.\n{incident.sentence}\n{more}{since}, for {lasted}."
    else:
        todo = for_shop(incident.remedy or SEE_MORE, sender.of_chain)
        body = (
            f"{incident.sentence}\n{more}{since}. {_effect(incident, sender)}\n{todo}"
        )
    return Message(title, body, KINDS[word], incidents)


def _describe_others(lead: Incident, others: Sequence[Incident]) -> list[str]:
    """Name what else has the same cause; repeated sentences by name only."""
    same = [
        each
        for each in others
        if each.sentence == lead.sentence and _word(each) == _word(lead)
    ]
    lines = [f"The same: {', '.join(map(_name, same))}."] if same else []
    return lines + [
        f"With it: {_word(each)} {_name(each)}. {each.sentence}"
        for each in others
        if each not in same
    ]


def _effect(incident: Incident, sender: Sender) -> str:
    """Say what the failure stops, and what people have before them meanwhile."""
    if incident.severity is Severity.WARN:
        return "This is a warning and stops nothing."
    # What has a remedy of its own is no table that failed its gate.
    stopped = "" if incident.remedy else "Nothing is built on it. "
    return stopped + _stays(sender)


def _digest(news: Sequence[Incident], sender: Sender) -> Message:
    """Write one message of many changes, those of one table and check together."""
    groups: dict[tuple[Outcome, str, str], list[Incident]] = {}
    for incident in news:
        table, check, _day = incident.subject
        groups.setdefault((_word(incident), table, check), []).append(incident)
    order = list(Outcome)
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
    worst = min((_word(each) for each in news), key=order.index)
    return Message(title, body, KINDS[worst], news)


def _line(word: str, group: Sequence[Incident]) -> str:
    """Describe one check of one table on one line, however many days it covers."""
    table, check, day = group[0].subject
    days = sorted(each.subject[2] for each in group)
    if len(group) > 1:
        return f"{word} {table} {check}: {len(days)} days, {days[0]} … {days[-1]}"
    of = f" {day}" if day else ""
    return f"{word} {table}{of} {check}: {group[0].sentence}"


def _word(incident: Incident) -> Outcome:
    """Return its status."""
    if not incident.is_open:
        return Outcome.ACCEPTED if incident.accepted else Outcome.RECOVERED
    return Outcome.FAILED if incident.severity is Severity.ERROR else Outcome.WARNING


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
