"""Tests for analytics_pipeline.domain.purchases."""

import pandas as pd
import pytest

from analytics_pipeline.domain.purchases import divide_orders, follow_returns
from analytics_pipeline.model.policy import MoneyBasis, Policy
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline_tests.tables import make_table

D = pd.Timestamp("2026-06-20")
WALK_IN = "walk-in"
IDENTITIES = make_table(
    CustomerIdentities,
    [
        {"record_id": "a", "person_id": "a"},
        {"record_id": "a-again", "person_id": "a"},
        {"record_id": "b", "person_id": "b"},
        {"record_id": "removed", "person_id": None},
        {"record_id": "merged-away", "person_id": "b"},
        {"record_id": "ecom-1", "record_kind": "ecom", "person_id": "ecom-1"},
        {"record_id": "ecom-2", "record_kind": "ecom", "person_id": "a"},
    ],
    record_kind="customer",
)


def people_of(*sales, by_order=None):
    """Give each (sale, customer, return_for) its person; missing: unattributed."""
    rows = pd.DataFrame(sales, columns=["sale_id", "customer_id", "return_for"])
    returns = rows[rows["return_for"].notna()]
    originals = rows[rows["sale_id"].isin(returns["return_for"])]
    sale_orders = pd.DataFrame(
        list((by_order or {}).items()), columns=["sale_id", "person_id"]
    )
    found = follow_returns(
        returns,
        originals[["sale_id", "customer_id"]],
        {WALK_IN},
        IDENTITIES,
        sale_orders,
    )
    assert found["sale_id"].is_monotonic_increasing
    return dict(zip(found["sale_id"], found["person_id"], strict=True))


@pytest.mark.parametrize("customer", [None, float("nan"), WALK_IN])
def test_an_unnamed_return_belongs_to_the_original_buyer_rule_3_1(customer):
    assert people_of(("s", "a-again", None), ("r", customer, "s")) == {"r": "a"}


def test_an_order_that_says_nothing_does_not_hide_the_original_rule_3_1():
    sales = [("s", "a", None), ("r", None, "s")]

    assert people_of(*sales, by_order={"r": None}) == {"r": "a"}


def test_the_nearest_sale_of_a_chain_that_is_somebodys_decides_rule_4_5():
    chain = [("s", "a", None), ("r1", None, "s"), ("r2", None, "r1")]

    found = people_of(*chain, by_order={"r1": "ecom-1"})

    assert found == {"r1": "ecom-1", "r2": "ecom-1"}


def test_a_return_with_a_customer_of_its_own_stays_with_that_one():
    assert people_of(("s", "a", None), ("r", "b", "s")) == {"r": "b"}


def test_a_chain_of_returns_is_followed_to_the_first_that_is_somebodys():
    chain = [("s", "b", None), ("r1", None, "s"), ("r2", WALK_IN, "r1")]

    assert people_of(*chain) == {"r1": "b", "r2": "b"}


def test_a_chain_stops_at_the_nearest_sale_that_is_somebodys():
    chain = [("s", "b", None), ("r1", "a", "s"), ("r2", None, "r1")]

    assert people_of(*chain) == {"r1": "a", "r2": "a"}


@pytest.mark.parametrize(
    "sales",
    [
        pytest.param([("r", None, "r")], id="of itself"),
        pytest.param([("r", None, "q"), ("q", None, "r")], id="of each other"),
        pytest.param([("r", None, "unknown")], id="of a sale that is not stored"),
        pytest.param([("s", WALK_IN, None), ("r", None, "s")], id="of the walk-in's"),
        pytest.param([("s", "removed", None), ("r", None, "s")], id="of a deleted one"),
        pytest.param([("s", "never seen", None), ("r", None, "s")], id="of a stranger"),
    ],
)
def test_a_return_of_nobodys_sale_is_unattributed(sales):
    assert people_of(*sales) == {}


def test_a_return_of_a_deleted_duplicates_sale_belongs_to_the_live_person():
    assert people_of(("s", "merged-away", None), ("r", None, "s")) == {"r": "b"}


@pytest.mark.parametrize("customer", [None, WALK_IN])
def test_an_unnamed_synced_sale_belongs_to_the_orders_person_rule_4_5(customer):
    found = people_of(("s", customer, None), by_order={"s": "ecom-1"})

    assert found == {"s": "ecom-1"}


def test_a_return_of_a_synced_sale_belongs_to_the_orders_person():
    found = people_of(("s", None, None), ("r", None, "s"), by_order={"s": "ecom-1"})

    assert found == {"s": "ecom-1", "r": "ecom-1"}


def test_the_customer_of_the_original_goes_before_its_web_order():
    found = people_of(("s", "b", None), ("r", None, "s"), by_order={"s": "ecom-1"})

    assert found["r"] == "b"


def test_a_web_order_that_says_nothing_leaves_the_sale_unattributed():
    assert people_of(("s", None, None), by_order={"s": None}) == {}


# Orders --------------------------------------------------------------------------


def divide(*orders, matched=None, policy=None):
    """Divide orders; *matched* maps an order number to its sale."""
    defaults = {
        "order_date": "2026-06-01",
        "payment_status": "ACCEPTED",
        "fulfillment_status": "SHIPPED",
        "total_cents": 1_100,
        "tax_cents": 100,
        "ecom_customer_id": "ecom-1",
    }
    numbered = [{"order_number": str(n), **row} for n, row in enumerate(orders, 1)]
    ecom_orders = make_table(EcomOrders, numbered, **defaults)
    synced = matched or {}
    matches = pd.DataFrame(
        [(row["order_number"], synced.get(row["order_number"])) for row in numbered],
        columns=["order_number", "sale_id"],
    ).astype("str")
    return divide_orders(ecom_orders, matches, IDENTITIES, policy or Policy(), D)


def added(*orders, **context):
    frame = divide(*orders, **context).added_orders
    return list(
        frame[["order_number", "person_id", "value_cents"]]
        .astype(object)
        .where(frame.notna(), None)
        .itertuples(index=False, name=None)
    )


@pytest.mark.parametrize(
    ("order", "basis", "given_back"),
    [
        ({}, "incl_tax", (None, 0)),
        ({"refund_date": D}, "incl_tax", (D, 400)),
        ({"refund_date": D}, "excl_tax", (D, 364)),  # 400 · 1000 / 1100
        ({"refund_date": D + pd.Timedelta(days=1)}, "incl_tax", (None, 0)),
        ({"refund_date": None}, "incl_tax", (pd.Timestamp("2026-06-01"), 400)),
    ],
    ids=["none", "with tax", "without tax", "after D", "no date"],
)
def test_what_the_web_shop_gave_back_is_dated_on_the_refund_rule_4_4(
    order, basis, given_back
):
    refund = {"refunded_cents": 400 if order else 0, **order}

    found = divide(refund, policy=Policy(money_basis=MoneyBasis(basis))).added_orders

    (row,) = found[["refund_date", "refunded_cents"]].to_dict("records")
    when = None if pd.isna(row["refund_date"]) else row["refund_date"]
    assert (when, row["refunded_cents"]) == given_back
    assert found["value_cents"].tolist() == [1_100 if basis == "incl_tax" else 1_000]


def test_an_unsynced_paid_order_is_added_to_its_person_rule_4_4():
    assert added({}, {"ecom_customer_id": "ecom-2"}) == [
        ("1", "ecom-1", 1_100),
        ("2", "a", 1_100),
    ]


def test_an_order_without_a_usable_email_is_unattributed_rule_4_5():
    assert added({"ecom_customer_id": None}) == [("1", None, 1_100)]


def test_without_tax_an_added_order_is_its_total_less_its_tax_rule_1_4():
    policy = Policy(money_basis=MoneyBasis.EXCL_TAX)

    assert added({}, policy=policy) == [("1", "ecom-1", 1_000)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"payment_status": "AWAITING_PAYMENT"}, id="not paid"),
        pytest.param({"payment_status": None}, id="no payment status"),
        pytest.param({"fulfillment_status": "WILL_NOT_DELIVER"}, id="not delivered"),
        pytest.param({"fulfillment_status": "RETURNED"}, id="returned"),
        pytest.param({"order_date": "2026-06-21"}, id="after D"),
    ],
)
def test_an_unsynced_order_that_does_not_count_adds_nothing_rule_4_4(change):
    assert added(change) == []


def test_an_order_of_d_itself_counts():
    assert len(added({"order_date": "2026-06-20"})) == 1


def test_a_synced_order_adds_nothing_and_lends_its_person_to_the_sale_rule_4_4():
    divided = divide({}, {"ecom_customer_id": None}, matched={"1": "s1", "2": "s2"})

    assert divided.added_orders.empty
    people = divided.sale_orders.set_index("sale_id")["person_id"]
    assert people["s1"] == "ecom-1"
    assert pd.isna(people["s2"])


def test_an_unpaid_synced_order_still_ties_its_sale_rule_4_3():
    order = {"payment_status": "CANCELLED"}
    divided = divide(order, matched={"1": "s1"})

    assert divided.sale_orders["sale_id"].tolist() == ["s1"]
    assert divided.added_orders.empty


def test_without_orders_both_tables_are_empty():
    divided = divide()

    assert (len(divided.sale_orders), len(divided.added_orders)) == (0, 0)
