"""What each person will probably buy next, and whether that can be trusted (rule 11).

Once a month the models of ``domain.purchase_models`` are fitted to all order days, and
tried on the past (``domain.holdouts``).  What comes of it is a :class:`ShopModel`: it
says which model of orders erred less, or why nothing is predicted.  Every day of the
month after is predicted from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from analytics_pipeline.domain.buyers import (
    CENTS,
    Buyers,
    ValuedOrderDays,
    find_buyers,
)
from analytics_pipeline.domain.holdouts import (
    Holdout,
    Horizons,
    Past,
    join_errors,
    look_back,
    try_on,
)
from analytics_pipeline.domain.purchase_models import (
    Floats,
    Histories,
    OrderFit,
    OrderParameters,
    OrderProcess,
    RepeatValues,
    ValueFit,
    chance_of_order,
    days_to_next_order,
    expect_orders,
    expect_value,
    fit_orders,
    fit_values,
)
from analytics_pipeline.model.text import say

HORIZONS = Horizons()
"""For how long is predicted, and is tried on the past."""

LIKELY = 0.5
"""Where an order within the horizon has a smaller chance, it is given no date."""

LONGEST_WAIT_DAYS = 3_650
"""No date is after more days than these: what is later says nothing."""

REGULAR_ORDERS = 3
"""From so many order days on, a person's rhythm shows."""

APART_DAYS, LEAST_APART_DAYS = 90, 30
"""How far apart the cut-offs are, and how far at least."""


@dataclass(frozen=True, slots=True)
class PredictionNeeds:
    """What a shop has to have to be predicted (rule 11.3).

    Attributes:
        people: who have ordered.
        days: from the first order until a fit, both days included.
        quiet_days: in so many last days there is an order.
        regulars: people with ``REGULAR_ORDERS`` order days or more.
        cutoffs: days in the past on which the models are tried.
    """

    people: int = 500
    days: int = 180
    quiet_days: int = 30
    regulars: int = 50
    cutoffs: int = 3


# ----------------------------------------------------------------------------------
# The model of a shop.


@dataclass(frozen=True, slots=True)
class OrderModel:
    """A model of orders, fitted and tried.

    Attributes:
        fit: as of the day of the shop's model.
        holdouts: how far it was wrong in the past, latest first.
        reasons: why it is not to be used, in sentences; none if it may be.
    """

    fit: OrderFit
    holdouts: tuple[Holdout, ...]
    reasons: tuple[str, ...]

    @property
    def process(self) -> OrderProcess:
        """Which model it is."""
        return self.fit.parameters.process

    @property
    def rmse(self) -> float:
        """The root of the mean squared error of orders, over all holdouts."""
        return join_errors((each.people, each.orders.rmse) for each in self.holdouts)


@dataclass(frozen=True, slots=True)
class ShopModel:
    """What a shop's people are predicted from, or why they are not.

    Attributes:
        fitted_on: the last day that it knows.
        people: who had ordered by then.
        order_models: those that were tried; none where the shop is too young or small.
        value_fit: the model of values, where the others were tried.
        value_correlation: how the number of a person's repeat orders and their mean
            value go together, from -1 to 1.  The models take them for independent: far
            from 0, predicted values are doubtful.  Nothing if all are alike.
        chosen: the model of orders that is used; nothing if people are not predicted.
        reasons: why they are not, in sentences; none if they are.
    """

    fitted_on: date
    people: int
    order_models: tuple[OrderModel, ...]
    value_fit: ValueFit | None
    value_correlation: float | None
    chosen: OrderProcess | None
    reasons: tuple[str, ...]

    @property
    def used(self) -> OrderModel | None:
        """The chosen model of orders, with its errors."""
        return next((e for e in self.order_models if e.process == self.chosen), None)


def encode_model(model: ShopModel) -> str:
    """Return *model* as JSON, from which it comes back as it was."""
    return msgspec.json.encode(model).decode()


def decode_model(text: str) -> ShopModel:
    """Return the model that :func:`encode_model` wrote.

    Raises:
        msgspec.DecodeError: *text* is something else.
    """
    return msgspec.json.decode(text, type=ShopModel)


# ----------------------------------------------------------------------------------
# How it is made: fitted, tried on the past, and chosen or withheld.


def day_of_model(as_of: date) -> date:
    """Return the day of the model that figures of *as_of* use (rule 11.1).

    It is the last day of the month before.
    """
    return as_of.replace(day=1) - timedelta(days=1)


def make_model(
    order_days: ValuedOrderDays, fitted_on: date, needs: PredictionNeeds | None = None
) -> ShopModel:
    """Fit the models to the order days up to *fitted_on*, try them, and choose one.

    The one whose squared error of orders is smaller, over all cut-offs, is used.  A
    model whose fit fails on one of the days, or that *same again* equals, is not; if
    both are not, or values cannot be fitted, nothing is predicted.

    Args:
        order_days: later ones than *fitted_on* change nothing.
        fitted_on: what :func:`day_of_model` says.
        needs: what the shop has to have.
    """
    needs = needs or PredictionNeeds()
    buyers = find_buyers(order_days, fitted_on)
    people, shortfalls = len(buyers.person), _list_shortfalls(buyers, fitted_on, needs)
    if shortfalls:
        return ShopModel(fitted_on, people, (), None, None, None, shortfalls)
    cutoffs = choose_cutoffs(_first_day(buyers, fitted_on), fitted_on, needs)
    pasts = [look_back(order_days, cutoff, HORIZONS) for cutoff in cutoffs]
    models = tuple(_fit_and_try(buyers, pasts, process) for process in OrderProcess)
    value_fit = fit_values(buyers.repeat_values)
    failures = _list_failures(models, value_fit, pasts)
    sound = () if failures else (each for each in models if not each.reasons)
    best = min(sound, key=lambda each: each.rmse, default=None)
    return ShopModel(
        fitted_on,
        people,
        models,
        value_fit,
        _correlate(buyers),
        best.process if best else None,
        failures,
    )


def withhold(
    first_orders: "pd.Series[Any]",
    fitted_on: date,
    needs: PredictionNeeds | None = None,
) -> ShopModel | None:
    """Return the model of a shop whose first orders show that it is too young or small.

    Such a shop needs no order days to be looked through.  Nothing if they have to be.

    Args:
        first_orders: the day of each person's first order; people without one have
            none.
        fitted_on: what :func:`day_of_model` says.
        needs: what the shop has to have.
    """
    known = first_orders[first_orders <= pd.Timestamp(fitted_on)]
    first = None if known.empty else known.min().date()
    lacking = _list_first_shortfalls(
        len(known), first, fitted_on, needs or PredictionNeeds()
    )
    if not lacking:
        return None
    return ShopModel(fitted_on, len(known), (), None, None, None, lacking)


def choose_cutoffs(
    first: date, fitted_on: date, needs: PredictionNeeds
) -> tuple[date, ...]:
    """Return the days in the past on which the models are tried, latest first.

    After each a whole horizon is over by *fitted_on*, and before it the shop has as
    many days as a fit needs.  They are 90 days apart, or closer where the shop is
    young; if they had to be closer than 30 days, there are none.

    Args:
        first: the day of the shop's first order.
        fitted_on: the last day that is known.
        needs: how many cut-offs there are to be, and how many days before each.
    """
    latest = fitted_on - timedelta(days=HORIZONS.days)
    earliest = first + timedelta(days=needs.days - 1)
    apart = min((latest - earliest).days // max(needs.cutoffs - 1, 1), APART_DAYS)
    if apart < LEAST_APART_DAYS:
        return ()
    return tuple(latest - timedelta(days=apart * n) for n in range(needs.cutoffs))


def _first_day(buyers: Buyers, as_of: date) -> date:
    return as_of - timedelta(days=int(buyers.histories.age.max()))


def _list_shortfalls(
    buyers: Buyers, fitted_on: date, needs: PredictionNeeds
) -> tuple[str, ...]:
    """Return what a shop lacks to be predicted at all, in sentences."""
    people, histories = len(buyers.person), buyers.histories
    first = _first_day(buyers, fitted_on) if people else None
    shortfalls = _list_first_shortfalls(people, first, fitted_on, needs)
    if not people:
        return shortfalls
    regulars = int((histories.repeats >= REGULAR_ORDERS - 1).sum())
    since = int((histories.age - histories.recency).min())
    lacks = [
        (
            since >= needs.quiet_days,
            f"There is no order in the {needs.quiet_days} days up to {fitted_on}.",
        ),
        (
            regulars < needs.regulars,
            f"{say(regulars, 'person has', 'people have')} ordered on {REGULAR_ORDERS} "
            f"days or more; {needs.regulars} are needed.",
        ),
    ]
    return shortfalls + tuple(sentence for is_lacking, sentence in lacks if is_lacking)


def _list_first_shortfalls(
    people: int, first: date | None, fitted_on: date, needs: PredictionNeeds
) -> tuple[str, ...]:
    """Return what a shop lacks that its first orders alone show, in sentences."""
    if first is None:
        return (f"No one has ordered up to {fitted_on}.",)
    days = say((fitted_on - first).days + 1, "day", "days")
    least = HORIZONS.days + needs.days + LEAST_APART_DAYS * (needs.cutoffs - 1)
    lacks = [
        (
            people < needs.people,
            f"{say(people, 'person has', 'people have')} ordered; {needs.people} are "
            "needed.",
        ),
        (
            not choose_cutoffs(first, fitted_on, needs),
            f"The first order is {days} old; {least} are needed, to try predictions of "
            f"{HORIZONS.days} days on the past.",
        ),
    ]
    return tuple(sentence for is_lacking, sentence in lacks if is_lacking)


def _fit_and_try(
    buyers: Buyers, pasts: Sequence[Past], process: OrderProcess
) -> OrderModel:
    """Return a model of orders as of the day, with its errors at each cut-off.

    Without sound fits as of a cut-off there is nothing to be tried on it.
    """
    fit = fit_orders(buyers.histories, process)
    fits = [fit_orders(past.buyers.histories, process) for past in pasts]
    reasons = _list_faults(fit, fits, pasts)
    holdouts = tuple(
        try_on(past, each)
        for past, each in zip(pasts, fits, strict=True)
        if each.quality.reason is None and past.value_fit.quality.reason is None
    )
    for name, errors in (
        ("orders", [(each.people, each.orders) for each in holdouts]),
        ("value", [(each.people, each.value) for each in holdouts]),
    ):
        own = join_errors((people, error.rmse) for people, error in errors)
        same = join_errors((people, error.same_again_rmse) for people, error in errors)
        if errors and not own < same:
            sentence = f"{process} predicted the {name} of the past no better than"
            reasons.append(f"{sentence} that everyone buys the same again.")
    return OrderModel(fit, holdouts, tuple(reasons))


def _list_faults(
    fit: OrderFit | ValueFit,
    fits: Iterable[OrderFit | ValueFit],
    pasts: Iterable[Past],
) -> list[str]:
    """Return what is wrong with the fit as of the day, and with those as of *pasts*."""
    faults = [("", fit.quality.reason)]
    faults += [
        (f"As of {past.cutoff}: ", each.quality.reason)
        for each, past in zip(fits, pasts, strict=True)
    ]
    return [since + reason for since, reason in faults if reason is not None]


def _list_failures(
    models: Sequence[OrderModel], value_fit: ValueFit, pasts: Sequence[Past]
) -> tuple[str, ...]:
    """Return why values cannot be fitted, or no model of orders can be used."""
    reasons = _list_faults(value_fit, [past.value_fit for past in pasts], pasts)
    if all(each.reasons for each in models):
        reasons += [reason for each in models for reason in each.reasons]
    return tuple(reasons)


def _correlate(buyers: Buyers) -> float | None:
    """Return the correlation of the number of repeat orders and their mean value."""
    values = buyers.repeat_values
    has_value = values.orders > 0
    orders, means = values.orders[has_value], values.means[has_value]
    orders, means = (
        buyers.repeat_values.orders[has_value],
        buyers.repeat_values.means[has_value],
    )
    if not len(orders) or orders.std() == 0 or means.std() == 0:
        return None
    return float(np.corrcoef(orders, means)[0, 1])


# ----------------------------------------------------------------------------------
# The figures of each person.


PREDICTION = (
    *("person_id", "predicted_orders_365_days", "predicted_value_365_days_cents"),
    *("predicted_total_value_cents", "chance_of_order_90_days"),
    *("expected_next_order_date", "next_order_from_date", "next_order_until_date"),
)
"""The columns of :func:`predict`."""


def predict(model: ShopModel, people: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return what each person will probably buy after *as_of* (rule 11.2).

    One row a person, in the order of *people*; no row if *model* is withheld.

    - ``predicted_orders_365_days``: the expected number of order days.
    - ``predicted_value_365_days_cents``: that number times the expected value of one
      order day, without discount.
    - ``predicted_total_value_cents``: the lifetime value and the predicted one.
    - ``chance_of_order_90_days``: the probability of an order, from 0 to 1.
    - ``expected_next_order_date``: until that day an order is as likely as not, if the
      person has not left for good; missing if an order within 365 days is less likely
      than not.
    - ``next_order_from_date``, ``next_order_until_date``: the same for 25 and 75 %.

    Args:
        model: that of :func:`day_of_model`.
        people: rows of ``buyers.summarize_histories`` as of *as_of*, with
            ``lifetime_value_cents``.
        as_of: the day D.

    Raises:
        ValueError: *model* knows days that are later.
    """
    if model.fitted_on > as_of:
        raise ValueError(f"The model of {model.fitted_on} is later than {as_of}.")
    used, value_fit = model.used, model.value_fit
    if used is None or value_fit is None:
        people, none = people.iloc[:0], np.empty(0)
        return _as_table(people, none, none, none, [none] * 3, as_of)
    parameters = used.fit.parameters
    histories, values = _histories_in(people), _values_in(people)
    orders = expect_orders(parameters, histories, HORIZONS.days)
    worth = expect_value(value_fit.parameters, values) * CENTS
    chance = chance_of_order(parameters, histories, HORIZONS.chance_days)
    waits = _wait(parameters, histories)
    return _as_table(people, orders, orders * worth, chance, waits, as_of)


def _histories_in(people: pd.DataFrame) -> Histories:
    columns = ("repeat_count", "recency_days", "age_days")
    return Histories(*(people[name].to_numpy(np.int64) for name in columns))


def _values_in(people: pd.DataFrame) -> RepeatValues:
    return RepeatValues(
        people["valued_repeat_count"].to_numpy(np.int64),
        people["mean_repeat_value"].to_numpy(np.float64),
    )


def _wait(parameters: OrderParameters, histories: Histories) -> list[Floats]:
    """Return the whole days until the next order: median, 25 %, 75 %; or nothing."""
    is_likely = chance_of_order(parameters, histories, HORIZONS.days) >= LIKELY
    waits = (
        np.ceil(days_to_next_order(parameters, histories, chance))
        for chance in (0.5, 0.25, 0.75)
    )
    return [
        np.where(is_likely, np.minimum(days, LONGEST_WAIT_DAYS), np.nan)
        for days in waits
    ]


def _as_table(
    people: pd.DataFrame,
    orders: Floats,
    cents: Floats,
    chance: Floats,
    waits: Sequence[Floats],
    as_of: date,
) -> pd.DataFrame:
    value = np.rint(cents).astype(np.int64)
    total = people["lifetime_value_cents"].to_numpy(np.int64) + value
    day = pd.Timestamp(as_of)
    dates = [
        (day + pd.to_timedelta(days, unit="D")).astype("datetime64[us]")
        for days in waits
    ]
    columns = (people["person_id"].array, orders, value, total, chance, *dates)
    return pd.DataFrame(dict(zip(PREDICTION, columns, strict=True)))
