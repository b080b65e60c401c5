"""Tests for analytics_pipeline.domain.prediction."""

import math
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain import holdouts, prediction
from analytics_pipeline.domain.buyers import (
    summarize_histories,
    value_order_days,
)
from analytics_pipeline.domain.prediction import (
    PREDICTION,
    PredictionNeeds,
    choose_cutoffs,
    day_of_model,
    decode_model,
    encode_model,
    make_model,
    predict,
    withhold,
)
from analytics_pipeline.domain.purchase_models import (
    Histories,
    OrderProcess,
    chance_of_order,
    expect_orders,
)
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.made_buyers import (
    OPENED,
    end_of,
    follow_the_models,
    repeat_every_year,
)

DAYS = 1_000
FITTED_ON = end_of(DAYS)
D = FITTED_ON + timedelta(days=20)
DATES = PREDICTION[-3:]


def trade(**more):
    return follow_the_models(seed=5, people=1_200, days=DAYS + 40, **more)


def until(orders, day):
    return orders[orders["day"] <= pd.Timestamp(day)]


@pytest.fixture(scope="module")
def orders():
    return trade()


@pytest.fixture(scope="module")
def model(orders):
    return make_model(value_order_days(orders), FITTED_ON)


@pytest.fixture(scope="module")
def people(orders):
    found = summarize_histories(value_order_days(orders), D)
    return found.assign(lifetime_value_cents=np.arange(len(found)) * 100)


@pytest.fixture(scope="module")
def predicted(model, people):
    return predict(model, people, D)


# A shop whose people buy as the models suppose ----------------------------------------


def test_people_who_follow_the_models_are_predicted_rule_11_3(model):
    assert model.reasons == ()
    assert model.used is not None
    assert model.used.process is model.chosen
    assert all(not each.reasons for each in model.order_models)
    assert [len(each.holdouts) for each in model.order_models] == [3, 3]


def test_the_model_of_orders_that_erred_less_is_chosen_rules_11_1_and_11_3(model):
    errors = {
        each.process: sum(e.people * e.orders.rmse**2 for e in each.holdouts)
        for each in model.order_models
    }

    assert model.chosen is min(errors, key=errors.get)
    assert set(errors) == set(OrderProcess)


@pytest.mark.nightly
@pytest.mark.parametrize("leaves_at_once", [False, True])
def test_the_model_that_people_follow_is_the_one_that_is_chosen(leaves_at_once):
    orders = follow_the_models(3, 20_000, DAYS, leaves_at_once=leaves_at_once)

    model = make_model(value_order_days(orders), FITTED_ON)

    assert model.chosen is list(OrderProcess)[leaves_at_once]
    parameters = model.used.fit.parameters
    found = (parameters.r, parameters.alpha, parameters.a, parameters.b)
    assert found == pytest.approx((0.8, 60.0, 0.7, 2.1), rel=0.15)
    assert model.used.holdouts[0].orders.bias == pytest.approx(0, abs=0.05)


def test_its_own_errors_are_measured_on_three_times_of_a_year_rule_11_3(model):
    for holdout in model.used.holdouts:
        assert holdout.cutoff <= FITTED_ON - timedelta(days=365)
        assert (holdout.horizons.days, holdout.horizons.chance_days) == (365, 90)
        assert holdout.orders.rmse < holdout.orders.same_again_rmse
        assert holdout.value.rmse < holdout.value.same_again_rmse
        assert holdout.chance.brier < holdout.chance.base_brier
        assert 0.2 < holdout.top_share < 0.8
        assert abs(holdout.orders.bias) < 0.25


def test_its_chances_come_true_as_often_as_they_say_rule_11_3(model):
    for holdout in model.used.holdouts:
        for tenth in holdout.chance.tenths:
            doubt = math.sqrt(tenth.predicted * (1 - tenth.predicted) / tenth.people)
            assert tenth.actual == pytest.approx(tenth.predicted, abs=4 * doubt + 0.02)


def test_later_orders_change_no_model_rule_11_1(orders, model):
    earlier = make_model(value_order_days(until(orders, FITTED_ON)), FITTED_ON)

    assert earlier == model
    assert len(until(orders, FITTED_ON)) < len(orders)


def test_a_model_comes_back_from_json_as_it_was_rule_11_1(model):
    assert decode_model(encode_model(model)) == model


def test_number_and_value_of_orders_are_independent_here(model):
    assert abs(model.value_correlation) < 0.15


# Shops that are not predicted ---------------------------------------------------------


@pytest.fixture(scope="module")
def regular():
    return make_model(value_order_days(repeat_every_year(5, 800, 3)), end_of(1_095))


def test_people_who_buy_the_same_every_year_are_not_predicted_rule_11_3(regular):
    assert regular.chosen is None
    assert regular.used is None
    assert (
        "BG/NBD predicted the orders of the past no better than that everyone buys "
        "the same again."
    ) in regular.reasons
    latest = regular.order_models[0].holdouts[0]
    assert latest.orders.same_again_rmse == 0 < latest.orders.rmse
    assert decode_model(encode_model(regular)) == regular


def test_of_a_withheld_model_no_one_is_predicted_rule_11_3(regular, people, predicted):
    nothing = predict(regular, people, end_of(1_095))

    assert nothing.empty
    assert tuple(nothing.columns) == PREDICTION
    pd.testing.assert_series_equal(nothing.dtypes, predicted.dtypes)


def few_people(orders):
    return orders[orders["person_id"] < "person-000499"]


def young(orders):
    return orders[orders["day"] > pd.Timestamp(FITTED_ON) - pd.Timedelta(days=604)]


def quiet(orders):
    return until(orders, FITTED_ON - timedelta(days=30))


def once_each(orders):
    return orders.drop_duplicates("person_id")


@pytest.mark.parametrize(
    ("leave_out", "reason"),
    [
        (few_people, " have ordered; 500 are needed."),
        (
            young,
            "The first order is 604 days old; 605 are needed, to try predictions of "
            "365 days on the past.",
        ),
        (quiet, f"There is no order in the 30 days up to {FITTED_ON}."),
        (
            once_each,
            "0 people have ordered on 3 days or more; 50 are needed.",
        ),
    ],
)
def test_a_shop_too_young_or_small_is_not_predicted_rule_11_3(
    orders, leave_out, reason
):
    model = make_model(value_order_days(leave_out(orders)), FITTED_ON)

    (found,) = model.reasons
    assert found.endswith(reason)
    assert (model.chosen, model.order_models, model.value_fit) == (None, (), None)


def test_all_that_is_lacking_is_said_rule_11_3(orders):
    one = orders[orders["person_id"] == orders["person_id"].iloc[0]].iloc[:1]
    day = one["day"].iloc[0].date() + timedelta(days=99)

    assert make_model(value_order_days(one), day).reasons == (
        "1 person has ordered; 500 are needed.",
        "The first order is 100 days old; 605 are needed, to try predictions of 365 "
        "days on the past.",
        f"There is no order in the 30 days up to {day}.",
        "0 people have ordered on 3 days or more; 50 are needed.",
    )


def test_a_shop_without_an_order_is_not_predicted_rule_11_3(orders):
    nothing = make_model(value_order_days(orders.iloc[:0]), FITTED_ON)

    assert nothing.reasons == (f"No one has ordered up to {FITTED_ON}.",)
    assert nothing.people == 0


def first_orders(orders):
    """The first order day of each person, and of one who has none."""
    found = orders.groupby("person_id")["day"].min()
    return pd.concat([found, pd.Series({"no-order": pd.NaT})])


@pytest.mark.parametrize(
    "leave_out", [few_people, young, lambda o: few_people(young(o)), lambda o: o[:0]]
)
def test_first_orders_show_that_a_shop_is_too_young_or_small_rule_11_3(
    orders, leave_out
):
    left = until(leave_out(orders), FITTED_ON)

    assert withhold(first_orders(leave_out(orders)), FITTED_ON) == make_model(
        value_order_days(left), FITTED_ON
    )


@pytest.mark.parametrize("leave_out", [quiet, once_each, lambda orders: orders])
def test_what_else_a_shop_lacks_first_orders_do_not_show(orders, leave_out):
    assert withhold(first_orders(leave_out(orders)), FITTED_ON) is None


# Shops whose fits are not all sound ---------------------------------------------------


class KnownFits:
    """The fits of a model, known by their number of people; some may be unsound."""

    def __init__(self, model):
        self.order_fits = {
            (each.parameters.process, each.quality.people): each
            for one in model.order_models
            for each in (one.fit, *(holdout.fit for holdout in one.holdouts))
        }
        holdouts = model.used.holdouts
        values = [model.value_fit, *(holdout.value_fit for holdout in holdouts)]
        self.value_fits = {each.quality.people: each for each in values}

    def fit_orders(self, histories, process):
        return self.order_fits[process, len(histories.age)]

    def fit_values(self, values):
        return self.value_fits[int((values.orders > 0).sum())]


def unsound(fit):
    return replace(fit, quality=replace(fit.quality, reason=FAULT))


FAULT = "The fit is not at an optimum."


@pytest.fixture
def fits(monkeypatch, model):
    known = KnownFits(model)
    for module in (prediction, holdouts):
        monkeypatch.setattr(module, "fit_values", known.fit_values)
    monkeypatch.setattr(prediction, "fit_orders", known.fit_orders)
    return known


def test_with_sound_fits_alone_the_shop_is_predicted(fits, orders, model):
    assert make_model(value_order_days(orders), FITTED_ON) == model


def test_exactly_as_many_people_as_are_needed_are_enough_rule_11_3(fits, orders, model):
    days = value_order_days(orders)
    counts = summarize_histories(days, FITTED_ON)["repeat_count"]
    enough = PredictionNeeds(people=len(counts), regulars=int((counts >= 2).sum()))

    assert make_model(days, FITTED_ON, enough) == model
    for name in ("people", "regulars"):
        more = replace(enough, **{name: getattr(enough, name) + 1})
        (reason,) = make_model(days, FITTED_ON, more).reasons
        assert f"{getattr(more, name)} are needed." in reason


def test_a_model_of_orders_without_a_sound_fit_is_not_chosen_rule_11_3(
    fits, orders, model
):
    for process, people in fits.order_fits:
        if process is model.chosen:
            fits.order_fits[process, people] = unsound(fits.order_fits[process, people])

    other = make_model(value_order_days(orders), FITTED_ON)

    assert other.reasons == ()
    assert other.chosen not in (None, model.chosen)
    (broken,) = [e for e in other.order_models if e.process is model.chosen]
    assert broken.reasons[0] == FAULT
    assert broken.holdouts == ()


def test_one_unsound_fit_of_the_past_is_enough_rule_11_3(fits, orders, model):
    first = model.used.holdouts[0]
    for process in OrderProcess:
        key = (process, first.people)
        fits.order_fits[key] = unsound(fits.order_fits[key])

    withheld = make_model(value_order_days(orders), FITTED_ON)

    assert withheld.reasons == (f"As of {first.cutoff}: {FAULT}",) * 2
    assert withheld.chosen is None


@pytest.mark.parametrize("place", [0, 1], ids=["now", "in the past"])
def test_without_a_sound_fit_of_values_no_one_is_predicted_rule_11_3(
    fits, orders, model, place
):
    people = list(fits.value_fits)[place]
    fits.value_fits[people] = unsound(fits.value_fits[people])

    withheld = make_model(value_order_days(orders), FITTED_ON)

    (reason,) = withheld.reasons
    assert reason.endswith(FAULT)
    assert reason.startswith("As of") == bool(place)
    assert withheld.chosen is None


# The days that a model is of, and is tried on -----------------------------------------


@pytest.mark.parametrize(
    ("as_of", "fitted_on"),
    [
        (date(2026, 6, 20), date(2026, 5, 31)),
        (date(2026, 3, 1), date(2026, 2, 28)),
        (date(2026, 3, 31), date(2026, 2, 28)),
        (date(2026, 1, 1), date(2025, 12, 31)),
    ],
)
def test_a_model_is_of_the_end_of_the_month_before_rule_11_1(as_of, fitted_on):
    assert day_of_model(as_of) == fitted_on


@settings(max_examples=up_to(200))
@given(st.integers(0, 1_500))
def test_each_cutoff_has_a_year_after_and_half_a_year_before_rule_11_3(days):
    first = FITTED_ON - timedelta(days=days)

    cutoffs = choose_cutoffs(first, FITTED_ON, PredictionNeeds())

    assert len(cutoffs) == (3 if days >= 604 else 0)
    for later, earlier in pairwise(cutoffs):
        assert 30 <= (later - earlier).days <= 90
    for cutoff in cutoffs:
        assert FITTED_ON - cutoff >= timedelta(days=365)
        assert (cutoff - first).days + 1 >= 180


def test_an_older_shop_is_tried_on_days_three_months_apart_rule_11_3():
    cutoffs = choose_cutoffs(OPENED, date(2026, 6, 30), PredictionNeeds())

    ago = [(date(2026, 6, 30) - cutoff).days for cutoff in cutoffs]
    assert ago == [365, 455, 545]


# Each person --------------------------------------------------------------------------


def histories_of(people):
    columns = ("repeat_count", "recency_days", "age_days")
    return Histories(*(people[name].to_numpy() for name in columns))


def test_everyone_with_an_order_is_predicted_in_the_same_order_rule_11_2(
    people, predicted
):
    assert tuple(predicted.columns) == PREDICTION
    assert predicted["person_id"].tolist() == people["person_id"].tolist()


def test_each_person_is_predicted_apart_from_the_others_rule_11_2(
    model, people, predicted
):
    some = people.sample(frac=0.3, random_state=1)

    rows = predict(model, some, D)

    expected = predicted.loc[some.index].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, expected)


def test_orders_value_and_chance_are_those_of_the_models_rule_11_2(
    model, people, predicted
):
    histories, parameters = histories_of(people), model.used.fit.parameters
    orders = expect_orders(parameters, histories, 365)
    chance = chance_of_order(parameters, histories, 90)
    p, q, gamma = (getattr(model.value_fit.parameters, n) for n in ("p", "q", "gamma"))
    count = people["valued_repeat_count"]
    total = count * people["mean_repeat_value"]
    value = orders * p * (gamma + total) / (p * count + q - 1) * 100

    assert predicted["predicted_orders_365_days"].tolist() == orders.tolist()
    assert predicted["chance_of_order_90_days"].tolist() == chance.tolist()
    cents = predicted["predicted_value_365_days_cents"]
    assert cents.tolist() == pytest.approx(value.tolist(), abs=0.51)


def test_the_total_is_what_was_bought_and_what_is_predicted_rule_11_2(
    people, predicted
):
    total = predicted["predicted_total_value_cents"]

    assert total.dtype == "int64"
    parts = people["lifetime_value_cents"], predicted["predicted_value_365_days_cents"]
    assert (total == parts[0] + parts[1]).all()


def test_who_is_not_likely_to_order_in_a_year_has_no_date_rule_11_2(
    model, people, predicted
):
    chance = chance_of_order(model.used.fit.parameters, histories_of(people), 365)

    for name in DATES:
        assert (predicted[name].isna() == (chance < 0.5)).all()
    assert 0 < (chance < 0.5).sum() < len(people)


def test_the_dates_are_the_first_by_whose_end_an_order_is_so_likely_rule_11_2(
    model, people, predicted
):
    parameters, is_dated = model.used.fit.parameters, predicted[DATES[0]].notna()
    scale = parameters.alpha + people.loc[is_dated, "age_days"]
    rate = parameters.r + people.loc[is_dated, "repeat_count"]

    def chance_within(days):
        """Of those who have not left."""
        return 1 - (scale / (scale + days)) ** rate

    for share, name in zip((0.5, 0.25, 0.75), DATES, strict=True):
        days = (predicted.loc[is_dated, name] - pd.Timestamp(D)).dt.days
        assert (days >= 1).all()
        assert (chance_within(days) >= share - 1e-9).all()
        assert (chance_within(days - 1) < share).all()


def test_no_date_is_later_than_in_ten_years_rule_11_2(model, people):
    parameters = replace(
        model.used.fit.parameters, process=OrderProcess.BG_NBD, r=0.25, alpha=20.0
    )
    used = replace(model.used, fit=replace(model.used.fit, parameters=parameters))
    slow = replace(model, order_models=(used,), chosen=OrderProcess.BG_NBD)
    new = people.iloc[:1].assign(repeat_count=0, recency_days=0, age_days=0)

    (row,) = predict(slow, new, D)[list(DATES)].itertuples(index=False)

    days = [(day - pd.Timestamp(D)).days for day in row]
    assert days == [20 * 15, math.ceil(20 * ((4 / 3) ** 4 - 1)), 3_650]


def test_a_model_of_later_days_is_refused_rule_11_1(model, people):
    with pytest.raises(ValueError, match="is later than"):
        predict(model, people, FITTED_ON - timedelta(days=1))
