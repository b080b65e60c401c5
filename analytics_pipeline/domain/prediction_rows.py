"""What is published of predictions, and what came of earlier ones (rule 11)."""

import math
from datetime import date

import numpy as np
import pandas as pd

from analytics_pipeline.domain.holdouts import ChanceError, measure_chance
from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.text import say

HUNDREDTHS, THOUSANDTHS = 100, 1_000

CHECK = "calibration_holds"

DEVIATIONS = 4
"""So many standard deviations from what is expected, chance alone hardly comes."""

SEASON_SHARE = 0.25
"""By so much of what is expected a quarter may be better or worse than the year."""

_NUMBERS = {
    "predicted_orders_365_days": ("predicted_orders_365_days_hundredths", HUNDREDTHS),
    "chance_of_order_90_days": ("chance_of_order_90_days_thousandths", THOUSANDTHS),
}
"""What is published as whole numbers of a fixed unit."""


def round_predictions(predicted: pd.DataFrame) -> pd.DataFrame:
    """Return rows of ``prediction.predict`` as they are published.

    Numbers are whole ones of a fixed unit, a half to the even one.
    """
    whole = {
        name: np.rint(predicted[exact] * unit).astype("int64")
        for exact, (name, unit) in _NUMBERS.items()
    }
    renamed = predicted.drop(columns=list(_NUMBERS)).assign(**whole)
    return renamed.rename(columns={"person_id": "customer_id"})


def list_unpredicted(customer_analytics: pd.DataFrame) -> pd.DataFrame:
    """Return a row a person with an order, of whom nothing is predicted."""
    ordered = customer_analytics["order_count"] > 0
    return customer_analytics.loc[ordered, ["customer_id"]].reset_index(drop=True)


# ----------------------------------------------------------------------------------
# What came of earlier predictions.


def check_calibration(
    earlier: pd.DataFrame | None, customer_analytics: pd.DataFrame, then: date
) -> CheckResult:
    """Hold the chances of an order that were published *then* against who ordered.

    People who have become part of another person since are left out.  The models know
    no season, and everyone has the same one: so the number of those who ordered may be
    further from what was expected than chance alone explains.

    Args:
        earlier: ``CustomerPredictions`` as of *then*, if any are stored.
        customer_analytics: as of the day, the days of the chance after *then*.
        then: the day of the chances.
    """
    known = _join_known(earlier, customer_analytics, then)
    if known is None or known.empty:
        return CheckResult(
            CHECK, True, f"No chance of an order is stored of {then}.", Severity.WARN
        )
    chance = known["chance"].to_numpy(np.float64)
    found = measure_chance(chance, known["has_ordered"].to_numpy(np.bool_))
    expected, ordered = chance.sum(), int(known["has_ordered"].sum())
    deviation = math.sqrt(float((chance * (1 - chance)).sum()))
    doubt = DEVIATIONS * deviation + SEASON_SHARE * expected
    sentence = (
        f"Of {say(len(known), 'person', 'people')} predicted on {then}, "
        f"{round(expected):,} were expected to order since, and {ordered:,} did."
    )
    return CheckResult(
        CHECK,
        bool(abs(ordered - expected) <= doubt),
        sentence,
        Severity.WARN,
        {
            "people": len(known),
            "expected": round(float(expected)),
            "at_least": max(0, math.ceil(expected - doubt)),
            "at_most": math.floor(expected + doubt),
            "ordered": ordered,
            "by_tenths": describe_tenths(found),
        },
    )


def _join_known(
    earlier: pd.DataFrame | None, customer_analytics: pd.DataFrame, then: date
) -> pd.DataFrame | None:
    """Return ``chance, has_ordered`` of the people predicted *then* who are there."""
    if earlier is None:
        return None
    chances = earlier["chance_of_order_90_days_thousandths"]
    predicted = earlier.loc[chances.notna(), ["customer_id"]].assign(
        chance=chances.dropna().astype("float64") / THOUSANDTHS
    )
    orders = customer_analytics[["customer_id", "last_order_date"]]
    known = predicted.merge(orders, on="customer_id", validate="1:1")
    return known.assign(has_ordered=known["last_order_date"] > pd.Timestamp(then))


def describe_tenths(error: ChanceError) -> str:
    """Return how many ordered of each tenth of the people, and how many were to."""
    return "; ".join(
        f"{each.people:,} people: {each.predicted:.1%} expected, {each.actual:.1%} did"
        for each in error.tenths
    )
