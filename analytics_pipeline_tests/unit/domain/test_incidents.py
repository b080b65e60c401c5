"""Tests for analytics_pipeline.domain.incidents: who is reported what, and when not."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.incidents import (
    CheckStatus,
    Incidents,
    Subject,
    forget_channels,
    forget_old,
    list_news,
    longest_failing,
    mark_reported,
    observe,
)
from analytics_pipeline.model.checks import Severity

START = datetime(2026, 6, 21, 6, tzinfo=UTC)
GATE = ("raw_sales", "matches_schema", "2026-06-20")
MAIL, CHAT = "mail", "chat"


def seen(
    minute: int,
    severity: Severity | None = Severity.ERROR,
    subject: Subject = GATE,
) -> CheckStatus:
    """What is seen of a check at a minute; without severity, that it passes."""
    at = START + timedelta(minutes=minute)
    if severity is None:
        return CheckStatus(subject, at, failed=False, sentence="It is well.")
    return CheckStatus(subject, at, True, severity, f"Seen {minute}.", "Fix it.")


def reported(incidents: Incidents, *channels: str) -> Incidents:
    for channel in channels:
        incidents = mark_reported(incidents, channel, list_news(incidents, channel))
    return incidents


def news(incidents: Incidents, channel: str = MAIL) -> list[tuple[str, str]]:
    """What a channel is to be told: sentence, and whether it fails."""
    return [
        (each.sentence, "fails" if each.is_open else "passes")
        for each in list_news(incidents, channel)
    ]


def test_a_new_failure_is_sent_once() -> None:
    failing = reported(observe({}, [seen(0)]), MAIL)

    assert news(observe({}, [seen(0)])) == [("Seen 0.", "fails")]
    assert news(failing) == []
    assert news(observe(failing, [seen(1), seen(2)])) == []


def test_it_fails_since_first_seen_with_the_latest_sentence() -> None:
    (incident,) = observe({}, [seen(0), seen(1)]).values()

    assert incident.since == START
    assert incident.sentence == "Seen 1."


def test_a_recovery_is_sent_once_and_then_forgotten() -> None:
    failing = reported(observe({}, [seen(0)]), MAIL)

    passed = observe(failing, [seen(9, None)])

    assert news(passed) == [("It is well.", "passes")]
    (incident,) = passed.values()
    assert incident.until == START + timedelta(minutes=9)
    assert reported(passed, MAIL) == {}


def test_a_failure_that_passed_before_it_was_sent_is_not_sent() -> None:
    assert observe({}, [seen(0), seen(1, None)]) == {}


def test_a_failure_repeated_before_its_recovery_was_sent_is_no_news() -> None:
    failing = reported(observe({}, [seen(0)]), MAIL)

    again = observe(failing, [seen(1, None), seen(2)])

    assert news(again) == []
    assert reported(observe(again, [seen(3, None)]), MAIL) == {}


def test_a_graver_warning_is_reported_and_an_easing_one_is_not() -> None:
    warned = reported(observe({}, [seen(0, Severity.WARN)]), MAIL)

    graver = observe(warned, [seen(1, Severity.ERROR)])
    assert news(graver) == [("Seen 1.", "fails")]

    eased = observe(reported(graver, MAIL), [seen(2, Severity.WARN)])
    assert news(eased) == []
    assert news(observe(eased, [seen(3, None)])) == [("It is well.", "passes")]


def test_each_channel_is_notified_separately() -> None:
    failing = reported(observe({}, [seen(0)]), MAIL)

    passed = observe(failing, [seen(1, None)])

    assert news(failing, CHAT) == [("Seen 0.", "fails")]
    assert news(passed, CHAT) == [], "it never heard of it"
    assert news(passed, MAIL) == [("It is well.", "passes")]


def test_days_and_checks_are_distinguished() -> None:
    other_day = (*GATE[:2], "2026-06-21")
    other_check = (GATE[0], "is_caught_up", GATE[2])

    failing = observe({}, [seen(n, subject=s) for n, s in enumerate(
        [GATE, other_day, other_check]
    )])  # fmt: skip

    assert [each.subject for each in list_news(failing, MAIL)] == [
        GATE,
        other_day,
        other_check,
    ]


def test_a_channel_that_is_configured_no_more_is_forgotten() -> None:
    failing = reported(observe({}, [seen(0)]), MAIL, CHAT)
    passed = observe(failing, [seen(1, None)])

    (incident,) = forget_channels(failing, [CHAT]).values()
    assert set(incident.told) == {CHAT}
    assert forget_channels(passed, []) == {}


@pytest.mark.parametrize(
    ("severity", "day", "kept"),
    [
        (Severity.WARN, "2026-06-21", False),
        (Severity.WARN, "2026-06-22", True),
        (Severity.WARN, "", True),
        (Severity.ERROR, "2026-01-01", True),
    ],
)
def test_a_warning_of_a_day_long_past_is_history(
    severity: Severity, day: str, kept: bool
) -> None:
    failing = reported(observe({}, [seen(0, severity, (*GATE[:2], day))]), MAIL)

    assert bool(forget_old(failing, date(2026, 7, 6))) is kept


# Whatever happens ------------------------------------------------------------------

SUBJECTS = [GATE, ("customers", "rows_are_sound", ""), ("daily_update", "run", "")]
SEEN = st.builds(
    lambda subject, severity: ("seen", subject, severity),
    st.sampled_from(SUBJECTS),
    st.sampled_from([None, Severity.WARN, Severity.ERROR]),
)
REPORTED = st.builds(
    lambda channel, accepted: ("sent", channel, accepted),
    st.sampled_from([MAIL, CHAT]),
    st.integers(0, 3),
)
STEPS = st.lists(SEEN | REPORTED, max_size=40)


class Listener:
    """What one channel believes, from nothing but the messages it got."""

    def __init__(self) -> None:
        self.believes: dict[Subject, Severity] = {}

    def hear(self, incidents: Iterable) -> None:
        for each in incidents:
            before = self.believes.get(each.subject)
            if each.is_open:
                assert before is None or (before, each.severity) == (
                    Severity.WARN,
                    Severity.ERROR,
                ), "reported what it knew"
                self.believes[each.subject] = each.severity
            else:
                assert before is not None, "reported the end of what it never heard of"
                del self.believes[each.subject]


@given(STEPS)
def test_every_channel_gets_the_truth_and_nothing_twice(
    steps: list[tuple],
) -> None:
    incidents: Incidents = {}
    truth: dict[Subject, Severity] = {}
    listeners: Mapping[str, Listener] = {MAIL: Listener(), CHAT: Listener()}
    minute = 0
    for kind, *what in [*steps, ("sent", MAIL, 99), ("sent", CHAT, 99)]:
        minute += 1
        if kind == "seen":
            subject, severity = what
            incidents = observe(incidents, [seen(minute, severity, subject)])
            truth.pop(subject, None)
            truth |= {subject: severity} if severity else {}
            continue
        channel, accepted = what
        heard = list_news(incidents, channel)[:accepted]
        listeners[channel].hear(heard)
        incidents = mark_reported(incidents, channel, heard)

    assert {subject for subject, each in incidents.items() if each.is_open} == set(
        truth
    )
    for listener in listeners.values():
        assert set(listener.believes) == set(truth)
        assert all(
            listener.believes[subject] is Severity.ERROR
            for subject, severity in truth.items()
            if severity is Severity.ERROR
        )


CAUSED = st.builds(
    lambda subject, severity, follows: (subject, severity, follows),
    st.sampled_from(SUBJECTS),
    st.sampled_from([None, Severity.WARN, Severity.ERROR]),
    st.sampled_from([None, *SUBJECTS]),
)


@given(st.lists(st.tuples(CAUSED, st.booleans()), max_size=30))
def test_an_unsent_failure_has_a_known_cause(
    steps: list[tuple[tuple[Subject, Severity | None, Subject | None], bool]],
) -> None:
    incidents: Incidents = {}
    for minute, ((subject, severity, follows), is_reported) in enumerate(steps):
        check_status = replace(seen(minute, severity, subject), follows=follows)
        incidents = observe(incidents, [check_status])
        incidents = reported(incidents, MAIL) if is_reported else incidents
    incidents = reported(incidents, MAIL)

    for each in incidents.values():
        assert each.is_open
        if MAIL not in each.told:
            cause = incidents[each.follows]  # type: ignore[index]
            assert cause.told[MAIL] in (Severity.ERROR, each.severity)


def test_a_consequence_is_sent_once_its_cause_is_resolved() -> None:
    failing = reported(observe({}, [seen(0)]), MAIL)
    late = replace(seen(1, subject=SUBJECTS[1]), follows=GATE)
    failing = reported(observe(failing, [late]), MAIL)
    assert set(failing[SUBJECTS[1]].told) == set()

    over = observe(failing, [seen(2, None)])

    assert news(over) == [("It is well.", "passes"), ("Seen 1.", "fails")]


def test_what_has_stopped_something_for_longest_is_the_cause_of_a_late_master() -> None:
    failing = observe(
        {},
        [
            seen(3, subject=SUBJECTS[1]),
            seen(1, Severity.WARN, GATE),
            seen(2, subject=SUBJECTS[2]),
        ],
    )

    assert longest_failing(failing) == SUBJECTS[2]
    assert longest_failing({}) is None


def test_a_warning_that_a_first_load_finds_of_an_old_day_is_kept_for_a_while() -> None:
    found = observe({}, [seen(0, Severity.WARN, (*GATE[:2], "2025-01-02"))])

    assert forget_old(found, date(2026, 6, 22)) == found
    assert forget_old(found, date(2026, 7, 5)) == found
    assert forget_old(found, date(2026, 7, 6)) == {}
