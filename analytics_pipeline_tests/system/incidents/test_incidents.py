"""Every check is seen to pass, and to fail on the very day on which its fault happens.

Faults are made in a shop of eleven ordinary weeks (``shop_incidents``), or, where only
an error of the program can cause them, in one function (``program_incidents``).
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.tables import TABLES as SPECS
from analytics_pipeline.tables import Effect
from analytics_pipeline_tests.light_run import TABLES, UP_TO_PUBLISHING, exit_code_of
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.system.incidents.conftest import KeptShop
from analytics_pipeline_tests.system.incidents.incident import (
    BAD_DAY,
    DAY_BEFORE,
    Incident,
)
from analytics_pipeline_tests.system.incidents.incidents import INCIDENTS, write_table
from analytics_pipeline_tests.system.incidents.ordinary_shop import (
    MASTER,
    Evaluation,
    OrdinaryShop,
    read_rows,
)

OpenShop = Callable[[str], OrdinaryShop]
BUILT_ON = {
    "ecom_feed": "ecom_orders",
    "ecom_orders": "customer_identities",
    "outlets": "raw_sales",
    "sales_feed": "raw_sales",
    "customers": "customer_identities",
    "products": "sale_lines",
    "raw_sales": "customer_analytics",
    "customer_identities": "customer_analytics",
    "customer_analytics": "first_time_buyers",
    "tier_outlook": "customer_analytics_master",
    "customer_rfm": "customer_analytics_master",
    "prediction_models": "customer_predictions",
    "customer_predictions": "customer_analytics_master",
    "first_time_buyers": "customer_analytics_master",
}
"""A table that is made from each; from the others nothing is."""
DAILY = frozenset(name for name, spec in SPECS.items() if spec.is_daily)
DOCUMENT = Path(__file__).parents[3] / "docs/checks.md"


def tables_of(incident: Incident) -> tuple[str, ...]:
    """The tables that are run after the damage."""
    if incident.tables:
        return tuple(incident.tables)
    first = incident.begins_at or TABLES[0]
    return TABLES[TABLES.index(first) : TABLES.index(incident.table) + 1]


def said_of(
    evaluations: list[Evaluation], incident: Incident, day: str
) -> Iterator[Evaluation]:
    """What the check of the incident said, of its table or of that day of it."""
    partition = day if incident.table in DAILY else None
    for each in evaluations:
        asked = (each.table, each.check) == (incident.table, incident.check)
        if asked and each.partition in (partition, None):
            yield each


def fail_once(
    shop: OrdinaryShop, incident: Incident
) -> tuple[list[Evaluation], Evaluation]:
    """Run the tables of the incident; return all that was said, and the alarm."""
    evaluations = shop.update(BAD_DAY, tables_of(incident))
    *_, alarm = said_of(evaluations, incident, str(BAD_DAY))
    return evaluations, alarm


def of_day_or_night() -> Iterator[Any]:
    """Every incident; by day one of each table."""
    met: set[str] = set()
    for incident in INCIDENTS:
        marks = [pytest.mark.nightly] if incident.table in met else []
        met.add(incident.table)
        yield pytest.param(incident, id=incident.name, marks=marks)


@pytest.mark.parametrize("incident", list(of_day_or_night()))
def test_a_fault_trips_its_check_without_personal_data(
    kept_shop: KeptShop,
    open_kept_shop: OpenShop,
    monkeypatch: pytest.MonkeyPatch,
    incident: Incident,
) -> None:
    earlier = said_of(kept_shop.said, incident, str(DAY_BEFORE))
    *_, before = (each for each in earlier if each.day == DAY_BEFORE)
    assert before.passed
    assert "learning" not in before.sentence
    shop = open_kept_shop(incident.begins_at)
    personal = [shop.personal_words()]
    incident.seed(shop, monkeypatch)
    personal.append(shop.personal_words())
    kept = shop.kept(incident.table, BAD_DAY)

    evaluations, alarm = fail_once(shop, incident)

    assert not alarm.passed
    assert alarm.severity == incident.severity
    assert re.search(incident.message, alarm.sentence), alarm.sentence
    values = [each.words for each in evaluations]
    if shop.failure is not None:
        values += [str(entry.value) for entry in shop.failure.metadata.values()]
    assert not [words for words in values if any(p.search(words) for p in personal)]
    if incident.severity == "ERROR":
        expect_all_stopped(shop, incident, kept)


def expect_all_stopped(shop: OrdinaryShop, incident: Incident, kept: object) -> None:
    """Nothing was replaced, and what is made from the table refuses to be."""
    assert shop.failure is not None
    assert exit_code_of(shop.failure) == 1
    assert kept == shop.kept(incident.table, BAD_DAY)
    below = BUILT_ON.get(incident.table)
    if below is not None:
        published = shop.published
        shop.update(BAD_DAY, (below,))
        assert shop.failure is not None
        assert exit_code_of(shop.failure) == 1
        assert published == shop.published


def test_until_the_bad_day_no_check_raised_an_alarm(kept_shop: KeptShop) -> None:
    alarms = [each for each in kept_shop.said if not each.passed]

    assert not alarms
    assert len(kept_shop.said) > 300


def test_every_check_of_every_table_has_an_incident() -> None:
    checks = {
        (spec.name, check) for spec in SPECS.values() for check in spec.all_checks
    }

    assert checks == {(each.table, each.check) for each in INCIDENTS}


def test_no_two_incidents_have_one_name() -> None:
    assert len(INCIDENTS) == len({each.name for each in INCIDENTS})


def test_the_page_of_checks_is_what_the_incidents_say() -> None:
    wanted = write_table()

    assert DOCUMENT.read_text(encoding="utf-8") == wanted, wanted


def test_a_check_does_what_it_says_that_its_failure_does() -> None:
    for spec in SPECS.values():
        for name, check in spec.all_checks.items():
            severities = {
                each.severity
                for each in INCIDENTS
                if (each.table, each.check) == (spec.name, name)
            }
            expected = {
                Effect.STOPS: {"ERROR"},
                Effect.WARNS: {"WARN"},
                Effect.EITHER: {"ERROR", "WARN"},
            }[check.effect]
            assert severities == expected, (spec.name, name)


@pytest.mark.nightly
def test_pages_delivered_twice_in_a_row_change_no_figure(
    open_kept_shop: OpenShop,
) -> None:
    shop = open_kept_shop("")
    repeated = dict.fromkeys(range(1, 30), FaultKind.REPEATED_ROWS)
    shop.plan = FaultPlan(by_request=repeated)

    evaluations = shop.update(BAD_DAY, UP_TO_PUBLISHING)

    assert shop.failure is None
    assert all(each.passed for each in evaluations)
    assert expected_master(shop.state, BAD_DAY) == read_rows(shop.data / MASTER)


def test_an_expired_token_is_no_failed_check_but_a_failed_run(
    open_kept_shop: OpenShop,
) -> None:
    shop = open_kept_shop("")
    shop.plan = FaultPlan(by_request={1: FaultKind.TOKEN_REVOKED})
    published = shop.published

    evaluations = shop.update(BAD_DAY)

    assert shop.failure is not None
    assert exit_code_of(shop.failure) == 3
    assert "token" in str(shop.failure.metadata["cause"].value).lower()
    assert all(each.passed for each in evaluations)
    assert published == shop.published
