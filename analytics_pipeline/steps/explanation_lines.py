"""Find the sales and web orders of one person, those that do not count too."""

from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.explained_lines import (
    Ties,
    explain_orders,
    explain_sales,
)
from analytics_pipeline.domain.explanation import Line, Member
from analytics_pipeline.domain.web_refunds import tell_refund
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ledger import Ledger
from analytics_pipeline.steps.lookup import People
from analytics_pipeline.steps.web_refunds import find_web_refunds
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.vocabulary import RecordKind


@dataclass(frozen=True, slots=True)
class Books:
    """What people are explained from: who is who, and what counts up to a day."""

    shop: Shop
    day: date
    people: People
    ledger: Ledger


def list_lines(books: Books, members: list[Member]) -> list[Line]:
    """Return the sales and web orders of a person up to the day, by day."""
    shop, ledger = books.shop, books.ledger
    sales = _sales_of(books, members)
    orders = _orders_of(books, members)
    synced = ledger.matches.dropna(subset=["sale_id"])
    orders_of_sale = dict(zip(synced["sale_id"], synced["order_number"], strict=True))
    refunds = _tell_refunds(books, orders, sales["sale_id"].map(orders_of_sale))
    ties = Ties(
        nobody=set(ledger.nobody),
        orders_of_sale=orders_of_sale,
        own_orders=set(orders["order_number"]),
        refunds=refunds,
    )
    lines = [
        *explain_sales(sales, ties, shop.policy),
        *explain_orders(
            orders, ledger.matches, set(sales["sale_id"]), shop.policy, refunds
        ),
    ]
    return sorted(lines, key=lambda line: (line.day, line.kind, line.id))


def _sales_of(books: Books, members: list[Member]) -> pd.DataFrame:
    """Return every sale of the person, whether it counts or not (rules 3.1, 4.5)."""
    shop, ledger = books.shop, books.ledger
    records = [each.record_id for each in members if each.kind == RecordKind.CUSTOMER]
    person = members[0].record_id
    linked = ledger.sale_people
    sales_of_nobody = linked.loc[linked["person_id"] == person, "sale_id"].tolist()
    sales = shop.sales_until(books.day)
    under_nobody = sales["customer_id"].isnull()  # noqa: PD003 (Ibis's own)
    if ledger.nobody:
        under_nobody |= sales["customer_id"].isin(ledger.nobody)
    # Tables: thousands of ids in the words of a query take minutes to read.
    tied, own = _lend_ids(sales_of_nobody), _lend_ids(records)
    theirs = under_nobody & sales["sale_id"].isin(tied)
    theirs |= sales["customer_id"].isin(own).fill_null(False)
    return shape(shop.engine.to_pandas(sales.filter(theirs)), RawSales)


def _lend_ids(ids: list[str]) -> ir.StringColumn:
    frame = pd.DataFrame({"id": ids}, dtype="str")
    column: ir.StringColumn = lend_columns(frame, {"id": "string"})["id"]
    return column


def _orders_of(books: Books, members: list[Member]) -> pd.DataFrame:
    """Return the web orders made with the person's e-mails up to the day."""
    emails = [each.record_id for each in members if each.kind == RecordKind.ECOM]
    orders = books.people.ecom_orders
    theirs = orders["ecom_customer_id"].isin(emails)
    return orders[theirs & (orders["order_date"] <= pd.Timestamp(books.day))]


def _tell_refunds(
    books: Books, own_orders: pd.DataFrame, of_sales: pd.Series
) -> dict[str, str]:
    """Say of which orders the web shop gave back what still counts (rule 4.4).

    These are the person's own orders, and the orders of the person's sales.
    """
    every = books.people.ecom_orders.set_index("order_number", drop=False)
    numbers = {*own_orders["order_number"], *of_sales.dropna()}
    asked = every[every.index.isin(numbers)]
    left = find_web_refunds(books.shop, books.ledger, asked)
    return {
        number: tell_refund(asked.loc[number].to_dict(), int(cents))
        for number, cents in zip(left["order_number"], left["left_cents"], strict=True)
    }
