"""What the figures say: outlook, rhythm, prediction."""

from typing import Any

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
    optional_identifier,
    optional_number,
    text,
)
from analytics_pipeline.model.vocabulary import Channel, LapseState, RfmGroup, Tier


def _score(description: str) -> Any:
    """Build a column of scores from 1 to 5, which only people with an order have."""
    return pa.Field(
        nullable=True,
        in_range={"min_value": 1, "max_value": 5},
        description=f"from 1 to 5: {description}; empty without an order",
    )


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


class CustomerRfm(Table):
    """One person by recency, frequency, value, and rhythm (rules 10 and 12.1)."""

    as_of: Day = day("the day D that the scores are as of")
    customer_id: str = identifier("the person", unique=True)
    recency_score: pd.Int64Dtype = _score("how recent the last order is")
    frequency_score: pd.Int64Dtype = _score("how many orders there are")
    monetary_score: pd.Int64Dtype = _score("how high the lifetime value is")
    rfm_score: str = text("the three scores as digits, of who has an order")
    rfm_group: str = pa.Field(
        isin=list(RfmGroup), description="what the scores make the person (rule 10.2)"
    )
    average_days_between_orders_tenths: pd.Int64Dtype = optional_number(
        "tenths of a day: the average from one order day to the next (rule 10.3)"
    )
    lapse_state: str = pa.Field(
        nullable=True,
        isin=list(LapseState),
        description="on the way to the store's lapse point (rule 10.4); empty without "
        "an order, and where there is no lapse point",
    )
    home_outlet: str = text(
        "the outlet with most of the person's orders (rule 12.1): its name, else its id"
    )
    channel: str = pa.Field(
        nullable=True,
        isin=list(Channel),
        description="where the person orders; empty without an order",
    )


def _share(description: str) -> Any:
    """Build a column of shares, as whole numbers that are exact."""
    return pa.Field(
        in_range={"min_value": 0, "max_value": 10_000},
        description=f"basis points (hundredths of a percent): {description}",
    )


def _repurchase(days: int) -> Any:
    """Build the column of the share that ordered again within so many *days*."""
    return pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 10_000},
        description="basis points (hundredths of a percent) of the members with a "
        f"second order day within {days} days of the first; empty unless all had "
        "so many",
    )


def _part(description: str) -> Any:
    """Build a column of shares that are empty where there is no one."""
    return pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 10_000},
        description=f"basis points (hundredths of a percent): {description}",
    )


_OF_FOLLOWED = "the part that they are of the first buyers who had so many days"


def _followed(days: int) -> Any:
    """Build the column of how many first buyers had so many *days* up to D."""
    return pa.Field(
        ge=0,
        description=f"first buyers whose first order day is {days} days ago or more",
    )


def _repurchased(days: int) -> Any:
    """Build the column of how many of these ordered again within so many *days*."""
    return pa.Field(
        ge=0, description=f"those of them with a second order day within {days} days"
    )


class CustomerCohorts(Table):
    """What became of the people who first ordered in one month (rule 10.5)."""

    as_of: Day = day("the day D up to which is counted")
    cohort: Day = day("the first of the month of the first order")
    months_since: int = pa.Field(ge=0, description="months after that of the cohort")
    members: int = pa.Field(ge=1, description="people of the cohort")
    people: int = pa.Field(ge=0, description="members with an order in this month")
    retention_basis_points: int = _share("the part that they are of the members")
    value_cents: int = cents("net value of this month; of the first, and before")
    value_to_date_cents: int = cents("net value up to the end of this month")
    cohort_value_cents: pd.Int64Dtype = optional_number(
        "cents: net value up to the end of this month ÷ members, of whole months only"
    )
    is_whole_month: bool = flag("the month is over on D")
    repurchase_30_basis_points: pd.Int64Dtype = _repurchase(30)
    repurchase_60_basis_points: pd.Int64Dtype = _repurchase(60)
    repurchase_90_basis_points: pd.Int64Dtype = _repurchase(90)
    repurchase_180_basis_points: pd.Int64Dtype = _repurchase(180)
    repurchase_365_basis_points: pd.Int64Dtype = _repurchase(365)


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


class OutletAnalytics(Table):
    """What was bought at one outlet by one channel, up to D (rule 12.2)."""

    as_of: Day = day("the day D up to which is counted")
    outlet_id: str = optional_identifier(
        "the outlet; none has the web orders that are no sale"
    )
    outlet: str = text("what staff call it, else its id")
    channel: str = pa.Field(
        isin=[Channel.IN_STORE, Channel.ONLINE],
        description="where it was bought: `online` is every web order",
    )
    value_cents: int = cents("net value; what was taken back counts where it was taken")
    orders: int = pa.Field(ge=0, description="orders, also of no known person")
    refunded_value_cents: int = cents("what was taken back here")
    people: int = pa.Field(ge=0, description="people with an order here")
    new_people: int = pa.Field(ge=0, description="those of them whose first was here")
    repeat_people: int = pa.Field(ge=0, description="those with two or more here")
    repeat_basis_points: pd.Int64Dtype = _part("the part that they are of the people")
    elsewhere_people: int = pa.Field(
        ge=0, description="those with an order at another outlet or channel too"
    )
    elsewhere_basis_points: pd.Int64Dtype = _part(
        "the part that they are of the people"
    )

    class Config(Table.Config):
        """An outlet has a row for each channel."""

        unique = ["outlet_id", "channel"]  # noqa: RUF012 (pandera's own form)


class ProductAnalytics(Table):
    """One product that somebody bought first, and what came of it (rule 12.4)."""

    as_of: Day = day("the day D up to which is counted")
    product_id: str = identifier("the product, or the family of variants", unique=True)
    product: str = text("what staff call it")
    first_buyers: int = pa.Field(
        ge=1, description="people who bought it on their first order day"
    )
    followed_30_people: int = _followed(30)
    repurchased_30_people: int = _repurchased(30)
    repurchase_30_basis_points: pd.Int64Dtype = _part(_OF_FOLLOWED)
    followed_60_people: int = _followed(60)
    repurchased_60_people: int = _repurchased(60)
    repurchase_60_basis_points: pd.Int64Dtype = _part(_OF_FOLLOWED)
    followed_90_people: int = _followed(90)
    repurchased_90_people: int = _repurchased(90)
    repurchase_90_basis_points: pd.Int64Dtype = _part(_OF_FOLLOWED)
    followed_180_people: int = _followed(180)
    repurchased_180_people: int = _repurchased(180)
    repurchase_180_basis_points: pd.Int64Dtype = _part(_OF_FOLLOWED)
    followed_365_people: int = _followed(365)
    repurchased_365_people: int = _repurchased(365)
    repurchase_365_basis_points: pd.Int64Dtype = _part(_OF_FOLLOWED)
    value_90_days_cents: int = cents(
        "net value up to 90 days after the first order day of those who had so many"
    )
    average_value_90_days_cents: pd.Int64Dtype = optional_number(
        "cents: that ÷ these people"
    )
    value_365_days_cents: int = cents("the same for 365 days")
    average_value_365_days_cents: pd.Int64Dtype = optional_number(
        "cents: that ÷ these people"
    )
    next_product_id: str = optional_identifier(
        "what most of the first buyers bought on their second order day"
    )
    next_product: str = text("what staff call it")
    next_people: int = pa.Field(ge=0, description="how many of them did")
