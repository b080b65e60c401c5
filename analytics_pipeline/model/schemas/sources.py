"""The tables as delivered: sales, customer records, products, outlets, web orders."""

import pandas as pd
import pandera.pandas as pa

from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    cents,
    choice,
    day,
    flag,
    gift_lines,
    identifier,
    instant,
    noted_order,
    optional_day,
    optional_identifier,
    optional_instant,
    text,
)
from analytics_pipeline.model.vocabulary import OrderOrigin


class SalesFeed(Table):
    """One version of one sale as delivered: amounts and links.

    Of the free text of a sale, only the line of its note that names a web order.
    """

    sale_id: str = identifier("the sale")
    version: int = pa.Field(gt=0, description="grows with every change of any record")
    segment: int = pa.Field(ge=0, description="number of the log segment that holds it")
    sale_date: pd.DatetimeTZDtype = instant("when the sale happened")
    outlet_id: str = optional_identifier("the outlet that sold")
    register_id: str = optional_identifier("the register, whose clock dated the sale")
    user_id: str = optional_identifier("who sold at the register")
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
    total_incl_cents: int = cents("total with tax, rounded half away from zero")
    total_excl_cents: int = cents("total without tax, rounded half away from zero")
    paid_cents: int = cents("payments not deleted, summed exactly, whole cents")
    refunded_incl_cents: int = cents("return lines with tax, as a positive amount")
    refunded_excl_cents: int = cents("return lines without tax, positive")
    sold_line_count: int = pa.Field(
        ge=0, description="lines with quantity > 0, neither voided nor returns"
    )
    gift_line_count: int = gift_lines()
    gift_sold_incl_cents: int = cents("gift cards sold less returned, with tax")
    gift_sold_excl_cents: int = cents("gift cards sold less returned, without tax")
    gift_paid_incl_cents: int = cents("payments by gift card that are not deleted")
    gift_paid_excl_cents: int = cents("their share of the total without tax")
    lines: str = text(
        "what the lines say of goods and money, as JSON (`domain.sale_lines`)"
    )

    class Config(Table.Config):
        """A version of a sale appears once in a segment."""

        unique = ["sale_id", "version", "segment"]  # noqa: RUF012 (pandera's own form)


class Customers(Table):
    """One customer record, latest version; a deleted one keeps only its keys."""

    customer_id: str = identifier("the record", unique=True)
    version: int = pa.Field(gt=0, description="grows with every change of any record")
    customer_code: str = text("the code that staff see")
    name: str = text("full name; else first and last; else company")
    email: str = text("as typed, trimmed")
    phone: str = text(
        "`phone`, else `mobile`: E.164 if valid, with its extension as in "
        "`+12125550101 ext. 5`; else as typed"
    )
    created_at: pd.DatetimeTZDtype = instant("when the record was made")
    updated_at: pd.DatetimeTZDtype = optional_instant("when the record last changed")
    is_deleted: bool = flag("the record was deleted")
    is_walk_in: bool = flag("the store's default customer: no person")
    email_key: str = text("keyed hash of the e-mail key; empty if it joins no one")
    phone_key: str = text("keyed hash of the phone key of `phone`")
    mobile_key: str = text("keyed hash of the phone key of `mobile`")
    customer_group_id: str = optional_identifier("the group that the record is in")
    customer_group: str = text("name of that group")
    do_not_email: pd.BooleanDtype = choice("the person does not want e-mails")
    enable_promotional_sms: pd.BooleanDtype = choice(
        "the person agreed to text messages"
    )


class CustomerLog(Table):
    """One version of what was known of a customer record: no name and no contact."""

    customer_id: str = identifier("the record")
    version: int = pa.Field(gt=0, description="the record's own, as delivered")
    segment: int = pa.Field(ge=0, description="number of the log segment that holds it")
    created_at: pd.DatetimeTZDtype = instant("when the record was made")
    is_held: bool = flag(
        "`customers` held the record; if not, it was rejected or gone, and the rest "
        "says nothing"
    )
    is_deleted: bool = flag("the record was deleted")
    is_walk_in: bool = flag("the store's default customer: no person")
    email_key: str = text("keyed hash of the e-mail key; empty if it joins no one")
    phone_key: str = text("keyed hash of the phone key of `phone`")
    mobile_key: str = text("keyed hash of the phone key of `mobile`")
    customer_group_id: str = optional_identifier("the group that the record was in")
    customer_group: str = text("name of that group then")
    do_not_email: pd.BooleanDtype = choice("the person did not want e-mails")
    enable_promotional_sms: pd.BooleanDtype = choice(
        "the person had agreed to text messages"
    )

    class Config(Table.Config):
        """A record has at most one version in a segment."""

        unique = ["customer_id", "segment"]  # noqa: RUF012 (pandera's own form)


class Products(Table):
    """One version of one product as delivered: what it is called, and among what."""

    product_id: str = identifier("the product")
    version: int = pa.Field(gt=0, description="grows with every change of any record")
    segment: int = pa.Field(ge=0, description="number of the log segment that holds it")
    name: str = text("what staff call it; the variants of a family share it")
    variant_name: str = text("its name with what distinguishes it from its family")
    family_id: str = identifier(
        "the product that its family is known by: of a variant its parent, else itself"
    )
    category: str = text("the category that it is in; in older stores its type")
    brand: str = text("its brand")
    supplier: str = text("who supplies it")
    is_active: bool = flag("it is for sale")
    is_deleted: bool = flag("it was deleted; its sales stay")

    class Config(Table.Config):
        """A product has at most one version in a segment."""

        unique = ["product_id", "segment"]  # noqa: RUF012 (pandera's own form)


class Outlets(Table):
    """One outlet with its time zone, and the store's own."""

    outlet_id: str = identifier("the outlet", unique=True)
    name: str = text("what staff call it")
    time_zone: str = pa.Field(description="IANA name; the store's own if none is set")
    is_deleted: bool = flag("the outlet was closed and deleted")
    register_count: int = pa.Field(ge=0, description="registers not deleted")
    store_time_zone: str = text("IANA name of the store's own zone")
    store_country: str = text("ISO country of the store: the region of phone numbers")
    discount_product_id: str = optional_identifier(
        "the store's product for a discount on a whole sale"
    )


class EcomOrders(Table):
    """One web-shop order, without its personal columns but contact and consent.

    What only the API says is as it last said it: an export knows none of it.
    """

    order_number: str = identifier("the order", unique=True)
    ordered_at: Day = pa.Field(
        dtype_kwargs={"unit": "us"},
        description="when it was placed, on the store's clock",
    )
    order_date: Day = day("when it was placed, on the store's calendar")
    payment_status: str = text("payment status, as the export has it")
    fulfillment_status: str = text("fulfilment status, as the export has it")
    total_cents: int = cents("order total with tax")
    tax_cents: int = cents("tax in it")
    sale_id: str = optional_identifier("the sale that the export names")
    name: str = text("who is billed, else who it is sent to")
    email: str = text("as typed, trimmed")
    email_key: str = text("keyed hash of the e-mail key; empty if it joins no one")
    ecom_customer_id: str = text("`ecom-` and 16 hex digits of the e-mail key's hash")
    refunded_cents: int = cents("given back by the web shop, as a positive amount")
    refund_date: Day = optional_day(
        "when it last gave some back, on the store's calendar"
    )
    gift_card_cents: int = cents("paid by gift card")
    loyalty_cents: int = cents("paid by points")
    store_credit_cents: int = cents("paid by store credit")
    accept_marketing: str = text("`yes` or `no` to mail, where the buyer was asked")


class EcomFeed(Table):
    """One version of one web order as delivered: statuses, amounts and links.

    No free text, and of the buyer's contact a keyed hash only: a log is never changed.
    """

    order_number: str = identifier("the order")
    segment: int = pa.Field(ge=0, description="number of the log segment that holds it")
    origin: str = pa.Field(
        isin=[each.value for each in OrderOrigin],
        description="how it was delivered: `api` or `export`; an export knows no "
        "refunds, points, credits and consent, so those of the version before stay",
    )
    is_deleted: bool = flag("the web shop no longer has the order")
    ordered_at: Day = pa.Field(
        dtype_kwargs={"unit": "us"},
        description="when it was placed, on the store's clock, to the minute",
    )
    placed_at: pd.DatetimeTZDtype = optional_instant("when it was placed")
    changed_at: pd.DatetimeTZDtype = optional_instant("when it was last changed")
    payment_status: str = text("payment status, in the words of the export")
    fulfillment_status: str = text("fulfilment status, in the words of the export")
    total_cents: int = cents("order total with tax")
    tax_cents: int = cents("tax in it")
    refunded_cents: int = cents("given back by the web shop, as a positive amount")
    refunded_at: pd.DatetimeTZDtype = optional_instant("when it last gave some back")
    gift_card_cents: int = cents("paid by gift card")
    loyalty_cents: int = cents("paid by points")
    store_credit_cents: int = cents("paid by store credit")
    accept_marketing: str = text("`yes` or `no` to mail, where the buyer was asked")
    sale_id: str = optional_identifier("the sale that the web shop names")
    email_key: str = text("keyed hash of the e-mail key; empty if it joins no one")

    class Config(Table.Config):
        """A version of an order appears once in a segment."""

        unique = ["order_number", "segment"]  # noqa: RUF012 (pandera's own form)


class EcomContacts(Table):
    """Who placed a web order: kept for the orders that there are, and not in a log."""

    order_number: str = identifier("the order", unique=True)
    name: str = text("who is billed, else who it is sent to")
    email: str = text("as typed, trimmed")
