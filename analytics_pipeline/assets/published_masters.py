"""What the last published masters were made from, to explain a later one."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.purchases import (
    ADDED_ORDER,
    PERSON_OF_RECORD,
    PERSON_OF_SALE,
    Ledger,
)
from analytics_pipeline.domain.analytics import list_purchases
from analytics_pipeline.domain.feed import latest_versions
from analytics_pipeline.domain.purchases import REFUND
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.engine.duckdb import columns_to_ibis, to_ibis
from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.ids import plain_id, with_plain_ids
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.storage.tables import Warehouse

# ----------------------------------------------------------------------------------
# What the last published masters were made from, so that a later one can be
# explained.
#
# One Parquet file a day: the figures as they were published and, in its footer, how
# far the log of sales was read and whose each record, sale and web order was. Its
# size grows with the people and the web orders, not with the sales.


KEPT = 3
"""How many published days are remembered; one would do, were no day ever redone."""

_TABLE = "published"
_NOTE = "made_from"
_EDGES = "edges"


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What the figures of a published day were made from, in addition to the log.

    Attributes:
        generation: of the log of sales.
        segments: how many of its segments had been read.
        zones: the time zone of each outlet.
        store_time_zone: that of a sale whose outlet is unknown.
        policy: the fingerprint of the shop's choices.
        homes: the person of each record that is not a person of its own.
        nobody: ids of the walk-in customer.
        sale_people: the person of each sale without a named customer.
        web_sales: the sales tied to a web order.
        added_orders: the web orders that counted without a sale, and what was given
            back of them: number or key, person, day, cents.
    """

    generation: int
    segments: int
    zones: Mapping[str, str]
    store_time_zone: str
    policy: str
    homes: Mapping[str, str | None]
    nobody: Sequence[str]
    sale_people: Mapping[str, str]
    web_sales: Sequence[str]
    added_orders: Sequence[tuple[str, str | None, str, int]]


@dataclass(frozen=True, slots=True)
class PublishedMaster:
    """One published day: its figures and what they were made from.

    Attributes:
        as_of: the day.
        figures: ``CustomerAnalytics`` as it was published.
        made_from: what else they were made from than the log.
        edges: by which its people were put into groups, as ``customer_rfm`` noted them
            then; none where that was not noted.  They are kept with the figures, since
            ``customer_rfm`` of that day may be made again from what was known later.
    """

    as_of: date
    figures: pd.DataFrame
    made_from: MadeFrom
    edges: str | None = None


@dataclass(frozen=True, slots=True)
class SalesHistory:
    """Where the sales are read from, as they are now or as they were.

    Attributes:
        shop: whose they are.
        log: the log of sales, which has every version of each.
        raw_sales: the sales of the stored days up to the published one.
        outlets: ``Outlets``.
    """

    shop: Shop
    log: FeedLog
    raw_sales: ir.Table
    outlets: pd.DataFrame


def describe_sources(
    history: SalesHistory, ledger: Ledger, customer_identities: pd.DataFrame
) -> MadeFrom:
    """Describe what the figures are made from now."""
    shop, log, outlets = history.shop, history.log, history.outlets
    people = ledger.sale_people
    return MadeFrom(
        generation=log.generation,
        # Their bytes were proved when the stored sales were compared with them.
        segments=len(log.segments()),
        zones=dict(zip(outlets["outlet_id"], outlets["time_zone"], strict=True)),
        store_time_zone=shop.settings.time_zone,
        policy=_fingerprint(shop.policy),
        homes=list_homes(customer_identities),
        nobody=ledger.walk_in_ids,
        sale_people=dict(zip(people["sale_id"], people["person_id"], strict=True)),
        web_sales=sorted(ledger.web.sale_orders["sale_id"].unique()),
        added_orders=_describe_added(ledger.web.added_orders),
    )


def _describe_added(added: pd.DataFrame) -> list[tuple[str, str | None, str, int]]:
    """Return unsynced web orders by number, then what was given back, by its key."""
    ordered = added.sort_values("order_number")
    given_back = ordered[ordered["refund_date"].notna()]
    refunds = given_back.assign(
        order_number=REFUND + given_back["order_number"],
        order_date=given_back["refund_date"],
        value_cents=-given_back["refunded_cents"],
    )
    columns = ["order_number", "person_id", "order_date", "value_cents"]
    return [
        (number, None if pd.isna(person) else person, str(day)[:10], int(cents))
        for each in (ordered, refunds)
        for number, person, day, cents in each[columns].itertuples(
            index=False, name=None
        )
    ]


def _fingerprint(policy: Policy) -> str:
    """Return a fingerprint of the choices that any figure depends on."""
    alike = replace(
        policy,
        archive_keep_days=0,
        suspicious_size=0,
        max_quarantined=None,
        csv_bom=False,
    )
    return sha256(repr(alike).encode()).hexdigest()


def list_homes(customer_identities: pd.DataFrame) -> dict[str, str | None]:
    """Return the person of each record that is not a person of its own."""
    person = customer_identities["person_id"]
    elsewhere = customer_identities[
        person.isna() | (person != customer_identities["record_id"])
    ]
    return {
        record: None if pd.isna(home) else home
        for record, home in zip(
            elsewhere["record_id"], elsewhere["person_id"], strict=True
        )
    }


def note_sources(master: PublishedMaster) -> dict[str, str]:
    """Return what *master* is made from, as the notes stored with its figures."""
    edges = {} if master.edges is None else {_EDGES: master.edges}
    return {_NOTE: json.dumps(asdict(master.made_from), sort_keys=True), **edges}


def remember_master(
    shop: Shop, as_of: date, figures: pd.DataFrame, notes: Mapping[str, str]
) -> None:
    """Keep the figures of a published day with the note of what they are made from.

    All but the last few days are forgotten.
    """
    store = _store(shop)
    store.write(_TABLE, CustomerAnalytics, figures, as_of.isoformat(), notes)
    for old in store.partitions(_TABLE)[:-KEPT]:
        store.remove(_TABLE, old)


def recall_master_before(
    shop: Shop, day: date
) -> tuple[PublishedMaster | None, CheckResult]:
    """Return the last remembered master of an earlier day than *day*, if any.

    One that cannot be read is skipped, and the check says so: the day before
    it is used instead, so that the run goes on.
    """
    store = _store(shop)
    unreadable: list[str] = []
    for key in reversed(store.partitions(_TABLE)):
        if key >= day.isoformat():
            continue
        try:
            figures = with_plain_ids(store.read(_TABLE, CustomerAnalytics, key))
            notes = store.notes(_TABLE, key)
            made_from = MadeFrom(**_plain(json.loads(notes[_NOTE])))
        except (LocalFailure, ValueError, KeyError, TypeError):
            unreadable.append(key)
            continue
        as_of, edges = date.fromisoformat(key), notes.get(_EDGES)
        master = PublishedMaster(as_of, figures, made_from, edges)
        return master, _check_memory(unreadable, f"It is that of {key}.")
    return None, _check_memory(unreadable, "There is none: this master is the first.")


def _plain(noted: Any) -> Any:
    """Return what was noted with each id in its one spelling."""
    if isinstance(noted, dict):
        return {plain_id(name): _plain(value) for name, value in noted.items()}
    if isinstance(noted, list):
        return [_plain(value) for value in noted]
    return plain_id(noted) if isinstance(noted, str) else noted


def _check_memory(unreadable: list[str], known: str) -> CheckResult:
    """Warn of remembered masters that are damaged; else say which one is *known*."""
    return CheckResult(
        "earlier_master_is_known",
        not unreadable,
        f"What the master of {unreadable[0]} was made from cannot be read; an earlier "
        "one is compared with, if there is any."
        if unreadable
        else known,
        Severity.WARN,
        {"unreadable": len(unreadable)},
    )


def _store(shop: Shop) -> Warehouse:
    """Return where they are kept: next to the table that is made with them."""
    return Warehouse(str(shop.warehouse.root / "customer_changes"))


# ----------------------------------------------------------------------------------
# Sales as the log has them now, or had them when a master was published.
#
# The log never forgets a version, so that no copy of the sales is needed.


_REJECTION = {"record_id": "string", "version": "int64", "segment": "int64"}


def read_sales_now(history: SalesHistory, sale_ids: Iterable[str]) -> pd.DataFrame:
    """Return the latest version of each of those sales, on whatever day it is."""
    shop, log = history.shop, history.log
    versions = _versions(shop, log, len(log.segments()), [], sale_ids)
    zone, policy = shop.settings.time_zone, shop.policy
    return classify_sales(versions, history.outlets, zone, policy)


def read_sales_then(
    history: SalesHistory,
    made_from: MadeFrom,
    as_of: date,
    records: Iterable[str],
    sale_ids: Iterable[str],
) -> pd.DataFrame:
    """Return the sales of those records, and those sales, as they were then.

    Where that generation of the log is damaged or of an older version, or two full
    reads have replaced it since, they are taken as they are now; what they were is not
    known any more.
    """
    shop = history.shop
    log = history.log.of_generation(made_from.generation)
    if _is_whole(history, log, made_from.segments):
        versions = _versions(shop, log, made_from.segments, records, sale_ids)
        zones = pd.DataFrame(
            made_from.zones.items(), columns=["outlet_id", "time_zone"], dtype="str"
        )
        # By the policy of now: what another one changes has the policy as its cause.
        zone, policy = made_from.store_time_zone, shop.policy
        return classify_sales(versions, zones, zone, policy)
    until = ibis.timestamp(as_of.isoformat())
    sales = history.raw_sales.filter(history.raw_sales["business_date"] <= until)
    asked = _asked(sales, records, sale_ids)
    return shape(shop.engine.to_pandas(sales.semi_join(asked, "sale_id")), RawSales)


def _is_whole(history: SalesHistory, log: FeedLog, segments: int) -> bool:
    """Say whether the first *segments* of *log* are there, each as it was written."""
    try:
        # The current generation was proved whole before anything was cut from it.
        is_current = log.generation == history.log.generation
        held = log.segments() if is_current else log.sound_segments()
        history.shop.versions.refuse_log(log)
    except LocalFailure:
        return False
    return len(held) >= segments


def _versions(
    shop: Shop,
    log: FeedLog,
    segments: int,
    records: Iterable[str],
    sale_ids: Iterable[str],
) -> pd.DataFrame:
    """Return the latest versions of those sales in the first *segments* of *log*."""
    feed = shop.open_feed(log, segments)
    rejected = log.rejections().dropna(subset=["record_id"])
    rejected = rejected[rejected["segment"] < segments]
    asked = feed.semi_join(_asked(feed, records, sale_ids), "sale_id")
    latest = latest_versions(asked, columns_to_ibis(rejected, _REJECTION))
    return shape(shop.engine.to_pandas(latest), SalesFeed)


def _asked(
    sales: ir.Table, records: Iterable[str], sale_ids: Iterable[str]
) -> ir.Table:
    """Return the ids of the sales that any of *records* ever had, and of *sale_ids*."""
    own = sales.semi_join(_to_ibis("customer_id", records), "customer_id")
    return ibis.union(
        own.select("sale_id"), _to_ibis("sale_id", sale_ids), distinct=True
    )


def _to_ibis(name: str, values: Iterable[str]) -> ir.Table:
    rows = pd.DataFrame({name: sorted(set(values))}, dtype="str")
    return columns_to_ibis(rows, {name: "string"})


# ----------------------------------------------------------------------------------
# What counted when an earlier master was published.


def list_earlier_purchases(
    history: SalesHistory,
    earlier: PublishedMaster,
    people: "pd.Index[str]",
    sale_ids: "pd.Series[str]",
) -> pd.DataFrame:
    """Return what counted then of *people*, and of the sales asked for.

    Rows as :func:`analytics_pipeline.domain.analytics.list_purchases` gives them.
    """
    records = _records(earlier, people)
    linked = [
        sale
        for sale, person in earlier.made_from.sale_people.items()
        if person in people
    ]
    sales = read_sales_then(
        history,
        earlier.made_from,
        earlier.as_of,
        records["record_id"],
        [*linked, *sale_ids],
    )
    purchases = list_purchases(
        to_ibis(sales, RawSales),
        columns_to_ibis(_all_records(earlier, sales), PERSON_OF_RECORD),
        columns_to_ibis(_pairs(earlier.made_from.sale_people), PERSON_OF_SALE),
        columns_to_ibis(
            pd.DataFrame({"sale_id": earlier.made_from.web_sales}, dtype="str"),
            {"sale_id": "string"},
        ),
        columns_to_ibis(_added(earlier.made_from), ADDED_ORDER),
        list(earlier.made_from.nobody),
        history.shop.policy,
        earlier.as_of,
    )
    found: pd.DataFrame = history.shop.engine.to_pandas(purchases)
    return found


def _records(earlier: PublishedMaster, people: Collection[str]) -> pd.DataFrame:
    """Return the records that belonged to *people* then."""
    homes = earlier.made_from.homes
    joined = [(record, home) for record, home in homes.items() if home in people]
    known = set(earlier.figures["customer_id"])
    own = [(person, person) for person in people if person in known]
    return pd.DataFrame([*own, *joined], columns=list(PERSON_OF_RECORD), dtype="str")


def _all_records(earlier: PublishedMaster, sales: pd.DataFrame) -> pd.DataFrame:
    """Return the person then of every record that the *sales* name."""
    homes, known = earlier.made_from.homes, set(earlier.figures["customer_id"])
    rows = [
        (record, homes.get(record, record))
        for record in sorted(set(sales["customer_id"].dropna()))
        if record in homes or record in known
    ]
    return pd.DataFrame(rows, columns=list(PERSON_OF_RECORD), dtype="str")


def _pairs(sale_people: Mapping[str, str]) -> pd.DataFrame:
    pairs = list(sale_people.items())
    return pd.DataFrame(pairs, columns=list(PERSON_OF_SALE), dtype="str")


def _added(made_from: MadeFrom) -> pd.DataFrame:
    refunds = {
        number.removeprefix(REFUND): (day, -cents)
        for number, _person, day, cents in made_from.added_orders
        if number.startswith(REFUND)
    }
    rows = [
        (number, *order, *refunds.get(number, (None, 0)))
        for number, *order in made_from.added_orders
        if not number.startswith(REFUND)
    ]
    orders = pd.DataFrame(rows, columns=list(ADDED_ORDER))
    return orders.astype(
        {
            "order_number": "str",
            "person_id": "str",
            "order_date": "datetime64[us]",
            "value_cents": "int64",
            "refund_date": "datetime64[us]",
            "refunded_cents": "int64",
        }
    )
