"""Tests for the oracle, on stores small enough to add up."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest

from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.records import (
    Customer,
    Line,
    Outlet,
    Payment,
    Retailer,
    Sale,
    StoreState,
    WebOrder,
)
from analytics_pipeline_tests.oracle.ledger import (
    expected_first_time_buyers,
    expected_master,
    expected_totals,
)
from analytics_pipeline_tests.oracle.people import find_people

DAY = date(2025, 6, 30)
NOON = datetime(2025, 6, 30, 16, 0, tzinfo=UTC)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def customer(identity: str, **given: object) -> Customer:
    blank = dict.fromkeys(
        ("first_name", "last_name", "company_name", "email", "phone", "mobile")
    )
    times = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
    fields = {"customer_code": f"code-{identity}", "version": 1, **blank, **times}
    return Customer(id=identity, **{**fields, **given})  # type: ignore[arg-type]


def line(
    total: str, *, quantity: str = "1", tax: str = "0", back: bool = False
) -> Line:
    amounts = Decimal(quantity), Decimal(total), Decimal(tax)
    return Line("line", "product", *amounts, is_return=back)


def sale(identity: str, who: str | None, *lines: Line, **given: object) -> Sale:
    price = sum((part.total for part in lines), Decimal(0))
    tax = sum((part.tax_total for part in lines), Decimal(0))
    paid = [Payment("payment", "Square", "8", price + tax, NOON)]
    fields: dict[str, object] = {
        "version": 1,
        "outlet_id": "east",
        "register_id": "till",
        "user_id": "clerk",
        "customer_id": who,
        "invoice_number": "1",
        "source": "USER",
        "source_id": None,
        "state": "closed",
        "status": "CLOSED",
        "attributes": (),
        "note": "",
        "sale_date": NOON,
        "created_at": NOON,
        "updated_at": NOON,
        "lines": list(lines),
        "payments": paid,
        "total_price": price,
        "total_tax": tax,
        "total_price_incl": price + tax,
    }
    return Sale(id=identity, **{**fields, **given})  # type: ignore[arg-type]


def web_order(number: str, email: str | None, total: str, **given: object) -> WebOrder:
    amount, nothing = Decimal(total), Decimal(0)
    order = WebOrder(
        order_number=number,
        email=email,
        name="Wilma Web",
        phone=None,
        placed_at=NOON,
        payment_status="ACCEPTED",
        fulfillment_status="PROCESSING",
        lines=[("sku", "thing", amount, 1)],
        subtotal=amount,
        tax=nothing,
        shipping=nothing,
        discount=nothing,
        total=amount,
    )
    return replace(order, **given)  # type: ignore[arg-type]


def store(*records: Customer | Sale | WebOrder) -> StoreState:
    walk_in = customer("walk-in", customer_code="WALKIN")
    everybody = [walk_in, *(r for r in records if isinstance(r, Customer))]
    retailer = Retailer(
        "shop", "Shop", "shop", "America/New_York", "US", "USD", "discount"
    )
    return StoreState(
        now=NOON,
        retailer=retailer,
        outlets={
            "east": Outlet("east", "East", "America/New_York", 1),
            "west": Outlet("west", "West", "America/Los_Angeles", 1),
        },
        registers={},
        customers={record.id: record for record in everybody},
        sales={r.id: r for r in records if isinstance(r, Sale)},
        web_orders={r.order_number: r for r in records if isinstance(r, WebOrder)},
        default_customer_id="walk-in",
        web_source="ecw:0123456789ABCDEF",
    )


def row_of(state: StoreState, who: str = "ann", day: date = DAY) -> dict[str, str]:
    return next(r for r in expected_master(state, day) if r["Customer ID"] == who)


def figures(state: StoreState, who: str = "ann", day: date = DAY) -> tuple[str, str]:
    row = row_of(state, who, day)
    return row["Lifetime Value"], row["Order Count"]


ANN = customer("ann", first_name="Ann", last_name="Lee", email="ann@example.com")


def test_a_row_shows_every_figure():
    state = store(
        ANN,
        sale("s1", "ann", line("100.00", tax="8.87500")),
        sale(
            "s2",
            "ann",
            line("50.00"),
            sale_date=NOON - timedelta(days=90),
        ),
        sale("s3", "ann", line("-20.00", quantity="-1", back=True), return_for="s1"),
    )

    row = row_of(state)
    assert {name: row[name] for name in list(row)[:22]} == {
        "Customer ID": "ann",
        "Customer Code": "code-ann",
        "Name": "Ann Lee",
        "Email": "ann@example.com",
        "Phone": "",
        "Lifetime Value": "138.88",
        "Rolling 90-Day Value": "88.88",
        "Order Count": "2",
        "Rolling 90-Day Order Count": "1",
        "Average Order Value": "69.44",
        "First Order Date": "2025-04-01",
        "Last Order Date": "2025-06-30",
        "Days Since Last Order": "0",
        "Is VIP": "No",
        "Is High Value": "No",
        "Inactive Segment": "active",
        "Tier": "Seed",
        "eCom Order Count": "0",
        "Retail Order Count": "2",
        "Refunded Value": "20.00",
        "Duplicate IDs": "",
        "Note": "",
    }


def test_people_without_orders_have_no_dates_or_average():
    row = row_of(store(ANN))

    assert figures(store(ANN)) == ("0.00", "0")
    assert tuple(
        row[c] for c in ("Average Order Value", "Last Order Date", "First Order Date")
    ) == ("", "", "")
    assert (row["Inactive Segment"], row["Tier"]) == ("never", "None")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"status": "LAYBY_CLOSED", "attributes": ("layby",)}, 1, id="done"
        ),
        pytest.param({"attributes": ("kerbside",)}, 1, id="closed, unknown attribute"),
        pytest.param({"state": "voided", "status": "VOIDED"}, 0, id="voided"),
        pytest.param({"state": "parked", "status": "SAVED"}, 0, id="saved"),
        pytest.param({"state": "archived", "status": "ARCHIVED"}, 0, id="unknown"),
        pytest.param({"deleted_at": NOON}, 0, id="deleted"),
        pytest.param(
            {"state": "pending", "status": "LAYBY", "attributes": ("layby",)},
            0,
            id="layby",
        ),
        pytest.param(
            {
                "state": "pending",
                "status": "AWAITING_PICKUP",
                "attributes": ("pickup",),
            },
            1,
            id="awaiting and paid",
        ),
        pytest.param(
            {
                "state": "pending",
                "status": "AWAITING_PICKUP",
                "attributes": ("pickup", "kerbside"),
            },
            0,
            id="awaiting, unknown attribute",
        ),
        pytest.param(
            {
                "state": "pending",
                "status": "AWAITING_DISPATCH",
                "attributes": ("delivery",),
                "payments": [],
            },
            0,
            id="awaiting and unpaid",
        ),
        pytest.param(
            {
                "state": "pending",
                "status": "AWAITING_DISPATCH",
                "attributes": ("delivery",),
                "payments": [Payment("p", "Square", "8", Decimal("9.99"), NOON)],
            },
            1,
            id="awaiting, a cent short",
        ),
        pytest.param(
            {
                "state": "pending",
                "status": "AWAITING_DISPATCH",
                "attributes": ("delivery",),
                "payments": [
                    Payment("p", "Square", "8", Decimal("10"), NOON, deleted_at=NOON)
                ],
            },
            0,
            id="awaiting, payment deleted",
        ),
    ],
)
def test_only_completed_sales_count(changes, expected):
    state = store(ANN, sale("s1", "ann", line("10.00"), **changes))

    assert (f"{expected * 10}.00", str(expected)) == figures(state)


@pytest.mark.parametrize(
    ("lines", "return_for", "value", "orders", "refunded"),
    [
        pytest.param([], None, "0.00", "0", "0.00", id="no lines"),
        pytest.param([line("0")], None, "0.00", "1", "0.00", id="free"),
        pytest.param(
            [line("-9", quantity="-1")], None, "-9.00", "0", "0.00", id="unreferenced"
        ),
        pytest.param(
            [line("-9", quantity="-1", back=True), line("9")],
            "old",
            "0.00",
            "0",
            "9.00",
            id="even exchange",
        ),
        pytest.param(
            [line("-9", quantity="-1", back=True), line("1", back=True)],
            "old",
            "-8.00",
            "0",
            "8.00",
            id="a discount flips",
        ),
    ],
)
def test_returns_and_exchanges(lines, return_for, value, orders, refunded):
    state = store(ANN, sale("s1", "ann", *lines, return_for=return_for))

    assert (value, orders) == figures(state)
    assert refunded == row_of(state)["Refunded Value"]


def test_totals_are_rounded_half_away_from_zero():
    incl = {"total_price_incl": Decimal("-1.00500")}
    state = store(ANN, sale("s1", "ann", line("-1.00", quantity="-1"), **incl))

    assert row_of(state)["Lifetime Value"] == "-1.01"


def test_the_business_day_is_that_of_the_outlet():
    late = datetime(2025, 7, 1, 5, 30, tzinfo=UTC)
    east = sale("s1", "ann", line("1.00"), sale_date=late)
    west = sale("s2", "ann", line("2.00"), sale_date=late, outlet_id="west")

    assert figures(store(ANN, east, west)) == ("2.00", "1")


@pytest.mark.parametrize(
    ("days", "rolling", "segment"),
    [
        (0, "1.00", "active"),
        (29, "1.00", "active"),
        (30, "1.00", "30d"),
        (60, "1.00", "60d"),
        (89, "1.00", "60d"),
        (90, "0.00", "90d"),
    ],
)
def test_windows_end_on_the_exact_day(days, rolling, segment):
    state = store(ANN, sale("s1", "ann", line("1.00")))
    row = row_of(state, day=DAY + timedelta(days=days))

    assert (rolling, segment) == (row["Rolling 90-Day Value"], row["Inactive Segment"])


@pytest.mark.parametrize(
    ("total", "tier", "vip", "high"),
    [
        ("249.99", "Seed", "No", "No"),
        ("250.00", "Sprout", "No", "No"),
        ("499.99", "Sprout", "No", "No"),
        ("500.00", "Sprout", "No", "Yes"),
        ("750.00", "Bloom", "No", "Yes"),
        ("999.99", "Bloom", "No", "Yes"),
        ("1000.00", "Bloom", "Yes", "No"),
        ("1500.00", "Evergreen", "Yes", "No"),
    ],
)
def test_thresholds_are_reached_exactly(total, tier, vip, high):
    row = row_of(store(ANN, sale("s1", "ann", line(total))))

    assert (tier, vip, high) == (row["Tier"], row["Is VIP"], row["Is High Value"])


def test_records_join_in_chains_and_the_oldest_is_the_person():
    chain = (
        ANN,
        customer("bob", email=" ANN@Example.com", phone="(212) 555-0123"),
        customer("cid", mobile="+1 212 555 0123", email="c@example.com"),
        customer("dan", email="C@example.com", created_at=LONG_AGO - timedelta(1)),
    )
    state = store(*chain, sale("s1", "ann", line("3.00")), sale("s2", "cid", line("4")))
    row = row_of(state, "dan")

    assert len(expected_master(state, DAY)) == 1
    assert figures(state, "dan") == ("7.00", "2")
    assert row["Duplicate IDs"] == "ann;bob;cid"
    assert row["Note"] == "Merged 3 duplicate records"
    assert (row["Name"], row["Email"]) == ("Ann Lee", "C@example.com")
    assert row["Phone"] == "+12125550123"


def test_a_gap_is_filled_by_the_record_that_was_updated_last():
    twins = (
        customer("ann", email="ann@example.com"),
        customer("bob", email="ann@example.com", first_name="Old", created_at=NOON),
        replace(
            customer("cid", email="ann@example.com", first_name="New", created_at=NOON),
            updated_at=NOON,
        ),
    )

    assert row_of(store(*twins))["Name"] == "New"


def test_a_deleted_record_links_but_shows_nothing():
    gone = customer(
        "gone", email="ann@example.com", phone="212-555-0123", deleted_at=NOON
    )
    other = customer("other", mobile="2125550123", created_at=NOON)
    state = store(ANN, gone, other, sale("s1", "gone", line("5.00")))

    assert figures(state) == ("5.00", "1")
    assert row_of(state)["Duplicate IDs"] == "other"
    assert row_of(state)["Note"] == "Merged 1 duplicate records"


def test_unnamed_sales_stay_unattributed():
    alone = customer("alone", email="x@example.com", deleted_at=NOON)
    state = store(
        ANN,
        alone,
        sale("s1", "walk-in", line("1.00")),
        sale("s2", None, line("2.00")),
        sale("s3", "alone", line("4.00")),
    )
    totals = expected_totals(state, DAY)

    assert [r["Customer ID"] for r in expected_master(state, DAY)] == ["ann"]
    assert (totals["unattributed_cents"], totals["order_count"]) == (700, 3)
    assert totals["unattributed_order_count"] == 3


def test_a_nameless_return_belongs_to_the_person_of_the_original():
    back = line("-2.00", quantity="-1", back=True)
    state = store(
        ANN,
        sale("s1", "ann", line("10.00")),
        sale("s2", None, back, return_for="s1"),
        sale("s3", "walk-in", back, return_for="s2"),
        sale("s4", None, back, return_for="gone"),
    )

    assert figures(state) == ("6.00", "1")
    assert expected_totals(state, DAY)["unattributed_cents"] == -200


def test_a_key_of_more_than_five_joins_no_one_and_is_hidden():
    def sharing(count: int) -> StoreState:
        return store(
            *(customer(f"c{n}", email="Desk@example.com") for n in range(count))
        )

    assert len(expected_master(sharing(5), DAY)) == 1
    assert [row["Email"] for row in expected_master(sharing(6), DAY)] == [""] * 6


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("noemail@example.com", ""),
        ("NONE@", ""),
        (" Test@example.com", ""),
        ("my.placeholder@example.com", ""),
        (" Ann@Example.com ", "Ann@Example.com"),
        ("ann.example.com", "ann.example.com"),
    ],
)
def test_made_up_addresses_are_not_shown(typed, shown):
    assert shown == row_of(store(customer("ann", email=typed)))["Email"]


def test_made_up_contacts_join_no_one():
    twins = [
        customer(name, email="test@example.com", phone="8888888888") for name in "ab"
    ]

    assert len(expected_master(store(*twins), DAY)) == 2


@pytest.mark.parametrize(
    ("typed", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-Dash", "'-Dash"),
        ("@SUM", "'@SUM"),
        ("a=b", "a=b"),
    ],
)
def test_formulas_are_disarmed(typed, cell):
    row = row_of(store(customer("ann", first_name=typed, phone="212 555 0123")))

    assert (cell, "+12125550123") == (row["Name"], row["Phone"])


ECW = {"source": "ecw:0123456789ABCDEF", "source_id": "1001"}


def test_a_synced_order_adds_nothing_and_makes_the_sale_ecom():
    state = store(
        ANN,
        sale("s1", "ann", line("9.00"), **ECW),
        web_order("1001", "ann@example.com", "10.00"),
    )

    assert figures(state) == ("9.00", "1")
    assert row_of(state)["eCom Order Count"] == "1"
    assert expected_totals(state, DAY)["added_web_orders_cents"] == 0


@pytest.mark.parametrize(
    ("changes", "added"),
    [
        ({}, 1000),
        ({"payment_status": "PARTIALLY_REFUNDED"}, 1000),
        ({"payment_status": "QUEUED"}, 0),
        ({"payment_status": "REFUNDED"}, 0),
        ({"fulfillment_status": "WILL_NOT_DELIVER"}, 0),
        ({"fulfillment_status": "RETURNED"}, 0),
        ({"placed_at": NOON + timedelta(days=1)}, 0),
    ],
)
def test_an_unsynced_order_is_added_if_paid(changes, added):
    state = store(ANN, web_order("1001", "Ann@example.com", "10.00", **changes))

    assert added == expected_totals(state, DAY)["added_web_orders_cents"]
    assert (f"{added // 100}.00", str(added // 1000)) == figures(state)


@pytest.mark.parametrize(
    ("changes", "added"),
    [
        pytest.param({"note": "Order ID:1001\nthanks"}, 0, id="note"),
        pytest.param({"note": "Order ID:10010"}, 1000, id="another number"),
        pytest.param(
            {"note": "Order ID:1001", "return_for": "x"}, 1000, id="copied note"
        ),
        pytest.param({**ECW, "state": "voided", "status": "VOIDED"}, 0, id="voided"),
        pytest.param({**ECW, "deleted_at": NOON}, 0, id="deleted"),
        pytest.param(
            {**ECW, "sale_date": NOON + timedelta(days=1)}, 1000, id="dated later"
        ),
    ],
)
def test_what_ties_an_order_to_a_sale(changes, added):
    order = web_order("1001", "ann@example.com", "10.00")
    state = store(ANN, sale("s1", None, line("9.00"), **changes), order)

    assert added == expected_totals(state, DAY)["added_web_orders_cents"]


def test_a_hint_gives_one_till_sale_to_the_lower_number():
    state = store(
        ANN,
        sale("s1", None, line("9.00")),
        web_order("1002", "bea@example.com", "20.00", exported_sale_id="s1"),
        web_order("999", "ann@example.com", "10.00", exported_sale_id="s1"),
    )

    assert figures(state) == ("9.00", "1")
    assert expected_totals(state, DAY)["added_web_orders_cents"] == 2000


def test_a_hint_at_a_sale_that_names_another_order_is_void():
    state = store(
        ANN,
        sale("s1", "ann", line("9.00"), **ECW),
        web_order("1002", "ann@example.com", "20.00", exported_sale_id="s1"),
    )

    assert figures(state) == ("29.00", "2")


def test_stronger_evidence_has_the_sale():
    state = store(
        ANN,
        sale("s1", "ann", line("9.00"), note="Order ID:7", **ECW),
        web_order("7", "ann@example.com", "1.00"),
        web_order("1001", "ann@example.com", "2.00"),
    )

    assert expected_totals(state, DAY)["added_web_orders_cents"] == 100


def test_an_online_buyer_has_a_row_of_their_own():
    key = f"ecom-{sha256(b'web@example.com').hexdigest()[:16]}"
    state = store(
        sale("s1", "walk-in", line("9.00"), **ECW),
        web_order("1001", " Web@Example.com", "9.00", name="Old Name"),
        web_order(
            "1002",
            "WEB@example.com",
            "5.00",
            placed_at=NOON + timedelta(minutes=1),
        ),
    )
    row = row_of(state, key)

    assert figures(state, key) == ("14.00", "2")
    assert tuple(row[c] for c in ("Name", "Email", "Phone", "Customer Code")) == (
        "Wilma Web",
        "WEB@example.com",
        "",
        "",
    )


def test_an_online_buyer_without_anything_that_counts_has_no_row():
    refused = web_order("1001", "web@example.com", "9.00", payment_status="CANCELLED")

    assert expected_master(store(refused), DAY) == []


@pytest.mark.parametrize("email", [None, "web.example.com", "noemail@example.com"])
def test_an_order_without_a_key_is_unattributed(email):
    totals = expected_totals(store(web_order("1", email, "9.00")), DAY)

    assert (totals["unattributed_cents"], totals["person_count"]) == (900, 0)


def test_an_order_of_a_deleted_customer_makes_an_online_buyer():
    state = store(
        replace(ANN, deleted_at=NOON), web_order("1", "ann@example.com", "9.00")
    )

    assert expected_master(state, DAY)[0]["Customer ID"].startswith("ecom-")


def test_first_time_buyers_have_exactly_one_order():
    bea, cid = customer("bea"), customer("cid")
    yesterday = {"sale_date": NOON - timedelta(days=1)}
    state = store(
        ANN,
        bea,
        cid,
        sale("s1", "ann", line("10.00"), **yesterday),
        sale("s2", "ann", line("-4.00", quantity="-1", back=True), return_for="s1"),
        sale("s3", "bea", line("1.00")),
        sale("s4", "cid", line("1.00")),
        sale("s5", "cid", line("1.00")),
    )
    rows = expected_first_time_buyers(state, DAY)

    assert [row["Customer ID"] for row in rows] == ["bea", "ann"]
    assert tuple(
        rows[1][column]
        for column in (
            "First Purchase Date",
            "Days Since First Purchase",
            "Lifetime Value",
            "Average Order Value",
            "Order Count",
        )
    ) == ("2025-06-29", "1", "6.00", "6.00", "1")


def test_rows_are_ordered_by_value_and_then_by_id():
    people = [customer(name) for name in ("b", "a", "c")]
    state = store(*people, sale("s1", "c", line("1.00")))

    assert [r["Customer ID"] for r in expected_master(state, DAY)] == ["c", "a", "b"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_money_and_no_order_is_lost(seed):
    grown = Store(seed, customers=300, opened_on=date(2024, 9, 1))
    grown.advance_to(datetime(2025, 1, 10, tzinfo=UTC))
    for day in (date(2024, 9, 15), date(2024, 11, 3), date(2025, 1, 9)):
        totals = expected_totals(grown.state, day)
        rows = expected_master(grown.state, day)
        value = sum(Decimal(row["Lifetime Value"]) for row in rows)

        assert totals["lifetime_value_cents"] + totals["unattributed_cents"] == (
            totals["revenue_cents"] + totals["added_web_orders_cents"]
        )
        assert totals["order_count"] == (
            totals["attributed_order_count"] + totals["unattributed_order_count"]
        )
        assert value * 100 == totals["lifetime_value_cents"]
        assert len({row["Customer ID"] for row in rows}) == len(rows)


def test_every_live_record_belongs_to_one_person():
    grown = Store(4, customers=300, opened_on=date(2024, 9, 1))
    grown.advance_to(datetime(2024, 12, 1, tzinfo=UTC))
    people = find_people(grown.state)
    members = [m for p in people.persons.values() for m in (p.id, *p.duplicate_ids)]
    live = [c.id for c in grown.state.customers.values() if c.deleted_at is None]

    assert sorted(members) == sorted(set(live) - people.nobodies)
