"""Everything that counts up to a day: the sales, the web orders, and whose they are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, partial
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.closed_months import (
    COLUMNS,
    ClosedMonths,
    open_closed_months,
)
from analytics_pipeline.assets.customer_identities import load_identities
from analytics_pipeline.domain.analytics import (
    ROLLING_DAYS,
    add_orders,
    count_noted,
    has_no_customer,
    is_from_web,
    is_special,
    join_ties,
    list_purchases,
    list_tied,
    name_purchases,
    sum_by_person,
    sum_by_record,
    sum_purchases,
    sum_unattributed,
)
from analytics_pipeline.domain.order_days import (
    add_up_days,
    own_days,
    sum_record_days,
)
from analytics_pipeline.domain.purchases import WebOrders, divide_orders, follow_returns
from analytics_pipeline.domain.sales import total_columns
from analytics_pipeline.domain.web_orders import (
    OrderMatching,
    open_matching,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis, materialize
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.model.vocabulary import RecordKind
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

CUSTOMER_COLUMNS = ("customer_id", "is_walk_in")
ORDER_COLUMNS = (
    *("order_number", "order_date", "sale_id", "ecom_customer_id"),
    *("payment_status", "fulfillment_status", "total_cents", "tax_cents"),
    *("refunded_cents", "refund_date"),
)
"""What is read of customers and web orders."""

PERSON_OF_RECORD = {"record_id": "string", "person_id": "string"}
PERSON_OF_SALE = {"sale_id": "string", "person_id": "string"}
SALE = {"sale_id": "string"}
ADDED_ORDER = {
    "order_number": "string",
    "person_id": "string",
    "order_date": "timestamp",
    "value_cents": "int64",
    "refund_date": "timestamp",
    "refunded_cents": "int64",
}

MOST_IN_MEMORY = 3_000_000
"""How many sales are held in the engine's memory: about half a gigabyte."""

LONGEST_MONTH = 31
"""Days by which the closed months may end before the rolling window begins."""

MOST_RECENT_IN_MEMORY = 500_000
"""How many sales after the closed months are held there."""


@dataclass(frozen=True)
class Ledger:
    """Everything that counts up to a day, ready to be added up by the engine.

    What it is made from is read when a part of it is first asked for.

    Attributes:
        shop: whose it is.
        raw_sales: the sales of every stored day up to the *day* at least.
        customer_identities: ``CustomerIdentities``.
        customers: ``Customers``, at least ``CUSTOMER_COLUMNS``.
        ecom_orders: ``EcomOrders``, at least ``ORDER_COLUMNS``.
        day: up to which it counts.
        last: the last day of the run.
        months: the closed months, if they are to be used and there are any.
    """

    shop: Shop
    raw_sales: Callable[[], ir.Table]
    customer_identities: pd.DataFrame
    customers: pd.DataFrame
    ecom_orders: pd.DataFrame
    day: date
    last: date
    months: Callable[[], ClosedMonths | None]

    # Sales ------------------------------------------------------------------------

    @cached_property
    def sales(self) -> ir.Table:
        """The sales up to the day, whether they count or not."""
        return self._until_day(self.raw_sales())

    @cached_property
    def special_sales(self) -> ir.Table:
        """The special sales, and those that an order or an unnamed return names.

        One row a sale with ``COLUMNS``: nothing else can be tied to a web order, or to
        a person other than its own customer's.
        """
        recent, closed = self._recent, self._closed
        special = recent.filter(is_special(recent)).select(*COLUMNS.names)
        if closed is not None:
            special = ibis.union(closed.special, special, distinct=False)
        special = materialize(self.shop.engine, special)
        wanted = materialize(self.shop.engine, self._named_elsewhere(special))
        parts = [special, recent.semi_join(wanted, "sale_id").select(*COLUMNS.names)]
        if closed is not None:
            parts.append(closed.find(wanted.anti_join(parts[1], "sale_id")))
        return materialize(self.shop.engine, ibis.union(*parts, distinct=False))

    @cached_property
    def by_record(self) -> ir.Table:
        """What each customer record's sales come to (``domain.sum_by_record``)."""
        state = self._closed.state if self._closed else None
        sums = sum_by_record(self._recent, state, self.shop.policy, self.day)
        return materialize(self.shop.engine, sums)

    @cached_property
    def sales_sums(self) -> dict[str, int]:
        """What the completed sales come to: ``cents, gift_cards, orders``.

        ``cents`` are their totals, ``gift_cards`` what does not count of them for being
        a gift card sold, or paid by one (rule 2.6).
        They are added up from the stored days, never from closed months: this is one
        side of the law of conservation (rule 7.1).
        """
        with self.shop.reading_only(["raw_sales"]):
            sales = self._until_day(self.shop.sales_until(self.day))
        completed = sales.filter(sales["is_completed"])
        total, gift_cards = total_columns(self.shop.policy)
        return first_row(
            self.shop,
            completed.aggregate(
                cents=completed[total].sum(),
                gift_cards=completed[gift_cards].sum(),
                orders=completed["is_order"].sum(),
            ),
        )

    @cached_property
    def _closed(self) -> ClosedMonths | None:
        with self.shop.reading_only(["raw_sales"]):
            return self.months()

    @cached_property
    def _recent(self) -> ir.Table:
        """The sales after the closed months; without any, all of them."""
        if self._closed is None:
            return self.sales
        with self.shop.reading_only(["raw_sales"]):
            return self._until_day(_open_recent(self.shop, self._closed, self.last))

    def _until_day(self, sales: ir.Table) -> ir.Table:
        until = ibis.timestamp(self.day.isoformat())
        return sales.filter(sales["business_date"] <= until)

    def _named_elsewhere(self, special: ir.Table) -> ir.Table:
        """Return the ids that orders or unnamed returns name and *special* has not."""
        orders = self.ecom_orders.dropna(subset=["sale_id"])
        named = columns_to_ibis(orders, SALE)
        returns = special.filter(_is_unnamed_return(special, self.walk_in_ids))
        every = ibis.union(named, returns.select(sale_id="return_for"), distinct=True)
        return every.anti_join(special, "sale_id")

    # Whose they are ---------------------------------------------------------------

    @cached_property
    def matches(self) -> pd.DataFrame:
        """Each web order up to the day and its sales, with the evidence."""
        return self._matching.matches

    @cached_property
    def _matching(self) -> OrderMatching:
        return open_matching(self.ecom_orders, self._web_sales, self._as_of)

    @cached_property
    def web(self) -> WebOrders:
        """The web orders that are sales, and those that add."""
        return divide_orders(
            self.ecom_orders,
            self._matching.synced,
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
            *_returns(self.shop, self.special_sales, no_one),
            set(no_one),
            self.customer_identities,
            _without_customer(self.web.sale_orders, self._web_sales, no_one),
        )

    @cached_property
    def _web_sales(self) -> pd.DataFrame:
        return _web_sales(self.shop, self.special_sales, self.ecom_orders)

    @property
    def _as_of(self) -> pd.Timestamp:
        return pd.Timestamp(self.day).as_unit("us")

    @cached_property
    def records(self) -> ir.Table:
        """The person of each customer record."""
        identities = self.customer_identities
        records = identities[identities["record_kind"] == RecordKind.CUSTOMER]
        return columns_to_ibis(records, PERSON_OF_RECORD)

    @cached_property
    def _ties(self) -> tuple[ir.Table, ir.Table, ir.Table]:
        """The records, the people of unnamed sales, and the sales of web orders."""
        return (
            self.records,
            columns_to_ibis(self.sale_people, PERSON_OF_SALE),
            columns_to_ibis(self.web.sale_orders, SALE),
        )

    # What counts ------------------------------------------------------------------

    @cached_property
    def purchases(self) -> ir.Table:
        """What counts, one by one, with its person."""
        return list_purchases(
            self.sales,
            *self._ties,
            self._added,
            self.walk_in_ids,
            self.shop.policy,
            self.day,
        )

    def purchases_of(self, people: ir.Table) -> ir.Table:
        """Return what counts of some *people*, one by one, without all else.

        Args:
            people: ``person_id``, each once.
        """
        records = self._named_records.semi_join(people, "person_id")
        linked = columns_to_ibis(self.sale_people, PERSON_OF_SALE)
        linked = linked.semi_join(people, "person_id")
        sales = self._stored_sales
        own = sales.semi_join(records, sales["customer_id"] == records["record_id"])
        # What is linked to a person has no customer of its own.
        tied = self.special_sales.semi_join(linked, "sale_id")
        counted = list_purchases(
            ibis.union(own, tied.select(*COLUMNS.names), distinct=False),
            *self._ties,
            self._added,
            self.walk_in_ids,
            self.shop.policy,
            self.day,
        )
        return counted.semi_join(people, "person_id")

    def orders_on(self, days: ir.Table) -> ir.Table:
        """Return the sales that are orders of some people on some days.

        One row a sale: ``sale_id, person_id`` and the other columns of *days*.

        Args:
            days: ``person_id, day``, each pair once, and others.
        """
        counted = list_purchases(
            self._stored_sales,
            *self._ties,
            self._added,
            self.walk_in_ids,
            self.shop.policy,
            self.day,
        )
        orders = counted.filter(counted["orders"] > 0, counted["sale_id"].notnull())
        chosen = orders.select("sale_id", "person_id", "day")
        found = chosen.inner_join(days, ["person_id", "day"]).drop("day")
        return materialize(self.shop.engine, found)

    @property
    def _stored_sales(self) -> ir.Table:
        """The sales up to the day as they are stored: for one look at them."""
        with self.shop.reading_only(["raw_sales"]):
            sales = self._until_day(self.shop.sales_until(self.day))
        return sales.select(*COLUMNS.names)

    @cached_property
    def window_movements(self) -> ir.Table:
        """What a person's value of the rolling window is made of, day by day.

        One row a person and day of the window: ``person_id, day, value_cents``.
        """
        start = ibis.timestamp((self.day - timedelta(days=ROLLING_DAYS)).isoformat())
        own = self.person_days.filter(self.person_days["day"] > start)
        return own.group_by(["person_id", "day"]).aggregate(
            value_cents=own["value_cents"].sum().cast("int64")
        )

    @cached_property
    def purchase_days(self) -> ir.Table:
        """What the purchases of each day come to (``domain.order_days.add_up_days``).

        Several tables ask of it.  It is held, however large: to work it out once more
        takes longer than to read it from disk.
        """
        special = self.special_sales.filter(self.special_sales["is_completed"])
        purchases = name_purchases(self._tied_sales, self.walk_in_ids, self.shop.policy)
        days = add_up_days(
            self._own_days(self._record_days),
            self._own_days(sum_record_days(special)),
            add_orders(purchases, self._added),
        )
        return materialize(self.shop.engine, days)

    @property
    def _record_days(self) -> ir.Table:
        recent, closed = sum_record_days(self._recent), self._closed
        if closed is None:
            return recent
        with self.shop.reading_only(["raw_sales"]):
            return ibis.union(closed.days, recent, distinct=False)

    def _own_days(self, record_days: ir.Table) -> ir.Table:
        return own_days(record_days, self.records, self.walk_in_ids, self.shop.policy)

    @cached_property
    def person_days(self) -> ir.Table:
        """The ``purchase_days`` that belong to a person."""
        return self.purchase_days.filter(self.purchase_days["person_id"].notnull())

    @cached_property
    def order_days(self) -> ir.Table:
        """The days on which people ordered, and what all of each day comes to.

        One row a person and day: ``person_id, day, value_cents``.
        """
        every = self.person_days
        days = every.group_by(["person_id", "day"]).aggregate(
            orders=every["orders"].sum(),
            value_cents=every["value_cents"].sum().cast("int64"),
        )
        return days.filter(days["orders"] > 0).drop("orders")

    @cached_property
    def person_sums(self) -> ir.Table:
        """What counts of each person, added up (``domain.sum_by_person``)."""
        special = self._tied_sales
        tied = add_orders(self._tied_purchases, self._added)
        return sum_by_person(
            self.by_record,
            self._named_records,
            sum_purchases(tied, "person_id", self.day),
            count_noted(special, self.walk_in_ids),
        )

    @cached_property
    def unattributed_sums(self) -> dict[str, int]:
        """What belongs to no person comes to: ``cents, orders``."""
        sales = first_row(
            self.shop,
            sum_unattributed(self.by_record, self._named_records, self._tied_purchases),
        )
        added = self.web.added_orders
        unowned = added[added["person_id"].isna()]
        return {
            "cents": sales["cents"] + net_value(unowned),
            "orders": sales["orders"] + len(unowned),
        }

    @cached_property
    def _added(self) -> ir.Table:
        return columns_to_ibis(self.web.added_orders, ADDED_ORDER)

    @cached_property
    def _named_records(self) -> ir.Table:
        """The person of each record but the walk-in's."""
        records = self.records
        if not self.walk_in_ids:
            return records
        return records.filter(records["record_id"].notin(self.walk_in_ids))

    @cached_property
    def _tied_sales(self) -> ir.Table:
        special = self.special_sales
        return join_ties(special.filter(special["is_completed"]), *self._ties)

    @cached_property
    def _tied_purchases(self) -> ir.Table:
        tied = list_tied(self._tied_sales, self.walk_in_ids, self.shop.policy)
        return materialize(self.shop.engine, tied)


def net_value(added_orders: pd.DataFrame) -> int:
    """Return the cents that unsynced orders come to, less what was given back."""
    return int((added_orders["value_cents"] - added_orders["refunded_cents"]).sum())


def no_months() -> None:
    """Return no closed months: every sale is read."""


MADE_FROM = ("raw_sales", "customers", "customer_identities", "ecom_orders")
"""The tables that a ledger is made from."""


def open_purchases(shop: Shop, day: date, last: date) -> Ledger:
    """Open what counts up to *day*, in a run up to the *last* day.

    If this run has it open already, it is that one; the sales of a run of many days are
    brought in once.
    """
    made_from = shop.warehouse.attempts(*MADE_FROM)

    def open_it() -> Ledger:
        customers = shop.load("customers", Customers, columns=CUSTOMER_COLUMNS)
        orders = shop.load("ecom_orders", EcomOrders, columns=ORDER_COLUMNS)
        months = partial(open_closed_months, shop, day)
        return open_ledger(
            shop, load_identities(shop), customers, orders, day, last, months
        )

    return shop.keep("ledger", (day, last, made_from), open_it)


def open_ledger(
    shop: Shop,
    customer_identities: pd.DataFrame,
    customers: pd.DataFrame,
    ecom_orders: pd.DataFrame,
    day: date,
    last: date,
    months: Callable[[], ClosedMonths | None] = no_months,
) -> Ledger:
    """Open what counts up to *day*, with tables that are loaded already.

    It uses the closed *months*, if any are given.

    Raises:
        LocalFailure: a day of sales is missing.
        GateFailed: the last attempt at a day of sales failed.
    """
    until_last = shop.sales_until(last).select(*COLUMNS.names)
    return Ledger(
        shop,
        partial(_bring_in, shop, until_last, last),
        customer_identities,
        customers,
        ecom_orders,
        day,
        last,
        months,
    )


def _bring_in(shop: Shop, until_last: ir.Table, last: date) -> ir.Table:
    """Return the sales up to the *last* day, in the engine's memory if they fit there.

    Several queries read them, and opening thousands of small files again for each
    would cost more than the queries.
    """
    state = (last, shop.warehouse.attempts("raw_sales"))
    return shop.keep("sales", state, lambda: materialize_if_small(shop, until_last))


def _open_recent(shop: Shop, closed: ClosedMonths, last: date) -> ir.Table:
    """Return the sales after the *closed* months that days up to *last* may need.

    All days whose closed months are these share them.
    """
    state = (closed.checkpoint, last, shop.warehouse.attempts("raw_sales"))
    needed = min(last, closed.end + timedelta(days=ROLLING_DAYS + LONGEST_MONTH))

    def open_it() -> ir.Table:
        first = closed.end.isoformat()
        days = [day for day in shop.days_until(needed) if day > first]
        rows = shop.open_sales(days).select(*COLUMNS.names)
        return materialize_if_small(shop, rows, MOST_RECENT_IN_MEMORY)

    return shop.keep("recent sales", state, open_it)


def materialize_if_small(
    shop: Shop,
    rows: ir.Table,
    most: int = MOST_IN_MEMORY,
    as_many_as: ir.Table | None = None,
) -> ir.Table:
    """Return *rows* from the engine's memory, if there are so few.

    If there are about *as_many_as* rows of another table, those are counted, where
    that is quicker.
    """
    counted = rows if as_many_as is None else as_many_as
    count = int(shop.engine.to_pandas(counted.count()))
    return materialize(shop.engine, rows) if count <= most else rows


def _web_sales(shop: Shop, sales: ir.Table, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return the sales that a web order of the export may be tied to.

    These are the sales that name the web shop, or an order, and those that the export
    names; which order each one is, is found out afterwards (``domain.web_orders``).
    """
    if ecom_orders.empty:
        none: pd.DataFrame = shop.engine.to_pandas(sales.limit(0).select(*_MATCHED_BY))
        return none
    named = columns_to_ibis(ecom_orders.dropna(subset=["sale_id"]), SALE)
    may_match = (
        is_from_web(sales)
        | sales["web_order_number"].notnull()
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
    found = sales.filter(_is_unnamed_return(sales, walk_in_ids))
    returns: pd.DataFrame = shop.engine.to_pandas(
        found.select("sale_id", "customer_id", "return_for")
    )
    if returns.empty:
        return returns, returns[["sale_id", "customer_id"]]
    named = columns_to_ibis(returns[["return_for"]], {"return_for": "string"})
    originals = sales.filter(sales["sale_id"].isin(named["return_for"]))
    return returns, shop.engine.to_pandas(originals.select("sale_id", "customer_id"))


def _is_unnamed_return(sales: ir.Table, walk_in_ids: list[str]) -> Any:
    """Say whether a sale without a named customer returns another one."""
    return sales["return_for"].notnull() & has_no_customer(sales, walk_in_ids)


def first_row(shop: Shop, sums: ir.Table) -> dict[str, int]:
    """Return the one row of *sums*; the sum of nothing is zero."""
    row: dict[str, Any] = shop.engine.to_pandas(sums).iloc[0].to_dict()
    return {name: 0 if pd.isna(value) else int(value) for name, value in row.items()}
