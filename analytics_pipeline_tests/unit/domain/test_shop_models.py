"""Tests for analytics_pipeline.domain.shop_models."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from analytics_pipeline.domain.buyers import summarize_histories, value_order_days
from analytics_pipeline.domain.prediction import make_model, predict
from analytics_pipeline.domain.purchase_models import VALUE_MODEL, OrderProcess
from analytics_pipeline.domain.shop_models import check_models, list_models, read_model
from analytics_pipeline_tests.made_buyers import (
    end_of,
    follow_the_models,
    repeat_every_year,
)

D = end_of(1_000)


@pytest.fixture(scope="module")
def orders():
    return value_order_days(follow_the_models(seed=5, people=1_200, days=1_000))


@pytest.fixture(scope="module")
def model(orders):
    return make_model(orders, D)


@pytest.fixture(scope="module")
def young(orders):
    return make_model(orders, end_of(300))


@pytest.fixture(scope="module")
def regular():
    return make_model(value_order_days(repeat_every_year(5, 800, 3)), end_of(1_095))


def test_there_is_a_row_of_each_model_rule_11_1(model):
    rows = list_models(model).set_index("model")

    assert list(rows.index) == [*OrderProcess, VALUE_MODEL]
    used = rows[rows["is_used"]]
    assert list(used.index) == [model.chosen, VALUE_MODEL]
    assert used["why_not"].isna().all()
    (other,) = set(OrderProcess) - {model.chosen}
    why_not = f"{model.chosen} predicted the orders of the past better."
    assert rows.loc[other, "why_not"] == why_not
    assert set(rows["people"]) == {model.people}


def test_the_error_on_each_holdout_is_stored_with_counts_rule_11_3(model):
    rows = list_models(model).set_index("model")

    for process in OrderProcess:
        errors = json.loads(rows.loc[process, "errors"])
        assert len(errors) == 3
        for each in errors:
            assert each["horizons"] == {"days": 365, "chance_days": 90}
            assert sum(t["people"] for t in each["chance"]["tenths"]) == each["people"]
            assert each["orders"]["rmse"] < each["orders"]["same_again_rmse"]


def test_people_are_predicted_from_rows_as_from_the_model_rule_11_2(orders, model):
    people = summarize_histories(orders, D).assign(lifetime_value_cents=0)

    found = predict(read_model(list_models(model)), people, D)

    pd.testing.assert_frame_equal(found, predict(model, people, D), rtol=1e-7)


def test_rows_of_what_was_read_are_the_same_rows(model):
    rows = list_models(model)
    again = list_models(read_model(rows))

    used = rows["is_used"]
    pd.testing.assert_frame_equal(again[used], rows[used])


def test_digits_that_come_from_the_machine_are_not_stored(model):
    fit = model.used.fit
    parameters = replace(fit.parameters, r=fit.parameters.r * (1 + 1e-14))
    other = replace(model.used, fit=replace(fit, parameters=parameters))
    others = [other if e is model.used else e for e in model.order_models]

    found = list_models(replace(model, order_models=tuple(others)))

    pd.testing.assert_frame_equal(found, list_models(model))


@pytest.mark.parametrize("shop", ["young", "regular"])
def test_why_nothing_is_predicted_is_in_every_row_rule_11_3(shop, request):
    withheld = request.getfixturevalue(shop)
    rows = list_models(withheld)

    assert not rows["is_used"].any()
    assert rows["why_not"].notna().all()
    assert read_model(rows).chosen is None
    assert read_model(rows).reasons == (" ".join(dict.fromkeys(withheld.reasons)),)
    assert check_models(rows).passed
    assert withheld.reasons[0] in check_models(rows).sentence


def test_what_is_so_today_is_not_said_of_each_day_of_the_past_too(young):
    fault = "The fit of BG/NBD is not at an optimum: a parameter is at its bound."
    other = "As of 2024-01-01: Two starts of the fit of BG/NBD do not agree."
    reasons = (fault, f"As of 2024-01-01: {fault}", other)

    rows = list_models(replace(young, reasons=reasons))

    assert set(rows["why_not"]) == {f"{fault} {other}"}


def test_models_that_are_tried_and_not_used_are_stored_too_rule_11_3(regular):
    rows = list_models(regular)

    assert rows["fit"].notna().all()
    assert rows["errors"].notna().sum() == len(OrderProcess)


# The check ----------------------------------------------------------------------------


def test_a_model_that_is_better_than_same_again_is_sound_rule_11_3(model):
    found = check_models(list_models(model))

    assert found.passed
    assert found.evidence["used"] == model.chosen


def spoil_used(model, **changes):
    """Change the model of orders that is used."""
    others = [
        replace(e, **changes) if e is model.used else e for e in model.order_models
    ]
    return replace(model, order_models=tuple(others))


def with_quality(model, **changes):
    fit = model.used.fit
    return spoil_used(model, fit=replace(fit, quality=replace(fit.quality, **changes)))


def with_errors(model, name, factor):
    """Let what was predicted be so many times as wrong as it was."""
    holdouts = []
    for each in model.used.holdouts:
        error = getattr(each, name)
        worse = replace(error, rmse=error.rmse * factor)
        holdouts.append(replace(each, **{name: worse}))
    return spoil_used(model, holdouts=tuple(holdouts))


def with_bad_values(model):
    fit = model.value_fit
    quality = replace(fit.quality, reason="Two starts do not agree.")
    return replace(model, value_fit=replace(fit, quality=quality))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda m: with_quality(m, gradient_norm=1e-3), "at no optimum"),
        (lambda m: with_quality(m, start_difference=0.5), "at no optimum"),
        (lambda m: with_quality(m, reason="No."), "at no optimum"),
        (with_bad_values, "Gamma-Gamma is used, but its fit is at no optimum"),
        (lambda m: with_errors(m, "orders", 9), "predicts the orders better"),
        (lambda m: with_errors(m, "value", 9), "predicts the value better"),
        (
            lambda m: spoil_used(m, holdouts=m.used.holdouts[:2]),
            "was not tried on 3 times",
        ),
    ],
)
def test_a_model_that_is_not_sound_is_found_rule_11_3(model, spoil, fault):
    found = check_models(list_models(spoil(model)))

    assert found.blocks
    assert fault in found.sentence


def test_one_model_of_orders_is_used_and_no_more(model):
    rows = list_models(model).assign(is_used=True)

    assert "one of orders and one of values" in check_models(rows).sentence


def test_that_nothing_is_predicted_needs_a_reason_rule_11_3(young):
    rows = list_models(young)

    found = check_models(rows.assign(why_not=[None, *rows["why_not"][1:]]))

    assert found.blocks
    assert "nothing says why" in found.sentence
