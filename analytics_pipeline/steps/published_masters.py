"""What the last published masters were made from, so that a later one can be explained.

One Parquet file a day: the figures as they were published and, in its footer, how far
the log of sales was read and whose each record, sale and web order was.  Its size grows
with the people and the web orders, not with the sales.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.ids import plain_id, with_plain_ids
from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.schemas.sources import Outlets
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ledger import Ledger
from analytics_pipeline.storage.warehouse import Warehouse

KEPT = 3
"""How many published days are remembered; one would do, were no day ever redone."""

_TABLE = "published"
_NOTE = "made_from"


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What the figures of a published day were made from, beside the log itself.

    Attributes:
        generation: of the log of sales.
        segments: how many of its segments had been read.
        zones: the time zone of each outlet.
        store_time_zone: that of a sale whose outlet is unknown.
        policy: the fingerprint of the shop's choices.
        homes: the person of each record that is not a person of its own.
        nobody: ids of the walk-in customer.
        sale_people: the person of each sale that is under nobody's name.
        web_sales: the sales tied to a web order.
        added_orders: the web orders that counted by themselves: number, person, day,
            cents.
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
    """One published day: its figures and what they were made from."""

    as_of: date
    figures: pd.DataFrame
    made_from: MadeFrom


def describe_sources(
    shop: Shop, ledger: Ledger, customer_identities: pd.DataFrame
) -> MadeFrom:
    """Describe what the figures are made from now."""
    log, outlets = shop.sales_log(), shop.load("outlets", Outlets)
    people, added = ledger.sale_people, ledger.web.added_orders
    return MadeFrom(
        generation=log.generation,
        # Their bytes were proved when the stored sales were compared with them.
        segments=len(log.segments()),
        zones=dict(zip(outlets["outlet_id"], outlets["time_zone"], strict=True)),
        store_time_zone=shop.settings.time_zone,
        policy=_fingerprint(shop.policy),
        homes=list_homes(customer_identities),
        nobody=ledger.nobody,
        sale_people=dict(zip(people["sale_id"], people["person_id"], strict=True)),
        web_sales=sorted(ledger.web.sale_orders["sale_id"].unique()),
        added_orders=[
            (number, None if pd.isna(person) else person, str(day)[:10], int(cents))
            for number, person, day, cents in added.sort_values("order_number")[
                ["order_number", "person_id", "order_date", "value_cents"]
            ].itertuples(index=False, name=None)
        ],
    )


def _fingerprint(policy: Policy) -> str:
    """Return what tells apart the choices that any figure depends on."""
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


def note_sources(made_from: MadeFrom) -> dict[str, str]:
    """Return *made_from* as the note that is stored with the figures."""
    return {_NOTE: json.dumps(asdict(made_from), sort_keys=True)}


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
) -> tuple[PublishedMaster | None, Finding]:
    """Return the last remembered master of an earlier day than *day*, if any.

    One that cannot be read is passed over, which the finding tells: the day before
    it is compared with instead, so that nothing stands still.
    """
    store = _store(shop)
    unreadable: list[str] = []
    for key in reversed(store.partitions(_TABLE)):
        if key >= day.isoformat():
            continue
        try:
            figures = with_plain_ids(store.read(_TABLE, CustomerAnalytics, key))
            made_from = MadeFrom(**_plain(json.loads(store.notes(_TABLE, key)[_NOTE])))
        except (LocalFailure, ValueError, KeyError, TypeError):
            unreadable.append(key)
            continue
        master = PublishedMaster(date.fromisoformat(key), figures, made_from)
        return master, _judge_memory(unreadable, f"It is that of {key}.")
    return None, _judge_memory(unreadable, "There is none: this master is the first.")


def _plain(noted: Any) -> Any:
    """Return what was noted with each id in its one spelling."""
    if isinstance(noted, dict):
        return {plain_id(name): _plain(value) for name, value in noted.items()}
    if isinstance(noted, list):
        return [_plain(value) for value in noted]
    return plain_id(noted) if isinstance(noted, str) else noted


def _judge_memory(unreadable: list[str], known: str) -> Finding:
    """Warn of remembered masters that are damaged; else say which one is *known*."""
    return Finding(
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
    """Return where they are kept: beside the table that is made with them."""
    return Warehouse(str(shop.warehouse.root / "customer_changes"))
