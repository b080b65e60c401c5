"""Everything that counts up to a day: the sales, the web orders, and whose they are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.customer_identities import load_identities
from analytics_pipeline.domain.analytics import list_purchases
from analytics_pipeline.domain.order_numbers import KnownNumbers, first_words
from analytics_pipeline.domain.purchases import WebOrders, divide_orders, follow_returns
from analytics_pipeline.domain.web_orders import match_orders
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


@dataclass(frozen=True)
class Ledger:
    """Everything that counts up to a day, ready to be added up by the engine.

    What it is made from is read when a part of it is first asked for.

    Attributes:
        shop: whose it is.
        raw_sales: the sales of every stored day up to the *day* at least.
        customer_identities: ``CustomerIdentities``.
        customers: ``Customers``.
        ecom_orders: ``EcomOrders``.
        day: up to which it counts.
    """

    shop: Shop
    raw_sales: Callable[[], ir.Table]
    customer_identities: pd.DataFrame
    customers: pd.DataFrame
    ecom_orders: pd.DataFrame
    day: date

    @cached_property
    def sales(self) -> ir.Table:
        """The sales up to the day, whether they count or not."""
        sales = self.raw_sales()
        until = ibis.timestamp(self.day.isoformat())
        return sales.filter(sales["business_date"] <= until)

    @cached_property
    def matches(self) -> pd.DataFrame:
        """Each web order up to the day and its sales, with the evidence."""
        return match_orders(self.ecom_orders, self._web_sales, self._as_of)

    @cached_property
    def web(self) -> WebOrders:
        """The web orders that are sales, and those that add."""
        return divide_orders(
            self.ecom_orders,
            self.matches,
            self.customer_identities,
            self.shop.policy,
            self._as_of,
        )

    @cached_property
    def walk_in_ids(self) -> list[str]:
        """The ids of the walk-in customer."""
        customers = self.customers
        return sorted(customers.loc[customers["is_walk_in"], "customer_id"])

    @cached_property
    def sale_people(self) -> pd.DataFrame:
        """The person of each sale without a named customer: ``sale_id, person_id``."""
        no_one = self.walk_in_ids
        return follow_returns(
            *_returns(self.shop, self.sales, no_one),
            set(no_one),
            self.customer_identities,
            _without_customer(self.web.sale_orders, self._web_sales, no_one),
        )

    @cached_property
    def purchases(self) -> ir.Table:
        """What counts, with its person."""
        identities = self.customer_identities
        records = identities[identities["record_kind"] == RecordKind.CUSTOMER]
        return list_purchases(
            self.sales,
            columns_to_ibis(records, PERSON_OF_RECORD),
            columns_to_ibis(self.sale_people, PERSON_OF_SALE),
            columns_to_ibis(self.web.sale_orders, {"sale_id": "string"}),
            columns_to_ibis(self.web.added_orders, ADDED_ORDER),
            self.walk_in_ids,
            self.shop.policy,
            self.day,
        )

    @cached_property
    def _web_sales(self) -> pd.DataFrame:
        return _web_sales(self.shop, self.sales, self.ecom_orders)

    @property
    def _as_of(self) -> pd.Timestamp:
        return pd.Timestamp(self.day).as_unit("us")


MADE_FROM = ("raw_sales", "customers", "customer_identities", "ecom_orders")
"""The tables that a ledger is made from."""


def open_purchases(shop: Shop, day: date, last: date) -> Ledger:
    """Open what counts up to *day*, in a run up to the *last* day.

    If this run has it open already, it is that one; the sales of a run of many days are
    brought in once.
    """
    made_from = shop.warehouse.attempts(*MADE_FROM)

    def open_it() -> Ledger:
        customers = shop.load("customers", Customers)
        orders = shop.load("ecom_orders", EcomOrders)
        return open_ledger(shop, load_identities(shop), customers, orders, day, last)

    return shop.keep("ledger", (day, last, made_from), open_it)


def open_ledger(
    shop: Shop,
    customer_identities: pd.DataFrame,
    customers: pd.DataFrame,
    ecom_orders: pd.DataFrame,
    day: date,
    last: date,
) -> Ledger:
    """Open what counts up to *day*, with tables that are loaded already.

    Raises:
        LocalFailure: a day of sales is missing.
        GateFailed: the last attempt at a day of sales failed.
    """
    until_last = shop.sales_until(last).select(*SALES_COLUMNS)
    bring_in = partial(_bring_in, shop, until_last, last)
    return Ledger(shop, bring_in, customer_identities, customers, ecom_orders, day)


def _bring_in(shop: Shop, until_last: ir.Table, last: date) -> ir.Table:
    """Return the sales up to the *last* day, in the engine's memory if they fit there.

    Several queries read them, and opening thousands of small files again for each
    would cost more than the queries.
    """
    state = (last, shop.warehouse.attempts("raw_sales"))
    return shop.keep("sales", state, lambda: materialize_if_small(shop, until_last))


def materialize_if_small(shop: Shop, rows: ir.Table) -> ir.Table:
    """Return *rows* from the engine's memory, if they fit there."""
    count = int(shop.engine.to_pandas(rows.count()))
    return materialize(shop.engine, rows) if count <= MOST_IN_MEMORY else rows


def _web_sales(shop: Shop, sales: ir.Table, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return the sales that a web order of the export may be tied to.

    The engine compares numbers of plain characters, and begins of notes; any others,
    which are few, are compared afterwards (``domain.order_numbers``).
    """
    # Tables: thousands of ids in the words of a query take long to read.
    forms = KnownNumbers(ecom_orders["order_number"]).forms
    if not forms:
        none: pd.DataFrame = shop.engine.to_pandas(sales.limit(0).select(*_MATCHED_BY))
        return none
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
    if returns.empty:
        return returns, returns[["sale_id", "customer_id"]]
    named = columns_to_ibis(returns[["return_for"]], {"return_for": "string"})
    originals = sales.filter(sales["sale_id"].isin(named["return_for"]))
    return returns, shop.engine.to_pandas(originals.select("sale_id", "customer_id"))
