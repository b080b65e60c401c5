"""Published facts of the CDNOW sample: who came back, and after how many days.

Of the 2,357 people, 946 repeat within the 39 weeks in which the models are fitted,
2,457 times in all (Fader, Hardie and Lee, "Counting Your Customers the Easy Way",
Marketing Science 24, 2005).  The quantiles of the days between orders were worked out
from the file with numpy alone.
"""

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics_pipeline.domain.order_days import count_gaps
from analytics_pipeline.domain.rhythm import find_lapse_point
from analytics_pipeline_tests.order_days import (
    buyers_of,
    came_back,
    cohorts_of,
    days_of,
    engine,
    repurchase_of,
    survival_of,
)

FILE = Path(__file__).parent / "cdnow_sample.csv"
WEEK_39 = date(1997, 9, 30)
D = date(1998, 6, 30)


@cache
def transactions() -> pd.DataFrame:
    """Return person, day and cents of each row of the file."""
    read = pd.read_csv(FILE, dtype="str")
    day = pd.to_datetime(read["date"])
    return pd.DataFrame(
        {
            "person_id": read["customer"],
            "day": day,
            # The amounts have two decimals or fewer, so nothing is lost.
            "value_cents": (read["value"].astype("float64") * 100).round(),
        }
    ).astype({"value_cents": "int64"})


def known(as_of: date) -> pd.DataFrame:
    return transactions()[transactions()["day"] <= pd.Timestamp(as_of)]


@pytest.mark.parametrize("as_of", [WEEK_39, D], ids=str)
def test_people_and_values_of_three_cohorts_add_up_rule_10_5(as_of: date) -> None:
    rows = known(as_of)

    cohorts = cohorts_of(rows, as_of)

    assert cohorts["cohort"].nunique() == 3, "all bought first in one quarter"
    assert cohorts[cohorts["months_since"] == 0]["members"].sum() == 2357
    assert cohorts["value_cents"].sum() == rows["value_cents"].sum()
    if as_of == D:
        assert cohorts["value_cents"].sum() == 24_409_194


def test_946_of_2357_repeat_within_39_weeks_rule_10_5() -> None:
    buyers = buyers_of(known(WEEK_39))
    repurchase = repurchase_of(known(WEEK_39), WEEK_39)

    assert (int(buyers["second_day"].notna().sum()), len(buyers)) == (946, 2357)
    shown = repurchase.groupby("days")["repurchased"].sum(min_count=3)
    assert shown.notna().tolist() == [True, True, True, True, False]
    assert shown.iloc[:4].is_monotonic_increasing
    assert shown.loc[180] < 946


def test_the_gaps_are_as_published_rule_10_4() -> None:
    counts = engine().to_pandas(count_gaps(days_of(known(WEEK_39)))).sort_values("days")

    gaps = np.repeat(counts["days"].to_numpy(), counts["returned"])
    assert len(gaps) == 2457
    assert np.quantile(gaps, [0.5, 0.75, 0.9, 0.95]).tolist() == [27, 61, 128, 164]


def test_a_year_is_too_long_for_18_months_of_orders_but_90_days_are_not_rule_10_4() -> (
    None
):
    days = known(D)
    survival = survival_of(days, D)

    assert find_lapse_point(survival).days is None

    point = find_lapse_point(survival, horizon_days=90)
    assert point.days == 205
    returned = came_back(days, D, point.days, 90)
    assert returned.high is not None
    assert returned.people > 1000
    assert returned.high < 0.1, "past the point fewer return than on it"
