"""Tests for analytics_pipeline.orchestration.schedules and partitions."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.model.errors import StoreUnavailable
from analytics_pipeline.orchestration.jobs import business_days
from analytics_pipeline.orchestration.records import DAILY_UPDATE, FULL_REBUILD
from analytics_pipeline.orchestration.schedules import (
    DAYS_BACK,
    MASTER,
    SNAPSHOT,
    build_schedule,
    missed_days,
)
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests import clock

NEW_YORK = ZoneInfo("America/New_York")


ZONES = {"America/New_York"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return load_settings(data_dir=folder, start_date=date(2025, 1, 1))


@pytest.fixture(scope="module")
def definitions(settings):
    return build_definitions(settings)


@pytest.fixture(scope="module")
def tick(definitions):
    """Return the run requests of the tick at a moment, as the daemon sees them."""
    repository = definitions.get_repository_def()
    schedule = repository.get_schedule_def("daily_update_schedule")

    def requests(instance, moment):
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            repository_def=repository,
        )
        return list(schedule.evaluate_tick(context).run_requests)

    return requests


@pytest.fixture(scope="module")
def days_asked_for(tick):
    return lambda *at: [request.partition_key for request in tick(*at)]


@pytest.fixture(scope="module")
def kept_instance():
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def instance(kept_instance):
    kept_instance.wipe_assets([MASTER])
    return kept_instance


def publish(instance, *days):
    for day in days:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(MASTER, partition=day)
        )


JUNE_21 = datetime(2025, 6, 21, 2, tzinfo=NEW_YORK)


def test_it_runs_at_two_in_the_morning_store_time(settings):
    schedule = build_schedule(settings, business_days(settings))

    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == DAILY_UPDATE


def test_before_the_first_publication_it_is_yesterday_alone(days_asked_for, instance):
    assert days_asked_for(instance, JUNE_21) == ["2025-06-20"]


def test_a_night_without_gaps_asks_for_yesterday_alone(days_asked_for, instance):
    publish(instance, "2025-06-18", "2025-06-19")

    assert days_asked_for(instance, JUNE_21) == ["2025-06-20"]


def test_every_missed_day_comes_after_yesterday_newest_first(days_asked_for, instance):
    publish(instance, "2025-06-15", "2025-06-17")

    days = ["2025-06-20", "2025-06-19", "2025-06-18", "2025-06-16"]
    assert days_asked_for(instance, JUNE_21) == days


def test_no_day_before_the_first_publication_was_missed(days_asked_for, instance):
    publish(instance, "2025-06-19")

    assert days_asked_for(instance, JUNE_21) == ["2025-06-20"]


def test_days_are_made_up_for_two_weeks_and_no_longer(days_asked_for, instance):
    publish(instance, "2025-01-01")

    asked = days_asked_for(instance, JUNE_21)

    assert len(asked) == DAYS_BACK == 14
    assert (asked[0], asked[-1]) == ("2025-06-20", "2025-06-07")


def test_only_the_first_request_reads_the_sources(tick, instance):
    publish(instance, "2025-06-17")

    first, *others = tick(instance, JUNE_21)

    assert first.asset_selection is None
    assert "sales_feed" in first.run_config["ops"]
    for request in others:
        names = {key.to_user_string() for key in request.asset_selection}
        assert names == set(SNAPSHOT)
        assert not request.run_config


def test_a_tick_asks_once_and_a_later_tick_asks_again(tick, instance):
    publish(instance, "2025-06-18")
    keys = [
        [request.run_key for request in tick(instance, moment)]
        for moment in (JUNE_21, JUNE_21, JUNE_21 + timedelta(days=1))
    ]

    assert keys[0] == keys[1]
    assert not set(keys[0]) & set(keys[2])


@pytest.mark.parametrize(
    ("moment", "yesterday"),
    [
        pytest.param(
            datetime(2025, 3, 9, 7, tzinfo=UTC), "2025-03-08", id="two does not exist"
        ),
        pytest.param(
            datetime(2025, 11, 2, 7, tzinfo=UTC), "2025-11-01", id="after the 25th hour"
        ),
        pytest.param(
            datetime(2025, 6, 21, 6, tzinfo=UTC), "2025-06-20", id="an ordinary night"
        ),
    ],
)
def test_the_clocks_going_forward_or_back_skips_no_day(
    days_asked_for, instance, moment, yesterday
):
    assert days_asked_for(instance, moment) == [yesterday]


def test_nights_follow_each_other_through_both_changes_of_the_clocks(settings):
    schedule = build_schedule(settings, business_days(settings))
    for begin in (datetime(2025, 3, 7, tzinfo=UTC), datetime(2025, 10, 31, tzinfo=UTC)):
        times = dg._utils.schedules.schedule_execution_time_iterator(
            begin.timestamp(), schedule.cron_schedule, schedule.execution_timezone
        )
        days = [next(times).astimezone(NEW_YORK).date() for _ in range(5)]
        assert days == [days[0] + timedelta(days=n) for n in range(5)]


def test_without_an_instance_nothing_was_missed(settings):
    assert missed_days(None, business_days(settings), "2025-06-20", zones=ZONES) == []


def test_a_day_that_failed_after_it_was_published_is_missed_again(settings, instance):
    publish(instance, "2025-06-17", "2025-06-18", "2025-06-19")
    days = business_days(settings)

    @dg.asset(name="customer_analytics_master", partitions_def=days)
    def broken():
        raise dg.Failure("its gate failed", allow_retries=False)

    dg.materialize(
        [broken],
        partition_key="2025-06-18",
        instance=instance,
        raise_on_error=False,
    )

    assert missed_days(instance, days, "2025-06-20", zones=ZONES) == ["2025-06-18"]


def test_a_master_made_before_its_day_had_ended_is_made_again(settings, instance):
    today = clock.now().astimezone(NEW_YORK).date()
    before, yesterday = (today + timedelta(days=days) for days in (-1, 1))
    publish(instance, str(before), str(today))

    days = business_days(settings)
    assert missed_days(instance, days, str(yesterday), zones=ZONES) == [str(today)]


@pytest.mark.parametrize("damage", ["a policy", "outlets", "a bucket"])
def test_what_is_wrong_with_the_shop_keeps_no_run_from_being_asked_for(
    tmp_path, instance, monkeypatch, damage
):
    settings = load_settings(data_dir=tmp_path, start_date=date(2025, 1, 1))
    if damage == "a bucket":

        def refuse(*_asked):
            raise StoreUnavailable("The bucket does not answer.", "Try again later.")

        monkeypatch.setattr(Warehouse, "exists", refuse)
    if damage == "a policy":
        settings.policy_file.write_text("vip_threshold = ")
    if damage == "outlets":
        path = open_shop(settings).warehouse.path("outlets")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"PAR1 damaged")
    repository = build_definitions(settings).get_repository_def()
    schedule = repository.get_schedule_def("daily_update_schedule")
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=JUNE_21,
        repository_def=repository,
    )

    requests = schedule.evaluate_tick(context).run_requests

    assert [each.partition_key for each in requests] == ["2025-06-20"]


def test_every_request_can_be_run_by_its_job(tick, definitions, instance):
    publish(instance, "2025-06-18")
    job = definitions.resolve_job_def(DAILY_UPDATE)

    for request in tick(instance, JUNE_21):
        selected = job.get_subset(
            asset_selection=set(request.asset_selection or ()) or None
        )
        assert dg.validate_run_config(selected, request.run_config)


# Days and jobs -------------------------------------------------------------------


def test_the_business_days_run_from_the_start_date_to_today(settings):
    days = business_days(settings)
    now = datetime(2025, 1, 4, 3, tzinfo=UTC)  # still the third in the store

    keys = days.get_partition_keys(current_time=now)

    assert keys == ["2025-01-01", "2025-01-02", "2025-01-03"]


def test_both_jobs_make_every_table(definitions):
    everything = {
        asset.to_user_string()
        for asset in definitions.resolve_asset_graph().materializable_asset_keys
    }

    for name in (DAILY_UPDATE, FULL_REBUILD):
        made = definitions.resolve_job_def(name).asset_layer.selected_asset_keys
        assert {key.to_user_string() for key in made} == everything
