"""The simulated store meets each odd contact, and its ledger reads it right."""

from datetime import UTC, date, datetime, timedelta

import pytest

from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.mishaps_contacts import CONTACT_MISHAPS, DECORATIONS
from analytics_pipeline.simulator.trading_days import Trade
from analytics_pipeline_tests.oracle.people import email_key, find_people, phone_key

OPENED = date(2026, 1, 5)


@pytest.fixture(scope="module")
def store() -> Store:
    """A store in which every odd contact came up once, after a fortnight."""
    store = Store(7, customers=120, opened_on=OPENED, trade=Trade())
    moment = datetime.combine(OPENED + timedelta(days=14), datetime.min.time(), UTC)
    store.advance_to(moment)
    for mishap in CONTACT_MISHAPS:
        mishap(store._shop, moment)
    return store


def test_each_class_of_odd_contacts_is_there(store: Store) -> None:
    customers = store.state.customers.values()
    numbers = [each.phone or each.mobile or "" for each in customers]
    emails = [each.email or "" for each in customers]
    ordered = [each.email or "" for each in store.state.web_orders.values()]

    assert any(number.endswith(".0") for number in numbers)
    assert sum("E+09" in number for number in numbers) == 2
    assert sum(" x" in number or " ext." in number for number in numbers) == 3
    assert sum(bool((phone_key(n) or "").endswith("2222222")) for n in numbers) == 2
    assert sum(email.count("@") > 1 for email in (*emails, *ordered)) == 2


def test_the_ledger_joins_and_parts_them_rules_3_2_and_3_3(store: Store) -> None:
    people = find_people(store.state)
    joined = {
        record.id: people.person_of_customer[record.id]
        for record in store.state.customers.values()
        if record.id in people.person_of_customer
    }
    of_number: dict[str, set[str]] = {}
    for record in store.state.customers.values():
        for key in {phone_key(record.phone), phone_key(record.mobile)} - {None}:
            of_number.setdefault(str(key), set()).add(joined.get(record.id, ""))
    fillers = [n for n in of_number if n.endswith("2222222")]
    assert [len(of_number[n]) for n in fillers] == [2]
    assert all(len(who) == 1 for n, who in of_number.items() if "x" in n)


@pytest.mark.parametrize("decorate", DECORATIONS)
def test_the_ledger_takes_every_decoration_off_rule_3_2(decorate: object) -> None:
    assert callable(decorate)
    assert email_key(decorate("ann@example.com")) == "ann@example.com"


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("2125550101.0", "+12125550101"),
        ("2.12E+09", None),
        ("212-555-0101 ext. 5", "+12125550101x5"),
        ("(212) 555-0101 x7", "+12125550101x7"),
        ("212-555-0101", "+12125550101"),
        ("+x", None),
    ],
)
def test_the_ledger_reads_numbers_by_a_way_of_its_own_rule_3_2(
    typed: str, key: str | None
) -> None:
    assert phone_key(typed) == key
