"""Ninety ordinary days, each run as a night's update: no check may cry wolf.

Thanksgiving, Christmas, New Year and the end of summer time are among them.  With
``-m nightly -s`` the table of what was said is shown.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.system.incidents.ordinary_shop import (
    MASTER,
    Evaluation,
    OrdinaryShop,
    found_shop,
    read_rows,
)

OPENED = date(2026, 10, 1)
FIRST_LOAD = OPENED + timedelta(days=9)
"""A shop has some days behind it when the pipeline comes to it."""
DAYS = 90
LEARNING_DAYS = 31
"""Four of each weekday are needed, and two Mondays and a Wednesday are holidays."""
LEARNERS = {
    "volume_is_usual",
    "prices_are_usual",
    "tax_is_usual",
    "hours_are_usual",
    "contacts_are_valid",
    "placeholders_are_few",
}


def run_days(shop: OrdinaryShop, count: int) -> list[Evaluation]:
    """Load the first days at once, then run *count* nights; return what was said."""
    shop.live_through(FIRST_LOAD)
    said = shop.update(FIRST_LOAD)
    for n in range(1, count + 1):
        day = FIRST_LOAD + timedelta(days=n)
        shop.live_through(day)
        said += shop.update(day)
        assert shop.failure is None, shop.failure
    return said


def table_of(said: Sequence[Evaluation]) -> str:
    """Return for each check how often it spoke, was learning, and raised an alarm."""
    spoke, learned, alarms = Counter(), Counter(), Counter()  # type: ignore[var-annotated]
    for each in said:
        key = (each.table, each.check)
        spoke[key] += 1
        learned[key] += is_learning(each)
        alarms[key] += not each.passed
    lines = [
        f"{table:26} {check:28} {spoke[table, check]:6} {learned[table, check]:8} "
        f"{alarms[table, check]:6}"
        for table, check in sorted(spoke)
    ]
    head = f"{'table':26} {'check':28} {'spoke':>6} {'learning':>8} {'alarms':>6}"
    days = len({each.day for each in said})
    total = f"{days} runs, {len(said)} evaluations, {sum(alarms.values())} alarms"
    return "\n".join(["", head, *lines, total])


def is_learning(evaluation: Evaluation) -> bool:
    return evaluation.sentence.startswith("Still learning")


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [2, 7])
def test_ninety_ordinary_days_raise_no_alarm(tmp_path: Path, seed: int) -> None:
    shop = found_shop(tmp_path / "data", OPENED, seed=seed)

    said = run_days(shop, DAYS)

    print(table_of(said))  # noqa: T201
    alarms = [each for each in said if not each.passed]
    assert not alarms
    last = FIRST_LOAD + timedelta(days=DAYS)
    assert expected_master(shop.state, last) == read_rows(shop.data / MASTER)
    assert {each.check for each in said if is_learning(each)} == LEARNERS
    checked = FIRST_LOAD + timedelta(days=LEARNING_DAYS)
    assert {
        each.check for each in said if is_learning(each) and each.day > checked
    } <= {"volume_is_usual"}
