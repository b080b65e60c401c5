"""``customer_changes``: what changed since the master published before."""

from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.customer_rfm import EDGES
from analytics_pipeline.assets.published_masters import (
    PublishedMaster,
    SalesHistory,
    describe_sources,
    list_earlier_purchases,
    note_sources,
    read_sales_now,
    recall_master_before,
    remember_master,
)
from analytics_pipeline.assets.purchases import Ledger
from analytics_pipeline.assets.table import StoredDays, TableRun, table
from analytics_pipeline.domain.changes import (
    Master,
    add_up_changes,
    check_causes,
    check_figures,
    explain_orders,
    explain_sales,
    list_changes,
    list_moved_people,
    name_causes,
    no_changes,
)
from analytics_pipeline.domain.group_changes import GradedMaster, add_group_changes
from analytics_pipeline.domain.purchases import (
    compare_contributions,
    keys_of,
    list_contributions,
)
from analytics_pipeline.domain.rfm import read_edges
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.checks import Candidate, CheckResult, Severity
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.vocabulary import ChangeCause, ChangeKind
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.csv import render_csv
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.files import replace_bytes
from analytics_pipeline.tables import CUSTOMER_CHANGES

CHANGES = "reports/customer_changes.csv"
"""Where people find what changed in the published master, in the data directory."""


@table(CUSTOMER_CHANGES)
def customer_changes(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    customer_identities: pd.DataFrame,
    sales_feed: FeedLog,
    raw_sales: ir.Table,
    outlets: pd.DataFrame,
    customer_rfm: StoredDays,
) -> Candidate:
    """Explain what changed since the master published before.

    Only the changes of the published day are new.
    """
    shop, day = run.shop, run.day
    published = shop.publication.published()
    if published is None or published.as_of != day.isoformat():
        return _keep(shop, day)
    log = SalesHistory(shop, sales_feed, raw_sales, outlets)
    made_from = describe_sources(log, purchases, customer_identities)
    edges = customer_rfm.notes(day).get(EDGES)
    master = PublishedMaster(day, customer_analytics, made_from, edges)
    now = Now(master, customer_identities, purchases, log)
    earlier, known = recall_master_before(shop, day)
    rows, results = _compare(earlier, now)
    store = partial(store_changes, shop, figures=customer_analytics)
    return Candidate(
        rows,
        [known, *results],
        notes=note_sources(master),
        figures={} if rows is None else _count(rows),
        places={"report": CHANGES},
        store=store,
    )


def _keep(shop: Shop, day: date) -> Candidate:
    """Keep the changes of a day that is not the published one: they were known then.

    Where they are damaged they are lost; that is reported, and stops nothing.
    """
    key = day.isoformat()
    sentence = f"{day} is not the published day: its changes are kept."
    checks = ("figures_are_current", "changes_add_up")
    kept = [CheckResult(check, True, sentence) for check in checks]
    known = CheckResult("earlier_master_is_known", True, sentence, Severity.WARN)
    changes = no_changes()
    try:
        if shop.warehouse.exists("customer_changes", key):
            changes = shop.warehouse.read("customer_changes", CustomerChanges, key)
    except LocalFailure as error:
        lost = f"{error.cause} The changes of the day are lost."
        known = CheckResult("earlier_master_is_known", False, lost, Severity.WARN)
    return Candidate(
        changes,
        [*kept, known, check_causes(changes)],
        store=partial(store_changes, shop, figures=None),
    )


@dataclass(frozen=True, slots=True)
class Now:
    """The master of the day and everything that it is made from."""

    master: PublishedMaster
    identities: pd.DataFrame
    ledger: Ledger
    history: SalesHistory


def _count(changes: pd.DataFrame) -> dict[str, int | str]:
    """Return what the UI plots: how many people came, went and changed."""
    kinds = changes["change"].value_counts()
    return {
        "people": int(changes["customer_id"].nunique()),
        **{kind.value: int(kinds.get(kind.value, 0)) for kind in ChangeKind},
    }


def _compare(
    earlier: PublishedMaster | None, now: Now
) -> tuple[pd.DataFrame | None, list[CheckResult]]:
    """Return the changes, and whether they add up and are explained."""
    figures_then = now.master.figures if earlier is None else earlier.figures
    moved = list_moved_people(figures_then, now.master.figures)
    after = _purchases_of(now.ledger, moved)
    later = list_contributions(after, now.master.as_of)
    totals = add_up_purchases(now.ledger)
    figures = check_figures(now.master.figures, later, moved, totals)
    if figures.blocks:
        return None, [figures]
    rows = (
        no_changes()
        if earlier is None or moved.empty
        else _list(earlier, now, moved, after, later)
    )
    rows, groups = _add_groups(rows, earlier, now.master)
    sums = add_up_changes(figures_then, now.master.figures, rows, groups)
    return rows, [figures, sums, check_causes(rows)]


def _add_groups(
    rows: pd.DataFrame, earlier: PublishedMaster | None, now: PublishedMaster
) -> tuple[pd.DataFrame, tuple[dict[str, int], dict[str, int]]]:
    """Add who is in another group; return how many each group had and has, too.

    Both sides are as they were published: the groups of before are those that the
    figures of then have by the edges of then, whatever has become known since.  Where
    the edges of a side are not known, as in the first run after an upgrade, there are
    no such rows.
    """
    then, graded = (None if earlier is None else _grade(earlier)), _grade(now)
    if earlier is None or then is None or graded is None:
        return rows, ({}, {})
    with_groups = add_group_changes(rows, then, graded, _unknown(earlier, now))
    return with_groups, (then.count_groups(), graded.count_groups())


def _grade(master: PublishedMaster) -> GradedMaster | None:
    """Return by what the people of a master are in groups, if that is known."""
    if master.edges is None:
        return None
    edges = read_edges(master.edges)
    if edges is None and master.figures["order_count"].any():
        return None  # what the day is scored by was made before its figures
    return GradedMaster(master.as_of, master.figures, edges)


def _unknown(earlier: PublishedMaster, now: PublishedMaster) -> ChangeCause:
    """Return the cause of what nothing explains: another policy, if it is another."""
    same_policy = earlier.made_from.policy == now.made_from.policy
    return ChangeCause.UNKNOWN if same_policy else ChangeCause.POLICY


def _list(
    earlier: PublishedMaster,
    now: Now,
    moved: "pd.Index[str]",
    after: pd.DataFrame,
    later: pd.DataFrame,
) -> pd.DataFrame:
    """List what changed for *moved* people; *later* is what their *after* adds."""
    before = list_earlier_purchases(
        now.history, earlier, moved, after["sale_id"].dropna()
    )
    compared = compare_contributions(
        list_contributions(before[is_among(before["person_id"], moved)], earlier.as_of),
        later,
    )
    explained = _explain_keys(now, compared)
    return list_changes(
        _as_master(earlier),
        _as_master(now.master, now.identities),
        name_causes(compared, explained, set(keys_of(before))),
        unknown=_unknown(earlier, now.master),
    )


def _as_master(
    published: PublishedMaster, identities: pd.DataFrame | None = None
) -> Master:
    """Return the day as the comparison takes it, with the evidence if it is known."""
    evidence = (
        {}
        if identities is None
        else dict(zip(identities["record_id"], identities["evidence"], strict=True))
    )
    homes = published.made_from.homes
    return Master(published.as_of, published.figures, homes, evidence)


def _purchases_of(ledger: Ledger, people: "pd.Index[str]") -> pd.DataFrame:
    """Return what counts now of *people*."""
    # A table, because after a first merge of duplicates they may be very many.
    asked = pd.DataFrame({"person_id": people.astype("str")})
    purchases = ledger.purchases_of(columns_to_ibis(asked, {"person_id": "string"}))
    if people.empty:  # as on most days that are made again: spare the engine
        none: pd.DataFrame = purchases.schema().to_pyarrow().empty_table().to_pandas()
        return none
    found: pd.DataFrame = ledger.shop.engine.to_pandas(purchases)
    return found


def add_up_purchases(ledger: Ledger) -> dict[str, int]:
    """Return what everybody's purchases come to: value and orders."""
    owned = ledger.person_days
    sums = ledger.shop.engine.to_pandas(
        owned.aggregate(
            value_cents=owned["value_cents"].sum(), orders=owned["orders"].sum()
        )
    )
    row = sums.fillna(0).iloc[0]
    return {"value_cents": int(row["value_cents"]), "orders": int(row["orders"])}


def _explain_keys(now: Now, compared: pd.DataFrame) -> pd.DataFrame:
    """Say how each sale and order in question counts now."""
    is_order = compared["is_web_order"].astype("bool")
    asked = compared.loc[~is_order, "source_id"].drop_duplicates().tolist()
    sales = read_sales_now(now.history, asked)
    synced = now.ledger.matches.dropna(subset=["sale_id"])["order_number"]
    counting = now.ledger.web.added_orders["order_number"]
    orders = compared[is_order].drop_duplicates("key")
    return pd.concat(
        [
            explain_sales(sales, now.master.as_of),
            explain_orders(
                orders["key"], orders["source_id"], set(synced), set(counting)
            ),
        ],
        ignore_index=True,
    )


def store_changes(
    shop: Shop, candidate: Candidate, *, figures: pd.DataFrame | None
) -> None:
    """Store the changes of a day; remember what its master is made from.

    Those of the published day, which come with its *figures*, are put before people.
    """
    shop.store_as("customer_changes", CustomerChanges)(replace(candidate, notes={}))
    if figures is None:
        return
    content = render_csv(candidate.rows, CustomerChanges, shop.policy.csv_bom)
    replace_bytes(shop.settings.data_dir / CHANGES, content)
    day = date.fromisoformat(str(candidate.partition))
    remember_master(shop, day, figures, candidate.notes)
