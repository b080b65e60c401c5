"""The workflow that runs the tests at night: on which days, and by which commands."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from analytics_pipeline_tests.clock import ROOT, read_moment
from analytics_pipeline_tests.documentation.proofs import TESTS, Runs, when_they_run
from analytics_pipeline_tests.system.deploy.linters import complaints

WORKFLOW = ROOT / ".github/workflows/nightly.yml"
NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
SOON = timedelta(minutes=20)
"""A run of the tests is longer, so it lives through what is that near."""


def read_jobs() -> dict[str, Any]:
    loaded = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    jobs: dict[str, Any] = loaded["jobs"]
    return jobs


DAYS = [
    read_moment(today) for today in read_jobs()["days"]["strategy"]["matrix"]["today"]
]


def hours_gained(moment: datetime, zone: ZoneInfo) -> float:
    """Return by how many hours the clocks of *zone* are set back soon."""
    later = (moment + SOON).astimezone(zone).utcoffset()
    now = moment.astimezone(zone).utcoffset()
    assert now is not None
    assert later is not None
    return (now - later) / timedelta(hours=1)


def is_last_of_month(moment: datetime) -> bool:
    return (moment + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    "is_tried",
    [
        lambda day: hours_gained(day, NEW_YORK) == -1,
        lambda day: hours_gained(day, NEW_YORK) == 1,
        lambda day: hours_gained(day, BERLIN) == -1,
        lambda day: hours_gained(day, BERLIN) == 1,
        lambda day: (day.month, day.day) == (2, 29),
        lambda day: day.timetuple().tm_yday == 366,
        lambda day: (day.month, day.day) == (12, 31),
        lambda day: day.year > day.astimezone(NEW_YORK).year,
        lambda day: is_last_of_month(day) and day.day == 28,
        lambda day: is_last_of_month(day) and day.day == 30,
    ],
    ids=[
        *("New York in spring", "New York in autumn"),
        *("Berlin in spring", "Berlin in autumn"),
        *("29 February", "366th day", "New Year's Eve", "New Year"),
        *("short month", "month of thirty days"),
    ],
)  # fmt: skip
def test_the_days_hold_what_has_broken_programs(is_tried: Any) -> None:
    assert any(is_tried(day) for day in DAYS)
    assert not is_tried(datetime(2026, 11, 25, 12, tzinfo=UTC)), "an ordinary day"


def test_each_job_runs_the_tests_and_only_where_somebody_asked_for_it() -> None:
    jobs = read_jobs()
    commands = {name: job["steps"][-1]["run"] for name, job in jobs.items()}

    assert commands == {
        "days": 'pytest -q -n 3 "--today=$TODAY"',
        "long_forms": "pytest -q -n 3 -m nightly $TESTS",
    }
    assert {job["if"] for job in jobs.values()} == {"vars.RUN_NIGHTLY_TESTS == 'true'"}
    assert len(DAYS) == len(set(DAYS)) == 10


def test_every_test_that_runs_at_night_is_in_one_of_the_parallel_jobs() -> None:
    job = read_jobs()["long_forms"]
    *parts, others = job["strategy"]["matrix"]["tests"]
    folders = [folder for part in parts for folder in part.split()]

    assert job["steps"][-1]["working-directory"] == TESTS.name
    assert others.split() == [f"--ignore={folder}" for folder in folders]
    for folder in folders:
        tests = list((TESTS / folder).rglob("test_*.py"))
        assert any(set(when_they_run(test).values()) - {Runs.BY_DAY} for test in tests)


@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_it_is_a_workflow_that_ends(schema: str) -> None:
    assert complaints("check-jsonschema", "--builtin-schema", schema, WORKFLOW) == ""
