"""Everything that counts up to a day: the sales, the web orders, and whose they are."""

from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.analytics import list_purchases
from analytics_pipeline.domain.purchases import WebOrders, divide_orders, follow_returns
from analytics_pipeline.domain.web_orders import KnownNumbers, first_words, match_orders
from analytics_pipeline.engine.duckdb import columns_to_ibis, materialize
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.model.vocabulary import WEB_SOURCE, RecordKind
from analytics_pipeline.shop import Shop

_MATCHED_BY = (
    "sale_id",
    "business_date",
    "customer_id",
    "source",
    "source_id",
    "web_order_number",
    "return_for",
)
"""What ties a sale to a web order, and the customer on the sale."""

SALES_COLUMNS = (
    *_MATCHED_BY,
    *("state", "is_deleted", "is_completed", "is_order"),
    *("total_incl_cents", "total_excl_cents"),
    *("refunded_incl_cents", "refunded_excl_cents"),
)
"""What the analytics and the reconciliation need of a sale."""

PERSON_OF_RECORD = {"record_id": "string", "person_id": "string"}
PERSON_OF_SALE = {"sale_id": "string", "person_id": "string"}
ADDED_ORDER = {
    "order_number": "string",
    "person_id": "string",
    "order_date": "timestamp",
    "value_cents": "int64",
}

_NOT_PLAIN = "[^ -~]"
"""Finds what is no plain character: the engines fold those in ways of their own."""

MOST_IN_MEMORY = 3_000_000
"""How many sales are held in the engine's memory: about half a gigabyte."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that counts up to a day, ready to be added up by the engine.

    Attributes:
        sales: the sales up to the day, whether they count or not.
        matches: each web order up to the day and its sales, with the evidence.
        web: those that are sales, and those that add.
        sale_people: ``sale_id, person_id`` of sales without a named customer.
        walk_in_ids: ids of the walk-in customer.
        purchases: what counts, with its person.
    """

    sales: ir.Table
    matches: pd.DataFrame
    web: WebOrders
    sale_people: pd.DataFrame
    walk_in_ids: list[str]
    purchases: ir.Table


MADE_FROM = ("raw_sales", "customers", "customer_identities", "ecom_orders")
"""The tables that a ledger is made from."""


def open_day(shop: Shop, identities: pd.DataFrame, day: date) -> Ledger:
    """Open the ledger of one day; if this run has it open already, that one."""
    return shop.keep(
        "ledger",
        (day, shop.warehouse.attempts(*MADE_FROM)),
        lambda: open_ledger(shop, bring_in_sales(shop, day), identities, day),
    )


def bring_in_sales(shop: Shop, last: date) -> ir.Table:
    """Return the sales up to *last*, in the engine's memory if they fit there.

    Several queries read them, and opening thousands of small files again for each
    would cost more than the queries.
    """
    return materialize_if_small(shop, shop.sales_until(last).select(*SALES_COLUMNS))


def materialize_if_small(shop: Shop, rows: ir.Table) -> ir.Table:
    """Return *rows* from the engine's memory, if they fit there."""
    count = int(shop.engine.to_pandas(rows.count()))
    return materialize(shop.engine, rows) if count <= MOST_IN_MEMORY else rows


def open_ledger(
    shop: Shop, until_last: ir.Table, identities: pd.DataFrame, day: date
) -> Ledger:
    """Tie web orders to sales, give unnamed sales their person, and list it all."""
    as_of = pd.Timestamp(day).as_unit("us")
    is_until = until_last["business_date"] <= ibis.timestamp(day.isoformat())
    sales = until_last.filter(is_until)
    ecom_orders = shop.load("ecom_orders", EcomOrders)
    web_sales = _web_sales(shop, sales, ecom_orders)
    matches = match_orders(ecom_orders, web_sales, as_of)
    web = divide_orders(ecom_orders, matches, identities, shop.policy, as_of)
    customers = shop.load("customers", Customers)
    no_one = sorted(customers.loc[customers["is_walk_in"], "customer_id"])
    sale_people = follow_returns(
        *_returns(shop, sales, no_one),
        set(no_one),
        identities,
        _without_customer(web.sale_orders, web_sales, no_one),
    )
    records = identities[identities["record_kind"] == RecordKind.CUSTOMER]
    purchases = list_purchases(
        sales,
        columns_to_ibis(records, PERSON_OF_RECORD),
        columns_to_ibis(sale_people, PERSON_OF_SALE),
        columns_to_ibis(web.sale_orders, {"sale_id": "string"}),
        columns_to_ibis(web.added_orders, ADDED_ORDER),
        no_one,
        shop.policy,
        day,
    )
    return Ledger(sales, matches, web, sale_people, no_one, purchases)


def _web_sales(shop: Shop, sales: ir.Table, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return the sales that a web order of the export may be tied to.

    The engine compares numbers of plain characters, and begins of notes; any others,
    which are few, are compared afterwards (``domain.order_numbers``).
    """
    # Tables: thousands of ids in the words of a query take long to read.
    forms = KnownNumbers(ecom_orders["order_number"]).forms
    if not forms:
        sales = sales.limit(0)
    numbers = columns_to_ibis(pd.DataFrame({"form": forms}), {"form": "string"})
    words = pd.DataFrame({"word": first_words(forms)})
    begins = columns_to_ibis(words, {"word": "string"})
    named = columns_to_ibis(
        ecom_orders.dropna(subset=["sale_id"]), {"sale_id": "string"}
    )
    from_web = sales["source"].startswith(WEB_SOURCE).fill_null(False)
    by_source, by_note = sales["source_id"], sales["web_order_number"]
    word = by_note.re_extract("^[^ ]+", 0).lower()
    may_match = (
        (from_web & by_source.lower().isin(numbers["form"]).fill_null(False))
        | (from_web & by_source.re_search(_NOT_PLAIN).fill_null(False))
        | word.isin(begins["word"]).fill_null(False)
        | by_note.re_search(_NOT_PLAIN).fill_null(False)
        | sales["sale_id"].isin(named["sale_id"])
    )
    wanted = sales.filter(may_match).select(*_MATCHED_BY)
    found: pd.DataFrame = shop.engine.to_pandas(wanted)
    return found


def _without_customer(
    sale_orders: pd.DataFrame, web_sales: pd.DataFrame, walk_in_ids: list[str]
) -> pd.DataFrame:
    """Return the *sale_orders* whose sales have no named customer."""
    own = web_sales["customer_id"]
    unnamed = web_sales.loc[own.isna() | is_among(own, walk_in_ids), "sale_id"]
    return sale_orders[is_among(sale_orders["sale_id"], unnamed)]


def _returns(
    shop: Shop, sales: ir.Table, walk_in_ids: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the unnamed sales that return another one, and those others.

    A return with a named customer is theirs, and needs no following.
    """
    is_return = sales["return_for"].notnull()
    is_unnamed = sales["customer_id"].isnull()
    if walk_in_ids:
        is_unnamed = is_unnamed | sales["customer_id"].isin(walk_in_ids)
    found = sales.filter(is_return & is_unnamed)
    returns: pd.DataFrame = shop.engine.to_pandas(
        found.select("sale_id", "customer_id", "return_for")
    )
    named = columns_to_ibis(returns[["return_for"]], {"return_for": "string"})
    originals = sales.filter(sales["sale_id"].isin(named["return_for"]))
    return returns, shop.engine.to_pandas(originals.select("sale_id", "customer_id"))
