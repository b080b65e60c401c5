"""Every fault of API §8.7 at every request of a first load and of a daily update."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from analytics_pipeline.simulator.faults import (
    BEYOND_API_8_7,
    NEVER_WHOLE,
    PASSING,
    FaultKind,
    FaultPlan,
)
from analytics_pipeline_tests.system.faults.conftest import Situations
from analytics_pipeline_tests.system.faults.outcomes import (
    FAILS,
    PASSES,
    assert_ended,
    assert_explained,
    assert_nothing_wrong_is_kept,
    fate_of,
    kept_at_the_start,
)
from analytics_pipeline_tests.system.faults.two_days import (
    SOURCES,
    TABLES,
    Asked,
    Ends,
    Run,
    Situation,
)

API_8_7 = (
    "429 bursts, 500/502/503/504, HTML body, empty body, truncated JSON, wrong "
    "content-type, read timeout, connection reset, slow page, 200 with missing "
    "`version`, version.max not advancing (loop trap), duplicate rows across pages, "
    "token revoked mid-run"
)
KINDS_OF_API_8_7: Mapping[str, set[FaultKind]] = {
    "429 bursts": {FaultKind.RATE_LIMITED},
    "500/502/503/504": {
        FaultKind.SERVER_ERROR,
        FaultKind.BAD_GATEWAY,
        FaultKind.UNAVAILABLE,
        FaultKind.GATEWAY_TIMEOUT,
    },
    "HTML body": {FaultKind.HTML_BODY},
    "empty body": {FaultKind.EMPTY_BODY},
    "truncated JSON": {FaultKind.TRUNCATED_JSON},
    "wrong content-type": {FaultKind.WRONG_CONTENT_TYPE},
    "read timeout": {FaultKind.READ_TIMEOUT},
    # before anything is sent, and in the middle of the body
    "connection reset": {FaultKind.CONNECTION_RESET, FaultKind.ABORTED_BODY},
    "slow page": {FaultKind.SLOW_PAGE},
    "200 with missing `version`": {FaultKind.MISSING_VERSION},
    "version.max not advancing (loop trap)": {FaultKind.STUCK_VERSION},
    "duplicate rows across pages": {FaultKind.REPEATED_ROWS},
    "token revoked mid-run": {FaultKind.TOKEN_REVOKED},
}
UNTRUE = set(BEYOND_API_8_7 - NEVER_WHOLE)
"""Faults that change replies of some kinds only; elsewhere there is nothing to meet."""

HOPELESS = {FaultKind.STUCK_VERSION, FaultKind.TOKEN_REVOKED}
USABLE = {
    FaultKind.WRONG_CONTENT_TYPE,
    FaultKind.SLOW_PAGE,
    FaultKind.MISSING_VERSION,
    FaultKind.REPEATED_ROWS,
}
"""All that was asked for is in such a reply, so nothing need be asked again."""

BURST = 3
BY_DAY = 4
"""By day every fourth request is tried, by night each."""
ALIKE = {
    FaultKind.SERVER_ERROR,
    FaultKind.BAD_GATEWAY,
    FaultKind.GATEWAY_TIMEOUT,
    FaultKind.HTML_BODY,
    FaultKind.EMPTY_BODY,
    FaultKind.ABORTED_BODY,
}
"""Those that look to a client like 503, a truncated body or a reset connection."""

AT_NIGHT = (
    ALIKE
    | UNTRUE
    | NEVER_WHOLE
    | (USABLE - {FaultKind.REPEATED_ROWS})
    | {FaultKind.READ_TIMEOUT, FaultKind.RATE_LIMITED, FaultKind.CONNECTION_RESET}
    | {FaultKind.STUCK_VERSION}
)
"""By day each of these is met at random positions, in ``test_faults_by_seed``."""

EVERY_KIND = pytest.mark.parametrize("kind", list(FaultKind), ids=str)
SOME_BY_DAY_ALL_AT_NIGHT = pytest.mark.parametrize(
    ("kind", "step"),
    [
        *(
            pytest.param(kind, BY_DAY, id=f"{kind}-every fourth")
            for kind in FaultKind
            if kind not in AT_NIGHT
        ),
        *(
            pytest.param(kind, 1, id=f"{kind}-each", marks=pytest.mark.nightly)
            for kind in FaultKind
        ),
    ],
)

Case = tuple[Run, Sequence[Asked], Ends]


def plan_of(kind: FaultKind, position: int) -> FaultPlan:
    return FaultPlan(
        {position: kind},
        burst=BURST,
        hang_seconds=30,
        slow_seconds=0.01,
        drip_seconds=0.05,
    )


def try_fault(
    situation: Situation, case: Case, kind: FaultKind, position: int, data: Path
) -> None:
    """Try one fault at one request: the run, and the run after it without faults."""
    run, asked, ends = case
    fate = fate_of(kind, asked[position - 1])
    run.copy_to(data)
    failure, requests = run.go(data, plan_of(kind, position))
    if fate == PASSES:
        assert failure is None, failure.metadata
        assert_ended(run, data, ends)
        if kind not in USABLE | HOPELESS | UNTRUE:
            again = BURST if kind is FaultKind.RATE_LIMITED else 1
            assert requests >= len(asked) + again, "the fault was not met"
        return
    assert failure is not None, "the run succeeded"
    assert_explained(failure, run, kind)
    assert_nothing_wrong_is_kept(data, kept_at_the_start(run.start), situation.ends)
    whole = TABLES if run.tables == TABLES else SOURCES
    failure, _ = run.go(data, FaultPlan(), whole)
    assert failure is None, failure.metadata
    assert_ended(run, data, situation.ends)


def try_every_request(
    situation: Situation,
    cases: Sequence[Case],
    kind: FaultKind,
    folder: Path,
    *,
    step: int = 1,
) -> int:
    """Try a kind of fault at each request of these runs; return at how many.

    With a *step* of n it is every n-th, each kind beginning at another.
    """
    tried = 0
    for case in cases:
        run, asked, _ = case
        for position, request in enumerate(asked, start=1):
            if (position + list(FaultKind).index(kind)) % step:
                continue
            tried += 1
            try:
                try_fault(situation, case, kind, position, folder / "data")
            except AssertionError as error:
                error.add_note(f"{kind} at request {position} of {run.name}: {request}")
                raise
    return tried


def asked_in_parts(situation: Situation) -> int:
    """How many requests the tables make that are run one by one."""
    return sum(len(asked) for _, asked, _ in situation.parts)


# What is tried --------------------------------------------------------------------


def test_every_fault_that_api_8_7_names_can_be_served() -> None:
    assert API_8_7.split(", ") == list(KINDS_OF_API_8_7)
    named = set().union(*KINDS_OF_API_8_7.values())
    assert named | BEYOND_API_8_7 == set(FaultKind)
    assert not named & BEYOND_API_8_7
    assert set(FaultKind) - set(PASSING) == HOPELESS


def test_a_constant_version_is_no_fault_without_versions() -> None:
    def fate(path: str, after: int) -> str:
        return fate_of(FaultKind.STUCK_VERSION, Asked(path, after))

    assert [fate(path, 0) for path in ("search", "retailer", "sales/1")] == 3 * [PASSES]
    assert [fate("sales", after) for after in (0, 7)] == [PASSES, FAILS]


def test_the_two_days_ask_for_all_there_is_and_hold_late_changes(
    situations: Situations,
) -> None:
    load, update = situations("2026-07")
    first, second = ([each.path for each in s.asked] for s in (load, update))
    before, after = load.ends.sources, update.ends.sources
    changed = [
        sale for sale, row in before.sales.items() if after.sales.get(sale) != row
    ]

    assert [first.count(path) > 2 for path in ("sales", "customers")] == [True, True]
    assert [second.count(path) > 2 for path in ("sales", "search")] == [True, True]
    assert sum(path.startswith("sales/") for path in second) == 2
    of_both = {"outlets", "registers", "retailer", "customers", "customer_groups"}
    of_both |= {"products"}
    assert of_both <= {*first} & {*second}
    assert len(changed) >= 3
    assert len(before.quarantine) == len(after.quarantine) == 2
    assert before.quarantine != after.quarantine
    for situation in (load, update):
        # A run asks for the store itself once, so the parts do it once more.
        assert asked_in_parts(situation) == len(situation.asked) + 1


def test_without_faults_every_sale_of_the_store_is_there_once_as_it_is(
    situations: Situations,
) -> None:
    for situation in situations("2026-07"):
        sales = situation.whole.shop.store.state.sales
        sources = situation.ends.sources
        held = {sale: row[1] for sale, row in sources.sales.items()}
        away = {entry[0]: entry[1] for entry in sources.quarantine}

        assert not held.keys() & away.keys()
        assert held | away == {sale.id: sale.version for sale in sales.values()}


@pytest.mark.nightly
def test_without_faults_the_tables_are_those_of_a_rebuild_from_nothing(
    situations: Situations, tmp_path: Path
) -> None:
    for situation in situations("2026-07", TABLES):
        run = situation.whole
        alone = run.shop.with_data(tmp_path / run.name)
        failure, _ = run.go(alone.data, FaultPlan())

        assert failure is None, failure.metadata
        assert run.end_in(alone.data).reproducible == situation.ends.reproducible


# What is proved -------------------------------------------------------------------


@SOME_BY_DAY_ALL_AT_NIGHT
@pytest.mark.usefixtures("hung")
def test_a_fault_at_any_request_of_the_sources_loses_and_doubles_nothing(
    kind: FaultKind, step: int, situations: Situations, tmp_path: Path
) -> None:
    """On an ordinary morning; a first load amid faults is tried at night."""
    _load, update = situations("2026-07")

    tried = try_every_request(update, update.parts, kind, tmp_path, step=step)

    # Each part may begin with one that is left out.
    assert tried * step >= asked_in_parts(update) - (step - 1) * len(update.parts) > 0


@pytest.mark.nightly
@EVERY_KIND
@pytest.mark.usefixtures("hung")
def test_a_fault_at_any_request_of_a_first_load_loses_and_doubles_nothing(
    kind: FaultKind, situations: Situations, tmp_path: Path
) -> None:
    load, _update = situations("2026-07")

    tried = try_every_request(load, load.parts, kind, tmp_path)

    assert tried == asked_in_parts(load)


@pytest.mark.nightly
@EVERY_KIND
@pytest.mark.usefixtures("hung")
def test_a_fault_at_any_request_loses_and_doubles_nothing_in_the_older_shape(
    kind: FaultKind, situations: Situations, tmp_path: Path
) -> None:
    for situation in situations("2.0"):
        tried = try_every_request(situation, situation.parts, kind, tmp_path)
        assert tried == asked_in_parts(situation)


@pytest.mark.nightly
@EVERY_KIND
@pytest.mark.usefixtures("hung")
@pytest.mark.parametrize("which", [0, 1], ids=["first load", "daily update"])
def test_a_fault_at_any_request_leaves_all_tables_as_without_it(
    which: int, kind: FaultKind, situations: Situations, tmp_path: Path
) -> None:
    situation = situations("2026-07", TABLES)[which]
    case = (situation.whole, situation.asked, situation.ends)
    tried = try_every_request(situation, [case], kind, tmp_path)
    assert tried == len(situation.asked)
