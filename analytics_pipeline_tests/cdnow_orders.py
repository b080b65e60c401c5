"""The CDNOW sample: a public data set, and what is published of it.

``oracle/cdnow`` says where the file comes from.  Its customers are known for 39 weeks
until 30 September 1997, in which the published models are fitted, and for 39 weeks
after.
"""

from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd

from analytics_pipeline.domain.buyers import ValuedOrderDays, value_order_days

FILE = Path(__file__).parent / "oracle/cdnow/cdnow_sample.csv"
WEEK_39 = date(1997, 9, 30)
DAYS = 273
"""Of 39 weeks."""


def transactions() -> pd.DataFrame:
    """The transactions, as orders."""
    rows = pd.read_csv(FILE, dtype={"customer": "str"}, parse_dates=["date"])
    cents = (rows["value"] * 100).round().astype("int64")
    named = {"customer": "person_id", "date": "day"}
    return rows.rename(columns=named).assign(value_cents=cents)


@cache
def order_days() -> ValuedOrderDays:
    return value_order_days(transactions())
