"""What runs remember of contacts, and when: through the assets' own bodies."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from analytics_pipeline_tests.doctored import doctored
from analytics_pipeline_tests.light_run import evidence_of, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY

TABLES = ("outlets", "customers", "customer_identities")
START = datetime(2026, 6, 22, 3, 30, tzinfo=UTC)
"""Half past eleven on the evening of the 21st in New York."""


@pytest.fixture
def run(small_shop):
    """Read the people on one of the days after START; return the check's result."""

    def run(days=0, check="contacts_are_valid", table="customers"):
        events = run_light(
            small_shop.settings,
            FIRST_DAY,
            tables=TABLES,
            clock=lambda: START + timedelta(days=days),
        )
        evidence_of(events, table, check)
        results = [each for each in events if isinstance(each, dg.AssetCheckEvaluation)]
        (found,) = (each for each in results if each.check_name == check)
        return found

    return run


@pytest.fixture
def forget(small_shop):
    """Start without what the first update remembered; the store has six people."""
    floors = "[usual]\ncontacts_floor = 1\nplaceholders_floor = 0\n"
    (small_shop.data / "analytics.toml").write_text(floors, encoding="utf-8")
    for table in TABLES[1:]:
        (small_shop.data / f"warehouse/{table}/usual.json").unlink()


def noted(shop, table):
    return shop.local.warehouse.runs_before(table, FIRST_DAY + timedelta(days=90))


def test_a_run_is_remembered_under_the_day_that_it_is_in_the_store(
    small_shop, forget, run
):
    run()

    for table in TABLES[1:]:
        path = small_shop.data / f"warehouse/{table}/usual.json"
        assert '"2026-06-21"' in path.read_text()
        assert len(noted(small_shop, table)) == 1


def test_a_second_run_of_the_day_changes_nothing_rule_7_4(small_shop, forget, run):
    paths = [small_shop.data / f"warehouse/{table}/usual.json" for table in TABLES[1:]]
    run()
    before = [path.read_bytes() for path in paths]

    run()

    assert [path.read_bytes() for path in paths] == before


@pytest.mark.nightly
def test_seven_days_of_runs_are_learned_from_and_not_the_day_itself(
    small_shop, forget, run
):
    text = [run(days).description for days in range(8)]

    assert text[:7] == [f"Still learning: {n} of 7 runs." for n in range(7)]
    assert text[7] == "The share of valid e-mails and phone numbers is normal."


def test_contacts_that_turn_invalid_are_reported_and_the_table_is_stored(
    small_shop, forget, run
):
    for days in range(7):
        run(days)
    for n, customer in enumerate(small_shop.store.state.customers.values()):
        customer.email = "not an address"
        customer.version += 10**6 + n

    found = run(7)

    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert "e-mails are not valid" in found.description
    assert noted(small_shop, "customers")[-1]["emails_without_key"] > 3


@pytest.mark.nightly
def test_a_flood_of_one_number_is_reported(small_shop, forget, run):
    for days in range(7):
        run(days)
    for n, customer in enumerate(small_shop.store.state.customers.values()):
        customer.phone = "+12025550100"
        customer.version += 10**6 + n

    found = run(7, "placeholders_are_few", "customer_identities")

    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN


def test_a_table_that_fails_its_gate_is_not_remembered(small_shop, forget):
    policy = small_shop.data / "analytics.toml"
    policy.write_text("max_quarantined = 0\n", encoding="utf-8")

    def never_made(path, record):
        if path == "customers":
            record["created_at"] = "never"
        return True

    with pytest.raises(dg.Failure, match="failed its gate"):
        run_light(
            small_shop.settings,
            FIRST_DAY,
            full_resync=True,
            tables=TABLES,
            lightspeed=doctored(small_shop, never_made),
            clock=lambda: START,
        )

    assert noted(small_shop, "customers") == []
