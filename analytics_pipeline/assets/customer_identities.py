"""``customer_identities``: which records are one person."""

import csv
from functools import partial
from hashlib import sha256

import pandas as pd

from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.anomalies.people import (
    check_placeholders,
    count_placeholders,
)
from analytics_pipeline.domain.conservation import cover_records
from analytics_pipeline.domain.identity import (
    OVERRIDE_COLUMNS,
    check_overrides,
    find_left_out_edges,
    no_overrides,
    resolve_identities,
)
from analytics_pipeline.domain.people import check_people, describe_people
from analytics_pipeline.model.checks import Candidate, CheckResult, Severity, name_some
from analytics_pipeline.model.errors import GateFailed, WrongUse
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.model.vocabulary import RecordKind
from analytics_pipeline.shop import Shop
from analytics_pipeline.tables import CUSTOMER_IDENTITIES

NOTED = ("records", "placeholders")
"""The figures that later runs are compared with."""


@table(CUSTOMER_IDENTITIES)
def customer_identities(
    run: TableRun,
    customers: pd.DataFrame,
    ecom_orders: pd.DataFrame,
    identity_overrides: pd.DataFrame,
) -> Candidate:
    """Work out which customer records and web-shop e-mails are one person."""
    shop, people = run.shop, customers[~customers["is_walk_in"]]
    overrides = check_overrides(identity_overrides, set(people["customer_id"]))
    frame = resolve_identities(customers, ecom_orders, overrides, shop.policy)
    left_out = find_left_out_edges(customers, overrides, shop.policy)
    live = frame[frame["is_live"] & (frame["record_kind"] == RecordKind.CUSTOMER)]
    contacts = count_placeholders(customers, frame, shop.policy)
    people_count = int(live["person_id"].nunique())
    figures = contacts | {
        "people": people_count,
        "merged": len(live) - people_count,
    }
    results = [
        cover_records(customers, frame),
        _report_left_out(left_out),
        check_people(frame, customers, overrides, shop.policy.suspicious_size),
        check_placeholders(
            contacts,
            shop.warehouse.runs_before("customer_identities", shop.today),
            shop.anomaly_limits,
        ),
    ]
    return Candidate(
        frame,
        results,
        notes=_inputs(shop),
        figures=figures,
        store=partial(store_identities, shop),
    )


def store_identities(shop: Shop, candidate: Candidate) -> None:
    """Store the persons; then note how many contacts were none, for later runs."""
    shop.store_as("customer_identities", CustomerIdentities)(candidate)
    counts = {name: int(candidate.figures[name]) for name in NOTED}
    shop.warehouse.record_run("customer_identities", shop.today, counts)


def _inputs(shop: Shop) -> dict[str, str]:
    """Return the fingerprints of what the identities are made from."""
    overrides = shop.settings.data_dir / "identity_overrides.csv"
    paths = {
        table: shop.warehouse.path(table) for table in ("customers", "ecom_orders")
    }
    contents = {name: path.read_bytes() for name, path in paths.items()}
    contents["overrides"] = overrides.read_bytes() if overrides.exists() else b""
    contents["policy"] = repr(shop.policy).encode()
    return {name: sha256(content).hexdigest() for name, content in contents.items()}


def fingerprint_identities(shop: Shop) -> str:
    """Return what identifies these identities."""
    return sha256(shop.warehouse.path("customer_identities").read_bytes()).hexdigest()


def load_identities(shop: Shop) -> pd.DataFrame:
    """Return the identities, if they are made from what is stored now.

    Raises:
        GateFailed: records, orders, overrides or policy have changed since.
    """
    identities = shop.load("customer_identities", CustomerIdentities)
    made_from, now = shop.warehouse.notes("customer_identities"), _inputs(shop)
    changed = sorted(name for name in now if now[name] != made_from.get(name))
    if changed:
        raise GateFailed(
            f"customer_identities are older than {', '.join(changed)}.",
            "Materialize customer_identities, or run: analytics-pipeline update",
        )
    return identities


def _report_left_out(edges: pd.DataFrame) -> CheckResult:
    """Report the records that share a key and were declared different (rule 3.4)."""
    pairs = [
        f"{left}–{right} ({kind})"
        for left, right, kind in zip(
            edges["left_id"], edges["right_id"], edges["kind"], strict=True
        )
    ]
    return CheckResult(
        "nothing_is_kept_apart",
        not pairs,
        f"{len(pairs)} shared keys join no one, because identity_overrides.csv "
        "declares the records different.",
        Severity.WARN,
        {"edges": len(pairs), "records": name_some(pairs)},
    )


def read_overrides(shop: Shop) -> pd.DataFrame:
    """Read the merges that a person forces or forbids; without the file, none.

    Raises:
        WrongUse: the file is no CSV.
    """
    path = shop.settings.data_dir / "identity_overrides.csv"
    if not path.exists():
        return no_overrides()
    try:
        return pd.read_csv(path, dtype="str", encoding="utf-8-sig")
    except (OSError, ValueError, csv.Error) as error:
        raise WrongUse(
            f"{path.name} cannot be read ({type(error).__name__}).",
            f"Correct it: columns {','.join(OVERRIDE_COLUMNS)}.",
        ) from error


def describe_everyone(shop: Shop) -> pd.DataFrame:
    """Describe every person from the records as they are now, once in a run."""
    made_from = (
        load_identities(shop),
        shop.load("customers", Customers),
        shop.load("ecom_orders", EcomOrders),
    )
    state = shop.warehouse.attempts("customer_identities", "customers", "ecom_orders")
    return shop.keep("people", state, lambda: describe_people(*made_from))
