import json

import pytest

from analytics_pipeline.simulator.faults import PASSING, POISON, FaultKind, FaultPlan
from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline_tests.contract.simulator.small_store import (
    FIRST_VERSION,
    asking,
    ids,
    make_sale,
    make_store,
)

FEED = "/api/2.0/sales"


def store_of_five():
    return make_store(*(make_sale(n) for n in range(1, 6)))


def first_reply(kind: FaultKind, path: str = FEED, **params):
    return asking(store_of_five(), faults=FaultPlan({1: kind})).get(path, params=params)


def test_a_plan_hits_the_request_it_names_and_no_other():
    plan = FaultPlan({2: FaultKind.BAD_GATEWAY})
    asker = asking(store_of_five(), faults=plan)

    assert [asker.get(FEED).status_code for _ in range(3)] == [200, 502, 200]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_a_page_of_html(status):
    reply = first_reply(FaultKind(str(status)))

    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/html")


def test_a_429_comes_as_a_burst_and_says_how_long_to_wait():
    plan = FaultPlan({2: FaultKind.RATE_LIMITED}, burst=3, retry_after_seconds=7)
    asker = asking(store_of_five(), faults=plan, quirks=Quirks(retry_after="seconds"))
    replies = [asker.get(FEED) for _ in range(5)]

    assert [reply.status_code for reply in replies] == [200, 429, 429, 429, 200]
    assert replies[1].headers["retry-after"] == "7"


def test_an_html_body_can_come_with_200():
    reply = first_reply(FaultKind.HTML_BODY)

    assert reply.status_code == 200
    assert reply.text.startswith("<html>")


def test_a_body_can_be_empty():
    assert first_reply(FaultKind.EMPTY_BODY).content == b""


def test_json_can_be_cut_short_behind_an_honest_length():
    reply = first_reply(FaultKind.TRUNCATED_JSON)

    assert reply.status_code == 200
    assert int(reply.headers["content-length"]) == len(reply.content)
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_the_content_type_can_be_wrong_while_the_body_is_right():
    reply = first_reply(FaultKind.WRONG_CONTENT_TYPE)

    assert reply.headers["content-type"].startswith("text/html")
    assert len(ids(reply)) == 5


def test_the_version_block_can_be_missing():
    assert list(first_reply(FaultKind.MISSING_VERSION).json()) == ["data"]


@pytest.mark.parametrize("n", [0, 2, 5])
def test_the_version_can_stay_constant(n):
    cursor = FIRST_VERSION + 10 * n if n else 0
    reply = first_reply(FaultKind.STUCK_VERSION, after=cursor, page_size=2)

    assert reply.json()["version"]["max"] == cursor
    assert ids(reply) == [f"sale-00{k}" for k in range(max(1, n - 1), n + 1)]


def test_rows_can_be_repeated_on_the_next_page():
    reply = first_reply(FaultKind.REPEATED_ROWS, after=FIRST_VERSION + 20, page_size=2)

    assert ids(reply) == ["sale-001", "sale-002", "sale-003", "sale-004"]
    assert reply.json()["version"]["max"] == FIRST_VERSION + 40


def test_the_end_of_the_feed_stays_the_end_when_rows_are_repeated():
    reply = first_reply(FaultKind.REPEATED_ROWS, after=FIRST_VERSION + 50)

    assert reply.json() == {"data": [], "version": {"min": None, "max": None}}


def test_rows_can_be_repeated_in_a_search():
    path = "/api/2.0/search"
    reply = first_reply(
        FaultKind.REPEATED_ROWS, path, type="sales", offset=4, page_size=2
    )

    assert ids(reply) == ["sale-004", "sale-003"]


def test_a_revoked_token_stays_revoked():
    plan = FaultPlan({2: FaultKind.TOKEN_REVOKED, 3: FaultKind.HTML_BODY})
    asker = asking(store_of_five(), faults=plan)

    assert [asker.get(FEED).status_code for _ in range(4)] == [200, 401, 401, 401]


def test_another_plan_counts_its_requests_from_one():
    asker = asking(store_of_five(), faults=FaultPlan({1: FaultKind.TOKEN_REVOKED}))
    assert asker.get(FEED).status_code == 401
    simulator = asker.app.state.simulator
    simulator.use_faults(FaultPlan({2: FaultKind.UNAVAILABLE}))

    assert [asker.get(FEED).status_code for _ in range(3)] == [200, 503, 200]


def test_a_seeded_plan_is_the_same_every_time_and_another_for_another_seed():
    def drawn(seed):
        plan = FaultPlan.seeded(seed, 0.3)
        return [plan.fault_at(number) for number in range(1, 201)]

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)
    assert {kind for kind in drawn(5) if kind} <= set(PASSING)
    assert 30 < sum(kind is not None for kind in drawn(5)) < 90


def test_a_seeded_plan_draws_from_the_kinds_it_is_given():
    plan = FaultPlan.seeded(1, 1.0, kinds=[FaultKind.SLOW_PAGE])

    assert {plan.fault_at(n) for n in range(1, 20)} == {FaultKind.SLOW_PAGE}


def test_a_seeded_revocation_lasts():
    plan = FaultPlan.seeded(3, 0.1, kinds=[FaultKind.TOKEN_REVOKED])
    faults = [plan.fault_at(number) for number in range(1, 101)]
    first = faults.index(FaultKind.TOKEN_REVOKED)

    assert first > 0
    assert set(faults[:first]) == {None}
    assert set(faults[first:]) == {FaultKind.TOKEN_REVOKED}


def test_no_plan_means_no_fault():
    assert [FaultPlan().fault_at(number) for number in range(1, 50)] == [None] * 49


@pytest.mark.parametrize("first", [1, 2, 4])
def test_empty_pages_come_two_in_a_row(first):
    asker = asking(store_of_five(), faults=FaultPlan({first: FaultKind.EMPTY_PAGES}))
    replies = [asker.get(FEED) for _ in range(6)]

    empty = [n for n, reply in enumerate(replies, 1) if not ids(reply)]
    assert empty == [first, first + 1]
    assert replies[first].json() == {"data": [], "version": {"min": None, "max": None}}


@pytest.mark.parametrize("path", [FEED, "/api/2026-07/sales"])
def test_the_last_record_of_a_page_can_show_a_poisoned_version(path):
    reply = first_reply(FaultKind.POISONED_VERSION, path, page_size=3)

    assert ids(reply) == ["sale-001", "sale-002", "sale-003"]
    assert reply.json()["version"]["max"] == POISON
    last = reply.json()["data"][-1]
    assert last.get("version", last.get("_metadata", {}).get("version")) == POISON


def test_a_search_can_count_what_is_not_there():
    reply = first_reply(FaultKind.LYING_TOTAL, "/api/2.0/search", type="sales")

    assert len(ids(reply)) == 5
    assert reply.json()["total_count"] == 1_000_000_000
