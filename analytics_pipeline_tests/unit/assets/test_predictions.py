"""Tests for assets.prediction_models and assets.customer_predictions."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import ibis
import pandas as pd
import pytest

from analytics_pipeline.assets import prediction_models as module
from analytics_pipeline.assets.customer_predictions import customer_predictions
from analytics_pipeline.assets.prediction_models import prediction_models
from analytics_pipeline.domain.buyers import summarize_histories, value_order_days
from analytics_pipeline.domain.prediction import make_model, predict
from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.insights import (
    CustomerPredictions,
    PredictionModels,
)
from analytics_pipeline.settings import Engine
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline.tables import CUSTOMER_PREDICTIONS, PREDICTION_MODELS
from analytics_pipeline_tests.made_buyers import follow_the_models
from analytics_pipeline_tests.tables import make_table

FITTED_ON = date(2024, 8, 31)
FIRST, TENTH, LAST = date(2024, 9, 1), date(2024, 9, 10), date(2024, 9, 30)


@pytest.fixture(scope="module")
def order_days():
    """The order days of 1,200 people, from 2022 to the middle of October 2024."""
    orders = follow_the_models(5, 1_200, 1_020).astype({"person_id": "str"})
    days = orders.groupby(["person_id", "day"], as_index=False)["value_cents"].sum()
    return days.astype({"day": "datetime64[us]"})


@dataclass
class Days:
    """The stored days of a table."""

    rows: dict[date, tuple[pd.DataFrame, Any]] = field(default_factory=dict)

    def read(self, day):
        return self.rows.get(day)


def run_of(day):
    return SimpleNamespace(day=day, shop=SimpleNamespace(engine=connect(Engine.DUCKDB)))


def ledger(order_days, day=date.max):
    known = order_days[order_days["day"].dt.date <= day]
    return SimpleNamespace(order_days=ibis.memtable(known))


def analytics(order_days, day):
    known = order_days[order_days["day"] <= pd.Timestamp(day)]
    sums = known.groupby("person_id").agg(
        order_count=("day", "size"),
        first_order_date=("day", "min"),
        last_order_date=("day", "max"),
        lifetime_value_cents=("value_cents", "sum"),
    )
    rows = sums.rename_axis("customer_id").reset_index().to_dict("records")
    return make_table(CustomerAnalytics, [*rows, {"customer_id": "no-order"}])


def fit(order_days, day, stored=None):
    made = prediction_models.__wrapped__(
        run_of(day),
        analytics(order_days, day),
        ledger(order_days, day),
        stored or Days(),
    )
    assert PREDICTION_MODELS.audit(made.rows)[0].passed
    return made


def stored_as(**candidates):
    """Days that are stored as candidates had them: ``d01`` for the first."""
    return Days(
        {
            FIRST.replace(day=int(name[1:])): (each.rows, each.notes)
            for name, each in candidates.items()
        }
    )


@pytest.fixture(scope="module")
def first(order_days):
    return fit(order_days, FIRST)


@pytest.fixture
def _no_fit(monkeypatch):
    def refuse(*_given):
        raise AssertionError("models are fitted")

    monkeypatch.setattr(module, "make_model", refuse)


def test_the_models_of_a_month_are_fitted_on_the_last_day_before_it_rule_11_1(
    order_days, first
):
    expected = make_model(value_order_days(order_days), FITTED_ON)

    assert set(first.rows["fitted_on"]) == {pd.Timestamp(FITTED_ON)}
    assert set(first.rows["as_of"]) == {pd.Timestamp(FIRST)}
    used = first.rows.loc[first.rows["is_used"], "model"]
    assert used.tolist() == [expected.chosen, "Gamma-Gamma"]
    assert first.figures["people"] == expected.people
    assert f"{expected.chosen} and Gamma-Gamma are used" in first.figures["outcome"]
    (found,) = first.check_results
    assert found.passed


@pytest.mark.usefixtures("_no_fit")
@pytest.mark.parametrize("day", [TENTH, LAST])
def test_a_later_day_of_the_month_takes_them_over_rule_11_1(order_days, first, day):
    """What was bought in the month itself changes nothing."""
    later = fit(order_days, day, stored_as(d01=first))

    assert set(later.rows["as_of"]) == {pd.Timestamp(day)}
    assert later.notes == first.notes
    pd.testing.assert_frame_equal(
        later.rows.drop(columns="as_of"), first.rows.drop(columns="as_of")
    )


def test_what_is_taken_over_is_what_a_fit_comes_to_byte_for_byte_rule_7_3(
    order_days, first
):
    taken_over = fit(order_days, TENTH, stored_as(d01=first))
    fitted = fit(order_days, TENTH)

    contents = [
        encode(each.rows, PredictionModels, each.notes) for each in (taken_over, fitted)
    ]
    assert contents[0] == contents[1]


def with_late_order(order_days, day):
    order = {"person_id": ["person-000001"], "day": [day], "value_cents": [5_000]}
    late = pd.DataFrame(order).astype(order_days.dtypes.to_dict())
    return pd.concat([order_days, late], ignore_index=True)


def test_an_order_of_an_earlier_month_that_comes_late_is_fitted_rule_11_1(
    order_days, first
):
    late = with_late_order(order_days, "2024-08-31")

    found = fit(late, TENTH, stored_as(d01=first))

    pd.testing.assert_frame_equal(found.rows, fit(late, TENTH).rows)
    assert found.notes != first.notes
    assert not found.rows["fit"].equals(first.rows["fit"])


@pytest.mark.usefixtures("_no_fit")
def test_an_order_of_the_month_that_comes_late_changes_no_model(order_days, first):
    late = with_late_order(order_days, "2024-09-02")

    assert fit(late, TENTH, stored_as(d01=first)).notes == first.notes


def test_a_new_month_is_fitted(order_days, first):
    stored = Days({LAST: (first.rows, first.notes)})

    found = fit(order_days, date(2024, 10, 1), stored)

    assert set(found.rows["fitted_on"]) == {pd.Timestamp(LAST)}


@pytest.mark.usefixtures("_no_fit")
def test_the_latest_day_before_counts(order_days, first):
    """The first of the month had other orders; the fifth has those of today."""
    other = SimpleNamespace(rows=first.rows.iloc[:0], notes={"fitted_to": "other"})

    found = fit(order_days, TENTH, stored_as(d01=other, d05=first))

    assert found.rows["fit"].equals(first.rows["fit"])


# Everyone -----------------------------------------------------------------------------


def foresee(order_days, models, day, stored=None):
    made = customer_predictions.__wrapped__(
        run_of(day),
        models.rows,
        analytics(order_days, day),
        ledger(order_days, day),
        stored or Days(),
    )
    assert CUSTOMER_PREDICTIONS.audit(made.rows)[0].passed
    return made


@pytest.fixture(scope="module")
def foreseen(order_days, first):
    return foresee(order_days, first, TENTH)


def test_everyone_with_an_order_is_predicted_rule_11_2(order_days, foreseen):
    model = make_model(value_order_days(order_days), FITTED_ON)
    people = summarize_histories(value_order_days(order_days), TENTH)
    values = analytics(order_days, TENTH).set_index("customer_id")
    people["lifetime_value_cents"] = (
        values["lifetime_value_cents"].loc[people["person_id"]].to_numpy()
    )
    expected = predict(model, people, TENTH)

    rows = foreseen.rows
    assert rows["customer_id"].tolist() == expected["person_id"].tolist()
    for name, unit in (("orders_365_days", 100), ("value_365_days_cents", 1)):
        column = f"predicted_{name}{'_hundredths' * (unit > 1)}"
        exact = expected[f"predicted_{name}"] * unit
        assert (rows[column].astype(float) - exact).abs().max() <= 0.5 + 1e-4
    assert rows["expected_next_order_date"].equals(expected["expected_next_order_date"])
    assert foreseen.figures["predicted"] == len(rows) > 1_000
    assert foreseen.figures["outcome"].startswith("In 365 days ")


def test_predictions_of_90_days_ago_are_held_against_the_orders_since_rule_11_3(
    order_days, foreseen
):
    day = TENTH + timedelta(days=30)
    stored = Days({day - timedelta(days=90): (foreseen.rows, {})})

    (found,) = foresee(order_days, fit(order_days, day), day, stored).check_results

    assert found.check == "calibration_holds"
    assert found.evidence["people"] == len(foreseen.rows)


def test_of_a_young_shop_all_cells_are_empty_rule_11_3(order_days):
    day = date(2022, 9, 10)
    models = fit(order_days, day)

    found = foresee(order_days, models, day)

    with_order = analytics(order_days, day)["order_count"] > 0
    assert len(found.rows) == with_order.sum() > 100
    cells = found.rows.drop(columns=["as_of", "customer_id"])
    assert cells.isna().all(axis=None)
    assert list(found.rows.columns) == list(CustomerPredictions.to_schema().columns)
    reason = "The first order is 242 days old; 605 are needed"
    assert found.figures["predicted"] == 0
    assert reason in found.figures["outcome"]
    assert reason in models.figures["outcome"]
    assert models.rows["why_not"].str.contains(reason).all()
