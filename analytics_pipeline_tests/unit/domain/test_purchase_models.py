"""Tests for analytics_pipeline.domain.purchase_models."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.buyers import find_buyers
from analytics_pipeline.domain.purchase_models import (
    Histories,
    OrderLikelihood,
    OrderParameters,
    OrderProcess,
    RepeatValues,
    ValueLikelihood,
    ValueParameters,
    chance_of_order,
    days_to_next_order,
    expect_orders,
    expect_value,
    fit_orders,
    fit_values,
    group_histories,
)
from analytics_pipeline_tests.cdnow_orders import (
    DAYS,
    WEEK_39,
    order_days,
    transactions,
)
from analytics_pipeline_tests.examples import up_to

BG, MBG = OrderProcess
WEEK = 7


def one(repeats=0, recency=0, age=0):
    return Histories(*(np.array([each]) for each in (repeats, recency, age)))


def many(*rows):
    return Histories(*(np.array(each) for each in zip(*rows, strict=True)))


# What is published of the CDNOW sample ------------------------------------------------


@pytest.fixture(scope="module")
def cdnow():
    return find_buyers(order_days(), WEEK_39)


@pytest.fixture(scope="module")
def fits(cdnow):
    return {process: fit_orders(cdnow.histories, process) for process in OrderProcess}


@pytest.mark.parametrize(
    ("process", "r", "alpha", "a", "b", "log_likelihood"),
    [
        # Fader, Hardie and Lee (2005), table 2.
        (BG, 0.2426, 4.4135, 0.7929, 2.4257, -9582.4256),
        # As packages in R publish them.
        (MBG, 0.525, 6.183, 0.891, 1.614, -9582.1327),
    ],
)
def test_the_published_parameters_of_orders_come_out_rule_11_1(
    cdnow, fits, process, r, alpha, a, b, log_likelihood
):
    parameters, quality = fits[process].parameters, fits[process].quality
    in_weeks = int(cdnow.histories.repeats.sum()) * math.log(WEEK)

    assert parameters.process is process
    assert parameters.r == pytest.approx(r, abs=0.005)
    assert parameters.alpha / WEEK == pytest.approx(alpha, abs=0.005)
    assert parameters.a == pytest.approx(a, abs=0.005)
    assert parameters.b == pytest.approx(b, abs=0.005)
    assert quality.log_likelihood + in_weeks == pytest.approx(log_likelihood, abs=0.01)
    assert (quality.people, quality.reason) == (2357, None)
    assert quality.gradient_norm < 1e-6
    assert quality.start_difference < 1e-5


def test_the_published_parameters_of_values_come_out_rule_11_1(cdnow):
    fit = fit_values(cdnow.repeat_values)

    # Fader and Hardie (2013), "The Gamma-Gamma Model of Monetary Value".
    assert fit.parameters.p == pytest.approx(6.249, abs=0.005)
    assert fit.parameters.q == pytest.approx(3.745, abs=0.005)
    assert fit.parameters.gamma == pytest.approx(15.448, abs=0.005)
    assert fit.quality.log_likelihood == pytest.approx(-4055.923, abs=0.01)
    assert (fit.quality.people, fit.quality.reason) == (946, None)


def test_the_published_expectations_of_a_new_customer_come_out_rule_11_2(fits):
    weeks = (0.1429, 1, 3, 31.8571, 32, 78)

    orders = [
        float(expect_orders(fits[BG].parameters, one(), week * WEEK)[0])
        for week in weeks
    ]

    published = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8580]
    assert orders == pytest.approx(published, abs=5e-4)


def test_the_published_expectation_of_one_customer_comes_out_rule_11_2(fits):
    mine = one(2, 213, 272)

    assert mine.recency[0] / WEEK == pytest.approx(30.43, abs=0.005)
    assert mine.age[0] / WEEK == pytest.approx(38.86, abs=0.005)
    orders = expect_orders(fits[BG].parameters, mine, 39 * WEEK)
    assert orders[0] == pytest.approx(1.226, abs=5e-4)


def test_the_published_sum_of_the_next_39_weeks_comes_out_rule_11_2(cdnow, fits):
    orders = expect_orders(fits[BG].parameters, cdnow.histories, DAYS)

    assert round(float(orders.sum())) == 1653


def test_the_published_values_of_the_first_customers_come_out_rule_11_2(cdnow):
    parameters = fit_values(cdnow.repeat_values).parameters
    people = order_days().people[cdnow.person]
    first = [people.get_loc(each) for each in transactions()["person_id"].unique()[:10]]

    values = expect_value(parameters, cdnow.repeat_values)[first]

    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert values == pytest.approx(published, abs=0.01)


# The likelihoods, written again for one person ----------------------------------------

SHAPES = st.floats(0.05, 20)
ORDER_PARAMETERS = st.builds(
    OrderParameters,
    st.sampled_from(OrderProcess),
    SHAPES,
    st.floats(1, 2_000),
    SHAPES,
    SHAPES,
)
HISTORY = st.tuples(st.integers(0, 60), st.integers(0, 700), st.integers(0, 700)).map(
    lambda drawn: (0, 0, sum(drawn)) if not drawn[0] else drawn_history(*drawn)
)
HISTORIES = st.lists(HISTORY, min_size=1, max_size=12)


def drawn_history(repeats, recency, later):
    recency = max(recency, repeats)
    return repeats, recency, recency + later


def log_beta(a, b):
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def log_likelihood_of(parameters, repeats, recency, age):
    """Of one person: the sum of the two ways in which it may have come about."""
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    chances = repeats + (parameters.process is MBG)
    rates = math.lgamma(r + repeats) - math.lgamma(r) + r * math.log(alpha)
    stayed = log_beta(a, b + chances) - (r + repeats) * math.log(alpha + age)
    if not chances:
        return rates + stayed - log_beta(a, b)
    left = log_beta(a + 1, b + chances - 1) - (r + repeats) * math.log(alpha + recency)
    most = max(stayed, left)
    both = math.exp(stayed - most) + math.exp(left - most)
    return rates + most + math.log(both) - log_beta(a, b)


def logs_of(parameters):
    return np.log([parameters.r, parameters.alpha, parameters.a, parameters.b])


@settings(max_examples=up_to(200))
@given(ORDER_PARAMETERS, HISTORIES)
def test_the_likelihood_is_that_of_all_people_and_grouping_changes_nothing(
    parameters, histories
):
    grouped, people = group_histories(many(*histories * 2))

    value, _gradient = OrderLikelihood(grouped, people, parameters.process)(
        logs_of(parameters)
    )

    expected = 2 * sum(log_likelihood_of(parameters, *each) for each in histories)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-7)
    assert people.sum() == 2 * len(histories)
    assert people.min() >= 2


def numeric_gradient(function, logs, step=1e-5):
    """By central differences."""
    return [
        (function(logs + step * axis)[0] - function(logs - step * axis)[0]) / (2 * step)
        for axis in np.eye(len(logs))
    ]


@settings(max_examples=up_to(200))
@given(ORDER_PARAMETERS, HISTORIES)
def test_the_gradient_of_orders_is_the_slope_of_their_likelihood(parameters, histories):
    grouped, people = group_histories(many(*histories))
    likelihood = OrderLikelihood(grouped, people, parameters.process)
    logs = logs_of(parameters)

    value, gradient = likelihood(logs)

    size = 1e-6 * max(1.0, abs(value))
    assert gradient == pytest.approx(
        numeric_gradient(likelihood, logs), rel=1e-5, abs=size
    )


VALUES = st.lists(
    st.tuples(st.integers(1, 40), st.floats(0.01, 10_000)), min_size=1, max_size=12
).map(lambda rows: RepeatValues(*(np.array(each) for each in zip(*rows, strict=True))))


@settings(max_examples=up_to(200))
@given(SHAPES, SHAPES, st.floats(0.1, 1_000), VALUES)
def test_the_likelihood_of_values_and_its_gradient_are_those_of_the_paper(
    p, q, gamma, values
):
    likelihood, logs = ValueLikelihood(values), np.log([p, q, gamma])

    value, gradient = likelihood(logs)

    expected = sum(
        math.lgamma(p * x + q)
        - math.lgamma(p * x)
        - math.lgamma(q)
        + q * math.log(gamma)
        + (p * x - 1) * math.log(mean)
        + p * x * math.log(x)
        - (p * x + q) * math.log(gamma + x * mean)
        for x, mean in zip(values.orders.tolist(), values.means.tolist(), strict=True)
    )
    size = 1e-6 * max(1.0, abs(value), p * float(values.orders.sum()))
    assert value == pytest.approx(expected, rel=1e-9, abs=size / 100)
    assert gradient == pytest.approx(
        numeric_gradient(likelihood, logs), rel=1e-5, abs=size
    )


# Fits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("process", OrderProcess)
def test_the_order_of_people_changes_no_fit(cdnow, process):
    shuffled = np.random.default_rng(1).permutation(len(cdnow.person))[:600]
    some = np.sort(shuffled)

    def fit_some(places):
        histories, values = cdnow.histories, cdnow.repeat_values
        chosen = Histories(
            histories.repeats[places], histories.recency[places], histories.age[places]
        )
        return (
            fit_orders(chosen, process),
            fit_values(RepeatValues(values.orders[places], values.means[places])),
        )

    assert fit_some(shuffled) == fit_some(some)


def test_another_currency_changes_the_scale_alone(cdnow):
    values = cdnow.repeat_values
    plain = fit_values(values).parameters

    scaled = fit_values(replace(values, means=values.means * 1_000)).parameters

    assert (scaled.p, scaled.q) == pytest.approx((plain.p, plain.q), rel=1e-4)
    assert scaled.gamma == pytest.approx(1_000 * plain.gamma, rel=1e-4)


@pytest.mark.parametrize("process", OrderProcess)
def test_people_who_never_come_back_have_no_fit_rule_11_3(process):
    fit = fit_orders(many(*[(0, 0, age) for age in range(600)]), process)

    assert fit.quality.reason == (
        f"The fit of {process} is not at an optimum: a parameter is at its bound."
    )


def test_people_who_all_pay_the_same_have_no_fit_of_values_rule_11_3():
    same = RepeatValues(np.arange(1, 600), np.full(599, 20.0))

    assert "not at an optimum" in fit_values(same).quality.reason


def test_values_without_a_mean_are_not_used_rule_11_3():
    rng = np.random.default_rng(4)
    scale = rng.gamma(0.6, 1 / 10, 3_000)

    fit = fit_values(RepeatValues(np.ones(3_000, int), rng.gamma(5.0, 1 / scale)))

    assert fit.parameters.q < 1
    assert fit.quality.reason.endswith("has no mean (q is below 1).")


def test_starts_that_end_far_apart_are_reported_rule_11_3(monkeypatch, cdnow):
    monkeypatch.setattr(
        "analytics_pipeline.domain.purchase_models._OPTIONS", {"maxiter": 3}
    )

    quality = fit_orders(cdnow.histories, BG).quality
    assert "not at an optimum" in quality.reason
    monkeypatch.setattr(
        "analytics_pipeline.domain.purchase_models.SMALLEST_GRADIENT", 1.0
    )
    assert fit_orders(cdnow.histories, BG).quality.reason == (
        "Two starts of the fit of BG/NBD do not agree."
    )


def test_no_one_at_all_has_no_fit_rule_11_3():
    none = np.array([], dtype=int)

    for process in OrderProcess:
        fit = fit_orders(Histories(none, none, none), process)
        assert fit.quality.reason == f"{process} has no orders to fit."
    fit = fit_values(RepeatValues(np.zeros(5, int), np.zeros(5)))
    assert fit.quality.reason == "Gamma-Gamma has no value of repeat orders to fit."


# Expectations, held against sums and integrals that are written again -----------------


def alive(parameters, repeats, recency, age):
    """The probability not to have left, as the papers have it."""
    a, b, rate = parameters.a, parameters.b, parameters.r + repeats
    others = b + repeats - (parameters.process is BG)
    if parameters.process is BG and not repeats:
        return 1.0
    ratio = (parameters.alpha + age) / (parameters.alpha + recency)
    return 1 / (1 + math.exp(math.log(a / others) + rate * math.log(ratio)))


def integrate(function, a, b):
    """The mean of *function* over a beta distribution: a double exponential rule.

    Every factor is a logarithm, so that densities without bounds at 0 and 1 do no harm.
    """
    steps = np.linspace(-7.5, 7.5, 6_001)
    odds = np.pi * np.sinh(steps)
    log_p, log_rest = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    logs = a * log_p + b * log_rest + np.log(np.cosh(steps))
    weights = np.exp(logs - logs.max())
    return float((weights * function(np.exp(log_p))).sum() / weights.sum())


def orders_by_integral(parameters, repeats, recency, age, days):
    """Expected orders: over the probabilities to leave, of (1 − E[exp(−L p t)]) / p."""
    rate, scale = parameters.r + repeats, parameters.alpha + age
    chances = repeats + (parameters.process is MBG)

    def orders(p):
        exponent = -rate * np.log1p(p * days / scale)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(p > 1e-290, -np.expm1(exponent) / p, rate * days / scale)

    mean = integrate(orders, parameters.a, parameters.b + chances)
    return mean * alive(parameters, repeats, recency, age)


LONG_HISTORY = st.tuples(
    st.integers(0, 800), st.integers(0, 3_000), st.integers(0, 1_000)
).map(lambda drawn: (0, 0, sum(drawn)) if not drawn[0] else drawn_history(*drawn))


@settings(max_examples=up_to(200))
@given(
    st.builds(
        OrderParameters,
        st.sampled_from(OrderProcess),
        st.floats(0.05, 50),
        st.floats(0.5, 3_000),
        st.floats(0.05, 50),
        st.floats(0.05, 100),
    ),
    LONG_HISTORY,
    st.sampled_from([1, 90, 365]),
)
def test_expected_orders_are_an_integral_however_many_repeats(
    parameters, history, days
):
    orders = expect_orders(parameters, one(*history), days)

    expected = orders_by_integral(parameters, *history, days)
    assert orders[0] == pytest.approx(expected, rel=1e-6, abs=1e-9)


HISTORIES_AT_ONE = [(0, 0, 0), (0, 0, 400), (3, 90, 120), (300, 900, 910)]


@pytest.mark.parametrize("process", OrderProcess)
@pytest.mark.parametrize("distance", [0, 1e-12, -1e-9, 1e-6, -9.9e-5, 1.1e-4, 1e-3])
@pytest.mark.parametrize(
    "history", [(0, 0, 0), (0, 0, 400), (3, 90, 120), (300, 900, 910)]
)
def test_expected_orders_have_no_hole_where_a_is_1(process, distance, history):
    parameters = OrderParameters(process, 0.5, 40.0, 1 + distance, 2.5)

    orders = expect_orders(parameters, one(*history), 365)

    expected = orders_by_integral(parameters, *history, 365)
    assert orders[0] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("b", [0.2, 0.2 + 1e-13, 0.2 - 1e-9, 0.1])
def test_expected_orders_have_no_hole_where_a_and_b_add_up_to_1(b):
    parameters = OrderParameters(BG, 0.5, 40.0, 0.8, b)

    orders = expect_orders(parameters, one(0, 0, 30), 365)

    expected = orders_by_integral(parameters, 0, 0, 30, 365)
    assert orders[0] == pytest.approx(expected, rel=1e-9)


@settings(max_examples=up_to(100))
@given(ORDER_PARAMETERS, st.lists(LONG_HISTORY, min_size=1, max_size=6))
def test_people_are_predicted_each_for_themselves(parameters, histories):
    together = expect_orders(parameters, many(*histories), 365)

    alone = [float(expect_orders(parameters, one(*h), 365)[0]) for h in histories]
    assert together.tolist() == alone


@settings(max_examples=up_to(200))
@given(ORDER_PARAMETERS, HISTORY, st.sampled_from([1, 90, 365, 1e15]))
def test_the_chance_of_an_order_is_that_of_being_there_and_coming(
    parameters, history, days
):
    chance = float(chance_of_order(parameters, one(*history), days)[0])

    repeats, _recency, age = history
    scale = parameters.alpha + age
    none = (scale / (scale + days)) ** (parameters.r + repeats)
    expected = alive(parameters, *history) * (1 - none)
    assert chance == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(max_examples=up_to(100))
@given(ORDER_PARAMETERS, HISTORY, st.sampled_from([0.25, 0.5, 0.75]))
def test_the_days_to_the_next_order_have_the_chance_that_was_asked_for(
    parameters, history, share
):
    assume(parameters.r + history[0] > 0.1)
    mine = one(*history)

    days = float(days_to_next_order(parameters, mine, share)[0])

    chance = float(chance_of_order(parameters, mine, days)[0])
    assert chance == pytest.approx(share * alive(parameters, *history), rel=1e-6)


def test_hardly_anyone_who_comes_is_waited_for_without_end():
    parameters = OrderParameters(BG, 0.001, 40.0, 0.8, 2.5)

    assert np.isinf(days_to_next_order(parameters, one(), 0.75)).all()


@settings(max_examples=up_to(100))
@given(SHAPES, st.floats(1.1, 20), st.floats(0.1, 1_000), VALUES)
def test_the_expected_value_is_between_the_persons_mean_and_that_of_all(
    p, q, gamma, values
):
    worth = expect_value(ValueParameters(p, q, gamma), values)

    of_all = p * gamma / (q - 1)
    least, most = np.minimum(values.means, of_all), np.maximum(values.means, of_all)
    assert (worth >= least * (1 - 1e-9)).all()
    assert (worth <= most * (1 + 1e-9)).all()


def test_without_repeats_the_expected_value_is_that_of_all():
    worth = expect_value(
        ValueParameters(6, 4, 15), RepeatValues(np.zeros(1, int), np.zeros(1))
    )

    assert worth.tolist() == [30.0]
