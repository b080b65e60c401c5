"""``ecom_reconciliation``: web orders against sales, as of the published day."""

from dataclasses import replace
from datetime import date
from functools import partial

import pandas as pd

from analytics_pipeline.assets.purchases import Ledger
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.purchases import name_people
from analytics_pipeline.domain.reconciliation import (
    check_evidence,
    check_refunds,
    check_sync,
    find_unsettled,
    given_back,
    reconcile_orders,
    reconcile_sums,
    summarise_reconciliation,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.checks import Candidate, CheckResult, Severity
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.model.vocabulary import ReconciliationCategory
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.csv import render_csv
from analytics_pipeline.storage.files import replace_bytes
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import ECOM_RECONCILIATION

# ----------------------------------------------------------------------------------
# Find the web orders that were given back while their sales still count (rule 4.4).


_COLUMNS = ("sale_id", "return_for", "is_completed", "total_incl_cents")


def find_web_refunds(ledger: Ledger, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return those of *ecom_orders* that are not settled: ``order_number, left_cents``.

    A return at the till belongs to the order of what it returns, also a return of a
    return, so what is left is all that still counts up to the day of the *ledger*.
    """
    numbers = ecom_orders.loc[given_back(ecom_orders), "order_number"]
    matches = ledger.matches.dropna(subset=["sale_id"])
    asked = matches.loc[
        is_among(matches["order_number"], numbers), ["order_number", "sale_id"]
    ]
    pairs, found = [asked], [_sales_among(ledger, asked["sale_id"], "sale_id")]
    known, latest = set(asked["sale_id"]), asked
    while not latest.empty:
        returns = _sales_among(ledger, latest["sale_id"], "return_for")
        returns = returns[~is_among(returns["sale_id"], known)]
        orders = latest.rename(columns={"sale_id": "return_for"})
        latest = returns.merge(orders, on="return_for")[["order_number", "sale_id"]]
        known |= set(returns["sale_id"])
        pairs.append(latest)
        found.append(returns)
    return find_unsettled(pd.concat(pairs), pd.concat(found))


def _sales_among(ledger: Ledger, ids: "pd.Series[str]", column: str) -> pd.DataFrame:
    """Return the sales up to the day whose *column* is among *ids*."""
    lent_table = columns_to_ibis(
        pd.DataFrame({column: ids.unique()}), {column: "string"}
    )
    found = ledger.special_sales.semi_join(lent_table, column).select(*_COLUMNS)
    sales: pd.DataFrame = ledger.shop.engine.to_pandas(found)
    return sales


# ----------------------------------------------------------------------------------
# Hold the web shop's orders against the sales, as of the published day.


RECONCILIATION = "reports/ecom_reconciliation.csv"

_OF_SALES = [
    "sale_id", "customer_id", "is_completed", "total_incl_cents", "state", "is_deleted"
]  # fmt: skip


@table(ECOM_RECONCILIATION)
def ecom_reconciliation(
    run: TableRun,
    ecom_orders: pd.DataFrame,
    purchases: Ledger | None,
    customer_identities: pd.DataFrame,
) -> Candidate:
    """Explain each web order up to the published day, and how it was matched.

    Before the first publication there is no day, and no row.
    """
    store = partial(store_reconciliation, run.shop)
    if purchases is None:
        return replace(_nothing_published(), store=store)
    as_of = pd.Timestamp(purchases.day).as_unit("us")
    orders, published = ecom_orders, purchases.day.isoformat()
    unsettled = find_web_refunds(purchases, orders)
    rows = reconcile_orders(
        orders,
        purchases.matches,
        _matched_sales(purchases),
        purchases.web.added_orders,
        customer_identities,
        unsettled,
    )
    frame = shape(rows, EcomReconciliation)
    results = [
        reconcile_sums(frame, orders, as_of),
        check_evidence(frame),
        check_sync(frame, as_of),
        check_refunds(unsettled),
    ]
    counts = summarise_reconciliation(frame)["orders"]
    figures: dict[str, int | str] = {str(name): int(n) for name, n in counts.items()}
    figures["as_of"] = published
    return Candidate(
        frame,
        results,
        notes={"as_of": published},
        figures=figures,
        places={"report": RECONCILIATION},
        store=store,
    )


def store_reconciliation(shop: Shop, candidate: Candidate) -> None:
    """Store the table, and the same as a file that people can open."""
    shop.store_as("ecom_reconciliation", EcomReconciliation)(candidate)
    content = render_csv(candidate.rows, EcomReconciliation, shop.policy.csv_bom)
    replace_bytes(shop.settings.data_dir / RECONCILIATION, content)


def load_reconciled_orders(shop: Shop, day: date | None) -> pd.DataFrame | None:
    """Load the reconciliation, if it is as of *day*."""
    as_of = shop.warehouse.notes("ecom_reconciliation").get("as_of")
    if day is None or as_of != day.isoformat():
        return None
    return shop.load("ecom_reconciliation", EcomReconciliation)


def _nothing_published() -> Candidate:
    sentence = "No master is published yet, so there is no day to reconcile."
    frame = shape(
        pd.DataFrame(columns=list(EcomReconciliation.to_schema().columns)),
        EcomReconciliation,
    )
    results = [
        CheckResult("categories_add_up", True, sentence),
        CheckResult("evidence_agrees", True, sentence, Severity.WARN),
        CheckResult("orders_have_sales", True, sentence, Severity.WARN),
        CheckResult("refunds_reach_the_tills", True, sentence, Severity.WARN),
    ]
    figures = {category.value: 0 for category in ReconciliationCategory}
    return Candidate(frame, results, figures=figures, places={"report": RECONCILIATION})


def _matched_sales(ledger: Ledger) -> pd.DataFrame:
    """Return the sales that are some web order's, with the person of each."""
    tied = columns_to_ibis(ledger.web.sale_orders, {"sale_id": "string"}).distinct()
    found = ledger.special_sales.semi_join(tied, "sale_id").select(*_OF_SALES)
    sales: pd.DataFrame = ledger.shop.engine.to_pandas(found)
    walk_in, identities = set(ledger.walk_in_ids), ledger.customer_identities
    return name_people(sales, ledger.sale_people, walk_in, identities)
