"""Tests for analytics_pipeline.orchestration.gate: each day is checked on its own."""

from datetime import date, timedelta

import dagster as dg
import pytest

from analytics_pipeline.model.checks import (
    SCHEMA_CHECK,
    Candidate,
    CheckResult,
    Severity,
)
from analytics_pipeline.model.errors import GateFailed
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.orchestration.gate import (
    MOST_DAYS_REPORTED,
)
from analytics_pipeline.orchestration.jobs import business_days
from analytics_pipeline.orchestration.tables import check_specs
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.tables import RAW_SALES, TABLES, Check, Effect
from analytics_pipeline_tests.gated import materialize_gated, with_checks
from analytics_pipeline_tests.tables import make_table

FIRST = date(2025, 6, 1)
DAYS = [(FIRST + timedelta(days=n)).isoformat() for n in range(60)]
RANGE = "dagster/asset_partition_range"


@pytest.fixture
def shop(tmp_path):
    return open_shop(load_settings(data_dir=tmp_path, start_date=FIRST))


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance


def sales(day, version=1):
    row = {"sale_id": f"of-{day}", "business_date": day, "sale_date": f"{day} 12:00"}
    return make_table(RawSales, [row | {"version": version, "time_zone": "UTC"}])


@pytest.fixture
def materialize(shop, instance):
    """Cut the days *made* in a run that was asked for *wanted*."""
    days = business_days(shop.settings)
    spec = with_checks(RAW_SALES, is_quiet=Check(".", Effect.EITHER))

    def run(*wanted, made=None, broken=(), check_result=None):
        def candidates():
            for day in made or wanted:
                frame = sales(day, version=0 if day in broken else 1)
                found = check_result or CheckResult("is_quiet", True, "It is.")
                yield Candidate(frame, [found], day)

        if len(wanted) == 1:
            where = {"partition_key": wanted[0]}
        else:
            ends = {f"{RANGE}_start": wanted[0], f"{RANGE}_end": wanted[-1]}
            where = {"tags": ends}
        return materialize_gated(
            shop,
            spec,
            candidates,
            instance,
            days=days,
            expected=len(made or wanted),
            **where,
        )

    return run


def evaluations(result, *, passed):
    return sorted(
        (each.partition, each.check_name)
        for each in result.get_asset_check_evaluations()
        if each.passed is passed
    )


def materialized(instance):
    return sorted(instance.get_materialized_partitions(dg.AssetKey("raw_sales")))


def test_one_sound_day_is_stored_and_reported(shop, instance, materialize):
    result = materialize(DAYS[0])

    assert result.success
    assert shop.warehouse.partitions("raw_sales") == DAYS[:1]
    assert materialized(instance) == DAYS[:1]
    assert len(evaluations(result, passed=True)) == 2


def test_a_range_is_one_run_that_reports_every_day(shop, instance, materialize):
    result = materialize(*DAYS[:3])

    assert result.success
    assert shop.warehouse.partitions("raw_sales") == DAYS[:3]
    assert materialized(instance) == DAYS[:3]
    checked = [(day, name) for day in DAYS[:3] for name in ("is_quiet", SCHEMA_CHECK)]
    assert evaluations(result, passed=True) == checked


def test_a_day_that_fails_keeps_its_last_good_rows_and_the_others_are_stored(
    shop, instance, materialize
):
    assert materialize(*DAYS[:2]).success
    path = shop.warehouse.path("raw_sales", DAYS[1])
    before = path.read_bytes()

    result = materialize(*DAYS[:4], broken=[DAYS[1]])

    assert not result.success
    assert path.read_bytes() == before
    assert shop.warehouse.partitions("raw_sales") == DAYS[:4]
    assert evaluations(result, passed=False) == [(DAYS[1], SCHEMA_CHECK)]
    assert set(shop.warehouse.failures("raw_sales")) == {DAYS[1]}
    assert materialized(instance) == DAYS[:4]


def test_a_day_that_was_never_good_is_not_stored_at_all(shop, instance, materialize):
    assert not materialize(DAYS[0], broken=[DAYS[0]]).success

    assert shop.warehouse.partitions("raw_sales") == []
    assert materialized(instance) == []


def test_a_failed_day_is_not_built_on_until_it_passes_again(shop, materialize):
    assert materialize(*DAYS[:2]).success
    materialize(DAYS[1], broken=[DAYS[1]])
    with pytest.raises(GateFailed, match=f"raw_sales of {DAYS[1]}"):
        shop.load("raw_sales", RawSales, DAYS[1])
    assert len(shop.load("raw_sales", RawSales, DAYS[0])) == 1

    assert materialize(DAYS[1]).success

    assert len(shop.load("raw_sales", RawSales, DAYS[1])) == 1


def test_late_days_that_a_run_re_opens_are_reported_too(instance, materialize):
    result = materialize(DAYS[5], made=[DAYS[1], DAYS[5]])

    assert result.success
    assert materialized(instance) == [DAYS[1], DAYS[5]]
    assert {day for day, _ in evaluations(result, passed=True)} == {DAYS[1], DAYS[5]}


def test_a_late_day_that_fails_fails_the_run_and_is_named(shop, materialize):
    result = materialize(DAYS[5], made=[DAYS[1], DAYS[5]], broken=[DAYS[1]])

    failure = next(event for event in result.all_events if event.is_step_failure)
    assert DAYS[1] in failure.step_failure_data.user_failure_data.description
    assert shop.warehouse.partitions("raw_sales") == [DAYS[5]]


def test_a_warning_stores_the_day(shop, materialize):
    warning = CheckResult("is_quiet", False, "It is loud.", Severity.WARN)

    result = materialize(DAYS[0], check_result=warning)

    assert result.success
    assert evaluations(result, passed=False) == [(DAYS[0], "is_quiet")]
    assert shop.warehouse.partitions("raw_sales") == DAYS[:1]


def test_a_run_of_many_days_reports_its_checks_once_and_each_failure(
    shop, instance, materialize
):
    many = DAYS[: MOST_DAYS_REPORTED + 2]
    broken = [many[3], many[9]]

    result = materialize(*many, broken=broken)

    failed = [(day, SCHEMA_CHECK) for day in broken]
    assert evaluations(result, passed=False) == failed
    once = [(many[-1], "is_quiet"), (many[-1], SCHEMA_CHECK)]
    assert evaluations(result, passed=True) == once
    sound = [day for day in many if day not in broken]
    assert materialized(instance) == sound
    assert shop.warehouse.partitions("raw_sales") == sound


def test_a_result_of_the_whole_run_is_reported_once(materialize):
    blocking = CheckResult("is_quiet", False, "It is loud.")

    result = materialize(*DAYS[: MOST_DAYS_REPORTED + 1], check_result=blocking)

    assert evaluations(result, passed=False) == [(DAYS[0], "is_quiet")]


def test_the_checks_of_a_daily_table_have_its_partitions(shop):
    days = business_days(shop.settings)

    for spec in TABLES.values():
        for check in check_specs(spec, days):
            assert check.partitions_def is (days if spec.is_daily else None)
