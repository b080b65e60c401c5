"""Tests for analytics_pipeline.domain.exports."""

import pandas as pd
import pytest

from analytics_pipeline.domain.exports import (
    assemble_first_time_buyers,
    assemble_master,
)
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)
from analytics_pipeline.model.schemas.insights import (
    CustomerPredictions,
    CustomerRfm,
    TierOutlook,
)
from analytics_pipeline_tests.tables import make_table

NEXT = pd.Timestamp("2026-07-04")
CONTACT = ["customer_code", "name", "email", "phone", "duplicate_ids", "note"]


def analytics(*rows):
    defaults = {
        "as_of": "2026-06-20",
        "order_count": 1,
        "average_order_value_cents": 0,
        "first_order_date": "2026-06-01",
        "last_order_date": "2026-06-01",
        "days_since_last_order": 19,
        "inactive_segment": "active",
        "tier": "Seed",
    }
    return make_table(CustomerAnalytics, rows, **defaults)


def assemble(figures, contacts):
    rows = [{"customer_id": each} for each in figures["customer_id"]]
    outlook = make_table(TierOutlook, rows).drop(columns="tier")
    rfm = make_table(CustomerRfm, rows, rfm_group="New")
    return assemble_master(figures, [outlook, rfm, predictions("a")], contacts)


def predictions(*ids):
    rows = [{"customer_id": each, "expected_next_order_date": NEXT} for each in ids]
    return make_table(CustomerPredictions, rows)


def people(*ids):
    rows = [{"customer_id": each, "name": f"Name of {each}"} for each in ids]
    columns = ["customer_id", *CONTACT]
    return pd.DataFrame(rows).reindex(columns=columns).astype("str")


def test_the_master_is_ordered_by_value_then_id_rule_8_1():
    values = {"d": 5, "b": 5, "a": -7, "c": 900}
    figures = analytics(
        *({"customer_id": p, "lifetime_value_cents": v} for p, v in values.items())
    )

    master = assemble(figures, people(*values))

    assert master["customer_id"].tolist() == ["c", "b", "d", "a"]
    assert master.index.tolist() == [0, 1, 2, 3]
    assert (master["name"].tolist()) == [
        "Name of c",
        "Name of b",
        "Name of d",
        "Name of a",
    ]


def test_the_master_satisfies_its_contract_also_when_it_is_empty():
    for figures in (analytics({"customer_id": "a"}), analytics()):
        master = assemble(figures, people("a", "b"))
        CustomerAnalyticsMaster.validate(
            master.astype(dict.fromkeys(CONTACT, "str")), lazy=True
        )
        assert len(figures) == len(master)


def test_a_person_without_any_contact_has_a_row_all_the_same():
    master = assemble(analytics({"customer_id": "a"}), people("b"))

    assert len(master) == 1
    assert master.loc[0, CONTACT].isna().all()


def test_who_is_not_predicted_has_a_row_all_the_same_rule_11_2():
    master = assemble(analytics({"customer_id": "a"}, {"customer_id": "b"}), people())

    by_id = master.set_index("customer_id")["expected_next_order_date"]
    assert by_id["a"] == NEXT
    assert pd.isna(by_id["b"])


def test_first_time_buyers_have_exactly_one_order_ever_rule_6():
    figures = analytics(
        {"customer_id": "none", "order_count": 0},
        {"customer_id": "one"},
        {"customer_id": "two", "order_count": 2},
    )

    buyers = assemble_first_time_buyers(figures, people("none", "one", "two"))

    assert buyers["customer_id"].tolist() == ["one"]
    assert pd.Timestamp("2026-06-01") == buyers.loc[0, "first_purchase_date"]
    assert buyers.loc[0, "days_since_first_purchase"] == 19


def test_first_time_buyers_come_newest_first_then_by_id_rule_8_2():
    days = {"c": "2026-06-02", "a": "2026-06-01", "b": "2026-06-02"}
    figures = analytics(
        *({"customer_id": p, "first_order_date": d} for p, d in days.items())
    )

    buyers = assemble_first_time_buyers(figures, people(*days))

    assert buyers["customer_id"].tolist() == ["b", "c", "a"]
    assert buyers.index.tolist() == [0, 1, 2]


@pytest.mark.parametrize("rows", [[{"customer_id": "a"}], []])
def test_first_time_buyers_satisfy_their_contract(rows):
    buyers = assemble_first_time_buyers(analytics(*rows), people("a"))

    FirstTimeBuyers.validate(buyers, lazy=True)


def test_the_figures_are_left_as_they_were():
    figures, contacts = analytics({"customer_id": "a"}), people("a")
    before = figures.copy(), contacts.copy()

    assemble(figures, contacts)
    assemble_first_time_buyers(figures, contacts)

    pd.testing.assert_frame_equal(before[0], figures)
    pd.testing.assert_frame_equal(before[1], contacts)
