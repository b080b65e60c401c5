"""Sales by business day, as the rules see them."""

import pandas as pd
import pandera.pandas as pa

from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    cents,
    day,
    flag,
    identifier,
    instant,
    noted_order,
    optional_identifier,
    text,
)


class RawSales(Table):
    """One sale, latest version, on its business day."""

    sale_id: str = identifier("the sale", unique=True)
    business_date: Day = day("when it happened, in the zone of its outlet")
    version: int = pa.Field(gt=0, description="the latest version of the sale")
    sale_date: pd.DatetimeTZDtype = instant("when the sale happened")
    time_zone: str = pa.Field(description="IANA zone that gave the business date")
    outlet_id: str = optional_identifier("the outlet that sold")
    customer_id: str = optional_identifier("the customer record on the sale")
    source: str = text("where the sale was made; `ecw:…` is the web shop")
    source_id: str = text("the source's own number; for `ecw:` the order number")
    web_order_number: str = noted_order()
    return_for: str = optional_identifier("the sale that this one returns")
    state: str = text("parked, pending, voided or closed")
    status: str = text("the older single word (API 2.0 only)")
    attributes: str = pa.Field(
        description="layby, onaccount, pickup, delivery, service; joined by `;`"
    )
    is_deleted: bool = flag("the sale was deleted")
    is_completed: bool = flag("its money counts (rule 2.1)")
    is_order: bool = flag("it counts as an order (rule 2.3)")
    is_unknown: bool = flag("a state, status or attribute is not a known word")
    total_incl_cents: int = cents("total with tax")
    total_excl_cents: int = cents("total without tax")
    paid_cents: int = cents("payments not deleted, whole cents")
    refunded_incl_cents: int = cents("return lines with tax, positive")
    refunded_excl_cents: int = cents("return lines without tax, positive")
    sold_line_count: int = pa.Field(
        ge=0, description="lines with quantity > 0, neither voided nor returns"
    )
