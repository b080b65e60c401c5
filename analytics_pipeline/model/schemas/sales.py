"""Sales by business day, as the rules see them."""

import pandas as pd
import pandera.pandas as pa

from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    cents,
    day,
    flag,
    gift_lines,
    identifier,
    instant,
    noted_order,
    optional_identifier,
    optional_number,
    text,
)
from analytics_pipeline.model.vocabulary import SaleLineKind


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
    value_incl_cents: int = cents("what counts of the total with tax (rule 2.6)")
    value_excl_cents: int = cents("what counts of the total without tax (rule 2.6)")
    total_incl_cents: int = cents("total with tax")
    total_excl_cents: int = cents("total without tax")
    paid_cents: int = cents("payments not deleted, whole cents")
    refunded_incl_cents: int = cents("return lines with tax, positive")
    refunded_excl_cents: int = cents("return lines without tax, positive")
    sold_line_count: int = pa.Field(
        ge=0, description="lines with quantity > 0, neither voided nor returns"
    )
    gift_line_count: int = gift_lines()
    gift_sold_incl_cents: int = cents("gift cards sold less returned, with tax")
    gift_sold_excl_cents: int = cents("gift cards sold less returned, without tax")
    gift_paid_incl_cents: int = cents("payments by gift card that are not deleted")
    gift_paid_excl_cents: int = cents("their share of the total without tax")


class SaleLines(Table):
    """One line of a sale, latest version; the lines of a sale add up to its totals."""

    line_id: str = identifier("the line: the sale's id and its number", unique=True)
    sale_id: str = identifier("the sale")
    business_date: Day = day("when the sale happened, in the zone of its outlet")
    is_completed: bool = flag("the sale's money counts (rule 2.1)")
    line_number: int = pa.Field(ge=1, description="its place among the sale's lines")
    kind: str = pa.Field(
        isin=[each.value for each in SaleLineKind],
        description="what the line is (rule 12.3)",
    )
    product_id: str = optional_identifier("the product")
    is_return: bool = flag("it takes goods back")
    quantity_thousandths: pd.Int64Dtype = optional_number("how many, in thousandths")
    value_incl_cents: int = cents("what the line adds to the total with tax")
    value_excl_cents: int = cents("what the line adds to the total without tax")
    discount_cents: pd.Int64Dtype = optional_number("cents taken off, without tax")
    promotion_cents: pd.Int64Dtype = optional_number("cents that promotions took off")
    cost_cents: pd.Int64Dtype = optional_number("cents that it cost the shop then")
