"""A person accepts one failure that may be real: that one, once, with a reason."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands.update import accept_failure
from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.storage.state import Acceptance, Acceptances, FailedCheck
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.light_run import SOURCES, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

MASTER = "customer_analytics_master.csv"
GONE = CheckResult("no_person_vanished", False, "Two are gone.", subject="a\nb")


def acceptance_of(check_result: CheckResult, partition: str = "") -> Acceptance:
    assert check_result.fingerprint is not None
    table = "customer_analytics"
    return Acceptance(
        table,
        check_result.check,
        partition,
        check_result.fingerprint,
        "They moved",
        "now",
    )


@pytest.fixture
def acceptances(tmp_path: Path) -> Acceptances:
    return Warehouse(str(tmp_path)).acceptances


def test_what_was_accepted_stops_nothing_and_says_why(acceptances: Acceptances) -> None:
    acceptances.add(acceptance_of(GONE))

    honoured = acceptances.honour("customer_analytics", None, GONE)

    assert not honoured.blocks
    assert not honoured.passed
    assert honoured.severity is Severity.WARN
    assert honoured.evidence["accepted"] == "They moved"
    assert "They moved" in honoured.sentence
    assert GONE.sentence in honoured.sentence


@pytest.mark.parametrize(
    ("table", "partition", "check_result"),
    [
        pytest.param(
            "customer_analytics", None,
            CheckResult(GONE.check, False, GONE.sentence, subject="a\nc"), id="others",
        ),
        pytest.param("customer_analytics", "2026-06-20", GONE, id="another day"),
        pytest.param("customers", None, GONE, id="another table"),
        pytest.param(
            "customer_analytics", None,
            CheckResult("rows_are_sound", False, "", subject="a\nb"), id="another "
                                                                         "check",
        ),
        pytest.param(
            "customer_analytics", None, CheckResult(GONE.check, False, ""),
            id="none that a person may accept",
        ),
    ],
)  # fmt: skip
def test_nothing_else_is_accepted_with_it(
    acceptances: Acceptances,
    table: str,
    partition: str | None,
    check_result: CheckResult,
) -> None:
    acceptances.add(acceptance_of(GONE))

    assert acceptances.honour(table, partition, check_result) is check_result


def test_vanished_people_are_stored_as_a_hash_only(
    acceptances: Acceptances, tmp_path: Path
) -> None:
    named = CheckResult(
        GONE.check, False, "One is gone.", subject="ecom-0123456789abcdef"
    )
    acceptances.add(acceptance_of(named))

    stored = (tmp_path / "acceptances.json").read_text(encoding="utf-8")

    assert "ecom-" not in stored
    assert named.fingerprint is not None
    assert named.fingerprint in stored


def test_the_days_on_which_a_check_was_accepted_are_known(
    acceptances: Acceptances,
) -> None:
    for day in ("2026-06-21", "2026-06-20"):
        acceptances.add(acceptance_of(GONE, day))

    days = acceptances.days("customer_analytics", "no_person_vanished")
    assert days == ["2026-06-20", "2026-06-21"]
    assert acceptances.days("customers", "no_person_vanished") == []
    assert acceptances.days("customer_analytics", "other") == []


# What a person types ------------------------------------------------------------


@pytest.fixture
def typed(small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> SimulatedShop:
    for name, value in small_shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    return small_shop


@pytest.fixture
def larger(
    updated_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> SimulatedShop:
    for name, value in updated_shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    return updated_shop


def type_in(*words: object) -> Result:
    given = [*map(str, words)]
    if given[0] == "update":
        given += ["--as-of", FIRST_DAY.isoformat()]
    return CliRunner().invoke(app, given)


def break_sales(shop: SimulatedShop, first: int, last: int) -> None:
    """Take the total away from some sales, which so become new versions."""
    sales = sorted(shop.store.state.sales.values(), key=lambda sale: sale.id)
    highest = max(sale.version for sale in sales)
    for n, sale in enumerate(sales[first:last], start=1):
        sale.total_price_incl = None  # type: ignore[assignment]
        sale.version = highest + n


def remove_customers(shop: SimulatedShop, count: int) -> None:
    """Let the store forget customers, without a deletion or a merge."""
    named = [row["Customer ID"] for row in shop.rows(MASTER)]
    known = [each for each in named if each in shop.store.state.customers]
    for customer in known[:count]:
        del shop.store.state.customers[customer]


def fails(shop: SimulatedShop, **options: bool) -> str:
    """Update FIRST_DAY, which must fail its gate; return why."""
    with pytest.raises(dg.Failure) as failed:
        run_light(shop.settings, FIRST_DAY, **options)  # type: ignore[arg-type]
    return str(failed.value.metadata["cause"].value)


@pytest.mark.nightly
def test_many_rejected_records_are_accepted_with_a_reason(
    typed: SimulatedShop,
) -> None:
    before = (typed.data / MASTER).read_bytes()
    break_sales(typed, 0, 15)
    assert "rows_are_sound" in fails(typed)
    assert (typed.data / MASTER).read_bytes() == before
    reported = type_in("status")
    assert reported.exit_code == 1
    assert "--accept sales_feed.rows_are_sound" in reported.stdout

    accepted = type_in(
        "update", "--accept", "rows_are_sound", "--reason", "A till broke"
    )

    assert accepted.exit_code == 0, accepted.output
    assert "A till broke" in accepted.stderr
    assert "15 sales, in no figure" in accepted.stdout
    assert (typed.data / MASTER).read_bytes() != before
    assert typed.local.warehouse.failures("sales_feed") == {}
    run_light(typed.settings, FIRST_DAY, tables=SOURCES)
    with open_instance(typed.settings) as instance:
        (run,) = instance.get_runs()
    assert run.tags["analytics/accepted"] == "sales_feed.rows_are_sound"


def test_an_accepted_failure_is_honoured_by_the_next_run(
    typed: SimulatedShop,
) -> None:
    """The run that it was accepted with may have died."""
    break_sales(typed, 0, 15)
    fails(typed)
    accept_failure(typed.local, "rows_are_sound", "A till broke", FIRST_DAY)

    events = run_light(typed.settings, FIRST_DAY, tables=SOURCES)

    text = [
        event.description
        for event in events
        if isinstance(event, dg.AssetCheckEvaluation) and not event.passed
        if event.asset_key == dg.AssetKey("sales_feed")
    ]
    assert len(text) == 1
    assert "A till broke" in str(text[0])


@pytest.mark.nightly
def test_more_of_the_same_is_another_failure(typed: SimulatedShop) -> None:
    break_sales(typed, 0, 15)
    fails(typed)
    accept_failure(typed.local, "rows_are_sound", "A till broke", FIRST_DAY)
    before = (typed.data / MASTER).read_bytes()

    break_sales(typed, 15, 16)

    assert "rows_are_sound" in fails(typed)
    assert (typed.data / MASTER).read_bytes() == before


@pytest.mark.nightly
def test_people_that_are_gone_are_accepted_once(
    larger: SimulatedShop,
) -> None:
    remove_customers(larger, 14)
    assert "no_person_vanished" in fails(larger, full_resync=True)
    people = len(larger.rows(MASTER))

    reason = ["--reason", "Old records were cleared"]
    accepted = type_in("update", "--accept", "no_person_vanished", *reason)

    assert accepted.exit_code == 0, accepted.output
    assert len(larger.rows(MASTER)) <= people - 11
    run_light(larger.settings, FIRST_DAY)
    assert type_in("update", "--accept", "no_person_vanished", *reason).exit_code == 2


def remember(check: str, fingerprint: str | None = None, *days: date) -> Callable:
    def fail(shop: SimulatedShop) -> None:
        failed = [FailedCheck(check, "It is so.", "2026-06-21T06:00:00Z", fingerprint)]
        for day in days:
            key = day.isoformat()
            shop.local.warehouse.remember_failure("customer_analytics", key, failed)

    return fail


BEFORE = [FIRST_DAY - timedelta(days=n) for n in (2, 3)]


@pytest.mark.parametrize(
    ("fail", "words", "reported"),
    [
        pytest.param(
            remember("no_person_vanished"), ["--accept", "no_person_vanished",
            "--reason", "so"], "Nothing failed", id="nothing failed",
        ),
        pytest.param(
            remember("conserves_money", None, FIRST_DAY), ["--accept",
            "conserves_money", "--reason", "so"], "cannot be accepted", id="money",
        ),
        pytest.param(
            remember("matches_schema", None, FIRST_DAY), ["--accept",
            "customer_analytics.matches_schema", "--reason", "so"],
            "cannot be accepted", id="schema",
        ),
        pytest.param(
            remember("is_caught_up", None, FIRST_DAY), ["--accept", "is_caught_up",
            "--reason", "so"], "cannot be accepted", id="catch-up",
        ),
        pytest.param(
            remember("no_person_vanished", "f", *BEFORE), ["--accept",
            "no_person_vanished", "--reason", "so"], "more than once", id="two days",
        ),
        pytest.param(
            remember("no_person_vanished", "f", FIRST_DAY), ["--accept",
            "no_person_vanished"], "go together", id="no reason",
        ),
        pytest.param(
            remember("no_person_vanished", "f", FIRST_DAY), ["--accept",
            "no_person_vanished", "--reason", " "], "go together", id="empty reason",
        ),
        pytest.param(
            remember("no_person_vanished", "f", FIRST_DAY), ["--reason", "so"],
            "go together", id="no check",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_accepted_is_wrong_use_and_changes_nothing(
    typed: SimulatedShop, fail: Callable, words: list[str], reported: str
) -> None:
    fail(typed)
    before = (typed.data / ".last_update_timestamp").read_bytes()

    result = type_in("update", *words)

    assert result.exit_code == 2, result.output
    assert reported in result.stderr
    assert before == (typed.data / ".last_update_timestamp").read_bytes()
    assert typed.local.warehouse.acceptances.all() == []


def test_of_several_days_that_of_the_run_is_meant(typed: SimulatedShop) -> None:
    remember("no_person_vanished", "f", *BEFORE, FIRST_DAY)(typed)

    accepted = accept_failure(typed.local, "no_person_vanished", "so", BEFORE[1])

    assert accepted == f"customer_analytics.no_person_vanished of {BEFORE[1]}"
    with pytest.raises(WrongUse, match="more than once"):
        accept_failure(
            typed.local, "no_person_vanished", "so", FIRST_DAY - timedelta(days=9)
        )
