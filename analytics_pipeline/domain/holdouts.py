"""How far predictions of the past were wrong (rule 11.3).

A holdout is a time that is over and that the fit of a model did not know: the models
are fitted as of the day before it, and what they predict is held against what came.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from analytics_pipeline.domain.buyers import (
    CENTS,
    Buyers,
    ValuedOrderDays,
    find_buyers,
    number_of,
)
from analytics_pipeline.domain.purchase_models import (
    Flags,
    Floats,
    OrderFit,
    ValueFit,
    chance_of_order,
    expect_orders,
    expect_value,
    fit_values,
)


@dataclass(frozen=True, slots=True)
class Horizons:
    """For how long is predicted.

    Attributes:
        days: for how long orders and their value are.
        chance_days: for how long the chance of an order is.
    """

    days: int = 365
    chance_days: int = 90


# ----------------------------------------------------------------------------------
# What is said of an error.


@dataclass(frozen=True, slots=True)
class SumError:
    """How far a number per person, predicted for a time, was from what came.

    *Same again* is the simplest prediction: a person buys in that time what the person
    bought in as much time before.  Only repeats count, as in what is predicted: a first
    order is none.  Where the shop's orders do not go back that far, those that there
    are count in proportion.

    Attributes:
        predicted: the sum over all people.
        actual: what came.
        same_again: the sum if everyone had bought the same again.
        rmse: the root of the mean squared error of a person.
        same_again_rmse: the same if everyone had bought the same again.
    """

    predicted: float
    actual: float
    same_again: float
    rmse: float
    same_again_rmse: float

    @property
    def bias(self) -> float | None:
        """By what share the predicted sum was too high; nothing if nothing came."""
        return self.predicted / self.actual - 1 if self.actual else None


@dataclass(frozen=True, slots=True)
class Tenth:
    """A tenth of the people, by the chance that was predicted for them.

    People of one and the same chance are in one tenth, so that tenths differ in size.

    Attributes:
        people: their number.
        predicted: their mean chance.
        actual: the share of them who ordered.
    """

    people: int
    predicted: float
    actual: float


@dataclass(frozen=True, slots=True)
class ChanceError:
    """How far the chances of an order were from who ordered.

    Attributes:
        predicted: the mean chance.
        actual: the share of people who ordered.
        brier: the mean squared difference of the chance from 1 for those who ordered,
            from 0 for the others.
        base_brier: the same if everyone's chance were the share of those who ordered.
        tenths: the lowest chances first; a tenth without people is left out.
    """

    predicted: float
    actual: float
    brier: float
    base_brier: float
    tenths: tuple[Tenth, ...]


@dataclass(frozen=True, slots=True)
class Holdout:
    """What the models said of a time, fitted as of the day before it, and what came.

    Which records are one person is taken as it is known today: that is more than was
    known then.

    Attributes:
        cutoff: the last day that the fits knew.
        horizons: the length of the time.
        people: who had ordered by then; later ones are not predicted.
        fit: of orders.
        value_fit: of values.
        orders: the error of the number of order days.
        value: the error of the value of order days, in cents.
        top_share: which share of the value came from the tenth of the people who were
            predicted the most of it; nothing if no value came.
        chance: the error of the chance of an order.
    """

    cutoff: date
    horizons: Horizons
    people: int
    fit: OrderFit
    value_fit: ValueFit
    orders: SumError
    value: SumError
    top_share: float | None
    chance: ChanceError


def join_errors(errors: Iterable[tuple[int, float]]) -> float:
    """Return the root mean square of all *errors*: people, and theirs."""
    listed = list(errors)
    people = sum(count for count, _error in listed)
    return math.sqrt(sum(n * error**2 for n, error in listed) / max(people, 1))


# ----------------------------------------------------------------------------------
# What was known, and what came.


@dataclass(frozen=True, slots=True)
class Past:
    """What was known on a day, and what came after it: one element a buyer.

    Attributes:
        cutoff: the day.
        horizons: how long after it is looked at.
        buyers: who had ordered by then.
        value_fit: the model of values, fitted to what was known.
        orders: order days within the horizon.
        value: their value in cents; days with a value below 0 count as 0.
        same_orders: those of as much time before, repeats alone.
        same_value: their value in cents.
        has_ordered: whether there was an order within the days of the chance.
    """

    cutoff: date
    horizons: Horizons
    buyers: Buyers
    value_fit: ValueFit
    orders: Floats
    value: Floats
    same_orders: Floats
    same_value: Floats
    has_ordered: Flags


def look_back(order_days: ValuedOrderDays, cutoff: date, horizons: Horizons) -> Past:
    """Return what was known on *cutoff*, and what came in the time after it.

    That the order days go on until the end of that time is for the caller to know.
    """
    buyers, day = find_buyers(order_days, cutoff), number_of(cutoff)
    goes_back = day - int(order_days.day.min(initial=day)) + 1
    before = min(horizons.days, goes_back)
    orders, value = _add_up(order_days, buyers, day, horizons.days)
    ordered, _value = _add_up(order_days, buyers, day, horizons.chance_days)
    same_orders, same_value = _add_up(order_days, buyers, day - before, before)
    in_proportion = horizons.days / before
    return Past(
        cutoff,
        horizons,
        buyers,
        fit_values(buyers.repeat_values),
        orders,
        value,
        same_orders * in_proportion,
        same_value * in_proportion,
        ordered > 0,
    )


def _add_up(
    order_days: ValuedOrderDays, buyers: Buyers, after: int, days: int
) -> tuple[Floats, Floats]:
    """Return the repeats of each buyer in the *days* after a day, and their cents."""
    counted = (order_days.day > after) & (order_days.day <= after + days)
    counted &= ~order_days.is_first
    person, size = order_days.person[counted], len(order_days.people)
    cents = np.maximum(order_days.cents[counted], 0)
    orders = np.bincount(person, minlength=size)[buyers.person]
    value = np.bincount(person, cents, size)[buyers.person]
    return orders.astype(np.float64), value.astype(np.float64)


# ----------------------------------------------------------------------------------
# The errors of a model.


def try_on(past: Past, fit: OrderFit) -> Holdout:
    """Hold what is predicted against what came.

    Args:
        past: with a sound fit of values.
        fit: a sound one of orders, to what was known.
    """
    buyers, horizons = past.buyers, past.horizons
    orders = expect_orders(fit.parameters, buyers.histories, horizons.days)
    worth = expect_value(past.value_fit.parameters, buyers.repeat_values) * CENTS
    chance = chance_of_order(fit.parameters, buyers.histories, horizons.chance_days)
    return Holdout(
        past.cutoff,
        horizons,
        len(buyers.person),
        fit,
        past.value_fit,
        _measure_sum(orders, past.orders, past.same_orders),
        _measure_sum(orders * worth, past.value, past.same_value),
        share_of_top_tenth(orders * worth, past.value),
        measure_chance(chance, past.has_ordered),
    )


def _measure_sum(predicted: Floats, actual: Floats, same_again: Floats) -> SumError:
    return SumError(
        float(predicted.sum()),
        float(actual.sum()),
        float(same_again.sum()),
        _root_mean_square(predicted - actual),
        _root_mean_square(same_again - actual),
    )


def _root_mean_square(errors: Floats) -> float:
    return math.sqrt(float((errors**2).sum()) / max(len(errors), 1))


def share_of_top_tenth(predicted: Floats, actual: Floats) -> float | None:
    """Return the share of *actual* of the tenth of people with the most *predicted*.

    Where of people with one and the same prediction only some are within the tenth, as
    large a part of what is theirs counts.  Nothing where *actual* comes to nothing.
    """
    total = actual.sum()
    if not total > 0:
        return None
    size = len(predicted) / 10
    edge = np.sort(predicted)[::-1][math.ceil(size) - 1]
    above, at_edge = predicted > edge, predicted == edge
    part = (size - above.sum()) / at_edge.sum()
    return float((actual[above].sum() + part * actual[at_edge].sum()) / total)


def measure_chance(chance: Floats, has_ordered: Flags) -> ChanceError:
    """Return how far each person's *chance* was from whether the person ordered."""
    people = max(len(chance), 1)
    actual = float(has_ordered.sum() / people)
    return ChanceError(
        float(chance.sum() / people),
        actual,
        float(((chance - has_ordered) ** 2).sum() / people),
        actual * (1 - actual),
        _divide_into_tenths(chance, has_ordered),
    )


def _divide_into_tenths(chance: Floats, has_ordered: Flags) -> tuple[Tenth, ...]:
    if not len(chance):
        return ()
    edges = np.quantile(chance, np.arange(1, 10) / 10)
    tenth = np.searchsorted(edges, chance, side="right")
    people = np.bincount(tenth, minlength=10).tolist()
    chances = np.bincount(tenth, chance, 10).tolist()
    ordered = np.bincount(tenth, has_ordered, 10).tolist()
    return tuple(
        Tenth(count, total / count, came / count)
        for count, total, came in zip(people, chances, ordered, strict=True)
        if count
    )
