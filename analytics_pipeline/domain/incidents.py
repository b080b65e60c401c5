"""What is wrong, since when, and who has been notified: the memory of the alerts.

A check of a table (and day) is reported when it begins to fail, when a warning becomes
an error, and when it passes again; never in between. What began and ended before anyone
could be notified is not reported at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from analytics_pipeline.model.checks import Severity

OLD_NEWS = timedelta(days=14)
"""A warning of a day so long ago is history, and no state of the shop any more."""

Subject = tuple[str, str, str]
"""A table, its check, and the day (empty: the whole table)."""


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """What one run, or a look at the clock, says of one check.

    Attributes:
        subject: table, check and day.
        at: when it was seen.
        failed: whether it failed and was not accepted.
        severity: whether it stops the table.
        sentence: what was found.
        remedy: what to do about it; without one, `status` knows more.
        follows: what failed first, where it is only a consequence of that.
        accepted: whether it passes because a person has accepted the failure.
    """

    subject: Subject
    at: datetime
    failed: bool
    severity: Severity = Severity.ERROR
    sentence: str = ""
    remedy: str = ""
    follows: Subject | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Incident:
    """A check that fails, or has just stopped failing, and who was notified of it.

    Attributes:
        subject: table, check and day.
        severity: of the failure now.
        sentence: what was found when it was seen last.
        remedy: what to do about it.
        since: when it was first seen to fail.
        until: when it was seen to pass again; nothing while it fails.
        told: by channel, the severity that was reported last.
        follows: what failed first, where this is only a consequence of that.
        accepted: whether it ended because a person has accepted it.
        doubtful: the channels to which a message of it was on its way when the process
            died: they may have heard of it, or not.
    """

    subject: Subject
    severity: Severity
    sentence: str
    remedy: str
    since: datetime
    until: datetime | None = None
    told: Mapping[str, Severity] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    follows: Subject | None = None
    accepted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it still fails."""
        return self.until is None

    def is_news_to(self, channel: str) -> bool:
        """Say whether *channel* last got something else, or may have."""
        last = self.told.get(channel)
        if not self.is_open:
            return last is not None or channel in self.doubtful
        return last is None or (last, self.severity) == (Severity.WARN, Severity.ERROR)


Incidents = Mapping[Subject, Incident]


def observe(incidents: Incidents, statuses: Iterable[CheckStatus]) -> Incidents:
    """Return the incidents after *statuses*, which are in the order of time."""
    known = dict(incidents)
    for seen in statuses:
        before = known.get(seen.subject)
        if seen.failed:
            known[seen.subject] = _fail(before, seen)
        elif before is not None and before.is_open:
            known[seen.subject] = replace(
                before,
                until=seen.at,
                sentence=seen.sentence or before.sentence,
                accepted=seen.accepted,
            )
    return {subject: each for subject, each in known.items() if _matters(each)}


def _fail(before: Incident | None, seen: CheckStatus) -> Incident:
    """Return the incident that fails as *seen*; it began when it was first seen to."""
    goes_on = before is not None and before.is_open
    return Incident(
        seen.subject,
        seen.severity,
        seen.sentence,
        seen.remedy,
        before.since if before and goes_on else seen.at,
        told=before.told if before else {},
        doubtful=before.doubtful if before else frozenset(),
        follows=seen.follows,
    )


def _matters(incident: Incident) -> bool:
    """Say whether it fails, or somebody still believes so."""
    return incident.is_open or bool(incident.told) or bool(incident.doubtful)


def forget_old(incidents: Incidents, today: date) -> Incidents:
    """Drop the warnings of days long past, a while after they were first seen.

    Nothing will ever make them pass.  Those that a first load or a day made again has
    just found stay as long as those of yesterday do.
    """
    oldest = today - OLD_NEWS
    return {
        subject: each
        for subject, each in incidents.items()
        if each.severity is Severity.ERROR
        or not subject[2]
        or subject[2] >= oldest.isoformat()
        or each.since.date() >= oldest
    }


def group_warnings(incidents: Incidents) -> dict[tuple[str, str], list[Incident]]:
    """Return what warns now by table and check, each a warning; its days in order."""
    together: dict[tuple[str, str], list[Incident]] = {}
    for (table, check, _day), incident in sorted(incidents.items()):
        if incident.is_open and incident.severity is Severity.WARN:
            together.setdefault((table, check), []).append(incident)
    return together


def list_news(incidents: Incidents, channel: str) -> list[Incident]:
    """Return what to send to *channel*, the longest failing first.

    What only follows from a failure that it knows is left out: one cause is sent once.
    """
    news = [
        each
        for each in incidents.values()
        if each.is_news_to(channel) and not _is_known(each, incidents, channel)
    ]
    return sorted(news, key=lambda each: (each.since, each.subject))


def _is_known(incident: Incident, incidents: Incidents, channel: str) -> bool:
    """Say whether *channel* knows what an open *incident* follows from."""
    cause = incidents.get(incident.follows) if incident.follows else None
    return (
        incident.is_open
        and cause is not None
        and cause.is_open
        and cause.severity in (Severity.ERROR, incident.severity)
        and channel in cause.told
        and not cause.is_news_to(channel)
    )


def longest_failing(incidents: Incidents) -> Subject | None:
    """Return what has stopped a table or a run for longest and still does."""
    open_ones = [
        each
        for each in incidents.values()
        if each.is_open and each.severity is Severity.ERROR
    ]
    first = min(open_ones, key=lambda each: (each.since, each.subject), default=None)
    return first.subject if first else None


def mark_sending(
    incidents: Incidents, channel: str, news: Iterable[Incident]
) -> Incidents:
    """Return the incidents while a message of some of them goes out to *channel*."""
    known = dict(incidents)
    for each in news:
        doubtful = known[each.subject].doubtful | {channel}
        known[each.subject] = replace(known[each.subject], doubtful=doubtful)
    return known


def mark_reported(
    incidents: Incidents, channel: str, reported: Iterable[Incident]
) -> Incidents:
    """Return the incidents after *channel* was sent some of them."""
    known = dict(incidents)
    for each in reported:
        others = {name: word for name, word in each.told.items() if name != channel}
        now = {channel: each.severity} if each.is_open else {}
        known[each.subject] = replace(
            known[each.subject],
            told={**others, **now},
            doubtful=known[each.subject].doubtful - {channel},
        )
    return {subject: each for subject, each in known.items() if _matters(each)}


def forget_channels(incidents: Incidents, kept: Iterable[str]) -> Incidents:
    """Forget what was sent to channels that are no longer configured."""
    names = set(kept)
    known = {
        subject: replace(
            each,
            told={name: word for name, word in each.told.items() if name in names},
            doubtful=each.doubtful & names,
        )
        for subject, each in incidents.items()
    }
    return {subject: each for subject, each in known.items() if _matters(each)}
