"""What the figures say: outlook, rhythm, prediction."""

import pandas as pd
import pandera.pandas as pa

from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    cents,
    day,
    flag,
    identifier,
    optional_day,
    optional_number,
    text,
)
from analytics_pipeline.model.vocabulary import Tier


class TierOutlook(Table):
    """One person and what becomes of the tier if nothing is bought (rule 9)."""

    as_of: Day = day("the day D that the outlook is as of")
    customer_id: str = identifier("the person", unique=True)
    tier: str = pa.Field(isin=list(Tier), description="as of D (rule 5.6)")
    tier_value_cents: int = cents("the value that the tier of D is set on")
    tier_drop_date: Day = optional_day("the first on which the tier falls")
    tier_after_drop: str = pa.Field(
        nullable=True,
        isin=list(Tier),
        description="the tier of that day; empty if none falls",
    )
    spend_to_keep_cents: pd.Int64Dtype = optional_number(
        "cents: what has to be bought from D + 1 to that day so that it does not fall"
    )
    next_tier: str = pa.Field(
        nullable=True,
        isin=list(Tier),
        description="the rung above; empty on the highest",
    )
    spend_to_next_cents: pd.Int64Dtype = optional_number(
        "cents: what has to be bought on D + 1 to reach it"
    )
    tier_path: str = text(
        "JSON: a list of day, tier and value of that day in cents, for each of the 90 "
        "days after D on which the tier is another than the day before"
    )


class PredictionModels(Table):
    """One model that people are predicted from, or why they are not (rule 11)."""

    as_of: Day = day("the day D that people are predicted on")
    model: str = identifier(
        "the model: of orders `BG/NBD` or `MBG/NBD`, of values `Gamma-Gamma`",
        unique=True,
    )
    fitted_on: Day = day("the last that the fit knows: of the month before D's")
    people: int = pa.Field(ge=0, description="who had ordered by then")
    is_used: bool = flag("people are predicted from it")
    why_not: str = text("why it is not used, in sentences")
    fit: str = text(
        "JSON: its parameters, of times in days and values in units of the currency, "
        "and how good the fit is"
    )
    errors: str = text(
        "JSON: of each time of the past that it was tried on, what it predicted for "
        "365 days, and the chances for 90, beside what came, and beside same again"
    )


class CustomerPredictions(Table):
    """One person with an order, and what will probably be bought next (rule 11.2)."""

    as_of: Day = day("the day D that people are predicted on")
    customer_id: str = identifier("the person", unique=True)
    predicted_orders_365_days_hundredths: pd.Int64Dtype = optional_number(
        "hundredths: the order days expected in the 365 days after D; like all that "
        "follows empty for everyone if no model is used"
    )
    predicted_value_365_days_cents: pd.Int64Dtype = optional_number(
        "cents: what is expected to be bought on them, without discount"
    )
    predicted_total_value_cents: pd.Int64Dtype = optional_number(
        "cents: lifetime value and that together"
    )
    chance_of_order_90_days_thousandths: pd.Int64Dtype = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 1_000},
        description="thousandths: the probability of an order in the 90 days after D; "
        "may be empty",
    )
    expected_next_order_date: Day = optional_day(
        "until which an order is as likely as not; empty where an order within 365 "
        "days is less likely than not"
    )
    next_order_from_date: Day = optional_day("the same with a probability of 25 %")
    next_order_until_date: Day = optional_day("the same with a probability of 75 %")
