"""Versions of web orders: the latest of each, what is news, and what is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from analytics_pipeline.domain.order_numbers import comparable
from analytics_pipeline.domain.web_orders import FEW_GONE
from analytics_pipeline.model.checks import (
    CheckResult,
    OwnersList,
    Severity,
    name_some,
)
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import OrderOrigin

IN_EXPORT = [
    "ordered_at",
    "payment_status",
    "fulfillment_status",
    "total_cents",
    "tax_cents",
    "sale_id",
    "email_key",
]
"""What an export says of an order."""

ONLY_IN_API: Mapping[str, Any] = {
    "placed_at": None,
    "changed_at": None,
    "refunded_cents": 0,
    "refunded_at": None,
    "gift_card_cents": 0,
    "loyalty_cents": 0,
    "store_credit_cents": 0,
    "accept_marketing": None,
}
"""What only the API says, and what an order has that it never said anything of."""

LAST_WORDS = [
    "refunded_cents",
    "refund_date",
    "gift_card_cents",
    "loyalty_cents",
    "store_credit_cents",
    "accept_marketing",
]
"""The columns of ``EcomOrders`` that no export has."""

COMPARED: Mapping[OrderOrigin, Sequence[str]] = {
    OrderOrigin.API: [
        *IN_EXPORT,
        *(each for each in ONLY_IN_API if each != "changed_at"),
    ],
    OrderOrigin.EXPORT: IN_EXPORT,
}
"""What makes a delivered order a new version.  That it was changed somehow does not:
most changes are of what is not stored."""

CHECK = "known_orders_are_there"


def forms_of(orders: pd.DataFrame) -> "pd.Series[str]":
    """Return the numbers as they are compared: one may be spelled in two ways."""
    return orders["order_number"].map(comparable).astype("str")


def latest_orders(feed: pd.DataFrame) -> pd.DataFrame:
    """Return the latest version of each order of ``EcomFeed``, deleted ones too."""
    ordered = feed.sort_values("segment", kind="stable")
    is_latest = ~forms_of(ordered).duplicated(keep="last")
    return ordered[is_latest].reset_index(drop=True)


def find_news(
    latest: pd.DataFrame, delivered: pd.DataFrame, origin: OrderOrigin
) -> pd.DataFrame:
    """Return the *delivered* orders that are not as the *latest* known ones are."""
    columns = [*COMPARED[origin], "is_deleted"]
    same = _comparable(latest, columns).merge(_comparable(delivered, columns))["form"]
    return delivered[~is_among(forms_of(delivered), same)].reset_index(drop=True)


def _comparable(orders: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    values = orders[list(columns)].astype("str").fillna("")
    return values.assign(form=forms_of(orders))


def find_gone(
    latest: pd.DataFrame, delivered: pd.DataFrame, deleted: Mapping[str, int]
) -> pd.DataFrame:
    """Return the known orders that the web shop says were deleted, as last versions.

    One that was delivered after it was deleted is there again.

    Args:
        latest: the latest version of each order.
        delivered: the orders of the walk that also brought *deleted*.
        deleted: the numbers of deleted orders, with the second of the deletion.
    """
    moments = {
        comparable(number): datetime.fromtimestamp(second, UTC)
        for number, second in deleted.items()
    }
    later = {
        form
        for form, changed in zip(
            forms_of(delivered), delivered["changed_at"], strict=True
        )
        if form in moments and not pd.isna(changed) and changed > moments[form]
    }
    live = latest[~latest["is_deleted"]]
    forms = forms_of(live)
    is_gone = is_among(forms, moments.keys() - later)
    gone = live[is_gone].reset_index(drop=True)
    when = pd.Series([moments[form] for form in forms[is_gone]], gone.index)
    return gone.assign(
        is_deleted=True,
        origin=OrderOrigin.API.value,
        changed_at=when.astype(latest["changed_at"].dtype),
    )


def find_lost(
    latest: pd.DataFrame, delivered: pd.DataFrame, deleted: Mapping[str, int]
) -> list[str]:
    """Return the known orders that a full walk has not shown, and nothing explains."""
    there = {*forms_of(delivered), *map(comparable, deleted)}
    live = latest.loc[~latest["is_deleted"]]
    lost: list[str] = live.loc[
        ~is_among(forms_of(live), there), "order_number"
    ].tolist()
    return lost


def from_export(orders: pd.DataFrame, latest: pd.DataFrame) -> pd.DataFrame:
    """Return the ``EcomOrders`` of an export, and the known ones that it has not.

    The columns are those of ``EcomFeed``, without the segment.  What an export does
    not say of an order is as it was last known.
    """
    known = latest.assign(form=forms_of(latest)).set_index("form")[list(ONLY_IN_API)]
    forms = forms_of(orders)
    lasting = known.reindex(forms).reset_index(drop=True)
    for column, unknown in ONLY_IN_API.items():
        if unknown is not None:
            kind = latest[column].dtype
            lasting[column] = lasting[column].fillna(unknown).astype(kind)
    there = orders[["order_number", *IN_EXPORT]].reset_index(drop=True)
    there = pd.concat([there, lasting], axis="columns").assign(is_deleted=False)
    live = latest[~latest["is_deleted"]]
    gone = live[~is_among(forms_of(live), forms)].assign(is_deleted=True)
    every = pd.concat([there, gone[there.columns]], ignore_index=True)
    return every.assign(origin=OrderOrigin.EXPORT.value)


def add_last_words(
    orders: pd.DataFrame, latest: pd.DataFrame, store_time_zone: str
) -> pd.DataFrame:
    """Return ``EcomOrders`` with what the API last said of each, and no export says.

    Args:
        orders: ``EcomOrders``, however they came.
        latest: the latest version of each order.
        store_time_zone: on whose calendar a refund is dated.
    """
    known = latest[~latest["is_deleted"]]
    given_back = known["refunded_at"].dt.tz_convert(store_time_zone)
    known = known.assign(
        form=forms_of(known),
        refund_date=given_back.dt.tz_localize(None).dt.normalize(),
    )
    said = known.set_index("form")[LAST_WORDS].reindex(forms_of(orders))
    is_known = pd.Series(said.index.isin(known["form"]), orders.index)
    words = said.set_axis(orders.index).where(is_known, orders[LAST_WORDS])
    return orders.assign(**words.astype(orders[LAST_WORDS].dtypes.to_dict()))


@dataclass(frozen=True, slots=True)
class FullWalk:
    """What a full walk has lost: the orders, and of how many that were known."""

    lost: Sequence[str]
    known: int


def check_known_orders(walk: FullWalk | None) -> CheckResult:
    """Say whether a full walk shows every known order, or the web shop deleted it.

    Orders that it does not show stay as they are.  Few are a warning; more than the
    larger of 10 and a tenth are another shop, or one that shows too little.
    """
    if walk is None:
        sentence = "Only a full walk could lack an order that was known."
        return CheckResult(CHECK, True, sentence)
    lost = len(walk.lost)
    many = say(lost, "known web order is", "known web orders are")
    sentence = (
        f"{many} neither shown by the web shop nor among its deleted ones: "
        f"{name_some(walk.lost)}. They stay as they were."
        if lost
        else "The web shop shows every known order that it has not deleted."
    )
    is_much = lost > max(FEW_GONE, walk.known // 10)
    return CheckResult(
        CHECK,
        not lost,
        sentence,
        Severity.ERROR if is_much else Severity.WARN,
        {"orders": walk.known, "lost": lost, "lost_orders": name_some(walk.lost)},
        subject="\n".join(sorted(walk.lost)),
        offenders=OwnersList(
            ["order_number", "what"], [[number, "not shown"] for number in walk.lost]
        )
        if lost
        else None,
    )
