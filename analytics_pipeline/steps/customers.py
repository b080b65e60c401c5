"""Work out what each person bought as of a day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.analytics import (
    WEB_SOURCE,
    list_purchases,
    measure_people,
)
from analytics_pipeline.domain.attribution import (
    WebOrders,
    divide_orders,
    follow_returns,
)
from analytics_pipeline.domain.conservation import (
    conserve_money,
)
from analytics_pipeline.domain.order_matching import match_orders
from analytics_pipeline.domain.policy import MoneyBasis
from analytics_pipeline.engine import hold, lend_columns
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.schemas.sources import Customers, EcomOrders
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.identities import (
    fingerprint_identities,
    load_identities,
)
from analytics_pipeline.steps.judgements import judge_catch_up
from analytics_pipeline.steps.proofs import CurrencyJudge, judge_people
from analytics_pipeline.steps.quarantine import find_quarantined_sales
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.vocabulary import RecordKind

SALES_COLUMNS = (
    "sale_id",
    "business_date",
    "customer_id",
    "source",
    "source_id",
    "web_order_number",
    "return_for",
    "is_completed",
    "is_order",
    "total_incl_cents",
    "total_excl_cents",
    "refunded_incl_cents",
    "refunded_excl_cents",
)
"""What the analytics need of a sale."""

MOST_IN_MEMORY = 3_000_000
"""How many sales are held in the engine's memory: about half a gigabyte."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that counts up to a day, ready to be added up by the engine."""

    sales: ir.Table
    web: WebOrders
    purchases: ir.Table


def analyse_customers(shop: Shop, days: Sequence[date]) -> Iterator[Candidate]:
    """Measure every person as of each of *days*, and prove that no cent was lost."""
    identities = load_identities(shop)
    current = CurrencyJudge(shop, max(days))
    sales = _bring_in(shop, max(days))
    quarantined = find_quarantined_sales(shop)
    for day in days:
        before = [judge_catch_up(shop, day), current.judge(day)]
        if any(finding.blocks for finding in before):
            yield Candidate(None, before, partition=day.isoformat())
            continue
        ledger = _open_ledger(shop, sales, identities, day)
        people = measure_people(ledger.purchases, _people(identities), shop.policy, day)
        frame = shape(shop.engine.to_pandas(people), CustomerAnalytics).sort_values(
            "customer_id", ignore_index=True
        )
        sides = _add_up(shop, ledger, frame)
        sides |= quarantined.worth(day, shop.policy.money_basis)
        after = [conserve_money(sides), judge_people(shop, day, frame, identities)]
        yield Candidate(
            frame,
            [*before, *after],
            partition=day.isoformat(),
            notes={"identities": fingerprint_identities(shop)},
            figures=sides,
        )


def _bring_in(shop: Shop, last: date) -> ir.Table:
    """Return the sales up to *last*, in the engine's memory if they fit there.

    Several questions are asked of them, and to open thousands of small files anew for
    each would cost more than the answers.
    """
    sales = shop.sales_until(last).select(*SALES_COLUMNS)
    count = int(shop.engine.to_pandas(sales.count()))
    return hold(shop.engine, sales) if count <= MOST_IN_MEMORY else sales


def _open_ledger(
    shop: Shop, until_last: ir.Table, identities: pd.DataFrame, day: date
) -> Ledger:
    """Tie web orders to sales, give nobody's sales their person, and list it all."""
    as_of = pd.Timestamp(day).as_unit("us")
    is_until = until_last["business_date"] <= ibis.timestamp(day.isoformat())
    sales = until_last.filter(is_until)
    ecom_orders = shop.load("ecom_orders", EcomOrders)
    matches = match_orders(ecom_orders, _web_sales(shop, sales, ecom_orders), as_of)
    web = divide_orders(ecom_orders, matches, identities, shop.policy, as_of)
    purchases = _list(shop, sales, web, identities, day)
    return Ledger(sales, web, purchases)


def _list(
    shop: Shop, sales: ir.Table, web: WebOrders, identities: pd.DataFrame, day: date
) -> ir.Table:
    """List what counts up to *day*, each with its person."""
    customers = shop.load("customers", Customers)
    nobody = sorted(customers.loc[customers["is_walk_in"], "customer_id"])
    returns, originals = _returns(shop, sales)
    sale_people = follow_returns(
        returns, originals, set(nobody), identities, web.sale_orders
    )
    records = identities[identities["record_kind"] == RecordKind.CUSTOMER]
    added = {"person_id": "string", "order_date": "timestamp", "value_cents": "int64"}
    return list_purchases(
        sales,
        lend_columns(records, {"record_id": "string", "person_id": "string"}),
        lend_columns(sale_people, {"sale_id": "string", "person_id": "string"}),
        lend_columns(web.sale_orders, {"sale_id": "string"}),
        lend_columns(web.added_orders, added),
        nobody,
        shop.policy,
        day,
    )


def _web_sales(shop: Shop, sales: ir.Table, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return the sales that a web order may be tied to."""
    named = ecom_orders["sale_id"].dropna().unique().tolist()
    may_match = (
        sales["source"].startswith(WEB_SOURCE).fill_null(False)
        | sales["web_order_number"].notnull()  # noqa: PD004 (Ibis's own)
    )
    if named:
        may_match = may_match | sales["sale_id"].isin(named)
    found: pd.DataFrame = shop.engine.to_pandas(sales.filter(may_match))
    return found


def _returns(shop: Shop, sales: ir.Table) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the sales that return another one, and those others."""
    returns = sales.filter(sales["return_for"].notnull())  # noqa: PD004 (Ibis's own)
    named = returns.select(original="return_for")
    originals = sales.semi_join(named, sales["sale_id"] == named["original"])
    return (
        shop.engine.to_pandas(returns.select("sale_id", "customer_id", "return_for")),
        shop.engine.to_pandas(originals.select("sale_id", "customer_id")),
    )


def _people(identities: pd.DataFrame) -> ir.Table:
    """Return the persons: those with a live customer record, and web-shop ones."""
    live = identities[identities["is_live"] & identities["person_id"].notna()]
    is_customer = live["record_kind"] == RecordKind.CUSTOMER
    grouped = live.assign(is_customer=is_customer).groupby("person_id")
    people = grouped[["is_customer"]].any().reset_index()
    return lend_columns(people, {"person_id": "string", "is_customer": "boolean"})


def _add_up(shop: Shop, ledger: Ledger, frame: pd.DataFrame) -> dict[str, int]:
    """Return both sides of the conservation law, each added up by itself (7.1)."""
    completed = ledger.sales.filter(ledger.sales["is_completed"])
    with_tax = shop.policy.money_basis is MoneyBasis.INCL_TAX
    total = "total_incl_cents" if with_tax else "total_excl_cents"
    sales = _first_row(
        shop,
        completed.aggregate(
            cents=completed[total].sum(), orders=completed["is_order"].sum()
        ),
    )
    nobody = ledger.purchases.filter(ledger.purchases["person_id"].isnull())  # noqa: PD003 (Ibis's own)
    unattributed = _first_row(
        shop,
        nobody.aggregate(
            cents=nobody["value_cents"].sum(), orders=nobody["is_order"].sum()
        ),
    )
    added = ledger.web.added_orders
    return {
        "people_cents": int(frame["lifetime_value_cents"].sum()),
        "people_orders": int(frame["order_count"].sum()),
        "unattributed_cents": unattributed["cents"],
        "unattributed_orders": unattributed["orders"],
        "sales_cents": sales["cents"],
        "sales_orders": sales["orders"],
        "web_orders_cents": int(added["value_cents"].sum()),
        "web_orders_orders": len(added),
    }


def _first_row(shop: Shop, sums: ir.Table) -> dict[str, int]:
    """Return the one row of *sums*; the sum of nothing is zero."""
    row: dict[str, Any] = shop.engine.to_pandas(sums).iloc[0].to_dict()
    return {name: 0 if pd.isna(value) else int(value) for name, value in row.items()}
