"""Lists of what failed checks found: for the owner only, replaced whole, then gone."""

import csv
import io
import stat
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.conservation import keep_people
from analytics_pipeline.domain.people import check_people
from analytics_pipeline.domain.web_orders import ExportChanges, check_completeness
from analytics_pipeline.model.checks import Candidate, CheckResult, OwnersList, Severity
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.model.vocabulary import RecordKind
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.csv import render_texts
from analytics_pipeline.tables import CUSTOMER_IDENTITIES
from analytics_pipeline_tests.gated import through_the_gate
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.test_acceptance import remove_customers
from analytics_pipeline_tests.tables import make_table

NAME = "Ann Lee"
FOUND = CheckResult(
    "people_look_right",
    False,
    "One person may be several.",
    Severity.WARN,
    {"people": 1},
    offenders=OwnersList(["person_id", "name"], [["c1", NAME]]),
)
PASSED = CheckResult("people_look_right", True, "No one.", Severity.WARN)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(load_settings(data_dir=tmp_path))


def go_through_the_gate(shop: Shop, *check_results: CheckResult) -> list[object]:
    """Check a table with those results; return the events for Dagster."""
    frame = make_table(CustomerIdentities, [])
    candidate = Candidate(frame, check_results)
    parts: list[object] = []
    try:
        through_the_gate(shop, CUSTOMER_IDENTITIES, lambda: [candidate], parts)
    except dg.Failure as failure:
        parts += [failure.description, failure.metadata]
    return parts


def path_of(shop: Shop, check: str = "people_look_right") -> Path:
    return shop.settings.data_dir / f"reports/customer_identities.{check}.csv"


def test_a_list_is_for_its_owner_and_names_no_one(
    shop: Shop,
) -> None:
    reported = go_through_the_gate(shop, FOUND)

    path = path_of(shop)
    assert path.read_text("utf-8") == f"person_id,name\nc1,{NAME}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "reports/customer_identities.people_look_right.csv" in repr(reported)
    assert NAME not in repr(reported)
    assert NAME not in repr(FOUND)


def test_the_next_failure_replaces_the_list_whole_and_a_pass_removes_it(
    shop: Shop,
) -> None:
    go_through_the_gate(shop, FOUND)
    other = OwnersList(["person_id", "name"], [["c2", "Bo"]])
    go_through_the_gate(shop, replace(FOUND, offenders=other))
    assert path_of(shop).read_text("utf-8") == "person_id,name\nc2,Bo\n"

    go_through_the_gate(shop, PASSED)

    assert not path_of(shop).exists()


def test_a_later_run_removes_the_list_of_an_earlier_one(shop: Shop) -> None:
    go_through_the_gate(shop, FOUND)

    go_through_the_gate(open_shop(shop.settings), PASSED)

    assert not path_of(shop).exists()


def test_a_failed_gate_names_the_list_in_its_remedy_and_is_remembered_with_it(
    shop: Shop,
) -> None:
    blocking = replace(FOUND, severity=Severity.ERROR)

    text = repr(go_through_the_gate(shop, blocking))

    place = "reports/customer_identities.people_look_right.csv"
    assert f"Look through {place} first." in text
    (failed,) = shop.warehouse.failures("customer_identities")[""]
    assert place in failed.rule
    assert NAME not in text + failed.rule


def test_a_result_without_a_list_writes_none(shop: Shop) -> None:
    text = repr(go_through_the_gate(shop, replace(FOUND, offenders=None)))

    assert not path_of(shop).parent.exists()
    assert "listed_in" not in text


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=8))
def test_whatever_a_cell_holds_no_spreadsheet_runs_it_rule_8_5(
    rows: list[list[str]],
) -> None:
    text = render_texts(["a", "b"], rows)

    read = list(csv.reader(io.StringIO(text, newline="")))
    assert len(read) == len(rows) + 1
    for cell in (cell for row in read for cell in row):
        assert not cell.startswith(("=", "@", "\t", "\r"))


# What is listed ---------------------------------------------------------------------


def test_every_order_that_is_gone_from_an_export_is_listed() -> None:
    gone = [str(number) for number in range(40)]

    found = check_completeness(ExportChanges(50, 10, [], gone, []))

    assert found.offenders is not None
    assert [row[0] for row in found.offenders.rows] == gone
    assert found.evidence["gone_orders"].endswith("…")  # type: ignore[union-attr]


def web_people(count: int) -> set[str]:
    return {f"ecom-{number:016x}" for number in range(count)}


def till_people(count: int) -> set[str]:
    return {f"c{number}" for number in range(count)}


NO_PEOPLE = make_table(CustomerIdentities, [])


@pytest.mark.parametrize(
    ("tills", "web", "is_blamed"),
    [
        (0, 11, True),
        (10, 11, True),
        (11, 11, False),
        (25, 0, False),
        (0, 10, False),
        (3, 200, True),
    ],
)
def test_people_who_go_with_the_orders_of_an_export_are_its_fault(
    tills: int, web: int, *, is_blamed: bool
) -> None:
    """Those without whom no more are gone than are tolerated."""
    before = web_people(web) | till_people(tills) | {f"x{n}" for n in range(100)}

    found = keep_people(before, {f"x{n}" for n in range(100)}, NO_PEOPLE)

    assert ("export_is_complete" in found.sentence) is is_blamed
    assert (found.evidence.get("follows") is not None) is is_blamed
    assert "ecom-" not in found.sentence + str(found.evidence)


@pytest.mark.nightly
def test_vanished_people_are_listed_as_in_the_last_master(
    updated_shop: SimulatedShop,
) -> None:
    before = {row["Customer ID"]: row for row in updated_shop.rows(MASTER)}
    remove_customers(updated_shop, 14)

    parts: list[object] = []
    with pytest.raises(dg.Failure) as failure:
        run_light(updated_shop.settings, FIRST_DAY, full_resync=True, reported=parts)

    path = updated_shop.data / "reports/customer_analytics.no_person_vanished.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        listed = list(csv.DictReader(stream))
    assert len(listed) >= 11
    for row in listed:
        assert row == {name: before[row["Customer ID"]][name] for name in row}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    words = repr(parts) + repr(failure.value.metadata)
    assert not [row for row in listed if row["Name"] and row["Name"] in words]


MASTER = "customer_analytics_master.csv"


def test_who_may_be_several_is_listed_with_each_record() -> None:
    names = ["Ann Lee", "Bo Day", "Cy Fox"]
    customers = make_table(
        Customers,
        [{"customer_id": f"c{n}", "name": name} for n, name in enumerate(names)],
    )
    identities = make_table(
        CustomerIdentities,
        [{"record_id": f"c{n}", "person_id": "c0"} for n in range(3)],
        is_live=True,
        record_kind=RecordKind.CUSTOMER,
    )
    overrides = pd.DataFrame({"left_id": [], "right_id": [], "rule": []}, dtype="str")

    found = check_people(identities, customers, overrides, 8)

    assert found.offenders is not None
    assert [row[2] for row in found.offenders.rows] == ["c0", "c1", "c2"]
    assert "Ann Lee" not in found.sentence + str(found.evidence)
