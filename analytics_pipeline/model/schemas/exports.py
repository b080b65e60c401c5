"""The files that people read; a field's title is its header, and order is contract.

Money is in shop currency with two decimals; a day is ``YYYY-MM-DD``.
"""

import pandas as pd
import pandera.pandas as pa

from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    cents,
    flag,
    identifier,
    optional_day,
    optional_number,
    text,
    titled,
)
from analytics_pipeline.model.vocabulary import InactiveSegment, RfmGroup, Tier


class CustomerAnalyticsMaster(Table):
    """One person with contact, figures, segment and tier (rule 8.1)."""

    customer_id: str = titled(identifier("the person", unique=True), "Customer ID")
    customer_code: str = titled(text("the code that staff see"), "Customer Code")
    name: str = titled(text("full name, else the company"), "Name")
    email: str = titled(text("e-mail as typed; no placeholder"), "Email")
    phone: str = titled(text("E.164 if valid, else as typed"), "Phone")
    lifetime_value_cents: int = titled(
        cents("value of all sales and added web orders"), "Lifetime Value"
    )
    rolling_90_day_value_cents: int = titled(
        cents("value of the last 90 days"), "Rolling 90-Day Value"
    )
    order_count: int = pa.Field(
        ge=0, title="Order Count", description="orders ever, web orders too"
    )
    rolling_90_day_order_count: int = pa.Field(
        ge=0,
        title="Rolling 90-Day Order Count",
        description="orders of the last 90 days",
    )
    average_order_value_cents: pd.Int64Dtype = pa.Field(
        nullable=True,
        title="Average Order Value",
        description="cents: lifetime value ÷ orders; empty without an order",
    )
    first_order_date: Day = optional_day("of the first order", title="First Order Date")
    last_order_date: Day = optional_day("of the latest order", title="Last Order Date")
    days_since_last_order: pd.Int64Dtype = pa.Field(
        nullable=True,
        ge=0,
        title="Days Since Last Order",
        description="days from the latest order to the as-of day; may be empty",
    )
    is_vip: bool = titled(flag("lifetime value reaches the VIP threshold"), "Is VIP")
    is_high_value: bool = titled(
        flag("lifetime value is high, but below VIP"), "Is High Value"
    )
    inactive_segment: str = pa.Field(
        isin=list(InactiveSegment),
        title="Inactive Segment",
        description="by days since the latest order (rule 5.5)",
    )
    tier: str = pa.Field(
        isin=list(Tier), title="Tier", description="highest rung reached (rule 5.6)"
    )
    ecom_order_count: int = pa.Field(
        ge=0,
        title="eCom Order Count",
        description="orders that came through the web shop",
    )
    retail_order_count: int = pa.Field(
        ge=0, title="Retail Order Count", description="orders made in a shop"
    )
    refunded_value_cents: int = titled(
        cents("what came back, as a positive amount"), "Refunded Value"
    )
    duplicate_ids: str = titled(
        text("other live records of the person, joined by `;`"), "Duplicate IDs"
    )
    note: str = titled(text("`Merged N duplicate records`, if any were"), "Note")
    tier_drop_date: Day = optional_day(
        "of the first drop of the tier if nothing is bought", title="Tier Drop Date"
    )
    tier_after_drop: str = titled(text("the tier of that day"), "Tier After Drop")
    spend_to_keep_cents: pd.Int64Dtype = titled(
        optional_number("cents: what has to be bought by that day to keep the tier"),
        "Spend To Keep Tier",
    )
    next_tier: str = titled(text("the rung above the tier"), "Next Tier")
    spend_to_next_cents: pd.Int64Dtype = titled(
        optional_number("cents: what has to be bought tomorrow to reach it"),
        "Spend To Next Tier",
    )
    home_outlet: str = titled(
        text("the outlet with most of the orders (rule 12.1)"), "Home Outlet"
    )
    channel: str = titled(text("in store, online or both"), "Channel")
    rfm_score: str = titled(
        text("scores of recency, frequency and value, 1 to 5 each (rule 10.1)"),
        "RFM Score",
    )
    rfm_group: str = pa.Field(
        isin=list(RfmGroup),
        title="RFM Group",
        description="what the scores make the person (rule 10.2)",
    )
    average_days_between_orders_tenths: pd.Int64Dtype = titled(
        optional_number("tenths of a day; empty with one order day (rule 10.3)"),
        "Average Days Between Orders",
    )
    lapse_state: str = titled(
        text("on the way to the store's lapse point (rule 10.4)"), "Lapse State"
    )

    predicted_orders_365_days_hundredths: pd.Int64Dtype = titled(
        optional_number("hundredths: the order days expected in the next 365 days"),
        "Predicted Orders 365 Days",
    )
    predicted_value_365_days_cents: pd.Int64Dtype = titled(
        optional_number("cents: what is expected to be bought on them"),
        "Predicted Value 365 Days",
    )
    chance_of_order_90_days_thousandths: pd.Int64Dtype = titled(
        optional_number("thousandths: the probability of an order within 90 days"),
        "Chance Of Order 90 Days",
    )
    expected_next_order_date: Day = optional_day(
        "until which an order is as likely as not", title="Expected Next Order Date"
    )


class FirstTimeBuyers(Table):
    """One person with exactly one order (rule 8.2)."""

    customer_id: str = titled(identifier("the person", unique=True), "Customer ID")
    customer_code: str = titled(text("the code that staff see"), "Customer Code")
    name: str = titled(text("full name, else the company"), "Name")
    email: str = titled(text("e-mail as typed; no placeholder"), "Email")
    phone: str = titled(text("E.164 if valid, else as typed"), "Phone")
    first_purchase_date: Day = optional_day(
        "of the one order", title="First Purchase Date"
    )
    days_since_first_purchase: pd.Int64Dtype = pa.Field(
        ge=0,
        title="Days Since First Purchase",
        description="days from the one order to the as-of day",
    )
    lifetime_value_cents: int = titled(
        cents("value of all sales and added web orders"), "Lifetime Value"
    )
    order_count: int = pa.Field(
        eq=1, title="Order Count", description="orders ever: one"
    )
    average_order_value_cents: pd.Int64Dtype = pa.Field(
        title="Average Order Value", description="cents: lifetime value ÷ orders"
    )
    last_order_date: Day = optional_day("of the one order", title="Last Order Date")
    tier: str = pa.Field(
        isin=list(Tier), title="Tier", description="highest rung reached (rule 5.6)"
    )
