"""Tests for analytics_pipeline.orchestration.run_records."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from analytics_pipeline.domain.incidents import CheckStatus, group_warnings, observe
from analytics_pipeline.model.checks import LastResult, Outcome, Severity
from analytics_pipeline.orchestration.run_records import (
    keep_warnings,
    read_last_results,
)

TABLE = dg.AssetKey("outlets")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def evaluate(instance, check, passed, severity="ERROR"):
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=TABLE,
            check_name=check,
            passed=passed,
            severity=dg.AssetCheckSeverity[severity],
            description=f"what {check} found",
        )
    )


def outcomes(instance):
    found = read_last_results(instance, None, but="customer_report")
    return {(each.table, each.check): each for each in found}


def test_the_last_word_of_each_check_counts(instance):
    evaluate(instance, "matches_schema", passed=False)
    evaluate(instance, "matches_schema", passed=True)
    evaluate(instance, "time_zone_agrees", passed=False, severity="WARN")
    evaluate(instance, "outlets_are_all_there", passed=False)

    found = outcomes(instance)

    assert found["outlets", "matches_schema"].outcome is Outcome.PASSED
    assert found["outlets", "time_zone_agrees"].outcome is Outcome.WARNS
    assert found["outlets", "outlets_are_all_there"].outcome is Outcome.FAILED
    assert (
        found["outlets", "time_zone_agrees"].sentence == "what time_zone_agrees found"
    )


def test_a_check_that_has_not_run_is_not_said_to_have_passed(instance):
    found = outcomes(instance)

    assert {each.outcome for each in found.values()} == {Outcome.NOT_RUN}


def test_the_report_does_not_wait_for_its_own_result(instance):
    assert "customer_report" not in {table for table, _ in outcomes(instance)}


def test_what_a_person_accepted_is_no_warning(instance):
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=TABLE,
            check_name="outlets_are_all_there",
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"accepted": "It was closed"},
        )
    )

    found = outcomes(instance)
    assert found["outlets", "outlets_are_all_there"].outcome is Outcome.PASSED


def test_a_warning_of_an_earlier_day_is_shown_as_in_status():
    last_results = [
        LastResult("raw_sales", check, Outcome.PASSED, "All is well.", "2026-06-20")
        for check in ("words_are_known", "volume_is_usual", "matches_schema")
    ]
    at = datetime(2026, 6, 21, tzinfo=UTC)
    seen = [
        CheckStatus(("raw_sales", "words_are_known", day), at, True, Severity.WARN, day)
        for day in ("2026-01-02", "2026-01-03")
    ]
    stopped = CheckStatus(("raw_sales", "matches_schema", "2026-01-02"), at, True)
    incidents = observe({}, [*seen, stopped])

    words, volume, schema = keep_warnings(last_results, incidents)

    assert (words.outcome, words.day) == (Outcome.WARNS, "2026-01-03")
    assert volume.outcome is schema.outcome is Outcome.PASSED
    assert len(group_warnings(incidents)) == 1
