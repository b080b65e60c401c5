"""Tests for analytics_pipeline.alerts.texts: what a person reads on a phone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics_pipeline.alerts.texts import Kind, Sender, write_messages, write_test
from analytics_pipeline.domain.incidents import Incident, Subject
from analytics_pipeline.model.checks import Severity

SINCE = datetime(2026, 6, 21, 6, 1, tzinfo=UTC)
SENDER = Sender("corner-shop", ZoneInfo("America/New_York"), "2026-06-19")


def incident(
    table: str = "raw_sales",
    check: str = "prices_are_usual",
    day: str = "2026-06-20",
    severity: Severity = Severity.ERROR,
    remedy: str = "",
    lasted: timedelta | None = None,
    follows: Subject | None = None,
    *,
    accepted: bool = False,
    sentence: str = "It is so.",
) -> Incident:
    until = SINCE + lasted if lasted is not None else None
    subject = (table, check, day)
    return Incident(
        subject,
        severity,
        sentence,
        remedy,
        SINCE,
        until,
        follows=follows,
        accepted=accepted,
    )


def test_a_failure_says_what_since_when_what_stays_and_what_to_type() -> None:
    (message,) = write_messages([incident()], SENDER)

    assert (
        message.title == "[corner-shop] FAILED raw_sales 2026-06-20: prices_are_usual"
    )
    assert message.body.splitlines() == [
        "It is so.",
        "Since 2026-06-21 02:01. Nothing is built on it. Published is the master as of "
        "2026-06-19.",
        "See more: analytics-pipeline status",
    ]


def test_a_warning_says_that_it_stops_nothing() -> None:
    (message,) = write_messages([incident(severity=Severity.WARN, day="")], SENDER)

    assert message.title == "[corner-shop] WARNING raw_sales: prices_are_usual"
    assert "stops nothing" in message.body


def test_a_remedy_of_its_own_takes_the_place_of_the_general_one() -> None:
    (message,) = write_messages([incident(remedy="Make a new token.")], SENDER)

    assert message.body.endswith("\nMake a new token.")
    assert "built on" not in message.body


def test_before_the_first_master_it_says_so() -> None:
    new = Sender("corner-shop", SENDER.zone, None)

    (message,) = write_messages([incident()], new)

    assert "Nothing has been published yet." in message.body


@pytest.mark.parametrize(
    ("lasted", "words"),
    [
        (timedelta(seconds=20), "for a minute."),
        (timedelta(minutes=119), "for 119 minutes."),
        (timedelta(minutes=120), "for 2 hours."),
        (timedelta(hours=47), "for 47 hours."),
        (timedelta(days=2), "for 2 days."),
    ],
)
def test_a_recovery_says_how_long_it_lasted(lasted: timedelta, words: str) -> None:
    (message,) = write_messages([incident(lasted=lasted)], SENDER)

    assert message.title.startswith("[corner-shop] RECOVERED raw_sales 2026-06-20")
    assert message.body.endswith(words)


def test_up_to_three_changes_are_sent_one_by_one_and_more_together() -> None:
    three = [incident(check=f"check_{n}") for n in range(3)]

    assert len(write_messages(three, SENDER)) == 3
    (digest,) = write_messages([*three, incident(check="check_3")], SENDER)

    assert digest.title == "[corner-shop] 4 FAILED"
    assert len(digest.incidents) == 4


def test_a_digest_has_a_line_a_check_with_its_days_and_the_worst_first() -> None:
    days = [f"2026-06-{day}" for day in range(10, 19)]
    news = [
        incident("outlets", "outlets_are_all_there", "", lasted=timedelta(hours=3)),
        *(incident(check="words_are_known", day=day, severity=Severity.WARN)
          for day in reversed(days)),
        incident("customers", "rows_are_sound", ""),
    ]  # fmt: skip

    (digest,) = write_messages(news, SENDER)

    assert digest.title == "[corner-shop] 1 FAILED, 9 WARNING, 1 RECOVERED"
    assert digest.body.splitlines() == [
        "FAILED customers rows_are_sound: It is so.",
        "WARNING raw_sales words_are_known: 9 days, 2026-06-10 … 2026-06-18",
        "RECOVERED outlets outlets_are_all_there: It is so.",
        "Published is the master as of 2026-06-19.",
        "See more: analytics-pipeline status",
    ]


def test_a_very_long_digest_is_cut_with_the_number_of_the_rest() -> None:
    news = [incident(check=f"check_{n:02}") for n in range(25)]

    (digest,) = write_messages(news, SENDER)

    assert "… and 5 more" in digest.body
    assert len(digest.body.splitlines()) == 23


def test_nothing_new_is_no_message() -> None:
    assert write_messages([], SENDER) == []


def test_a_test_says_that_it_is_one() -> None:
    message = write_test(SENDER, SINCE)
    title, body = message.title, message.body

    assert title == "[corner-shop] TEST of alerts"
    assert "2026-06-21 02:01" in body


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("news", "kind"),
    [
        ([incident()], Kind.FAILURE),
        ([incident(severity=Severity.WARN)], Kind.WARNING),
        ([incident(lasted=HOUR)], Kind.SUCCESS),
        ([incident(lasted=HOUR, accepted=True)], Kind.INFO),
        (
            [incident(day=f"2026-06-0{n}", lasted=HOUR) for n in range(1, 6)],
            Kind.SUCCESS,
        ),
        (
            [
                *(incident(day=f"2026-06-0{n}", lasted=HOUR) for n in range(1, 6)),
                incident(severity=Severity.WARN),
            ],
            Kind.WARNING,
        ),
        (
            [
                *(incident(f"t{n}", severity=Severity.WARN) for n in range(5)),
                incident(),
            ],
            Kind.FAILURE,
        ),
    ],
)
def test_a_message_has_the_kind_of_its_gravest_incident(
    news: list[Incident], kind: Kind
) -> None:
    (message,) = write_messages(news, SENDER)

    assert message.kind is kind


def test_what_a_person_accepted_is_not_called_recovered() -> None:
    text = "Accepted (The shop was closed): It is so."
    gone = incident(lasted=HOUR, accepted=True, sentence=text)

    (message,) = write_messages([gone], SENDER)

    assert message.title.startswith("[corner-shop] ACCEPTED raw_sales")
    assert message.body.startswith("Accepted by a person: raw_sales")
    assert text in message.body
    assert "resolved" not in message.body


def test_what_has_one_cause_is_one_message_with_the_cause_in_front() -> None:
    first = incident("outlets", "run", "", sentence="The token is refused.")
    second = incident(
        "sales_feed", "run", "", sentence="The token is refused.", follows=first.subject
    )
    late = incident(
        "customer_analytics_master",
        "is_published",
        "",
        sentence="The master is late.",
        follows=second.subject,
    )

    (message,) = write_messages([late, second, first], SENDER)

    assert message.title == "[corner-shop] FAILED outlets: run"
    assert message.body.splitlines()[:3] == [
        "The token is refused.",
        "The same: sales_feed: run.",
        "With it: FAILED customer_analytics_master: is_published. The master is late.",
    ]
    assert list(message.incidents) == [first, late, second]


def test_a_failure_leads_even_where_a_warning_is_its_cause() -> None:
    export = incident("ecom_orders", "export_is_complete", "", Severity.WARN)
    gone = incident("customer_analytics", "no_person_vanished", follows=export.subject)

    (message,) = write_messages([export, gone], SENDER)

    assert "FAILED customer_analytics" in message.title
    assert "With it: WARNING ecom_orders: export_is_complete." in message.body


def test_an_acceptance_and_what_it_brought_about_are_one_message() -> None:
    export = incident(
        "ecom_orders", "export_is_complete", "", lasted=HOUR, accepted=True
    )
    gone = incident("customer_analytics", "no_person_vanished", follows=export.subject)

    (message,) = write_messages([export, gone], SENDER)

    assert message.kind is Kind.FAILURE
    assert "With it: ACCEPTED ecom_orders: export_is_complete." in message.body


def test_two_that_name_each_other_as_cause_are_one_message() -> None:
    one, other = ("raw_sales", "a", ""), ("raw_sales", "b", "")
    news = [
        incident(*one, follows=other, sentence="One."),
        incident(*other, follows=one, sentence="Other."),
    ]

    assert sum(len(each.incidents) for each in write_messages(news, SENDER)) == 2


def test_more_than_three_causes_are_one_message() -> None:
    causes = [incident(f"t{n}", "run", "") for n in range(3)]
    company = [
        incident(f"u{n}", "run", "", follows=each.subject)
        for n, each in enumerate(causes)
    ]

    assert len(write_messages([*causes, *company], SENDER)) == 3
    assert len(write_messages([*causes, *company, incident()], SENDER)) == 1
