"""People: which records are one person, and what each person bought as of a day."""

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
    text,
)
from analytics_pipeline.model.vocabulary import InactiveSegment, RecordKind, Tier


class CustomerIdentities(Table):
    """One customer record or web-shop e-mail and the person it belongs to."""

    record_id: str = identifier("the record; `ecom-…` for a web-shop e-mail")
    record_kind: str = pa.Field(
        isin=list(RecordKind), description="customer record or web-shop e-mail"
    )
    person_id: str = optional_identifier("the person; empty if only deleted records")
    is_live: bool = flag("the record is not deleted")
    has_placeholder_email: bool = flag("its e-mail is a placeholder, so not shown")
    evidence: str = text(
        "why it is that person: kind of contact and other record, joined by `;`"
    )

    class Config(Table.Config):
        """A record belongs to one person."""

        unique = ["record_id"]  # noqa: RUF012 (pandera's own form)


class CustomerAnalytics(Table):
    """One person's figures as of a day: the merged analytics, without contacts."""

    as_of: Day = day("the day D that the figures are as of")
    customer_id: str = identifier("the person", unique=True)
    lifetime_value_cents: int = cents("value of all sales and added web orders")
    rolling_90_day_value_cents: int = cents("value with a date in the last 90 days")
    order_count: int = pa.Field(ge=0, description="orders ever")
    rolling_90_day_order_count: int = pa.Field(
        ge=0, description="orders with a date in the last 90 days"
    )
    average_order_value_cents: pd.Int64Dtype = pa.Field(
        nullable=True,
        description="cents: lifetime value ÷ orders; empty without an order",
    )
    first_order_date: Day = optional_day("of the first order")
    last_order_date: Day = optional_day("of the latest order")
    days_since_last_order: pd.Int64Dtype = pa.Field(
        nullable=True, ge=0, description="days from the latest order to D"
    )
    is_vip: bool = flag("lifetime value reaches the VIP threshold")
    is_high_value: bool = flag("lifetime value is high, but below VIP")
    inactive_segment: str = pa.Field(
        isin=list(InactiveSegment),
        description="by days since the latest order (rule 5.5)",
    )
    tier: str = pa.Field(isin=list(Tier), description="highest rung reached (rule 5.6)")
    ecom_order_count: int = pa.Field(
        ge=0, description="orders that came through the web shop"
    )
    retail_order_count: int = pa.Field(ge=0, description="orders made in a shop")
    refunded_value_cents: int = cents("what came back, as a positive amount")
