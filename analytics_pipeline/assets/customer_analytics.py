"""``customer_analytics``: what each person bought as of a day, and its proofs."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from io import BytesIO

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.customer_identities import fingerprint_identities
from analytics_pipeline.assets.published_masters import recall_master_before
from analytics_pipeline.assets.purchases import Ledger, net_value
from analytics_pipeline.assets.raw_sales import compare_with_log, open_whole_log
from analytics_pipeline.assets.sales_feed import QuarantinedSales
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.analytics import measure_sums
from analytics_pipeline.domain.anomalies.people import (
    LONGEST_GAP,
    check_tiers,
    compare_no_tiers,
)
from analytics_pipeline.domain.conservation import (
    conserve_money,
    keep_people,
    list_vanished,
)
from analytics_pipeline.domain.people import (
    Busiest,
    check_walk_in,
    find_busiest,
    sells_as_a_walk_in,
)
from analytics_pipeline.domain.purchases import name_people
from analytics_pipeline.domain.reconciliation import COUNTED_ONCE_CHECK as CHECK
from analytics_pipeline.domain.reconciliation import (
    check_counted_once,
    find_counted_twice,
)
from analytics_pipeline.domain.sales import check_undelivered, value_column
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.checks import Candidate, CheckResult, OwnersList, Severity
from analytics_pipeline.model.errors import GateFailed, LocalFailure, WrongUse
from analytics_pipeline.model.ids import is_among, with_plain_ids
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import WEB_SOURCE, RecordKind
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.publication import MASTER
from analytics_pipeline.tables import CUSTOMER_ANALYTICS

# ----------------------------------------------------------------------------------
# Find sales of customers without a record, and a hidden walk-in (rule 3.8).


def check_customers(
    shop: Shop,
    ledger: Ledger,
    identities: pd.DataFrame,
    figures: pd.DataFrame,
    sides: Mapping[str, int],
) -> list[CheckResult]:
    """Check that each customer of a sale is known, and is no hidden walk-in.

    Args:
        shop: whose sales these are.
        ledger: what counts up to the day.
        identities: ``CustomerIdentities``.
        figures: ``CustomerAnalytics`` of the day.
        sides: both sides of the law of conservation (rule 7.1).
    """
    orders = sides["sales_orders"] + sides["web_orders_orders"]
    return [
        check_undelivered(list_undelivered(shop, ledger)),
        check_busiest(shop, ledger, identities, find_busiest(figures), orders),
    ]


def list_undelivered(shop: Shop, ledger: Ledger) -> pd.DataFrame:
    """Return the customers that sales name and that have no record.

    One row each: ``customer_id, sales, value_cents``, of completed sales.
    """
    sums, known = ledger.by_record, ledger.records
    unknown = sums.filter(sums["customer_id"].notnull()).anti_join(
        known, sums["customer_id"] == known["record_id"]
    )
    if ledger.walk_in_ids:
        unknown = unknown.filter(unknown["customer_id"].notin(ledger.walk_in_ids))
    found: pd.DataFrame = shop.engine.to_pandas(
        unknown.group_by("customer_id").aggregate(
            sales=unknown["sales"].sum().cast("int64"),
            value_cents=unknown["value_sum"].sum().cast("int64"),
        )
    )
    return found


def check_busiest(
    shop: Shop,
    ledger: Ledger,
    identities: pd.DataFrame,
    busiest: Busiest | None,
    all_orders: int,
) -> CheckResult:
    """Check whether a record of the *busiest* person sells as a walk-in does.

    A record has no more orders than its person, so the sales are asked only about a
    person who has so many.
    """
    if busiest is None:
        return check_walk_in(None, 0, 0, all_orders)
    following = busiest.next_orders
    record, orders = busiest.person_id, busiest.orders
    is_alike = sells_as_a_walk_in(orders, following, all_orders, shop.anomaly_limits)
    if is_alike:
        record, orders = _busiest_record(shop, ledger, identities, busiest)
        is_alike = sells_as_a_walk_in(
            orders, following, all_orders, shop.anomaly_limits
        )
    return check_walk_in(record if is_alike else None, orders, following, all_orders)


def _busiest_record(
    shop: Shop, ledger: Ledger, identities: pd.DataFrame, busiest: Busiest
) -> tuple[str, int]:
    """Return the record of the person with the most orders, and how many these are."""
    records = identities.loc[identities["person_id"] == busiest.person_id, "record_id"]
    sums = ledger.by_record.filter(ledger.by_record["orders"] > 0)
    asked = columns_to_ibis(pd.DataFrame({"id": records}), {"id": "string"})
    own = sums.filter(sums["customer_id"].isin(asked["id"]))
    counted = shop.engine.to_pandas(
        own.group_by("customer_id").aggregate(orders=own["orders"].sum().cast("int64"))
    ).sort_values(["orders", "customer_id"], ascending=[False, True])
    if counted.empty:  # all of them are web orders, or under the walk-in
        return busiest.person_id, 0
    return str(counted["customer_id"].iloc[0]), int(counted["orders"].iloc[0])


def refuse_undelivered(shop: Shop, typed: str) -> None:
    """Raise if *typed* is a customer whom sales name and who has no record.

    Raises:
        WrongUse: it is; what is said holds the number and the sum of these sales.
    """
    sales = shop.open_sales(shop.warehouse.partitions("raw_sales"))
    own = sales.filter((sales["customer_id"] == typed) & sales["is_completed"])
    counts = shop.engine.to_pandas(
        own.aggregate(sales=own.count(), cents=own[value_column(shop.policy)].sum())
    ).iloc[0]
    count = int(counts["sales"])
    if count:
        raise WrongUse(
            "This customer has no record: Lightspeed does not deliver it, or it is in "
            f"quarantine. {say(count, 'sale', 'sales')} under it, "
            f"{format_cents(int(counts['cents']))} in all, "
            f"{'is' if count == 1 else 'are'} unattributed.",
            "If the record was erased, nothing has to be done. Else run: "
            "analytics-pipeline update --full",
        )


# ----------------------------------------------------------------------------------
# Hold the web orders that are added against the sales that are no order's.


_OF_SALES = ["sale_id", "customer_id", "business_date", "total_incl_cents"]


def check_added_orders(
    shop: Shop,
    ledger: Ledger,
    customer_identities: pd.DataFrame,
    ecom_orders: pd.DataFrame,
) -> CheckResult:
    """Say whether the orders that *ledger* adds may be sales already (rule 4.3)."""
    added = ledger.web.added_orders
    totals = ecom_orders[["order_number", "total_cents"]]
    orders = added.merge(totals, on="order_number", validate="1:1")
    sales = name_people(
        _sales_without_order(shop, ledger, orders),
        ledger.sale_people,
        set(ledger.walk_in_ids),
        customer_identities,
    )
    twice = find_counted_twice(orders, sales)
    accepted = set() if twice.empty else _accepted_orders(shop)
    return check_counted_once(twice, len(added), accepted)


def _sales_without_order(
    shop: Shop, ledger: Ledger, orders: pd.DataFrame
) -> pd.DataFrame:
    """Return the web shop's sales of the totals of *orders* that are no order's."""
    sales: ir.Table = ledger.special_sales
    totals = columns_to_ibis(orders, {"total_cents": "int64"}).distinct()
    tied = columns_to_ibis(ledger.web.sale_orders, {"sale_id": "string"}).distinct()
    from_web = sales["source"].startswith(WEB_SOURCE).fill_null(False)
    alike = sales.filter(
        from_web & sales["total_incl_cents"].isin(totals["total_cents"])
    )
    found: pd.DataFrame = shop.engine.to_pandas(
        alike.anti_join(tied, "sale_id").select(*_OF_SALES)
    )
    return found


def _accepted_orders(shop: Shop) -> set[str]:
    """Return the orders that the last master adds, if a person has accepted that.

    Once accepted, they need not be accepted again for every day that follows.
    """
    last, _ = recall_master_before(shop, date.max)
    accepted_days = shop.warehouse.acceptances.days("customer_analytics", CHECK)
    if last is None or not any(day <= last.as_of.isoformat() for day in accepted_days):
        return set()
    return {number for number, *_ in last.made_from.added_orders}


# ----------------------------------------------------------------------------------
# What the analytics are held against before they are stored.


class StaleSalesCheck:
    """Says for any day whether the stored sales match the log.

    In a run that has just cut them they are; in a run of this table alone they might
    not be, after a walk that was cut short or a start date that was moved.
    """

    def __init__(self, shop: Shop, last: date) -> None:
        """Compare once, up to the *last* day.

        Raises:
            GateFailed: the log failed its gate, or a walk of the feed was cut short.
        """
        log, outlets = open_whole_log(shop), shop.load("outlets", Outlets)
        compared = compare_with_log(shop, log, outlets, last)
        self._stale, self._repeated = compared.stale_days, compared.repeated_sales

    def evaluate(self, day: date) -> CheckResult:
        """Check *day* and all days before it."""
        stale = [other for other in self._stale if other <= day.isoformat()]
        passed = not stale and not self._repeated
        return CheckResult(
            "sales_are_current",
            passed,
            "The stored sales are what the log says, each once."
            if passed
            else f"{say(len(stale), 'day of raw_sales is', 'days of raw_sales are')} "
            "not what the log says, and "
            f"{say(self._repeated, 'sale appears', 'sales appear')} twice. "
            "Materialize raw_sales first.",
            evidence={
                "stale_days": len(stale),
                "first": stale[0] if stale else "",
                "repeated": self._repeated,
            },
        )


def check_currency(shop: Shop, last: date) -> StaleSalesCheck:
    """Return the check of the days up to *last*, which compares once in a run."""
    log = shop.sales_log()
    state = (
        last,
        shop.warehouse.attempts("raw_sales", "outlets"),
        (log.generation, len(log.segments()), log.checked_segments()),
    )
    return shop.keep("currency", state, lambda: StaleSalesCheck(shop, last))


def check_people(
    shop: Shop, day: date, frame: pd.DataFrame, identities: pd.DataFrame
) -> list[CheckResult]:
    """Compare with the people of the published master, if it is no later than this.

    No one may have vanished; and since an earlier day, few tiers may have moved.
    """
    published = shop.publication.published()
    if (
        published is None
        or published.as_of > day.isoformat()
        or not shop.warehouse.exists("customer_analytics", published.as_of)
    ):
        sentence = "There is no earlier master to compare with."
        return [
            CheckResult("no_person_vanished", True, sentence),
            compare_no_tiers(sentence),
        ]
    try:
        before = shop.warehouse.read(
            "customer_analytics", CustomerAnalytics, published.as_of
        )
    except LocalFailure as error:
        sentence = f"The last master's people cannot be compared: {error.cause}"
        return [
            CheckResult("no_person_vanished", False, sentence, Severity.WARN),
            compare_no_tiers(sentence),
        ]
    before = with_plain_ids(before)
    ids, ids_before = set(frame["customer_id"]), set(before["customer_id"])
    days = (day - date.fromisoformat(published.as_of)).days
    kept = keep_people(ids_before, ids, identities)
    if not kept.passed:
        gone = list_vanished(ids_before, ids, identities)
        kept = replace(kept, offenders=_list_gone(shop, gone))
    return [
        kept,
        check_tiers(before, frame, days, shop.anomaly_limits)
        if 0 < days <= LONGEST_GAP
        else compare_no_tiers(f"The last master is {days} days older: not compared."),
    ]


_SHOWN_OF_GONE = ["Customer ID", "Customer Code", "Name", "Lifetime Value"]


def _list_gone(shop: Shop, gone: Collection[str]) -> OwnersList:
    """List who is *gone*, as the published master last showed them."""
    master = pd.read_csv(
        BytesIO((shop.publication.folder / MASTER).read_bytes()),
        dtype="str",
        keep_default_na=False,
        encoding="utf-8-sig",
        usecols=_SHOWN_OF_GONE,
    )[_SHOWN_OF_GONE]
    rows = master[is_among(master["Customer ID"], gone)]
    return OwnersList(_SHOWN_OF_GONE, rows.to_numpy().tolist())


# ----------------------------------------------------------------------------------
# Work out what each person bought as of a day.


@table(CUSTOMER_ANALYTICS)
def customer_analytics(
    run: TableRun,
    purchases: Ledger,
    customer_identities: pd.DataFrame,
    ecom_orders: pd.DataFrame,
    quarantined_sales: QuarantinedSales,
) -> Candidate:
    """Measure every person as of the day, and prove that no cent was lost."""
    shop, day, identities = run.shop, run.day, customer_identities
    people = measure_sums(
        purchases.person_sums, list_people(identities), run.policy, day
    )
    frame = shape(shop.engine.to_pandas(people), CustomerAnalytics).sort_values(
        "customer_id", ignore_index=True
    )
    sides = add_up_sides(purchases, frame)
    sides |= quarantined_sales.worth(day, run.policy)
    results = [
        conserve_money(sides),
        check_added_orders(shop, purchases, identities, ecom_orders),
        *check_people(shop, day, frame, identities),
        *check_customers(shop, purchases, identities, frame, sides),
    ]
    notes = {"identities": fingerprint_identities(shop)}
    return Candidate(frame, results, notes=notes, figures=sides)


def list_people(identities: pd.DataFrame) -> ir.Table:
    """Return the persons: those with a live customer record, and web-shop ones."""
    live = identities[identities["is_live"] & identities["person_id"].notna()]
    is_customer = live["record_kind"] == RecordKind.CUSTOMER
    records = columns_to_ibis(
        live.assign(is_customer=is_customer),
        {"person_id": "string", "is_customer": "boolean"},
    )
    return records.group_by("person_id").aggregate(
        is_customer=records["is_customer"].any()
    )


def add_up_sides(ledger: Ledger, frame: pd.DataFrame) -> dict[str, int]:
    """Return both sides of the conservation law, each added up on its own (7.1)."""
    sales, unattributed = ledger.sales_sums, ledger.unattributed_sums
    added = ledger.web.added_orders
    return {
        "people_cents": int(frame["lifetime_value_cents"].sum()),
        "people_orders": int(frame["order_count"].sum()),
        "unattributed_cents": unattributed["cents"],
        "unattributed_orders": unattributed["orders"],
        "gift_cards_cents": sales["gift_cards"],
        "gift_cards_orders": 0,
        "sales_cents": sales["cents"],
        "sales_orders": sales["orders"],
        "web_orders_cents": net_value(added),
        "web_orders_orders": len(added),
    }


def load_analytics(shop: Shop, day: date) -> pd.DataFrame:
    """Load the figures of *day*, if they are of the people known now.

    Raises:
        GateFailed: they were measured for other identities.
    """
    made_for = shop.warehouse.notes("customer_analytics", day.isoformat())
    if made_for and made_for.get("identities") != fingerprint_identities(shop):
        raise GateFailed(
            f"customer_analytics of {day} are older than customer_identities.",
            f"Materialize it first, or run: analytics-pipeline update --as-of {day}",
        )
    return shop.load("customer_analytics", CustomerAnalytics, day.isoformat())
