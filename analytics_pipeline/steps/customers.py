"""Work out who is one person, and what each person bought as of a day."""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path
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
    cover_records,
    keep_people,
)
from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.identity import (
    find_left_out_edges,
    resolve_identities,
)
from analytics_pipeline.domain.identity_overrides import check_overrides
from analytics_pipeline.domain.order_matching import match_orders
from analytics_pipeline.domain.policy import MoneyBasis
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.schemas.customers import CustomerAnalytics, CustomerIdentities
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.schemas.sources import Customers, EcomOrders
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.judgements import judge_catch_up
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.vocabulary import RecordKind

OVERRIDE_COLUMNS = ["left_id", "right_id", "rule", "reason"]


def resolve_customers(shop: Shop) -> Candidate:
    """Resolve the customer records and web-shop e-mails into persons."""
    customers = shop.load("customers", Customers)
    ecom_orders = shop.load("ecom_orders", EcomOrders)
    people = customers[~customers["is_walk_in"]]
    overrides = check_overrides(
        _read_overrides(shop.settings.data_dir / "identity_overrides.csv"),
        set(people["customer_id"]),
    )
    frame = resolve_identities(customers, ecom_orders, overrides, shop.policy)
    left_out = find_left_out_edges(customers, overrides, shop.policy)
    live = frame[frame["is_live"] & (frame["record_kind"] == RecordKind.CUSTOMER)]
    figures = {
        "records": len(live),
        "people": int(live["person_id"].nunique()),
        "merged": len(live) - int(live["person_id"].nunique()),
    }
    findings = [cover_records(customers, frame), _report_left_out(left_out)]
    return Candidate(frame, findings, figures=figures)


def _report_left_out(edges: pd.DataFrame) -> Finding:
    """Report the records that share a key and were declared different (rule 3.4)."""
    pairs = [
        f"{left}–{right} ({kind})"
        for left, right, kind in zip(
            edges["left_id"], edges["right_id"], edges["kind"], strict=True
        )
    ]
    return Finding(
        "nothing_is_kept_apart",
        not pairs,
        f"{len(pairs)} shared keys join nobody, because identity_overrides.csv "
        "declares the records different.",
        Severity.WARN,
        {"edges": len(pairs), "records": name_some(pairs)},
    )


def _read_overrides(path: Path) -> pd.DataFrame:
    """Read the merges that a person forces or forbids; without the file, none.

    Raises:
        WrongUse: the file is no CSV.
    """
    if not path.exists():
        return pd.DataFrame(columns=OVERRIDE_COLUMNS, dtype="str")
    try:
        return pd.read_csv(path, dtype="str", encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, csv.Error) as error:
        raise WrongUse(
            f"{path.name} cannot be read ({type(error).__name__}).",
            f"Correct it: columns {','.join(OVERRIDE_COLUMNS)}.",
        ) from error


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that counts up to a day, ready to be added up by the engine."""

    sales: ir.Table
    web: WebOrders
    purchases: ir.Table


def analyse_customers(shop: Shop, day: date) -> Candidate:
    """Measure every person as of *day*, and prove that no cent was lost."""
    caught_up = judge_catch_up(shop, day)
    if caught_up.blocks:
        return Candidate(None, [caught_up], partition=day.isoformat())
    identities = shop.load("customer_identities", CustomerIdentities)
    ledger = _open_ledger(shop, identities, day)
    measured = measure_people(ledger.purchases, _people(identities), shop.policy, day)
    frame = shape(shop.engine.to_pandas(measured), CustomerAnalytics).sort_values(
        "customer_id", ignore_index=True
    )
    sides = _add_up(shop, ledger, frame)
    findings = [
        caught_up,
        conserve_money(sides),
        _keep_people(shop, day, frame, identities),
    ]
    return Candidate(frame, findings, partition=day.isoformat(), figures=sides)


def _open_ledger(shop: Shop, identities: pd.DataFrame, day: date) -> Ledger:
    """Tie web orders to sales, give nobody's sales their person, and list it all."""
    as_of = pd.Timestamp(day).as_unit("us")
    sales = shop.sales_until(day)
    sales = sales.filter(sales["business_date"] <= ibis.timestamp(day.isoformat()))
    ecom_orders = shop.load("ecom_orders", EcomOrders)
    matches = match_orders(ecom_orders, _web_sales(shop, sales, ecom_orders), as_of)
    web = divide_orders(ecom_orders, matches, identities, shop.policy, as_of)
    customers = shop.load("customers", Customers)
    nobody = sorted(customers.loc[customers["is_walk_in"], "customer_id"])
    returns, originals = _returns(shop, sales)
    sale_people = follow_returns(
        returns, originals, set(nobody), identities, web.sale_orders
    )
    records = identities[identities["record_kind"] == RecordKind.CUSTOMER]
    text = {"record_id": "string", "person_id": "string"}
    purchases = list_purchases(
        sales,
        lend_columns(records, text),
        lend_columns(sale_people, {"sale_id": "string", "person_id": "string"}),
        lend_columns(web.sale_orders, {"sale_id": "string"}),
        lend_columns(
            web.added_orders,
            {"person_id": "string", "order_date": "timestamp", "value_cents": "int64"},
        ),
        nobody,
        shop.policy,
        day,
    )
    return Ledger(sales, web, purchases)


def _web_sales(shop: Shop, sales: ir.Table, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return the sales that a web order may be tied to."""
    named = ecom_orders["sale_id"].dropna().unique().tolist()
    may_match = (
        sales["source"].startswith(WEB_SOURCE).fill_null(False)
        | sales["web_order_number"].notnull()  # noqa: PD004 (Ibis's own)
    )
    if named:
        may_match = may_match | sales["sale_id"].isin(named)
    return shape(shop.engine.to_pandas(sales.filter(may_match)), RawSales)


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


def _keep_people(
    shop: Shop, day: date, frame: pd.DataFrame, identities: pd.DataFrame
) -> Finding:
    """Compare with the people of the published master, if it is no later than this."""
    published = shop.publication.published()
    if (
        published is None
        or published.as_of > day.isoformat()
        or not shop.warehouse.exists("customer_analytics", published.as_of)
    ):
        return Finding(
            "no_person_vanished", True, "There is no earlier master to compare with."
        )
    before = shop.warehouse.read(
        "customer_analytics", CustomerAnalytics, published.as_of
    )
    return keep_people(
        set(before["customer_id"]), set(frame["customer_id"]), identities
    )
