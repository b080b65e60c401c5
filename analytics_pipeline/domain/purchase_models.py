"""How often people buy again, and for how much: three published models of purchases.

BG/NBD (Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing
Science 24, 2005) and MBG/NBD (Batislam, Denizel and Filiztekin, 2007) are models of
orders.  In both a person who buys does so at random, at a rate of their own, and may
leave for good after an order, with a probability of their own; over all people the
rates follow a gamma distribution (``r``, ``alpha``), and the probabilities a beta
distribution (``a``, ``b``).  They differ in one thing: with MBG/NBD a person may leave
after the first order already.

Gamma-Gamma (Fader and Hardie, "The Gamma-Gamma Model of Monetary Value", 2013) is a
model of what an order is worth (``p``, ``q``, ``gamma``).

Of a person the models know: *repeats*, the order days after the first (x in the
papers); *recency*, the days from the first order day to the last (t_x); *age*, the days
from the first order day to the day that the figures are as of (T).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analytics_pipeline.lazy import lazily_with_one_thread

if TYPE_CHECKING:
    from scipy import optimize, special
else:
    optimize = lazily_with_one_thread("scipy.optimize")
    special = lazily_with_one_thread("scipy.special")

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Histories:
    """When people ordered: one element of each array is one of them.

    Attributes:
        repeats: order days after the first, at least 0.
        recency: days from the first order day to the last.
        age: days from the first order day until now, at least the recency.
    """

    repeats: Ints
    recency: Ints
    age: Ints


@dataclass(frozen=True, slots=True)
class RepeatValues:
    """What people's repeat orders were worth: one element of each array is one of them.

    Attributes:
        orders: order days after the first with a value above 0.
        means: the mean of these values in units of the currency; 0 if there are none.
    """

    orders: Ints
    means: Floats


class OrderProcess(StrEnum):
    """A model of orders."""

    BG_NBD = "BG/NBD"
    MBG_NBD = "MBG/NBD"


VALUE_MODEL = "Gamma-Gamma"


@dataclass(frozen=True, slots=True)
class OrderParameters:
    """The parameters of a model of orders.

    Attributes:
        process: the model.
        r: shape of the distribution of rates.
        alpha: its scale, in days.
        a: first shape of the distribution of the probability to leave.
        b: its second shape.
    """

    process: OrderProcess
    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class ValueParameters:
    """The parameters of the Gamma-Gamma model.

    Attributes:
        p: shape of the distribution of the values of one person's orders.
        q: shape of the distribution of people's scales.
        gamma: its scale, in units of the currency.
    """

    p: float
    q: float
    gamma: float


@dataclass(frozen=True, slots=True)
class FitQuality:
    """How good the maximum is that a fit has found.

    Attributes:
        log_likelihood: of all people; of times in days and of values in units of the
            currency.  Times in weeks, as papers have them, add the number of repeats
            times the logarithm of 7.
        people: whose history was fitted.
        gradient_norm: the largest derivative of the log likelihood of one person, on
            average, by the logarithm of a parameter.  It is 0 at a maximum.
        start_difference: the largest difference of the logarithm of a parameter
            between the maxima that were found from two starts.
        reason: why the parameters are not to be used; nothing if they are sound.
    """

    log_likelihood: float
    people: int
    gradient_norm: float
    start_difference: float
    reason: str | None


@dataclass(frozen=True, slots=True)
class OrderFit:
    """A fitted model of orders."""

    parameters: OrderParameters
    quality: FitQuality


@dataclass(frozen=True, slots=True)
class ValueFit:
    """A fitted model of the value of orders."""

    parameters: ValueParameters
    quality: FitQuality


# ----------------------------------------------------------------------------------
# The likelihood of orders.
#
# Both models have one formula, if the orders after which a person may have left are
# counted: the repeats with BG/NBD, the first order too with MBG/NBD. With n of them the
# likelihood of a person is that of one who left after none of them, plus that of one
# who left after the last.


def group_histories(histories: Histories) -> tuple[Histories, Ints]:
    """Return each history that there is once, and how many people have it."""
    days = int(histories.age.max(initial=0)) + 1
    key = (histories.repeats * days + histories.recency) * days + histories.age
    found, people = np.unique(key, return_counts=True)
    rest, age = np.divmod(found, days)
    repeats, recency = np.divmod(rest, days)
    return Histories(repeats, recency, age), people.astype(np.int64)


def _chances_to_leave(process: OrderProcess, repeats: Ints) -> Ints:
    """Return after how many orders each person may have left."""
    return repeats + (process is OrderProcess.MBG_NBD)


def _stays(b: float, chances: Ints) -> Floats:
    """Return ``b`` and how often each person stayed before the last order.

    It is 1 for those who cannot have left: nothing is to be divided by it.
    """
    return np.where(chances > 0, b + chances - 1, 1.0)


def _log_odds_after_order(a: float, b: float, chances: Ints) -> Floats:
    """Return the log odds to have left right after the last order."""
    odds = np.log(a) - np.log(_stays(b, chances))
    return np.where(chances > 0, odds, -np.inf)


class OrderLikelihood:
    """The log likelihood of one model of orders over all people, and its gradient.

    Repeats and days are small whole numbers that many people share, so that every
    logarithm and gamma function is worked out once for each number, not for each
    person.
    """

    def __init__(
        self, histories: Histories, people: Ints, process: OrderProcess
    ) -> None:
        """Count what does not depend on the parameters.

        Args:
            histories: each once.
            people: how many people have each.
            process: the model.
        """
        ages = histories.age
        self.repeats, group = np.unique(histories.repeats, return_inverse=True)
        self.chances = _chances_to_leave(process, self.repeats)
        self.by_repeats = np.bincount(group, people)
        self.by_age = np.bincount(ages, people)
        self.repeats_by_age = np.bincount(ages, people * histories.repeats)
        self.days = np.arange(len(self.by_age), dtype=np.float64)
        may_leave = self.chances[group] > 0
        self.group = group[may_leave].astype(np.int32)
        self.age = ages[may_leave].astype(np.int32)
        self.recency = histories.recency[may_leave].astype(np.int32)
        self.people = people[may_leave].astype(np.float64)

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Return the log likelihood and its gradient, by the logs of the parameters.

        Args:
            logs: the logarithms of ``r``, ``alpha``, ``a`` and ``b``.
        """
        parameters = np.exp(logs)
        staying, by_staying = self._all_stay(*parameters)
        leaving, by_leaving = self._some_left(*parameters)
        return staying + leaving, (by_staying + by_leaving) * parameters

    def _all_stay(
        self, r: float, alpha: float, a: float, b: float
    ) -> tuple[float, Floats]:
        """Return the log likelihood if no one had left, and its gradient."""
        rate, chances, psi = r + self.repeats, self.chances, special.psi
        each = special.gammaln(rate) - special.gammaln(r) + r * np.log(alpha)
        each += special.betaln(a, b + chances) - special.betaln(a, b)
        days, of_age = alpha + self.days, r * self.by_age + self.repeats_by_age
        log_days = np.log(days)
        value = (self.by_repeats * each).sum() - (of_age * log_days).sum()
        shared = psi(a + b) - psi(a + b + chances)
        by_each = [
            psi(rate) - psi(r) + np.log(alpha),
            r / alpha,
            shared,
            shared + psi(b + chances) - psi(b),
        ]
        by_all = np.array([(self.by_repeats * each).sum() for each in by_each])
        by_all[0] -= (self.by_age * log_days).sum()
        by_all[1] -= (of_age / days).sum()
        return float(value), by_all

    def _some_left(
        self, r: float, alpha: float, a: float, b: float
    ) -> tuple[float, Floats]:
        """Return what it adds that some may have left, and the gradient of that."""
        days = alpha + self.days
        log_days, per_day = np.log(days), 1 / days
        rate = (r + self.repeats)[self.group]
        silent = log_days[self.age] - log_days[self.recency]
        odds = _log_odds_after_order(a, b, self.chances)[self.group] + rate * silent
        value = (self.people * np.logaddexp(0, odds)).sum()
        left = self.people * special.expit(odds)
        left_by_repeats = np.bincount(self.group, left, len(self.repeats))
        gradient = [
            (left * silent).sum(),
            (left * rate * (per_day[self.age] - per_day[self.recency])).sum(),
            left_by_repeats.sum() / a,
            -(left_by_repeats / _stays(b, self.chances)).sum(),
        ]
        return float(value), np.array(gradient)


# ----------------------------------------------------------------------------------
# The likelihood of values.


class ValueLikelihood:
    """The log likelihood of the Gamma-Gamma model over all people, and its gradient."""

    def __init__(self, values: RepeatValues) -> None:
        """Count what does not depend on the parameters; everyone has an order."""
        self.counts, group = np.unique(values.orders, return_inverse=True)
        self.by_count = np.bincount(group)
        self.orders = values.orders.astype(np.float64)
        self.totals = self.orders * values.means
        self.log_means = np.log(values.means).sum()
        self.log_totals = (self.orders * np.log(self.totals)).sum()

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """Return the log likelihood and its gradient, by the logs of the parameters.

        Args:
            logs: the logarithms of ``p``, ``q`` and ``gamma``.
        """
        p, q, gamma = parameters = np.exp(logs)
        gammaln, psi, counts = special.gammaln, special.psi, self.counts
        all_people, shape = self.by_count.sum(), p * counts
        sums = gamma + self.totals
        log_sums = np.log(sums)
        weighted = (self.orders * log_sums).sum()
        each = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * logs[2]
        value = (self.by_count * each).sum() + p * self.log_totals - self.log_means
        value -= p * weighted + q * log_sums.sum()
        by_p = (self.by_count * counts * (psi(shape + q) - psi(shape))).sum()
        by_q = (self.by_count * (psi(shape + q) - psi(q))).sum()
        gradient = [
            by_p + self.log_totals - weighted,
            by_q + all_people * logs[2] - log_sums.sum(),
            all_people * q / gamma - ((p * self.orders + q) / sums).sum(),
        ]
        return float(value), np.array(gradient) * parameters


# ----------------------------------------------------------------------------------
# Fits: the parameters under which what happened was likeliest.


ORDER_STARTS = ((0.5, 60.0, 0.8, 2.5), (2.0, 300.0, 0.3, 3.0))
"""From where the parameters ``r, alpha, a, b`` are looked for."""

VALUE_STARTS = ((2.0, 4.0, 1.0), (8.0, 3.0, 0.5))
"""From where ``p, q, gamma`` are looked for; gamma as a share of the mean value."""

ORDER_BOUNDS = ((1e-3, 1e2), (0.5, 1e6), (1e-3, 1e2), (1e-3, 1e4))
VALUE_BOUNDS = ((1e-3, 1e4), (1e-3, 1e3), (1e-4, 1e4))
"""A parameter at one of them has no maximum: people are all alike, or none returns."""

SMALLEST_GRADIENT = 1e-5
"""A fit with a larger gradient of the log likelihood of a person is at no maximum."""

SMALLEST_DIFFERENCE = 0.01
"""Maxima whose parameters differ by more, as a share, are not the same one."""

_OPTIONS = {"maxiter": 1_000, "maxcor": 10, "ftol": 1e-15, "gtol": 1e-9}

Likelihood = Callable[[Floats], tuple[float, Floats]]


def fit_orders(histories: Histories, process: OrderProcess) -> OrderFit:
    """Return the parameters of a model of orders under which *histories* are likeliest.

    Fader, Hardie and Lee, "Implementing the BG/NBD Model for Customer Base Analysis in
    Excel", and note 027 on brucehardie.com have the likelihood of BG/NBD in the form
    that is safe for many repeats.  A fit that is not to be used says why.
    """
    people = len(histories.age)
    if not people:
        parameters = OrderParameters(process, *ORDER_STARTS[0])
        return OrderFit(parameters, _no_fit(f"{process} has no orders to fit."))
    likelihood = OrderLikelihood(*group_histories(histories), process)
    logs, quality = _maximize(
        likelihood,
        people,
        np.array(ORDER_STARTS),
        np.array(ORDER_BOUNDS).T,
        process,
    )
    return OrderFit(OrderParameters(process, *np.exp(logs).tolist()), quality)


def fit_values(values: RepeatValues) -> ValueFit:
    """Return the parameters of Gamma-Gamma under which *values* are likeliest.

    People without a repeat order of a value above 0 take no part.  A fit that is not to
    be used says why; so does one of values without a mean.
    """
    takes_part = values.orders > 0
    orders, means = values.orders[takes_part], values.means[takes_part]
    # In one order, so that sums of floats do not depend on that of the people.
    order = np.lexsort((means, orders))
    counted = RepeatValues(orders[order], means[order])
    if not len(orders):
        reason = f"{VALUE_MODEL} has no value of repeat orders to fit."
        return ValueFit(ValueParameters(*VALUE_STARTS[0]), _no_fit(reason))
    in_mean_values = np.array([1.0, 1.0, counted.means.mean()])
    logs, quality = _maximize(
        ValueLikelihood(counted),
        len(orders),
        np.array(VALUE_STARTS) * in_mean_values,
        np.array(VALUE_BOUNDS).T * in_mean_values,
        VALUE_MODEL,
    )
    parameters = ValueParameters(*np.exp(logs).tolist())
    if quality.reason is None and parameters.q <= 1:
        reason = f"With {VALUE_MODEL} the value of an order has no mean (q is below 1)."
        quality = replace(quality, reason=reason)
    return ValueFit(parameters, quality)


def _no_fit(reason: str) -> FitQuality:
    return FitQuality(0.0, 0, 0.0, 0.0, reason)


def _maximize(
    likelihood: Likelihood, people: int, starts: Floats, bounds: Floats, name: str
) -> tuple[Floats, FitQuality]:
    """Return the logs of the best parameters that are found from any of *starts*.

    Args:
        likelihood: takes the logs of the parameters.
        people: whose likelihood it is.
        starts: a row each.
        bounds: the lower ones, and the upper ones.
        name: of the model.
    """

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, gradient = likelihood(logs)
        return -value / people, -gradient / people

    limits = np.log(bounds)
    found = [
        optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=limits.T, options=_OPTIONS
        )
        for start in np.log(starts)
    ]
    best = min(found, key=lambda each: each.fun)
    logs: Floats = best.x
    value, gradient = loss(logs)
    norm = float(np.abs(gradient).max())
    difference = max(float(np.abs(each.x - logs).max()) for each in found)
    is_at_bound = bool((np.abs(limits - logs) < SMALLEST_DIFFERENCE).any())
    reason = _find_fault(name, norm, difference, is_at_bound)
    return logs, FitQuality(-value * people, people, norm, difference, reason)


def _find_fault(
    name: str, gradient_norm: float, difference: float, is_at_bound: bool
) -> str | None:
    """Return why the parameters of a fit are not to be used, if they are not."""
    if is_at_bound:
        return f"The fit of {name} is not at an optimum: a parameter is at its bound."
    if not gradient_norm <= SMALLEST_GRADIENT:
        return f"The fit of {name} is not at an optimum: its gradient is not 0."
    if difference > SMALLEST_DIFFERENCE:
        return f"Two starts of the fit of {name} do not agree."
    return None


# ----------------------------------------------------------------------------------
# What a person is expected to do, under given parameters.


NEAR_ONE = 1e-4
"""So near to 1 the formula of expected orders divides two numbers close to 0."""


def _chance_alive(parameters: OrderParameters, histories: Histories) -> Floats:
    """Return the probability that each person has not left, which no one observes."""
    alpha, recency, age = parameters.alpha, histories.recency, histories.age
    chances = _chances_to_leave(parameters.process, histories.repeats)
    silent = np.log(alpha + age) - np.log(alpha + recency)
    odds = _log_odds_after_order(parameters.a, parameters.b, chances)
    odds += (parameters.r + histories.repeats) * silent
    alive: Floats = special.expit(-odds)
    return alive


def expect_orders(
    parameters: OrderParameters, histories: Histories, days: float
) -> Floats:
    """Return how many orders each person is expected to make within *days*.

    Equation 10 of the paper of BG/NBD, and that of MBG/NBD like it, in a form that is
    safe for many repeats and has no pole where ``a + b`` is 1.
    """
    longest = int(histories.age.max(initial=0)) + 1
    key = histories.repeats * longest + histories.age
    pairs, pair = np.unique(key, return_inverse=True)
    orders = _orders_if_alive(parameters, *np.divmod(pairs, longest), days)
    return orders[pair] * _chance_alive(parameters, histories)


def _orders_if_alive(
    parameters: OrderParameters, repeats: Ints, age: Ints, days: float
) -> Floats:
    """Return the expected orders of people who have not left.

    At ``a`` = 1 the formula is 0 divided by 0; around it, it is a line.
    """
    a = parameters.a
    if abs(a - 1) >= NEAR_ONE:
        return _orders_away_from_one(parameters, repeats, age, days)
    below, above = (
        _orders_away_from_one(replace(parameters, a=at), repeats, age, days)
        for at in (1 - NEAR_ONE, 1 + NEAR_ONE)
    )
    return below + (above - below) * (a - 1 + NEAR_ONE) / (2 * NEAR_ONE)


def _orders_away_from_one(
    parameters: OrderParameters, repeats: Ints, age: Ints, days: float
) -> Floats:
    """Return the expected orders of people who have not left, for ``a`` other than 1.

    A person with rate L and probability p makes (1 − exp(−L p t)) / p orders in t days
    on average.  Over L, which is gamma distributed, that is (1 − g(p)) / p with
    g(p) = (1 + p t / (alpha + T)) ** −(r + x); over p, which is beta distributed
    (a, n), it is E[(1 − g) over (a, n)] + n / (a − 1) · E[(1 − g) over (a − 1, n + 1)].
    """
    chances = _chances_to_leave(parameters.process, repeats)
    a, stays, rate = parameters.a, parameters.b + chances, parameters.r + repeats
    share = days / (parameters.alpha + age + days)
    first = 1 - _mean_without_order(a, stays, rate, share)
    rest = 1 - _mean_without_order(a - 1, stays + 1, rate, share)
    return first + stays / (a - 1) * rest


def _mean_without_order(a: float, b: Floats, rate: Floats, share: Floats) -> Floats:
    """Return the mean of (1 + p s / (1 − s)) ** −rate over p, beta distributed (a, b).

    It is an integral of Euler's; after his and Pfaff's transformations the parameters
    of the series do not grow with the repeats, so that it converges fast.
    """
    series: Floats = special.hyp2f1(a, a + b - rate, a + b, share)
    return (1 - share) ** a * series


def chance_of_order(
    parameters: OrderParameters, histories: Histories, days: float
) -> Floats:
    """Return the probability that each person orders within *days*.

    One who has not left orders at a rate that is gamma distributed, whatever the model;
    people leave after orders only.
    """
    rate = parameters.r + histories.repeats
    none = np.exp(-rate * np.log1p(days / (parameters.alpha + histories.age)))
    chance: Floats = (1 - none) * _chance_alive(parameters, histories)
    return chance


def days_to_next_order(
    parameters: OrderParameters, histories: Histories, chance: float
) -> Floats:
    """Return within how many days a person who has not left orders with that *chance*.

    0.5 gives the median.  Beyond all numbers it is infinite.
    """
    with np.errstate(over="ignore"):
        times = np.expm1(-np.log1p(-chance) / (parameters.r + histories.repeats))
        days: Floats = (parameters.alpha + histories.age) * times
    return days


def expect_value(parameters: ValueParameters, values: RepeatValues) -> Floats:
    """Return what the next orders of each person are expected to be worth on average.

    It is in units of the currency.  Equation 5 of the paper: the mean of the person's
    own, drawn towards that of all people.
    """
    p, q, gamma = parameters.p, parameters.q, parameters.gamma
    totals = gamma + values.orders * values.means
    return p * totals / (p * values.orders + q - 1)
