"""What the figures say: outlook, rhythm, prediction."""

import pandas as pd
import pandera.pandas as pa

from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    cents,
    day,
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
