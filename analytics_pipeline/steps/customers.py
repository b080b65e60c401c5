"""Work out what each person bought as of a day."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.domain.analytics import measure_people
from analytics_pipeline.domain.conservation import conserve_money
from analytics_pipeline.domain.policy import MoneyBasis
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.counted_once import judge_added_orders
from analytics_pipeline.steps.identities import (
    fingerprint_identities,
    load_identities,
)
from analytics_pipeline.steps.judgements import judge_catch_up
from analytics_pipeline.steps.ledger import (
    Ledger,
    bring_in_sales,
    open_day,
    open_ledger,
)
from analytics_pipeline.steps.proofs import judge_currency, judge_people
from analytics_pipeline.steps.quarantine import find_quarantined_sales
from analytics_pipeline.steps.unattributed_sales import judge_customers
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.vocabulary import RecordKind


def analyse_customers(shop: Shop, days: Sequence[date]) -> Iterator[Candidate]:
    """Measure every person as of each of *days*, and prove that no cent was lost."""
    identities = load_identities(shop)
    shop.refuse_failed("raw_sales", shop.days_until(max(days)))
    current = judge_currency(shop, max(days))
    sales = bring_in_sales(shop, max(days)) if len(days) > 1 else None
    quarantined = find_quarantined_sales(shop)
    for day in days:
        before = [judge_catch_up(shop, day), current.judge(day)]
        if any(finding.blocks for finding in before):
            yield Candidate(None, before, partition=day.isoformat())
            continue
        ledger = (
            open_day(shop, identities, day)
            if sales is None
            else open_ledger(shop, sales, identities, day)
        )
        people = measure_people(
            ledger.purchases, list_people(identities), shop.policy, day
        )
        frame = shape(shop.engine.to_pandas(people), CustomerAnalytics).sort_values(
            "customer_id", ignore_index=True
        )
        sides = add_up_sides(shop, ledger, frame)
        sides |= quarantined.worth(day, shop.policy.money_basis)
        after = [
            conserve_money(sides),
            judge_added_orders(shop, ledger, identities),
            *judge_people(shop, day, frame, identities),
            *judge_customers(shop, ledger, identities, frame, sides),
        ]
        yield Candidate(
            frame,
            [*before, *after],
            partition=day.isoformat(),
            notes={"identities": fingerprint_identities(shop)},
            figures=sides,
        )


def list_people(identities: pd.DataFrame) -> ir.Table:
    """Return the persons: those with a live customer record, and web-shop ones."""
    live = identities[identities["is_live"] & identities["person_id"].notna()]
    is_customer = live["record_kind"] == RecordKind.CUSTOMER
    grouped = live.assign(is_customer=is_customer).groupby("person_id")
    people = grouped[["is_customer"]].any().reset_index()
    return lend_columns(people, {"person_id": "string", "is_customer": "boolean"})


def add_up_sides(shop: Shop, ledger: Ledger, frame: pd.DataFrame) -> dict[str, int]:
    """Return both sides of the conservation law, each added up by itself (7.1)."""
    completed = ledger.sales.filter(ledger.sales["is_completed"])
    with_tax = shop.policy.money_basis is MoneyBasis.INCL_TAX
    total = "total_incl_cents" if with_tax else "total_excl_cents"
    sales = first_row(
        shop,
        completed.aggregate(
            cents=completed[total].sum(), orders=completed["is_order"].sum()
        ),
    )
    nobody = ledger.purchases.filter(ledger.purchases["person_id"].isnull())  # noqa: PD003 (Ibis's own)
    unattributed = first_row(
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


def first_row(shop: Shop, sums: ir.Table) -> dict[str, int]:
    """Return the one row of *sums*; the sum of nothing is zero."""
    row: dict[str, Any] = shop.engine.to_pandas(sums).iloc[0].to_dict()
    return {name: 0 if pd.isna(value) else int(value) for name, value in row.items()}
