"""Faults of every kind, drawn from one number: the seed in a test's name replays it."""

import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.sources import connection
from analytics_pipeline_tests.system.faults.conftest import Situations
from analytics_pipeline_tests.system.faults.outcomes import (
    assert_ended,
    assert_explained,
    assert_nothing_wrong_is_kept,
    kept_in,
)
from analytics_pipeline_tests.system.faults.two_days import (
    EXPORT,
    SOURCES,
    TABLES,
    Ends,
    Run,
    Situation,
)

RATE = 0.2
BY_DAY = 1
"""By day so many seeds are tried, at night the others too."""
TRIES = 3
SECOND_DAY = 1_000_000
"""Added to the seed on the second day, which else would meet the first day's faults."""


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_TIMEOUT", httpx.Timeout(0.1))
    monkeypatch.setattr(connection, "WHOLE_REQUEST", 0.4)


def drawn(seed: int) -> FaultPlan:
    return FaultPlan.seeded(
        seed,
        RATE,
        kinds=list(FaultKind),
        hang_seconds=30,
        slow_seconds=0.01,
        drip_seconds=0.05,
    )


def run_until_it_succeeds(run: Run, data: Path, plan: FaultPlan, ends: Ends) -> None:
    """Run amid faults, some times; if none of them succeeds, run without faults."""
    before = kept_in(data)
    for _ in range(TRIES):
        failure, _requests = run.go(data, plan)
        if failure is None:
            return assert_ended(run, data, ends)
        assert_explained(failure, run)
        assert_nothing_wrong_is_kept(data, before, ends)
        plan = replace(plan, seed=plan.seed + 2 * SECOND_DAY)
    failure, _requests = run.go(data, FaultPlan())
    assert failure is None, failure.metadata
    return assert_ended(run, data, ends)


def live_two_days(
    both: list[Situation], seed: int, data: Path, tables: tuple[str, ...]
) -> None:
    """Load and update amid faults; each must end as it does without them."""
    load, update = both
    try:
        load.whole.copy_to(data)
        first = replace(load.whole, tables=tables)
        run_until_it_succeeds(first, data, drawn(seed), load.ends)
        shutil.copy(update.whole.shop.data / EXPORT, data)
        second = replace(update.whole, tables=tables)
        run_until_it_succeeds(second, data, drawn(seed + SECOND_DAY), update.ends)
    except AssertionError as error:
        error.add_note(f"seed {seed}, rate {RATE}")
        raise


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(seed, marks=pytest.mark.nightly if seed >= BY_DAY else ())
        for seed in range(10)
    ],
)
def test_sources_read_amid_drawn_faults_end_as_without_them(
    seed: int, situations: Situations, tmp_path: Path
) -> None:
    live_two_days(situations("2026-07"), seed, tmp_path / "data", SOURCES)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(200))
def test_all_tables_made_amid_drawn_faults_are_those_made_without_them(
    seed: int, situations: Situations, tmp_path: Path
) -> None:
    live_two_days(situations("2026-07", TABLES), seed, tmp_path / "data", TABLES)


def test_the_drawn_faults_are_of_every_kind() -> None:
    met = {drawn(seed).fault_at(n) for seed in range(20) for n in range(1, 30)}

    assert met == {*FaultKind, None}
