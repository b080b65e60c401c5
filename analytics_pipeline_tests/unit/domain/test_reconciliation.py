"""Tests for analytics_pipeline.domain.reconciliation and reconciliation_findings."""

import pandas as pd
import pytest

from analytics_pipeline.domain.purchases import name_people
from analytics_pipeline.domain.reconciliation import (
    check_evidence,
    check_sync,
    find_unsettled,
    given_back,
    reconcile_orders,
    reconcile_sums,
    summarise_reconciliation,
)
from analytics_pipeline.domain.web_orders import counts_unsynced, match_orders
from analytics_pipeline.model.checks import Severity
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.model.vocabulary import ReconciliationCategory as Category
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.tables import make_table

D = pd.Timestamp("2026-06-20").as_unit("us")
ADA, WEB_ADA = "person-ada", "ecom-00000000000000ad"
ORDER = {
    "order_number": "7",
    "ordered_at": "2026-06-19 10:00",
    "order_date": "2026-06-19",
    "payment_status": "ACCEPTED",
    "fulfillment_status": "SHIPPED",
    "total_cents": 5000,
    "ecom_customer_id": WEB_ADA,
}
SALE = {
    "sale_id": "s7",
    "business_date": "2026-06-19",
    "source": "ecw:0123456789ABCDEF",
    "source_id": "7",
    "state": "closed",
    "is_completed": True,
    "total_incl_cents": 5000,
    "customer_id": "ada",
}
IDENTITIES = make_table(
    CustomerIdentities,
    [
        {"record_id": "ada", "person_id": ADA},
        {"record_id": WEB_ADA, "person_id": ADA},
        {"record_id": "gone", "person_id": None},
    ],
)
NO_SALE_PEOPLE = pd.DataFrame(
    {"sale_id": pd.Series(dtype="str"), "person_id": pd.Series(dtype="str")}
)


def order_table(*orders):
    return make_table(EcomOrders, [ORDER | order for order in orders])


def reconcile(orders, sales=(), sale_people=NO_SALE_PEOPLE, walk_in_ids=()):
    """Reconcile as the step does, with what counts added at its total."""
    ecom_orders = order_table(*orders)
    raw_sales = make_table(RawSales, [SALE | sale for sale in sales])
    matches = match_orders(ecom_orders, raw_sales, D)
    synced = matches.dropna(subset=["sale_id"])
    back = ecom_orders.loc[given_back(ecom_orders), "order_number"]
    lacking = ~ecom_orders["order_number"].isin(synced["order_number"])
    added = ecom_orders[lacking & counts_unsynced(ecom_orders)]
    table = reconcile_orders(
        ecom_orders,
        matches,
        name_people(raw_sales, sale_people, set(walk_in_ids), IDENTITIES),
        added.assign(value_cents=added["total_cents"] - added["tax_cents"]),
        IDENTITIES,
        find_unsettled(synced[synced["order_number"].isin(back)], raw_sales),
    )
    frame = shape(table, EcomReconciliation)
    EcomReconciliation.validate(frame, lazy=True)
    return frame


def only(orders=({},), sales=(), **more):
    (row,) = reconcile(orders, sales, **more).to_dict("records")
    return {key: None if pd.isna(value) else value for key, value in row.items()}


# Categories -----------------------------------------------------------------------

BY_NOTE = {"source": None, "source_id": None, "web_order_number": "7"}
BY_NOTHING = {"source": None, "source_id": None}


@pytest.mark.parametrize(
    ("order", "sale", "category", "evidence"),
    [
        ({}, {}, Category.MATCHED_BY_SOURCE_ID, "source_id"),
        ({}, BY_NOTE, Category.MATCHED_BY_NOTE, "note"),
        ({"sale_id": "s7"}, BY_NOTHING, Category.MATCHED_BY_EXPORT_ID, "export_id"),
    ],
)
def test_a_synced_order_is_matched_by_its_evidence_and_adds_nothing_rule_4_4(
    order, sale, category, evidence
):
    row = only([order], [sale])

    assert (row["category"], row["evidence"]) == (category, evidence)
    assert (row["sale_ids"], row["sale_states"]) == ("s7", "closed")
    assert (row["sale_total_cents"], row["difference_cents"]) == (5000, 0)
    assert (row["counted_value_cents"], row["reason"]) == (0, "the sale counts instead")


@pytest.mark.parametrize(
    ("total", "category", "words"),
    [
        (4998, Category.AMOUNT_DIFFERS, "the sale is lower"),
        (4999, Category.MATCHED_BY_SOURCE_ID, None),
        (5001, Category.MATCHED_BY_SOURCE_ID, None),
        (5002, Category.AMOUNT_DIFFERS, "loyalty points or a gift card"),
    ],
)
def test_an_amount_differs_by_more_than_a_cent(total, category, words):
    row = only(sales=[{"total_incl_cents": total}])

    assert (row["category"], row["evidence"]) == (category, "source_id")
    assert row["difference_cents"] == total - 5000
    assert (words or "the sale counts instead") in row["reason"]
    assert (";" in row["reason"]) is bool(words)


def test_all_sales_of_an_order_are_added_up():
    halves = [
        {"sale_id": "a", "total_incl_cents": 2000, "state": "voided",
         "is_completed": False},
        {"sale_id": "b", "total_incl_cents": 3000},
    ]  # fmt: skip

    row = only(sales=halves)

    assert (row["sale_ids"], row["sale_states"]) == ("a;b", "voided;closed")
    assert (row["sale_total_cents"], row["category"]) == (5000, "matched_by_source_id")
    assert row["reason"] == "the sales count instead"


@pytest.mark.parametrize(
    ("sales", "states", "words"),
    [
        ([{"state": "voided"}], "voided", "its sale does not count (voided), so"),
        ([{"state": "closed", "is_deleted": True}], "deleted", "(deleted)"),
        ([{"state": None}], "unknown", "(unknown)"),
        (
            [{"sale_id": "a", "state": "voided"}, {"sale_id": "b", "state": "parked"}],
            "voided;parked",
            "none of its sales counts (voided, parked)",
        ),
    ],
)
def test_an_order_whose_sale_does_not_count_does_not_either_rule_4_3(
    sales, states, words
):
    row = only(sales=[{"is_completed": False} | sale for sale in sales])

    assert row["sale_states"] == states
    assert words in row["reason"]
    assert row["counted_value_cents"] == 0


@pytest.mark.parametrize(
    ("sale", "evidence"), [({}, "source_id"), (BY_NOTE, "note"), (None, "none")]
)
def test_contradicting_evidence_goes_before_every_other_category_rule_4_3(
    sale, evidence
):
    other = {"sale_id": "s8", "source_id": "8"}
    different = [] if sale is None else [sale | {"total_incl_cents": 1}]

    table = reconcile([{"sale_id": "s8"}], [other, *different])

    assert table["category"].tolist() == [Category.CONTRADICTING]
    assert table["evidence"].tolist() == [evidence]
    assert table.loc[0, "contradiction"] == "export_id names sale s8 for order 7"


@pytest.mark.parametrize(
    ("order", "category", "reason"),
    [
        ({}, Category.UNSYNCED_COUNTED, "paid, no sale has it"),
        ({"payment_status": "PARTIALLY_REFUNDED"}, Category.UNSYNCED_COUNTED,
         "paid, no sale has it; the web shop gave a part back and does not say how "
         "much"),
        ({"payment_status": "PARTIALLY_REFUNDED", "refunded_cents": 1250},
         Category.UNSYNCED_COUNTED,
         "paid, no sale has it; the web shop gave 12.50 back"),
        ({"total_cents": 0}, Category.UNSYNCED_COUNTED, "paid, no sale has it"),
        ({"ecom_customer_id": None}, Category.UNATTRIBUTED,
         "paid, no sale has it; its e-mail belongs to nobody"),
        ({"payment_status": "QUEUED"}, Category.UNSYNCED_NOT_COUNTED,
         "awaiting payment (QUEUED)"),
        ({"payment_status": "AWAITING_PAYMENT"}, Category.UNSYNCED_NOT_COUNTED,
         "awaiting payment (AWAITING_PAYMENT)"),
        ({"payment_status": "REFUNDED"}, Category.UNSYNCED_NOT_COUNTED, "refunded"),
        ({"payment_status": "CANCELLED"}, Category.UNSYNCED_NOT_COUNTED, "cancelled"),
        ({"payment_status": "INCOMPLETE"}, Category.UNSYNCED_NOT_COUNTED,
         "abandoned (INCOMPLETE)"),
        ({"payment_status": "DECLINED"}, Category.UNSYNCED_NOT_COUNTED,
         "payment declined (DECLINED)"),
        ({"payment_status": "CUSTOM_PAYMENT_STATUS_1"}, Category.UNSYNCED_NOT_COUNTED,
         "payment status not known (CUSTOM_PAYMENT_STATUS_1)"),
        ({"payment_status": "CHARGEABLE"}, Category.UNSYNCED_NOT_COUNTED,
         "authorized and not charged (CHARGEABLE)"),
        ({"payment_status": "PAID BY ANN@EXAMPLE.COM"}, Category.UNSYNCED_NOT_COUNTED,
         "payment status not known (a word that cannot be shown)"),
        ({"fulfillment_status": "CUSTOM_FULFILLMENT_STATUS_3"},
         Category.UNSYNCED_COUNTED, "paid, no sale has it; its fulfilment status is "
         "not known (CUSTOM_FULFILLMENT_STATUS_3)"),
        ({"fulfillment_status": None}, Category.UNSYNCED_COUNTED,
         "paid, no sale has it; it has no fulfilment status"),
        ({"payment_status": None}, Category.UNSYNCED_NOT_COUNTED, "no payment status"),
        ({"fulfillment_status": "WILL_NOT_DELIVER"}, Category.UNSYNCED_NOT_COUNTED,
         "will not be delivered"),
        ({"fulfillment_status": "RETURNED"}, Category.UNSYNCED_NOT_COUNTED, "returned"),
        ({"payment_status": "QUEUED", "ecom_customer_id": None},
         Category.UNSYNCED_NOT_COUNTED, "awaiting payment (QUEUED)"),
    ],
)  # fmt: skip
def test_an_order_without_a_sale_says_why_it_counts_or_not_rule_4_4(
    order, category, reason
):
    row = only([order])

    assert (row["category"], row["reason"]) == (category, reason)
    counts = category != Category.UNSYNCED_NOT_COUNTED
    worth = (ORDER | order)["total_cents"] - order.get("refunded_cents", 0)
    assert row["counted_value_cents"] == counts * worth
    assert (row["sale_ids"], row["sale_total_cents"]) == (None, None)
    assert (row["difference_cents"], row["evidence"]) == (None, "none")


def test_what_an_order_adds_is_what_the_analytics_add_rule_1_4():
    row = only([{"tax_cents": 800}])

    assert (row["order_total_cents"], row["counted_value_cents"]) == (5000, 4200)


def test_orders_and_sales_after_the_day_take_no_part_rule_4_3():
    later = {"order_number": "8", "order_date": "2026-06-21"}

    row = only([{}, later], [{"business_date": "2026-06-21"}])

    assert (row["order_number"], row["category"]) == ("7", Category.UNSYNCED_COUNTED)


# Whose it is ----------------------------------------------------------------------


def tied(person):
    return pd.DataFrame({"sale_id": ["s7"], "person_id": [person]}, dtype="str")


@pytest.mark.parametrize(
    ("sale", "person"),
    [
        ({}, ADA),
        ({"customer_id": "gone"}, None),
        ({"customer_id": "stranger"}, None),
        ({"customer_id": None}, "of the order"),
        ({"customer_id": "walk-in"}, "of the order"),
    ],
)
def test_a_synced_order_belongs_to_the_person_of_its_sale_rule_4_5(sale, person):
    row = only(sales=[sale], sale_people=tied("of the order"), walk_in_ids=["walk-in"])

    assert (row["person"], row["is_attributed"]) == (person, person is not None)


def test_an_order_without_a_sale_belongs_to_the_person_of_its_email_rule_4_5():
    assert only()["person"] == ADA
    assert only([{"ecom_customer_id": None}])["is_attributed"] is False


# Given back in the web shop ---------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"payment_status": "REFUNDED"}, "REFUNDED"),
        ({"payment_status": "CANCELLED"}, "CANCELLED"),
        ({"fulfillment_status": "RETURNED"}, "RETURNED"),
        ({"fulfillment_status": "WILL_NOT_DELIVER"}, "WILL_NOT_DELIVER"),
        (
            {"payment_status": "REFUNDED", "fulfillment_status": "RETURNED"},
            "REFUNDED and RETURNED",
        ),
        (
            {"payment_status": "QUEUED", "fulfillment_status": "WILL_NOT_DELIVER"},
            "WILL_NOT_DELIVER",
        ),
    ],
)
@pytest.mark.parametrize("total", [5000, 4000, 5600])
def test_what_was_given_back_and_still_counts_is_a_category_rule_4_4(
    order, words, total
):
    row = only([order], [{"total_incl_cents": total}])

    assert row["category"] == Category.REFUNDED_IN_WEB_SHOP
    still = f"the web shop says {words}, yet {total / 100:.2f} still counts"
    assert still in row["reason"]
    assert (row["sale_total_cents"], row["counted_value_cents"]) == (total, 0)


@pytest.mark.parametrize(
    ("order", "sales"),
    [
        ({"payment_status": "PARTIALLY_REFUNDED"}, [{}]),
        ({"payment_status": "QUEUED"}, [{}]),
        ({"payment_status": "DECLINED"}, [{}]),
        ({"payment_status": "REFUNDED"}, [{"state": "voided", "is_completed": False}]),
        ({"payment_status": "REFUNDED"}, [{"is_deleted": True, "is_completed": False}]),
        (
            {"payment_status": "CANCELLED"},
            [{}, {"sale_id": "back", "return_for": "s7", "total_incl_cents": -5000}],
        ),
    ],
)
def test_what_counts_no_more_or_was_not_given_back_is_matched_rule_4_4(order, sales):
    row = only([order], sales)

    assert row["category"] in (Category.MATCHED_BY_SOURCE_ID, Category.AMOUNT_DIFFERS)
    assert "has to say which is right" not in row["reason"]


@pytest.mark.parametrize(
    ("paid", "difference", "category", "reason"),
    [
        ({"loyalty_cents": 500}, 500, Category.MATCHED_BY_SOURCE_ID,
         "the sale counts instead; points paid the other 5.00"),
        ({"loyalty_cents": 200, "store_credit_cents": 300}, 501,
         Category.MATCHED_BY_SOURCE_ID,
         "the sale counts instead; points and store credit paid the other 5.00"),
        ({"gift_card_cents": 500}, 0, Category.MATCHED_BY_SOURCE_ID,
         "the sale counts instead"),
        ({"gift_card_cents": 500}, 502, Category.AMOUNT_DIFFERS,
         "the sale counts instead; the sale is higher: loyalty points or a gift card "
         "may have paid the rest"),
        ({"gift_card_cents": 500}, -500, Category.AMOUNT_DIFFERS,
         "the sale counts instead; the sale is lower: look at what was changed at the "
         "till"),
    ],
)  # fmt: skip
def test_what_was_paid_otherwise_explains_a_difference_to_the_cent_rule_4_4(
    paid, difference, category, reason
):
    row = only([paid], [{"total_incl_cents": 5000 + difference}])

    assert (row["category"], row["reason"]) == (category, reason)
    assert row["difference_cents"] == difference


def test_a_part_that_the_web_shop_gave_back_is_reported_in_the_reason_rule_4_4():
    row = only([{"payment_status": "PARTIALLY_REFUNDED"}], [{}])

    assert "the web shop gave a part back" in row["reason"]


def test_what_was_given_back_goes_before_contradicting_evidence_rule_4_4():
    table = reconcile(
        [{"payment_status": "REFUNDED", "sale_id": "s8"}],
        [{}, {"sale_id": "s8", "source_id": "8"}],
    )

    assert table["category"].tolist() == [Category.REFUNDED_IN_WEB_SHOP]
    assert table.loc[0, "contradiction"] == "export_id names sale s8 for order 7"
    assert check_evidence(table).evidence["contradicting"] == 1


# Sums -----------------------------------------------------------------------------


def test_the_summary_has_every_category_once_and_adds_up():
    table = reconcile(
        [{}, {"order_number": "8", "total_cents": 100}], [{"total_incl_cents": 5100}]
    )

    summary = summarise_reconciliation(table)

    assert summary.index.tolist() == [category.value for category in Category]
    assert summary.loc["amount_differs"].tolist() == [1, 5000, 5100, 100, 0]
    assert summary.loc["unsynced_counted"].tolist() == [1, 100, 0, 0, 100]
    assert summary.sum().tolist() == [2, 5100, 5100, 100, 100]


def test_without_orders_the_table_is_empty_and_every_sum_zero():
    table = reconcile([])

    assert table.empty
    assert summarise_reconciliation(table).sum().sum() == 0
    for result in (
        reconcile_sums(table, order_table(), D),
        check_evidence(table),
        check_sync(table, D),
    ):
        assert result.passed


def test_the_input_is_left_as_it_was():
    ecom_orders, sales = order_table({}), make_table(RawSales, [SALE])
    before = (ecom_orders.copy(), sales.copy())

    matches = match_orders(ecom_orders, sales, D)
    added = ecom_orders.iloc[:0].assign(value_cents=0)
    people = name_people(sales, NO_SALE_PEOPLE, set(), IDENTITIES)
    nothing = pd.DataFrame(columns=["order_number", "left_cents"], dtype="str")
    reconcile_orders(ecom_orders, matches, people, added, IDENTITIES, nothing)

    pd.testing.assert_frame_equal(ecom_orders, before[0])
    pd.testing.assert_frame_equal(sales, before[1])


@pytest.mark.parametrize(
    ("damage", "orders", "cents"),
    [
        (lambda table: table.iloc[1:], -1, -5000),
        (lambda table: pd.concat([table, table.iloc[:1]]), 1, 5000),
        (lambda table: table.assign(category="another"), -2, -5100),
        (lambda table: table.assign(order_total_cents=1), 0, -5098),
    ],
)
def test_categories_that_do_not_add_up_to_the_export_block(damage, orders, cents):
    both = [{}, {"order_number": "8", "total_cents": 100}]
    late = {"order_number": "9", "order_date": "2026-06-21"}
    table, exported = reconcile(both), order_table(*both, late)
    assert reconcile_sums(table, exported, D).passed

    result = reconcile_sums(damage(table), exported, D)

    assert result.blocks
    assert result.evidence["difference_orders"] == orders
    assert result.evidence["difference_cents"] == cents
    assert result.evidence["export_orders"] == 2


# Warnings -------------------------------------------------------------------------


def test_contradicting_orders_are_counted_and_named():
    table = reconcile(
        [{"sale_id": "s8"}, {"order_number": "9"}],
        [{"sale_id": "s8", "source_id": "8"}],
    )

    result = check_evidence(table)

    assert (result.passed, result.severity) == (False, Severity.WARN)
    assert (result.evidence["contradicting"], result.evidence["orders"]) == (1, "7")
    assert check_evidence(table[table["order_number"] == "9"]).passed


def old_orders(count, **changes):
    """So many orders of the day before the last one that the sync may still take."""
    order = {"order_date": "2026-06-12"} | changes
    return [order | {"order_number": str(number)} for number in range(count)]


def test_three_old_paid_orders_without_a_sale_mean_a_broken_sync():
    result = check_sync(reconcile(old_orders(3)), D)

    assert (result.passed, result.severity) == (False, Severity.WARN)
    assert (result.evidence["unsynced"], result.evidence["orders"]) == (3, "0, 1, 2")
    assert result.evidence["unsynced_cents"] == 15_000


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param(old_orders(2), id="two"),
        pytest.param(old_orders(3, order_date="2026-06-13"), id="seven days old"),
        pytest.param(old_orders(3, payment_status="QUEUED"), id="unpaid"),
        pytest.param(old_orders(3, fulfillment_status="RETURNED"), id="returned"),
        pytest.param(old_orders(3, order_date="2026-03-21"), id="long ago"),
    ],
)
def test_few_young_unpaid_or_ancient_orders_cry_no_wolf(orders):
    assert check_sync(reconcile(orders), D).passed


def test_old_orders_count_anyone_who_bought_and_whatever_contradicts():
    unattributed = old_orders(2, ecom_customer_id=None)
    contradicting = {"order_number": "7", "order_date": "2026-06-12", "sale_id": "s8"}

    sales = [{"sale_id": "s8", "source_id": "8"}]

    table = reconcile([*unattributed, contradicting], sales)

    assert not check_sync(table, D).passed


def test_orders_from_before_the_sync_are_counted_apart():
    result = check_sync(reconcile(old_orders(5, order_date="2025-01-01")), D)

    assert (result.passed, result.evidence["older_unsynced"]) == (True, 5)


def test_synced_orders_are_no_news_however_old():
    sales = [
        {"sale_id": f"s{n}", "source_id": str(n), "business_date": "2026-06-12"}
        for n in range(3)
    ]

    assert check_sync(reconcile(old_orders(3), sales), D).passed
