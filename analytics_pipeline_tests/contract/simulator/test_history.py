"""Tests for analytics_pipeline.simulator.history and all that plays in it."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics_pipeline.simulator.catalogue import Catalogue
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.records import Sale, StoreState
from analytics_pipeline_tests.oracle.people import find_people, keys_of

OPENED = date(2024, 8, 20)
LATER = datetime(2024, 12, 20, 3, 0, tzinfo=UTC)
CENT = Decimal("0.01")
COMPLETED = {
    "CLOSED",
    "LAYBY_CLOSED",
    "ONACCOUNT_CLOSED",
    "PICKED_UP_CLOSED",
    "DISPATCHED_CLOSED",
    "SERVICE_CLOSED",
}


def grown(seed: int, *moments: datetime, customers: int = 300) -> StoreState:
    store = Store(seed, customers=customers, opened_on=OPENED)
    for moment in moments:
        store.advance_to(moment)
    return store.state


@pytest.fixture(scope="module")
def state() -> StoreState:
    return grown(7, LATER)


def all_versions(state: StoreState) -> list[int]:
    kinds = (state.sales, state.customers, state.outlets, state.registers)
    return [record.version for records in kinds for record in records.values()]


def local(state: StoreState, sale: Sale) -> datetime:
    zone = ZoneInfo(state.outlets[sale.outlet_id].time_zone)
    return sale.sale_date.astimezone(zone)


def test_the_same_seed_gives_the_same_store(state):
    assert state == grown(7, LATER)


def test_another_seed_gives_another_store(state):
    assert state != grown(8, LATER)


def test_the_clock_may_be_moved_in_one_step_or_in_many(state):
    start = datetime(2024, 8, 20, 5, 17, tzinfo=UTC)
    steps = [start + timedelta(hours=31.7 * n) for n in range(92)]

    assert state == grown(7, *steps, LATER)


def test_a_moment_in_another_zone_is_the_same_moment(state):
    assert state == grown(7, LATER.astimezone(ZoneInfo("Asia/Tokyo")))


def test_the_clock_never_runs_backwards():
    store = Store(1, customers=9, opened_on=OPENED)
    store.advance_to(LATER)

    with pytest.raises(ValueError, match="backwards"):
        store.advance_to(LATER - timedelta(seconds=1))


def test_the_clock_refuses_a_moment_without_a_zone():
    with pytest.raises(ValueError, match="time zone"):
        Store(1, opened_on=OPENED).advance_to(datetime(2024, 9, 1))  # noqa: DTZ001


def test_a_later_clock_only_adds_and_changes_with_a_higher_version(state):
    store = Store(7, customers=300, opened_on=OPENED)
    store.advance_to(LATER - timedelta(days=30))
    before = {
        sale.id: (sale.version, repr(sale)) for sale in store.state.sales.values()
    }
    highest = max(all_versions(store.state))
    store.advance_to(LATER)

    assert before.keys() <= store.state.sales.keys()
    for sale_id, (version, shown) in before.items():
        sale = store.state.sales[sale_id]
        assert (sale.version > highest) or (
            (sale.version, repr(sale)) == (version, shown)
        )


def test_every_customer_that_changed_has_a_higher_version():
    store = Store(7, customers=300, opened_on=OPENED)
    store.advance_to(LATER - timedelta(days=60))
    before = {c.id: (c.version, repr(c)) for c in store.state.customers.values()}
    store.advance_to(LATER)
    changed = 0
    for customer_id, (version, shown) in before.items():
        customer = store.state.customers[customer_id]
        assert (customer.version == version) == (repr(customer) == shown)
        changed += customer.version > version

    assert changed > 0


def test_versions_are_unique_and_about_thirty_thousand_million(state):
    versions = all_versions(state)

    assert len(versions) == len(set(versions))
    assert min(versions) > 30_000_000_000
    assert max(versions) < 30_001_000_000


def test_lines_add_up_to_the_totals(state):
    for sale in state.sales.values():
        price = sum((line.total for line in sale.lines), Decimal(0))
        tax = sum((line.tax_total for line in sale.lines), Decimal(0))
        assert price == sale.total_price
        assert tax.quantize(CENT, ROUND_HALF_UP) == sale.total_tax
        assert abs(sale.total_price_incl - price - sale.total_tax) <= CENT


def test_payments_of_completed_sales_add_up_to_the_total(state):
    for sale in state.sales.values():
        if sale.status in COMPLETED:
            paid = sum(p.amount for p in sale.payments if p.deleted_at is None)
            assert paid == sale.total_price_incl.quantize(CENT, ROUND_HALF_UP)


def test_returns_and_originals_name_each_other(state):
    named = {
        (back, sale.id) for sale in state.sales.values() for back in sale.return_ids
    }
    naming = {(s.id, s.return_for) for s in state.sales.values() if s.return_for}

    assert naming
    assert named == naming


def test_a_return_gives_its_original_a_newer_version(state):
    returns = [s for s in state.sales.values() if s.return_for]

    for sale in returns:
        original = state.sales[sale.return_for or ""]
        assert original.updated_at >= sale.created_at


def test_all_statuses_occur(state):
    found = {sale.status for sale in state.sales.values()}

    assert found >= COMPLETED
    assert found >= {"AWAITING_PICKUP", "AWAITING_DISPATCH", "LAYBY", "ONACCOUNT"}
    assert found >= {"VOIDED", "QUOTE", "SAVED", "OPEN", "ARCHIVED"}
    assert any("kerbside" in sale.attributes for sale in state.sales.values())


SALE_CASES = {
    "cash with change": lambda s: any(
        p.name == "Cash" and p.amount < 0 for p in s.payments if s.total_price > 0
    ),
    "loyalty": lambda s: any(p.name == "Loyalty" for p in s.payments),
    "gift card": lambda s: any(p.name == "Gift Card" for p in s.payments),
    "store credit": lambda s: any(p.name == "Store Credit" for p in s.payments),
    "deleted payment": lambda s: any(p.deleted_at for p in s.payments),
    "free": lambda s: s.lines and s.total_price_incl == 0 and not s.return_for,
    "no lines": lambda s: not s.lines,
    "even exchange": lambda s: s.return_for and s.lines and s.total_price_incl == 0,
    "exchange upwards": lambda s: s.return_for and s.total_price > 0,
    "exchange downwards": lambda s: (
        s.return_for
        and s.total_price < 0
        and any(not line.is_return and line.quantity > 0 for line in s.lines)
    ),
    "several returns": lambda s: len(s.return_ids) > 1,
    "nameless return": lambda s: s.return_for and s.customer_id is None,
    "draft return": lambda s: s.status == "SAVED" and s.total_price < 0,
    "negative quantity": lambda s: (
        not s.return_for
        and len(s.lines) == 1
        and s.lines[0].quantity < 0
        and not s.lines[0].is_return
    ),
    "fraction": lambda s: any(line.quantity % 1 for line in s.lines),
    "recorded days later": lambda s: s.created_at - s.sale_date > timedelta(days=2),
    "unrounded or a cent off": lambda s: (
        s.total_price_incl != s.total_price + s.total_tax
    ),
    "no customer": lambda s: s.customer_id is None,
    "synced without customer": lambda s: s.source_id and s.customer_id is None,
    "copied note": lambda s: s.return_for and s.note.startswith("Order ID:"),
    "note only": lambda s: (
        s.note.startswith("Order ID:") and s.source == "USER" and not s.return_for
    ),
    "unpaid web sale": lambda s: s.status.startswith("AWAITING") and not s.payments,
    "voided web sale": lambda s: s.source_id and s.status == "VOIDED",
    "voided line": lambda s: any(line.status == "VOIDED" for line in s.lines),
}


@pytest.mark.parametrize("case", SALE_CASES)
def test_odd_sales_occur(state, case):
    assert any(SALE_CASES[case](sale) for sale in state.sales.values())


def test_a_discount_line_flips_on_a_return(state):
    discount = state.retailer.discount_product_id
    signs = {
        (line.is_return, line.quantity > 0)
        for sale in state.sales.values()
        for line in sale.lines
        if line.product_id == discount
    }

    assert signs == {(False, False), (True, True)}


def test_some_returns_are_made_at_another_register(state):
    sales = state.sales

    assert any(
        s.register_id != sales[s.return_for].register_id
        for s in sales.values()
        if s.return_for
    )


def test_invoice_numbers_repeat(state):
    numbers = Counter(sale.invoice_number for sale in state.sales.values())

    assert max(numbers.values()) > 1


def test_some_ten_per_cent_of_sales_cross_the_utc_day(state):
    crossing = sum(
        local(state, sale).date() != sale.sale_date.date()
        for sale in state.sales.values()
    )

    assert 0.05 < crossing / len(state.sales) < 0.18


def test_the_repeated_hour_has_sales_and_orders_in_both_its_halves(state):
    zone = ZoneInfo(state.retailer.time_zone)
    sold = [sale.sale_date.astimezone(zone) for sale in state.sales.values()]
    ordered = [o.placed_at.astimezone(zone) for o in state.web_orders.values()]

    for moments in (sold, ordered):
        night = [m for m in moments if m.date() == date(2024, 11, 3) and m.hour == 1]
        assert {m.fold for m in night} == {0, 1}


def test_two_outlets_have_two_zones_and_one_register_is_deleted(state):
    zones = {outlet.time_zone for outlet in state.outlets.values()}
    closed = [r.id for r in state.registers.values() if r.deleted_at is not None]

    assert zones == {"America/New_York", "America/Los_Angeles"}
    assert len(closed) == 1
    assert any(sale.register_id == closed[0] for sale in state.sales.values())


def test_people_are_live_deleted_merged_and_shared(state):
    people = find_people(state)
    gone = {c.id for c in state.customers.values() if c.deleted_at is not None}
    buying = {sale.customer_id for sale in state.sales.values()}

    assert gone & buying & people.person_of_customer.keys()
    assert (gone & buying) - people.person_of_customer.keys()
    assert gone - buying
    assert max(len(p.duplicate_ids) for p in people.persons.values()) >= 3
    assert {"front.desk@example.com", "+19075550199", "+18888888888"} <= (
        people.placeholders
    )


def test_only_duplicates_share_a_key(state):
    people = find_people(state)
    owners: dict[str, set[str]] = {}
    for customer in state.customers.values():
        person = people.person_of_customer.get(customer.id)
        for key in keys_of(customer) - people.placeholders:
            owners.setdefault(key, set()).add(person or customer.id)

    assert {1} == {len(found) for found in owners.values()}


def test_web_orders_take_every_course(state):
    synced = {sale.source_id for sale in state.sales.values()}
    lost = [o for n, o in state.web_orders.items() if n not in synced]
    words = {(o.payment_status, o.fulfillment_status) for o in lost}

    assert words >= {
        ("ACCEPTED", "PROCESSING"),
        ("QUEUED", "NEW"),
        ("CANCELLED", "WILL_NOT_DELIVER"),
        ("REFUNDED", "RETURNED"),
        ("ACCEPTED", "WILL_NOT_DELIVER"),
        ("ACCEPTED", "RETURNED"),
        ("PARTIALLY_REFUNDED", "SHIPPED"),
    }
    assert any(o.email is None or "@" not in o.email for o in state.web_orders.values())
    assert any(len(o.lines) > 1 for o in state.web_orders.values())
    assert any(o.total == 0 for o in state.web_orders.values())


def test_exported_hints_are_right_blank_wrong_and_repeated(state):
    hints = Counter(o.exported_sale_id for o in state.web_orders.values())
    right = sum(
        state.sales[o.exported_sale_id].source_id == number
        for number, o in state.web_orders.items()
        if o.exported_sale_id
    )
    repeated = [hint for hint, count in hints.items() if hint and count > 1]

    assert right > 10
    assert hints[None] > 10
    assert right + hints[None] < len(state.web_orders)
    assert repeated


def test_a_web_order_is_the_sum_of_its_parts(state):
    for order in state.web_orders.values():
        goods = sum((price * n for _, _, price, n in order.lines), Decimal(0))
        parts = order.subtotal + order.tax + order.shipping - order.discount
        assert goods == order.subtotal
        assert parts == order.total >= 0


def test_a_synced_sale_is_worth_its_order_unless_a_cent_off(state):
    for sale in state.sales.values():
        if sale.source_id:
            order = state.web_orders[sale.source_id]
            assert abs(sale.total_price_incl - order.total) <= CENT


@pytest.mark.parametrize("customers", [0, 1, 5, 40])
def test_a_small_store_lives_too(customers):
    state = grown(3, LATER, customers=customers)

    assert state.sales
    assert len(state.customers) < 40 + customers


# The catalogue ------------------------------------------------------------------------


def test_every_product_of_a_line_is_listed(state):
    sold = {line.product_id for sale in state.sales.values() for line in sale.lines}

    assert sold <= state.products.keys()
    assert len(sold) > 100


def test_families_have_a_parent_that_is_listed_and_has_none(state):
    parents = [each.parent_id for each in state.products.values() if each.parent_id]

    assert parents
    assert all(state.products[each].parent_id is None for each in parents)


def test_products_are_renamed_added_switched_moved_and_deleted_over_time(state):
    before = grown(7, datetime(2024, 8, 21, tzinfo=UTC)).products
    after = state.products

    assert len(after) > len(before)
    assert [each for each in after.values() if each.deleted_at]
    for field in ("name", "is_active", "category", "supplier"):
        differing = [
            key
            for key in before
            if getattr(before[key], field) != getattr(after[key], field)
        ]
        assert differing, field
        assert all(after[key].version > before[key].version for key in differing)


def test_versions_of_products_grow_and_are_unique(state):
    versions = [each.version for each in state.products.values()]
    earlier = grown(7, LATER - timedelta(days=40)).products

    assert len(set(versions)) == len(versions)
    highest = max(each.version for each in earlier.values())
    for key, product in state.products.items():
        unchanged = repr(product) == repr(earlier.get(key))
        assert unchanged or product.version > highest


def test_the_catalogue_changes_nothing_else(state, monkeypatch):
    """Its chance is its own: without any change of it each sale is the same."""
    monkeypatch.setattr(Catalogue, "change", lambda *_: None)
    quiet = grown(7, LATER)

    assert quiet.products != state.products
    assert (quiet.sales, quiet.customers) == (state.sales, state.customers)
    assert quiet.web_orders == state.web_orders
